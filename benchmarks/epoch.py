#!/usr/bin/env python3
"""What gathering and augmenting patches costs an epoch of the ``paper`` preset.

    python benchmarks/epoch.py [--epochs 6] [SOURCE]

Trains the report's network in turns, an epoch with patches gathered as in training and an epoch on the same
number of patches that already lie in memory, and prints the ratio of the medians: what is above 1 is spent on
patches. 100 epochs are the median epoch times 100.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from refcolor.config import Config
from refcolor.files import images
from refcolor.methods import METHODS
from refcolor.networks import backend

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("source", nargs="?", default=ROOT / "examples/scene/0000.png")
    cli.add_argument("--epochs", type=int, default=6)
    args = cli.parse_args()

    config = Config("paper", epochs=1)
    learned = METHODS["paper"].look([images.read(args.source).rgb], config)
    engine = backend.start(config.device, quiet=True)
    from refcolor.networks.labellers import PatchLabeller

    def gathered() -> None:
        for cut, label in labeller.lessons()[1]:
            model.train_on_batch(cut, label)

    def in_memory() -> None:
        for cut, label in batches:
            model.train_on_batch(cut, label)

    with backend.on(engine):
        labeller = PatchLabeller(learned.sources, learned.palette, config)
        labeller.train(lambda done, total: None)  # compiles, and traces the graph
        model, sources = labeller.networks[0], labeller.blurred()
        labeller.blurred = lambda: sources  # done once in a training of many epochs
        batches = [*labeller.lessons()[1]]
        times: dict[str, list[float]] = {"gathered": [], "in memory": []}
        for _ in range(args.epochs):
            for name, epoch in (("gathered", gathered), ("in memory", in_memory)):
                began = time.perf_counter()
                epoch()
                times[name].append(time.perf_counter() - began)
    median = {name: float(np.median(seconds)) for name, seconds in times.items()}
    for name, seconds in median.items():
        print(f"{name:10} {seconds:6.2f} s an epoch, {100 * seconds:5.0f} s for 100   on {engine.where}")
    print(f"ratio      {median['gathered'] / median['in memory']:6.3f}")


if __name__ == "__main__":
    main()
