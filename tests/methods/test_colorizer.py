"""What all methods share: types, sizes, repeatability, and what each setting changes."""

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from drawings import SMALL, drawing, gray8

import refcolor
from refcolor import Colorizer, Config
from refcolor.errors import code_of


@pytest.mark.parametrize("preset", ["standard", "quick"])
def test_nothing_is_colored_before_a_source_is_learned(preset):
    colorizer = Colorizer(Config(preset))
    with pytest.raises(ValueError, match=r"call fit\(source\) first"):
        colorizer.colorize(gray8(drawing()))


@pytest.mark.slow
def test_a_training_that_is_stopped_leaves_nothing_to_color_with():
    def stop(done, total):
        raise KeyboardInterrupt

    colorizer = Colorizer(Config("standard", **SMALL)).fit(drawing())
    with pytest.raises(KeyboardInterrupt):
        colorizer.fit(drawing(shift=2), stop)
    with pytest.raises(ValueError, match="call fit"):
        colorizer.colorize(gray8(drawing()))


def test_progress_counts_to_the_end():
    told = []
    colorizer = Colorizer(Config("standard", **(SMALL | {"epochs": 3})))
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


@pytest.mark.parametrize("shape", [(28, 100), (100, 28), (1, 1)])
def test_pictures_smaller_than_a_patch_are_refused(standard, shape):
    with pytest.raises(ValueError, match=f"{shape[1]}x{shape[0]} pixels: both sides must be at least 29"):
        standard.colorize(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match="the source is"):
        Colorizer().fit(np.zeros((*shape, 3), np.float32))


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


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "standard"])
def test_same_seed_same_labels_bit_for_bit(preset):
    config = Config(preset, **(SMALL | {"batch": 160 if preset == "paper" else 256, "device": "cpu"}))
    target = gray8(drawing(shift=4))
    first, again = (refcolor.colorize(drawing(), target, config) for _ in range(2))
    np.testing.assert_array_equal(first.labelling.probabilities, again.labelling.probabilities)
    np.testing.assert_array_equal(first.image, again.image)


BASELINES = {
    "standard": Config("standard", **SMALL),
    "scratch": Config("standard", **SMALL, init="scratch"),
    "paper": Config("paper", **(SMALL | {"batch": 160})),
}


@cache
def baseline(name):
    return refcolor.colorize(drawing(), gray8(drawing(shift=4)), BASELINES[name])


SETTINGS = [("standard", "seed", 1)]
SLOW_SETTINGS = [
    ("standard", "clusters", "auto"),
    ("standard", "clusters", 7),
    ("standard", "init", "scratch"),
    ("standard", "epochs", 2),
    ("standard", "batch", 200),
    ("standard", "learning_rate", 1e-2),
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
]


@pytest.mark.parametrize(
    ("preset", "name", "value"),
    [*SETTINGS, *(pytest.param(*setting, marks=pytest.mark.slow) for setting in SLOW_SETTINGS)],
)
def test_each_setting_changes_the_result(preset, name, value):
    target = gray8(drawing(shift=4))
    changed = refcolor.colorize(drawing(), target, replace(BASELINES[preset], **{name: value}))
    plain = baseline(preset).labelling.probabilities
    assert changed.labelling.probabilities.shape != plain.shape or not np.array_equal(
        changed.labelling.probabilities, plain
    )


def test_a_gpu_that_is_not_there_is_a_clear_error():
    from refcolor.networks import backend

    if backend.start(Config().device).gpus:
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match="no GPU") as caught:
        refcolor.colorize(drawing(), gray8(drawing()), Config("standard", **SMALL, device="gpu"))
    assert code_of(caught.value) == "no_gpu"


def test_importing_the_library_imports_no_engine():
    code = (
        "import sys, refcolor; refcolor.Config, refcolor.Colorizer; "
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.slow
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
