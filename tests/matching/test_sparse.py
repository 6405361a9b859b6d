"""Sparse matches and the motion they share."""

import cv2
import numpy as np

from refcolor.matching import sparse


def noise(shape=(160, 200)):
    small = np.random.default_rng(0).random((shape[0] // 4, shape[1] // 4), np.float32)
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)


def test_the_affine_motion_of_a_turned_picture_is_recovered():
    gray = noise()
    turn = cv2.getRotationMatrix2D((100, 80), 12, 1.1)
    turned = cv2.warpAffine(gray, turn, (200, 160), borderMode=cv2.BORDER_REFLECT_101)
    matches = sparse.match(sparse.detect(gray), sparse.detect(turned))
    assert matches.inliers >= sparse.MIN_INLIERS
    np.testing.assert_allclose(matches.affine, turn, atol=0.6)


def test_an_empty_picture_has_no_features_and_no_matches():
    nothing = sparse.detect(np.full((60, 60), 0.5, np.float32))
    assert nothing.xy.shape == (0, 2)
    matches = sparse.match(nothing, sparse.detect(noise()))
    assert matches.affine is None
    assert matches.inliers == 0
