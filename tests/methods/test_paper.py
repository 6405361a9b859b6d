"""The report's method."""

import pytest
from drawings import SMALL, drawing, gray8

import refcolor
from refcolor import Config


@pytest.mark.slow
def test_paper_delivers_224_by_224():
    config = Config("paper", **(SMALL | {"grid": 112, "batch": 1792}))
    result = refcolor.colorize(drawing(), gray8(drawing(shift=4)), config)
    assert result.image.shape == (224, 224, 3)
    assert result.labelling.palette_picture.shape == (224, 224, 3)
    assert result.labelling.labels.shape == (112, 112)
    assert result.labelling.probabilities.shape == (112, 112, 6)


def test_paper_has_neither_confidence_nor_matches():
    config = Config("paper", **(SMALL | {"batch": 1600}))
    result = refcolor.colorize(drawing(), gray8(drawing()), config)
    assert result.confidence is None
    assert result.regions is None
    assert result.matches is None
    assert result.labelling.labels.shape == (40, 40)
