"""The embedding: unit vectors, bilinear samples by hand, a picture that recalls itself, and its file."""

import cv2
import numpy as np
import pytest

from refcolor.matching.alignment import Alignment, SourceViews
from refcolor.matching.optical_flow import Matches
from refcolor.matching.views import Views
from refcolor.networks import embedding
from refcolor.networks.architectures import embedding_network, save_weights
from refcolor.networks.embedding import FEATURES, TEXTURE_WEIGHT, TEXTURES, WEIGHTS

MOST_BYTES = 4 << 20


def scene(height=90, width=120):
    """Discs of three grays on noise; the labels say which disc."""
    rng = np.random.default_rng(0)
    gray = cv2.GaussianBlur(rng.random((height, width)).astype(np.float32), (0, 0), 2) * 0.6 + 0.2
    labels = np.zeros((height, width), np.int32)
    y, x = np.mgrid[:height, :width]
    for i in range(3):
        inside = np.hypot(x - width * (i + 0.5) / 3, y - height / 2) < width / 8
        gray[inside], labels[inside] = (0.1, 0.5, 0.9)[i], i + 1
    return gray.astype(np.float32), labels


def motion(nearest, shape, sources, height):
    """The nearest cells as matches of a target with sources of these sizes and first views."""
    gray = np.zeros((1, height, 1), np.float32)
    matches = Matches(np.zeros((*shape, 2), np.float32), *np.zeros((2, *shape), np.float32))
    each = tuple(SourceViews(i, 1.0, view, size) for i, (size, view) in enumerate(sources))
    return Alignment(Views(gray, gray[..., None]), [], matches, each).motion(nearest)


def cells(rng, h, w):
    """Random cells (h, w, 66): unit vectors and textures."""
    vectors = rng.standard_normal((h, w, FEATURES)).astype(np.float32)
    textures = rng.normal(0, 0.3, (h, w, TEXTURES)).astype(np.float32)
    return np.dstack([vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), textures])


@pytest.fixture(scope="module")
def network():
    return embedding_network(WEIGHTS)


@pytest.mark.parametrize("shape", [(90, 120), (29, 29), (29, 400), (300, 40)])
def test_cells_are_described_by_unit_vectors(network, shape):
    found = embedding.describe(network, scene(*shape)[0])
    h, w, numbers = found.shape
    assert numbers == FEATURES + TEXTURES
    assert found.dtype == np.float32
    assert h % 4 == w % 4 == 0  # sides shown are multiples of 16, a cell has four pixels
    assert 0.5 < h * w / (embedding.INPUT_SIDE / 4) ** 2 < 2
    np.testing.assert_allclose(np.linalg.norm(found[..., :FEATURES], axis=-1), 1, atol=1e-4)


def test_the_shipped_weights_are_not_the_random_ones(network):
    gray, _ = scene()
    trained, random = (embedding.describe(n, gray) for n in (network, embedding_network()))
    assert np.abs((trained * random)[..., :FEATURES].sum(-1)).mean() < 0.9


def test_a_picture_recalls_its_own_labels(network):
    gray, labels = scene()
    found = embedding.describe(network, gray)
    recalled = embedding.recall(found, [(found, embedding.label_shares(labels, found.shape[1::-1], 4))])[0]
    assert recalled.shape == (*found.shape[:2], 4)
    assert recalled.dtype == np.float32
    np.testing.assert_allclose(recalled.sum(-1), 1, atol=1e-5)
    assert recalled.min() > 0
    truth = cv2.resize(labels.astype(np.uint8), recalled.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    assert (recalled.argmax(-1) == truth).mean() > 0.85


def test_recall_follows_likeness_then_nearness():
    """Cells of two kinds: the like ones lend their labels; among equals the near ones do."""
    kinds = np.eye(FEATURES, dtype=np.float32)
    source = kinds[np.array([[0, 1] * 4])]  # one row of eight cells
    labels = np.repeat(np.array([[0, 1, 0, 1, 2, 3, 2, 3]], np.int32), 4, axis=1)
    target = kinds[np.array([[1, 0, 0, 0, 0, 0, 1, 0]])]
    recalled = embedding.recall(target, [(source, embedding.label_shares(labels, (8, 1), 4))])[0]
    np.testing.assert_array_equal(recalled[0, [0, 1, 6, 7]].argmax(-1), [1, 0, 3, 2])
    assert recalled[0, 0, [0, 2]].max() < 0.01
    assert recalled[0, 0, 1] > recalled[0, 0, 3] > 0.01


def test_recall_is_the_formula():
    """Weights exp(20 (cos - 0.3 textures - 1)), and the same times a Gaussian of the distance in widths."""
    rng = np.random.default_rng(0)
    one, other = (cells(rng, *shape) for shape in ((7, 9), (8, 6)))
    shares = rng.random((8, 6, 5)).astype(np.float32)
    found, likest = embedding.recall(one, [(other, shares)])
    for y, x in ((0, 0), (3, 8), (6, 4)):
        cosine = (other * one[y, x])[..., :FEATURES].sum(-1)
        unlike = ((other - one[y, x])[..., FEATURES:] ** 2).sum(-1)
        alike = np.exp(20 * (cosine - TEXTURE_WEIGHT * unlike - 1))
        j, i = np.mgrid[:8, :6]
        away = ((i + 0.5) / 6 - (x + 0.5) / 9) ** 2 + (((j + 0.5) / 8 - (y + 0.5) / 7) * 8 / 6) ** 2
        near = alike * np.exp(-away / (2 * 0.15**2))
        opinions = [np.einsum("hw,hwk", w / w.sum(), shares) for w in (alike, near)]
        mixed = np.sqrt(*[np.prod([o / o.sum() for o in opinions], axis=0)])
        np.testing.assert_allclose(found[y, x], mixed / mixed.sum(), atol=1e-4)
        row, column = np.unravel_index((alike * near).argmax(), (8, 6))
        np.testing.assert_allclose(likest[y, x], [(column + 0.5) / 6, (row + 0.5) / 8], atol=1e-6)


def test_recall_in_blocks_is_recall_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    one, other = (cells(rng, *shape) for shape in ((7, 9), (8, 6)))
    shares = rng.random((8, 6, 5)).astype(np.float32)
    whole = embedding.recall(one, [(other, shares)])
    monkeypatch.setattr(embedding, "MAX_PAIRS", 100)
    for found, wanted in zip(embedding.recall(one, [(other, shares)]), whole, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_two_sources_are_recalled_as_one_is_and_the_likest_is_in_the_right_one():
    """Weights count; halves of one source, where nearness does not matter, are recalled as the whole."""
    rng = np.random.default_rng(1)
    one, other = (cells(rng, *shape) for shape in ((4, 6), (6, 8)))
    labels = np.eye(2, dtype=np.float32)
    memories = [
        (v, np.broadcast_to(label, (*v.shape[:2], 2))) for v, label in zip((one, other), labels, strict=True)
    ]
    for target, number in ((one, 0), (other, 1)):
        found, likest = embedding.recall(target, memories, [1.0, 1.0])
        assert (found.argmax(-1) == number).all()
        assert (np.floor(likest[..., 1]) == number).all()
        field = motion(likest, target.shape[:2], [((40, 60), 0), ((60, 80), 1)], 100)
        assert ((field[..., 1] >= 100) == bool(number)).all()
    much, little = (embedding.recall(one, memories, [1.0, w])[0][..., 1] for w in (1.0, 0.1))
    assert (little < much).all()


def test_textures_tell_rough_from_smooth_at_any_size(network):
    """Left half even, right half a fine checkerboard: at half the size they are told apart as well."""
    y, x = np.mgrid[:960, :1280] // 8
    grain = np.where((x + y) % 2, 0.3, 0.7).astype(np.float32)
    grain[:, :640] = 0.5
    half = cv2.resize(grain, (640, 480), interpolation=cv2.INTER_AREA)
    for picture in (grain, half):
        textures = embedding.describe(network, picture)[..., FEATURES:]
        assert textures[:, -35:].min() > textures[:, :35].max() + 1


def test_samples_are_bilinear():
    cells = np.array([[[0, 5], [4, 5]], [[8, 5], [20, 9]]], np.float32)  # (2, 2, 2)
    x = np.array([0, 1, 0, 1, 0.5, 0.25, -3, 9], np.float32)
    y = np.array([0, 0, 1, 1, 0.5, 0.75, 0.5, 7], np.float32)
    by_hand = [(0, 5), (4, 5), (8, 5), (20, 9), (8, 6), (0.25 * 1 + 0.75 * 11, 5.75), (4, 5), (20, 9)]
    np.testing.assert_allclose(embedding.bilinear(cells, x, y), by_hand, atol=1e-5)
    assert embedding.bilinear(cells, x.reshape(2, 4), y.reshape(2, 4)).shape == (2, 4, 2)


def test_moved_views_lie_where_the_unmoved_does(network):
    gray, _ = scene()
    views = embedding.random_views(network, gray, seed=3)
    still = embedding.describe(network, gray)
    assert views.shape == (embedding.VIEWS, *still.shape)
    np.testing.assert_array_equal(views[0], still)
    for view in views[1:]:
        assert not np.array_equal(view, still)
        np.testing.assert_array_equal(view[..., FEATURES:], still[..., FEATURES:])
        view, same = view[..., :FEATURES], still[..., :FEATURES]
        here, elsewhere = (view * same).sum(-1).mean(), (np.roll(view, 15, axis=1) * same).sum(-1).mean()
        assert here > elsewhere + 0.1
    np.testing.assert_array_equal(views, embedding.random_views(network, gray, seed=3))
    assert not np.array_equal(views, embedding.random_views(network, gray, seed=4))


def test_the_shipped_weights_are_small_and_plain(network):
    assert WEIGHTS.stat().st_size < MOST_BYTES
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        assert sorted(stored, key=int) == [str(i) for i in range(len(network.weights))]
        for i, weight in enumerate(network.get_weights()):
            assert stored[str(i)].dtype == np.float16
            assert stored[str(i)].shape == weight.shape
            assert np.isfinite(stored[str(i)]).all()


def test_weights_survive_their_file(network, tmp_path):
    save_weights(network, tmp_path / "w.npz")
    again = embedding_network(tmp_path / "w.npz")
    for one, other in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_likest_cells_of_a_picture_in_itself_lead_every_pixel_to_its_place():
    rng = np.random.default_rng(3)
    cells = rng.normal(size=(6, 8, 64)).astype(np.float32)
    cells /= np.linalg.norm(cells, axis=-1, keepdims=True)
    likest = embedding.recall(cells, [(cells, np.ones((6, 8, 2), np.float32))])[1]
    field = motion(likest, (50, 70), [((50, 70), 0)], 50)
    y, x = np.mgrid[:50, :70]
    np.testing.assert_allclose(field, np.stack([x, y], -1), atol=1e-3)
    twice = motion(likest, (50, 70), [((100, 140), 0)], 100)
    np.testing.assert_allclose(twice.mean((0, 1)), [69.5, 49.5], atol=1)
