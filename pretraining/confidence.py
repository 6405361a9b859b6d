#!/usr/bin/env python3
"""Fit the weights of the reasons to trust a color: the table WEIGHTS of refcolor/synthesis/confidence.py.

    python pretraining/confidence.py CLIPS --preset standard

Frames of open clips (a folder of frames for each clip) are colored from another frame of the same clip; a
logistic model learns which of their pixels are right. No reason may count against a color. Prints the weights
and how well those of all other packs foretell a pack.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pairs import Frames, decode, pack, read_clips
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from refcolor import Colorizer, Config
from refcolor.imaging.metrics import RIGHT, difference
from refcolor.synthesis.confidence import REASONS

PIXELS = 5_000  # of each picture
RIDGE = 1e-3  # of the squared weights
Samples = tuple[str, NDArray[np.float64], NDArray[np.float64]]  # pack, reasons (n, k), right (n,)


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("clips", type=Path)
    cli.add_argument("--preset", choices=["quick", "standard"], default="standard")
    cli.add_argument("--pairs", type=int, default=100)
    cli.add_argument("--seed", type=int, default=0)
    args = cli.parse_args()
    samples = collect(args.clips, args.preset, args.pairs, args.seed)
    weights = fit(samples)
    print(", ".join(f"{w:.2f}" for w in weights), "for", ", ".join(("constant", *REASONS)))
    foretold, right = [], []
    for name in sorted({sample[0] for sample in samples}):
        others = fit([sample for sample in samples if sample[0] != name])
        for _, reasons, truth in (sample for sample in samples if sample[0] == name):
            foretold.append(chance(others, reasons))
            right.append(truth)
    chances, truths = np.concatenate(foretold), np.concatenate(right)
    print(f"packs left out: AUC {roc_auc_score(truths, chances):.3f}")
    for low in np.arange(10) / 10:
        inside = (chances >= low) & ((chances < low + 0.1) | (low == 0.9))
        if inside.any():
            share, hits = inside.mean(), truths[inside].mean()
            print(f"{low:.1f} to {low + 0.1:.1f}: {share:6.1%} of the pixels, {hits:6.1%} right")
    return 0


def collect(folder: Path, preset: str, count: int, seed: int) -> list[Samples]:
    """Reasons, and which pixels are right, of pairs drawn at random; clips without color are passed over."""
    rng = np.random.default_rng(seed)
    clips = read_clips(folder)
    names = {id(frames): name for name, frames in clips.items()}
    drawn, samples = Frames(clips), []
    while len(samples) < count:
        clip = drawn.clip(rng)
        if len(clip) < 2:
            continue
        i, j = rng.choice(len(clip), 2, replace=False)
        source, truth = decode(clip[i]), decode(clip[j])
        try:
            gray = cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY)
            result = Colorizer(Config(preset, device="cpu")).fit(source).colorize(gray)
        except ValueError as error:
            print(f"{names[id(clip)]}: {error}", file=sys.stderr)
            continue
        assert result.evidence is not None
        pick = rng.choice(gray.size, min(gray.size, PIXELS), replace=False)
        off = difference(result.image, truth.astype(np.float32) / np.float32(255)).ravel()[pick]
        reasons = result.evidence.reasons.reshape(gray.size, -1)[pick].astype(np.float64)
        samples.append((pack(names[id(clip)]), reasons, (off <= RIGHT).astype(np.float64)))
        print(
            f"{len(samples)} of {count}: {names[id(clip)]}, {samples[-1][2].mean():.1%} right",
            file=sys.stderr,
        )
    return samples


def fit(samples: list[Samples]) -> NDArray[np.float64]:
    """Constant and weights, none below 0, of the most likely logistic model; pairs count alike."""
    reasons = np.concatenate([sample[1] for sample in samples])
    right = np.concatenate([sample[2] for sample in samples])
    inputs = np.column_stack([np.ones(len(reasons)), reasons])

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        score = inputs @ weights
        off = 1 / (1 + np.exp(-score)) - right
        value = np.logaddexp(0, score).mean() - (right * score).mean() + RIDGE * (weights[1:] ** 2).sum() / 2
        return float(value), inputs.T @ off / len(off) + RIDGE * np.r_[0, weights[1:]]

    bounds = [(None, None), *[(0, None)] * reasons.shape[1]]
    found = minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x)


def chance(weights: NDArray[np.float64], reasons: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance (n,) that pixels of these reasons (n, k) are right."""
    return np.asarray(1 / (1 + np.exp(-weights[0] - reasons @ weights[1:])))


if __name__ == "__main__":
    sys.exit(main())
