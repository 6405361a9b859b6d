"""How far confidence can be believed: of the pixels of one confidence, how many are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from records import plain_table
from sklearn.metrics import roc_auc_score

from refcolor.imaging.color import Image
from refcolor.imaging.metrics import RIGHT, difference

STEP = 4  # every so many rows and columns are looked at
BINS = 10


def figures(confidence: Image, image: Image, truth: Image) -> dict[str, Any]:
    """Area under the curve, and for each tenth of confidence its share of the pixels and how many are right.

    `confidence` is (H, W), `image` and `truth` (H, W, 3). The area (AUC) is the chance that a right pixel has
    more confidence than a wrong one; None where all are right or all wrong.
    """
    thin = slice(None, None, STEP), slice(None, None, STEP)
    right = (difference(image[thin], truth[thin]) <= RIGHT).ravel()
    chance = confidence[thin].ravel()
    bins = np.minimum((chance * BINS).astype(int), BINS - 1)
    count, hits = np.bincount(bins, minlength=BINS), np.bincount(bins, right, BINS)
    found: dict[str, Any] = {"auc": float(roc_auc_score(right, chance)) if 0 < right.mean() < 1 else None}
    for i in range(BINS):
        found[f"share {i / BINS:.1f}"] = count[i] / len(right)
        found[f"right {i / BINS:.1f}"] = hits[i] / len(right)
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """For each tenth of confidence, its share of the pixels, and how many of them are right; AUC last."""
    frame = pd.DataFrame(rows)
    if "auc" not in frame or frame["auc"].notna().sum() == 0:
        return ""
    frame = frame[frame["share 0.9"].notna()]
    methods = list(dict.fromkeys(frame["method"]))
    lines = []
    for i in range(BINS):
        line: dict[str, Any] = {"confidence": f"{i / BINS:.1f} to {(i + 1) / BINS:.1f}"}
        for method in methods:
            part = frame[frame["method"] == method]
            share, right = (part[f"{what} {i / BINS:.1f}"].mean() for what in ("share", "right"))
            line |= {f"{method}: pixels": share, f"{method}: right": right / share if share else None}
        lines.append(line)
    last: dict[str, Any] = {"confidence": "AUC, mean over the pairs"}
    for method in methods:
        last |= {
            f"{method}: pixels": None,
            f"{method}: right": frame[frame["method"] == method]["auc"].mean(),
        }
    return plain_table([*lines, last], 3)
