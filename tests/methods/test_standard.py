"""Matching, patches and the network."""

from dataclasses import replace

import numpy as np
import pytest
from drawings import SMALL, drawing, flat_drawing, gray8

import refcolor
from refcolor import Colorizer, Config
from refcolor.imaging import features, geometry
from refcolor.imaging.color import luma
from refcolor.imaging.palette import fit
from refcolor.matching.alignment import Source
from refcolor.methods import METHODS
from refcolor.networks.labellers import DenseLabeller, PatchLabeller


def labels_right(source, config, target=None):
    """Share of the labels that the network gets right for a target, the source itself if not given."""
    target = source if target is None else target
    colorizer = Colorizer(config).fit(source)
    _, truth, _ = colorizer.learned.labeller.on_grid(Source(target))
    return (colorizer.colorize(gray8(target)).labelling.labels == truth).mean()


@pytest.mark.parametrize("shape", [(72, 96), (50, 131), (200, 40)])
def test_standard_keeps_the_targets_size_and_gray(standard, shape):
    target = gray8(drawing(*shape, shift=5))
    result = standard.colorize(target)
    assert result.image.shape == (*shape, 3)
    assert result.image.dtype == np.float32
    back = np.rint(np.rint(result.image * 255) @ [0.299, 0.587, 0.114])
    assert np.abs(back - target * 255).max() <= 1.001
    np.testing.assert_allclose(result.labelling.probabilities.sum(-1), 1, atol=1e-5)
    np.testing.assert_array_equal(result.labelling.labels, result.labelling.probabilities.argmax(-1))


@pytest.mark.slow
@pytest.mark.parametrize("init", ["pretrained", "scratch"])
def test_training_learns_the_source(init):
    """A network that learns labels most pixels of its own source; an untrained one cannot."""
    source = drawing()
    epochs = {"pretrained": 20, "scratch": 120}[init]
    config = Config("standard", **(SMALL | {"grid": 72, "epochs": epochs, "init": init}))
    assert labels_right(source, config) > 0.85
    assert labels_right(source, replace(config, epochs=1, init="scratch")) < 0.6


@pytest.mark.slow
@pytest.mark.parametrize("init", ["pretrained", "scratch"])
def test_a_very_long_picture_trains_as_long_as_a_square_one(init):
    """And passes the 32767 pixels a side that OpenCV can warp."""
    steps = []
    config = Config("standard", **(SMALL | {"grid": 64, "init": init}))
    colorizer = Colorizer(config).fit(drawing(29, 33000), lambda done, total: steps.append(total))
    assert steps[0] <= 25
    assert colorizer.colorize(gray8(drawing(30, 40))).image.shape == (30, 40, 3)


def test_training_and_prediction_see_the_same_planes(monkeypatch):
    """A tile without augmentation is a piece of what prediction is given, borders included."""
    from refcolor.networks import augmentation

    config = Config("standard", **(SMALL | {"rotation": 0, "sigma": 0, "init": "scratch"}))
    for name in ("MAX_ZOOM", "MAX_GAIN", "POSITION_SIGMA"):
        monkeypatch.setattr(augmentation, name, 0.0)
    picture = drawing()
    palette = fit(picture, 6, space="lab", seed=0)
    planes = features.extract(luma(picture), (40, 30), config).planes
    labels = palette.labels(geometry.resize(picture, (40, 30)))

    class Center:
        """Draws the middle of the picture, and nothing else."""

        def uniform(self, low, high, *_):
            return (np.asarray(low) + high) / 2

        def normal(self, *_):
            return 0.0

        def integers(self, *_):
            return 0

    shape = tuple(side - (1 - side % 2) for side in labels.shape)  # odd: the center is a pixel
    shape = tuple(s - 1 if (f - s) % 2 else s for f, s in zip(labels.shape, shape, strict=True))
    tile, truth = augmentation.tile(planes[None], labels, shape, Center(), config)
    seen = []

    def network(batch, training):
        seen.append(batch[0])
        return np.zeros((1, *labels.shape, 6), np.float32)

    labeller = DenseLabeller([], palette, config)
    labeller.networks = (network,)
    labeller.predict(planes)
    top, left = ((f - s) // 2 for f, s in zip(labels.shape, shape, strict=True))
    rows, columns = slice(top, top + tile.shape[0]), slice(left, left + tile.shape[1])
    np.testing.assert_allclose(tile, seen[0][rows, columns], atol=1e-4)
    inner = slice(top, top + shape[0]), slice(left, left + shape[1])
    np.testing.assert_array_equal(truth, labels[inner])


def test_the_grid_keeps_aspect_and_never_enlarges(standard):
    palette = standard.learned.palette
    dense = DenseLabeller([], palette, Config("standard", init="scratch"))
    assert dense.grid((720, 1280)) == (341, 192)
    assert dense.grid((60, 90)) == (90, 60)
    assert min(dense.grid((40, 4000))) >= 29
    assert PatchLabeller([], palette, Config("paper")).grid((720, 1280)) == (112, 112)


def test_confidence_tells_known_from_unknown(standard):
    """Half of the target is the source, the other half is not in it."""
    target = gray8(drawing())
    target[:, 48:] = np.random.default_rng(1).random((72, 48), np.float32)
    for result in (standard.colorize(target), refcolor.colorize(drawing(), target, Config("quick"))):
        found = result.confidence
        assert found.dtype == np.float32
        assert found.shape == target.shape
        assert found.min() >= 0
        assert found.max() <= 1
        assert found[:, :40].mean() > found[:, 56:].mean() + 0.3


@pytest.mark.slow
def test_scratch_and_pretrained_differ_but_both_color():
    target = gray8(drawing(shift=4))
    pretrained, scratch = (
        refcolor.colorize(drawing(), target, Config("standard", **SMALL, init=init))
        for init in ("pretrained", "scratch")
    )
    assert not np.array_equal(pretrained.image, scratch.image)
    right = [
        labels_right(drawing(), Config("standard", **SMALL, init=init), drawing(shift=4))
        for init in ("pretrained", "scratch")
    ]
    assert right[0] > right[1]


def test_auto_picks_as_many_clusters_as_the_source_needs():
    auto = Config("standard", clusters="auto")
    few, many = (
        METHODS["standard"].look([picture], auto)
        for picture in (flat_drawing(), np.random.default_rng(0).random((60, 80, 3), np.float32))
    )
    assert few.config.clusters == len(few.palette) == 5
    assert many.config.clusters == len(many.palette) >= 24
    with pytest.raises(ValueError, match="no color"):
        METHODS["standard"].look([np.full((40, 40, 3), 0.5, np.float32)], auto)
