"""The whole line, library side: sizes, exact luma, repeatability, and what each setting changes."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import refcolor
from refcolor import Colorizer, Config
from refcolor.imaging import features
from refcolor.imaging.color import luma
from refcolor.imaging.palette import fit
from refcolor.matching.source import Source
from refcolor.methods import METHODS
from refcolor.networks.labels import DenseLabeller, PatchLabeller

QUICK = {"grid": 40, "epochs": 1, "clusters": 6, "tile": 32, "batch": 256}


def drawing(height=72, width=96, shift=0):
    """Discs of six paints on a gradient ground."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.stack([0.5 + 0.3 * y / height, 0.6 + 0.2 * x / width, 0.9 - 0.3 * y / height], axis=-1)
    paints = np.random.default_rng(0).random((6, 3))
    for i, paint in enumerate(paints):
        inside = np.hypot(x - width * (i % 3 + 0.5) / 3 - shift, y - height * (i // 3 + 0.5) / 2) < height / 6
        image[inside] = paint
    return (np.rint(image * 255) / 255).astype(np.float32)


def gray8(rgb):
    return (np.rint(luma(rgb) * 255) / 255).astype(np.float32)


def labels_right(source, config, target=None):
    """Share of the labels that the network gets right for a target, the source itself if not given."""
    target = source if target is None else target
    colorizer = Colorizer(config).fit(source)
    _, truth, _ = colorizer.learned.labeller.on_grid(Source(target))
    return (colorizer.colorize(gray8(target)).labelling.labels == truth).mean()


@pytest.fixture(scope="module")
def standard():
    return Colorizer(Config("standard", **QUICK)).fit(drawing())


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


def test_paper_delivers_224_by_224():
    config = Config("paper", **(QUICK | {"grid": 112, "batch": 1792}))
    result = refcolor.colorize(drawing(), gray8(drawing(shift=4)), config)
    assert result.image.shape == (224, 224, 3)
    assert result.labelling.palette_picture.shape == (224, 224, 3)
    assert result.labelling.labels.shape == (112, 112)
    assert result.labelling.probabilities.shape == (112, 112, 6)


@pytest.mark.parametrize("preset", ["paper", "standard"])
def test_same_seed_same_labels_bit_for_bit(preset):
    config = Config(preset, **(QUICK | {"batch": 160 if preset == "paper" else 256, "device": "cpu"}))
    target = gray8(drawing(shift=4))
    first, again = (refcolor.colorize(drawing(), target, config) for _ in range(2))
    np.testing.assert_array_equal(first.labelling.probabilities, again.labelling.probabilities)
    np.testing.assert_array_equal(first.image, again.image)


@pytest.mark.parametrize("init", ["pretrained", "scratch"])
def test_training_learns_the_source(init):
    """A network that learns labels most pixels of its own source; an untrained one cannot."""
    source = drawing()
    epochs = {"pretrained": 20, "scratch": 120}[init]
    config = Config("standard", **(QUICK | {"grid": 72, "epochs": epochs, "init": init}))
    assert labels_right(source, config) > 0.85
    assert labels_right(source, replace(config, epochs=1, init="scratch")) < 0.6


@pytest.mark.parametrize(
    ("preset", "name", "value"),
    [
        ("standard", "clusters", 7),
        ("standard", "clusters", "auto"),
        ("standard", "init", "scratch"),
        ("standard", "epochs", 2),
        ("standard", "batch", 200),
        ("standard", "learning_rate", 1e-2),
        ("standard", "seed", 1),
        ("scratch", "grid", 48),
        ("scratch", "blur", 2.5),
        ("scratch", "canny", (60.0, 200.0)),
        ("scratch", "fast_threshold", 90),
        ("scratch", "epochs", 2),
        ("scratch", "tile", 24),
        ("scratch", "learning_rate", 1e-2),
        ("scratch", "rotation", 0.0),
        ("scratch", "sigma", 0.0),
        ("scratch", "seed", 1),
        ("paper", "rotation", 0.0),
        ("paper", "sigma", 0.0),
        ("paper", "seed", 1),
        ("paper", "learning_rate", 1e-2),
    ],
)
def test_each_setting_changes_the_result(preset, name, value, baseline):
    target = gray8(drawing(shift=4))
    changed = refcolor.colorize(drawing(), target, replace(baseline[preset][0], **{name: value}))
    plain = baseline[preset][1].labelling.probabilities
    assert changed.labelling.probabilities.shape != plain.shape or not np.array_equal(
        changed.labelling.probabilities, plain
    )


@pytest.fixture(scope="module")
def baseline():
    settings = {
        "standard": Config("standard", **QUICK),
        "scratch": Config("standard", **QUICK, init="scratch"),
        "paper": Config("paper", **(QUICK | {"batch": 160})),
    }
    target = gray8(drawing(shift=4))
    return {name: (config, refcolor.colorize(drawing(), target, config)) for name, config in settings.items()}


@pytest.mark.parametrize("preset", ["standard", "quick"])
def test_nothing_is_colored_before_a_source_is_learned(preset):
    colorizer = Colorizer(Config(preset))
    with pytest.raises(ValueError, match=r"call fit\(source\) first"):
        colorizer.colorize(gray8(drawing()))


def test_a_training_that_is_stopped_leaves_nothing_to_color_with():
    def stop(done, total):
        raise KeyboardInterrupt

    colorizer = Colorizer(Config("standard", **QUICK)).fit(drawing())
    with pytest.raises(KeyboardInterrupt):
        colorizer.fit(drawing(shift=2), stop)
    with pytest.raises(ValueError, match="call fit"):
        colorizer.colorize(gray8(drawing()))


def test_progress_counts_to_the_end():
    told = []
    colorizer = Colorizer(Config("standard", **(QUICK | {"epochs": 3})))
    colorizer.fit(drawing(), lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))
    assert len({total for _, total in told}) == 1


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (np.zeros((40, 40), np.int32), "int32: give float32"),
        ([[0.5]], "list: give float32"),
        (np.zeros((40, 40, 3), np.float32), "shape"),
        (np.full((40, 40), np.nan, np.float32), r"outside \[0, 1\]"),
        (np.full((40, 40), 1.5, np.float32), r"outside \[0, 1\]"),
        (np.zeros((0, 40), np.float32), "or none"),
    ],
)
def test_what_is_no_picture_is_refused_before_any_training(standard, bad, says):
    with pytest.raises(ValueError, match=says):
        standard.colorize(bad)
    with pytest.raises(ValueError, match="the source"):
        Colorizer().fit(bad)


@pytest.mark.parametrize("init", ["pretrained", "scratch"])
def test_a_very_long_picture_trains_as_long_as_a_square_one(init):
    """And passes the 32767 pixels a side that OpenCV can warp."""
    steps = []
    config = Config("standard", **(QUICK | {"grid": 64, "init": init}))
    colorizer = Colorizer(config).fit(drawing(29, 33000), lambda done, total: steps.append(total))
    assert steps[0] <= 25
    assert colorizer.colorize(gray8(drawing(30, 40))).image.shape == (30, 40, 3)


def test_training_and_prediction_see_the_same_planes(monkeypatch):
    """A tile without augmentation is a piece of what prediction is given, borders included."""
    from refcolor.networks import augmentation, training

    config = Config("standard", **(QUICK | {"rotation": 0, "sigma": 0, "init": "scratch"}))
    for name in ("ZOOM", "GAIN", "SHIFT"):
        monkeypatch.setattr(augmentation, name, 0.0)
    picture = drawing()
    palette = fit(picture, 6, space="lab", seed=0)
    planes = features.extract(luma(picture), (40, 30), config).planes
    labels = palette.labels(features.resize(picture, (40, 30)))

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

    training.predict_dense(network, planes)
    top, left = ((f - s) // 2 for f, s in zip(labels.shape, shape, strict=True))
    rows, columns = slice(top, top + tile.shape[0]), slice(left, left + tile.shape[1])
    np.testing.assert_allclose(tile, seen[0][rows, columns], atol=1e-4)
    inner = slice(top, top + shape[0]), slice(left, left + shape[1])
    np.testing.assert_array_equal(truth, labels[inner])


@pytest.mark.parametrize("shape", [(28, 100), (100, 28), (1, 1)])
def test_pictures_smaller_than_a_patch_are_refused(standard, shape):
    with pytest.raises(ValueError, match=f"{shape[1]}x{shape[0]} pixels: both sides must be at least 29"):
        standard.colorize(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match="the source is"):
        Colorizer().fit(np.zeros((*shape, 3), np.float32))


def test_the_grid_keeps_aspect_and_never_enlarges(standard):
    palette = standard.learned.palette
    dense = DenseLabeller([], palette, Config("standard", init="scratch"))
    assert dense.grid((720, 1280)) == (341, 192)
    assert dense.grid((60, 90)) == (90, 60)
    assert min(dense.grid((40, 4000))) >= 29
    assert PatchLabeller([], palette, Config("paper")).grid((720, 1280)) == (112, 112)


def test_a_gpu_that_is_not_there_is_a_clear_error():
    from refcolor.networks import backend

    if backend.start(Config().device).gpus:
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match=r"no GPU.*--device cpu"):
        refcolor.colorize(drawing(), gray8(drawing()), Config("standard", **QUICK, device="gpu"))


def test_importing_the_library_imports_no_engine():
    code = (
        "import sys, refcolor; refcolor.Config, refcolor.Colorizer; "
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


# ---------------------------------------------------------------- without the network


def flat_drawing(height=90, width=120):
    """Five paints, hard edges."""
    image = np.empty((height, width, 3), np.float32)
    image[:] = np.array([90, 170, 220], np.float32) / 255
    y, x = np.mgrid[:height, :width]
    paints = [[220, 60, 50], [250, 220, 90], [60, 130, 70], [40, 40, 60]]
    for i, paint in enumerate(paints):
        image[np.hypot(x - width * (i + 0.7) / 4.4, y - height / 2) < width / 10] = np.array(paint) / 255
    return image


@pytest.mark.parametrize("shape", [(72, 96), (29, 29), (50, 131), (200, 40)])
def test_quick_keeps_the_targets_size_and_gray(shape):
    target = gray8(drawing(*shape, shift=5))
    result = refcolor.colorize(drawing(), target, Config("quick"))
    assert result.image.shape == (*shape, 3)
    back = np.rint(np.rint(result.image * 255) @ [0.299, 0.587, 0.114])
    assert np.abs(back - target * 255).max() <= 1.001
    assert result.confidence.shape == shape
    assert result.matches.best.shape == (*shape, 2)
    assert result.labelling is None


def test_results_compare_by_identity_and_have_no_hidden_attributes():
    result, other = (refcolor.colorize(drawing(), gray8(drawing()), Config("quick")) for _ in range(2))
    assert result == result
    assert result != other
    assert len({result, other}) == 2
    with pytest.raises(AttributeError, match="labels"):
        _ = result.labels


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float64"])
def test_pictures_of_other_types_give_the_same_picture(kind):
    source, target = drawing(), gray8(drawing(shift=4))
    white = {"uint8": 255, "uint16": 65535, "float64": 1}[kind]
    typed = [(np.rint(v * white) if white > 1 else v).astype(kind) for v in (source, target)]
    plain = refcolor.colorize(source, target, Config("quick")).image
    np.testing.assert_allclose(refcolor.colorize(*typed, Config("quick")).image, plain, atol=2e-7)


def test_quick_takes_a_source_of_few_colors_but_not_of_none():
    source = flat_drawing()
    assert refcolor.colorize(source, gray8(source), Config("quick")).image.shape == source.shape
    with pytest.raises(ValueError, match="no color"):
        Colorizer(Config("quick")).fit(np.dstack([gray8(source)] * 3))


def test_quick_follows_a_moved_figure():
    target = drawing(shift=6)
    made = refcolor.colorize(drawing(), gray8(target), Config("quick")).image
    assert (np.abs(made - target).max(-1) < 0.06).mean() > 0.9


def test_quick_gives_flat_art_its_paints_back():
    source = flat_drawing()
    target = np.roll(source, (3, 5), axis=(0, 1))
    result = refcolor.colorize(source, gray8(target), Config("quick"))
    assert (np.rint(result.image * 255) == np.rint(target * 255)).all(-1).mean() > 0.97
    assert np.median(result.confidence) >= 0.9


def test_quick_imports_no_engine():
    code = (
        "import sys, numpy as np, refcolor\n"
        "source = np.random.default_rng(0).random((40, 50, 3), np.float32)\n"
        "refcolor.colorize(source, source[..., 0].copy(), refcolor.Config('quick'))\n"
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


# ---------------------------------------------------------------- seeds, confidence, starts, clusters


def test_the_seed_decides_a_quick_picture():
    target = gray8(drawing(80, 90, shift=9))
    first, again, other = (
        refcolor.colorize(drawing(), target, Config("quick", seed=seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.confidence, again.confidence)
    assert not np.array_equal(first.confidence, other.confidence)


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


def test_paper_has_neither_confidence_nor_matches():
    config = Config("paper", **(QUICK | {"batch": 1600}))
    result = refcolor.colorize(drawing(), gray8(drawing()), config)
    assert result.confidence is None
    assert result.matches is None
    assert result.labelling.labels.shape == (40, 40)


def test_scratch_and_pretrained_differ_but_both_color():
    target = gray8(drawing(shift=4))
    pretrained, scratch = (
        refcolor.colorize(drawing(), target, Config("standard", **QUICK, init=init))
        for init in ("pretrained", "scratch")
    )
    assert not np.array_equal(pretrained.image, scratch.image)
    right = [
        labels_right(drawing(), Config("standard", **QUICK, init=init), drawing(shift=4))
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


def test_a_very_long_target_is_colored():
    """Past the 32767 pixels a side that OpenCV can remap."""
    result = refcolor.colorize(drawing(), gray8(drawing(29, 33000)), Config("quick"))
    assert result.image.shape == (29, 33000, 3)


def test_the_largest_seed_works():
    source = drawing()
    config = Config("quick", seed=2**31 - 1)
    assert refcolor.colorize(source, gray8(source), config).image.shape == source.shape


def test_the_picture_does_not_depend_on_the_number_of_cores():
    code = (
        "import os, sys, hashlib\n"
        "os.sched_setaffinity(0, list(os.sched_getaffinity(0))[: int(sys.argv[1])])\n"
        "import numpy as np\nfrom refcolor import Config, colorize\n"
        "y, x = np.mgrid[:120, :160].astype(np.float32)\n"
        "blue = 0.5 + 0.5 * np.sin(x / 7) * np.cos(y / 9)\n"
        "source = np.stack([x / 160, y / 120, blue], -1).astype(np.float32)\n"
        "gray = np.ascontiguousarray((source @ np.float32([0.299, 0.587, 0.114]))[:, ::-1])\n"
        "config = Config('standard', epochs=2, grid=64, tile=32, device='cpu')\n"
        "result = colorize(source, gray, config)\n"
        "parts = result.labelling.probabilities, result.image\n"
        "print(hashlib.sha256(b''.join(part.tobytes() for part in parts)).hexdigest())\n"
    )
    words = [sys.executable, "-P", "-c", code]
    ended = [subprocess.run([*words, n], capture_output=True, text=True, check=True) for n in ("1", "64")]
    assert ended[0].stdout == ended[1].stdout
