"""The figures: CIEDE2000 against published pairs, all of them against the yardstick beside the project."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from refcolor.imaging.color import rgb_to_lab
from refcolor.imaging.metrics import ciede2000, gray_8bit, score, source_centers, to_8bit

# Table 1 of Sharma, Wu and Dalal (2005): the two colors and their difference.
SHARMA = np.array(
    [
        (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
        (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
        (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
        (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
        (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
        (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
        (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
        (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
        (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
        (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)


def test_ciede2000_gives_the_published_differences() -> None:
    np.testing.assert_allclose(ciede2000(SHARMA[:, :3], SHARMA[:, 3:6]), SHARMA[:, 6], atol=5.1e-5)


def test_ciede2000_is_symmetric_and_broadcasts() -> None:
    colors = np.random.default_rng(1).uniform((0, -90, -90), (100, 90, 90), (200, 3))
    forth = ciede2000(colors[:, None], colors[None])
    assert forth.shape == (200, 200)
    np.testing.assert_allclose(forth, forth.T, atol=1e-9)
    np.testing.assert_array_equal(np.diagonal(forth), 0)


def test_ciede2000_names_a_wrong_shape() -> None:
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        ciede2000(np.zeros((4, 3)), np.zeros((4, 2)))


def picture(seed: int, height: int = 40, width: int = 56) -> np.ndarray:
    """Blocks of six paints under a mild gradient: flat parts, edges and shading."""
    rng = np.random.default_rng(seed)
    paints = np.random.default_rng(0).uniform(0, 1, (6, 3))
    blocks = rng.integers(0, 6, (height // 8, width // 8)).repeat(8, 0).repeat(8, 1)
    shaded = paints[blocks] * np.linspace(0.8, 1, width)[None, :, None]
    return np.rint(shaded * 255).astype(np.float32) / 255


@pytest.fixture(scope="module")
def yardstick() -> ModuleType:
    path = Path(__file__).parents[3] / "shared" / "score.py"
    if not path.is_file():
        pytest.skip("the yardstick ../shared/score.py is not here")
    spec = importlib.util.spec_from_file_location("yardstick", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bgr(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(to_8bit(image)[..., ::-1])


@pytest.mark.parametrize("source_width", [56, 48])
def test_score_agrees_with_the_yardstick(yardstick: ModuleType, source_width: int) -> None:
    truth, source = picture(2), picture(3, width=source_width)
    noise = np.random.default_rng(4).normal(0, 0.03, truth.shape)
    result = np.clip(truth + noise, 0, 1).astype(np.float32)
    ours = score(result, truth, source)
    theirs = yardstick.score(bgr(result), bgr(truth), bgr(source))
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert 0 < theirs["ok2"] < theirs["ok5"] < 1
    assert (theirs["ok5_moved"] is None) == (source_width != 56)


def test_score_agrees_with_the_yardstick_on_a_given_target(yardstick: ModuleType) -> None:
    truth = picture(2)
    target = np.full(truth.shape[:2], 0.4, np.float32)
    ours = score(truth, truth, truth, target)
    theirs = yardstick.score(*[bgr(truth)] * 3, to_8bit(target))
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours["luma_max"]


def test_a_perfect_result() -> None:
    truth, source = picture(2), picture(3)
    figures = score(truth, truth, source)
    for tail in ("", "_moved"):
        assert [figures[f"{key}{tail}"] for key in ("acc24", "ok2", "ok5", "de00")] == [1, 1, 1, 0]
        assert figures[f"psnr{tail}"] == pytest.approx(10 * np.log10(255**2 / 1e-6))
    assert figures["luma_max"] == figures["luma_mean"] == 0


def test_moved_counts_only_what_differs_from_the_source() -> None:
    source = np.full((10, 10, 3), 0.2, np.float32)
    truth = source.copy()
    truth[:, 5:] = (0.9, 0.2, 0.2)
    figures = score(source, truth, source)
    assert figures["moved"] == 0.5
    assert figures["ok5"] == 0.5
    assert figures["ok5_moved"] == 0


def test_nothing_moved_has_no_moved_figures() -> None:
    truth = picture(2)
    figures = score(truth, truth, truth)
    assert figures["moved"] == 0
    assert figures["psnr_moved"] is figures["acc24_moved"] is None


def test_gray_of_the_result_is_held_against_the_target() -> None:
    truth = picture(2)
    target = np.clip(gray_8bit(truth) / np.float32(255) - 3 / 255, 0, 1).astype(np.float32)
    figures = score(truth, truth, truth, target)
    assert figures["luma_max"] == 3


def test_given_centers_decide_acc24() -> None:
    truth = picture(2)
    gray = np.repeat(gray_8bit(truth)[..., None] / np.float32(255), 3, axis=2)
    one_center = np.array([[50, 0, 0]], np.float32)
    assert score(gray, truth, truth, centers=one_center)["acc24"] == 1
    assert score(gray, truth, truth)["acc24"] < 1


def test_a_source_of_few_colors_has_few_centers() -> None:
    source = np.zeros((20, 20, 3), np.float32)
    source[:, 10:] = 1
    centers = source_centers(source)
    expected = np.unique(rgb_to_lab(source).reshape(-1, 3), axis=0)
    np.testing.assert_allclose(centers[np.argsort(centers[:, 0])], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"result": np.zeros((8, 9, 3), np.float32)}, "the result is 9x8, the truth 8x8"),
        ({"result": np.zeros((8, 8), np.float32)}, "the result must be"),
        ({"source": np.zeros((8, 8, 4), np.float32)}, "the source must be"),
        ({"target": np.zeros((8, 7), np.float32)}, "the target must be"),
        ({"truth": np.zeros((8, 8, 3), np.uint8)}, "not uint8"),
        ({"result": np.full((8, 8, 3), np.nan, np.float32)}, "not finite"),
    ],
)
def test_wrong_pictures_are_named_in_one_line(changed: dict[str, np.ndarray], message: str) -> None:
    pictures = dict.fromkeys(("result", "truth", "source"), np.zeros((8, 8, 3), np.float32)) | changed
    with pytest.raises(ValueError, match=message) as caught:
        score(**pictures)
    assert "\n" not in str(caught.value)
