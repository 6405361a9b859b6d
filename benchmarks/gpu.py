#!/usr/bin/env python3
"""The presets on a GPU beside the CPU: seconds, scores, and whether the same seed gives the same labels.

    python benchmarks/gpu.py [SOURCE TRUTH]          # the example scene if left out
    KERAS_BACKEND=jax python benchmarks/gpu.py       # where JAX has the GPU

Each preset runs twice on the GPU; the second run, with everything compiled, counts. Exit code 1 when a demand
is missed: the same labels for 99.9 % of the pixels from one seed, CPU and GPU within 0.5 points of acc24.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from records import plain_table

from refcolor import Config
from refcolor.files import images
from refcolor.imaging import geometry, metrics
from refcolor.imaging.color import luma
from refcolor.methods.colorizer import prepare, train

SCENE = Path(__file__).parents[1] / "examples/scene"
AGREE = 0.999  # of the labels of two runs
APART = 0.005  # of acc24 between CPU and GPU
COUNTED = ("paper", "standard")


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("pictures", nargs="*", type=Path, default=[SCENE / "0000.png", SCENE / "0004.png"])
    cli.add_argument("--epochs", type=int, help="of paper, for a shorter look")
    cli.add_argument("--device", default="gpu", help="to compare with the CPU; default: %(default)s")
    args = cli.parse_args()
    source, truth = (images.read(path).rgb for path in args.pictures)
    rows, missed = [], []
    for preset in COUNTED:
        settings = {"epochs": args.epochs if preset == "paper" else None}
        first, again, apart = (
            run(Config(preset, device=device, **settings), source, truth)
            for device in (args.device, args.device, "cpu")
        )
        same = float((first["labels"] == again["labels"]).mean())
        off = abs(again["acc24"] - apart["acc24"])
        rows += [
            {"preset": preset, "run": name, "same labels": same if found is again else None, **found}
            for name, found in (("first", first), ("second", again), ("CPU", apart))
        ]
        missed += [f"{preset}: {same:.4f} of the labels are the same"] * (same < AGREE)
        missed += [f"{preset}: CPU and GPU are {100 * off:.2f} points of acc24 apart"] * (off > APART)
    print(plain_table([{k: v for k, v in row.items() if k != "labels"} for row in rows], 4))
    print("\n".join(missed))
    return 1 if missed else 0


def run(config: Config, source: Any, truth: Any) -> dict[str, Any]:
    """One training and one picture, from an engine that has started."""
    gray = luma(truth)
    learned, _ = prepare([source], config)
    began = perf_counter()
    colorizer = train(learned)
    trained = perf_counter()
    result = colorizer.colorize(gray)
    done = perf_counter()
    image = result.image
    h, w = image.shape[:2]
    score = metrics.score(image, *(geometry.resize(picture, (w, h)) for picture in (truth, source)))
    assert learned.engine is not None
    return {
        "on": learned.engine.where,
        "engine": f"{learned.engine.name} {learned.engine.version}",
        "training": trained - began,
        "frame": done - trained,
        "acc24": score["acc24"],
        "ok5": score["ok5"],
        "labels": result.labelling.labels if result.labelling else None,
    }


if __name__ == "__main__":
    sys.exit(main())
