"""Sparse matching: SIFT features, their matches, and the affine motion that most matches share (RANSAC)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image

Affine = NDArray[np.float64]  # (2, 3): target (x, y, 1) -> source (x, y)

MAX_PIXELS = 400_000  # larger pictures are reduced to this before features are detected
MAX_FEATURES = 4000
MAX_RATIO = 0.8  # of the distances to the nearest and the second descriptor (Lowe 2004)
MIN_INLIERS = 10  # matches that make an alignment
MAX_REPROJECTION = 4.0  # pixels between an inlier and where the affine motion takes it
MAX_SCALE = 10  # of areas, between target and source: more is no motion


@dataclass(frozen=True)
class Features:
    """Sparse features of a picture."""

    xy: Image  #: (N, 2): positions
    descriptors: Image  #: (N, 128)


@dataclass(frozen=True)
class SparseMatches:
    """Matched features of two pictures."""

    target: Image  #: (N, 2): positions (x, y) in the target,
    source: Image  #: and in the source
    affine: Affine | None = None  #: the motion from target to source that most matches share
    inliers: int = 0  #: number of matches that share it


def detect(gray: Image) -> Features:
    """SIFT features (Lowe 2004) of a gray picture (H, W) in [0, 1]."""
    shrink = min(1.0, float(np.sqrt(MAX_PIXELS / gray.size)))
    levels = cv2.resize(gray * 255, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    sift = cv2.SIFT.create(MAX_FEATURES, contrastThreshold=0.02)
    keypoints, descriptors = sift.detectAndCompute(np.rint(levels).astype(np.uint8), None)
    xy = np.array([k.pt for k in keypoints], np.float32).reshape(-1, 2)
    scale = np.array([gray.shape[1] / levels.shape[1], gray.shape[0] / levels.shape[0]], np.float32)
    if descriptors is None:
        descriptors = np.zeros((0, 128), np.float32)
    return Features((xy + 0.5) * scale - 0.5, descriptors)


def match(target: Features, source: Features) -> SparseMatches:
    """Match the features of two pictures, and fit an affine motion (RANSAC; Fischler and Bolles 1981)."""
    enough = len(target.xy) and len(source.xy) > 1
    pairs = cv2.BFMatcher().knnMatch(target.descriptors, source.descriptors, k=2) if enough else []
    good = [(a.queryIdx, a.trainIdx) for a, b in pairs if a.distance < MAX_RATIO * b.distance]
    if len(good) < MIN_INLIERS:
        return SparseMatches(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))
    index = np.array(good)
    from_xy, to_xy = target.xy[index[:, 0]], source.xy[index[:, 1]]
    affine, inside = cv2.estimateAffine2D(from_xy, to_xy, ransacReprojThreshold=MAX_REPROJECTION)
    inliers = int(inside.sum())
    if inliers < MIN_INLIERS or not 1 / MAX_SCALE < np.linalg.det(affine[:, :2]) < MAX_SCALE:
        return SparseMatches(from_xy, to_xy)
    return SparseMatches(from_xy, to_xy, affine, inliers)
