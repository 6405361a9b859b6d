"""Shots: every frame a function of keys and gray frames alone, steady where it stands, sure at its keys."""

import pickle
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from refcolor import Colorizer, Config
from refcolor.imaging import merge
from refcolor.imaging.color import luma, rgb_to_lab
from refcolor.imaging.metrics import ciede2000
from refcolor.shots.frame_pairs import static_mask
from refcolor.shots.shot import Shot

COUNT = 10


def scene(index, ground=0):
    """A red disc with a blue dot that crosses a painted ground: (96, 128, 3) in 8-bit steps."""
    rng = np.random.default_rng(ground)
    image = cv2.resize(rng.random((12, 16, 3)).astype(np.float32), (128, 96), interpolation=cv2.INTER_CUBIC)
    image = np.clip(0.3 + 0.5 * image + 0.05 * rng.standard_normal((96, 128, 1)), 0, 1).astype(np.float32)
    center = (20 + 9 * index, 48 + 2 * (index % 3))
    cv2.circle(image, center, 16, (0.85, 0.15, 0.1), -1, cv2.LINE_AA)
    cv2.circle(image, (center[0] - 5, center[1]), 5, (0.1, 0.2, 0.8), -1, cv2.LINE_AA)
    cv2.circle(image, center, 16, (0.05, 0.05, 0.05), 1, cv2.LINE_AA)
    return (np.rint(image * 255) / 255).astype(np.float32)


def gray8(rgb):
    return (np.rint(luma(rgb) * 255) / 255).astype(np.float32)


def off(one, other):
    return ciede2000(rgb_to_lab(one), rgb_to_lab(other))


@pytest.fixture(scope="module")
def colors():
    return [scene(i) for i in range(COUNT)]


@pytest.fixture(scope="module")
def grays(colors):
    return [gray8(picture) for picture in colors]


@pytest.fixture(scope="module")
def quick(colors):
    return Colorizer(Config("quick")).fit(colors[0])


@pytest.fixture(scope="module")
def both(colors):
    return Colorizer(Config("quick")).fit([colors[0], colors[-1]])


@pytest.fixture(scope="module")
def made(quick, grays):
    return list(Shot(quick, grays, [0]))


def test_a_shot_has_the_colors_of_its_key(made, colors, grays):
    for frame, truth, gray in zip(made, colors, grays, strict=True):
        assert np.median(off(frame.image, truth)) < 2
        assert np.abs(luma(frame.image) - gray).max() < 0.51 / 255  # a key's gray is not rounded
        assert frame.confidence.shape == gray.shape
        assert frame.keys == (0,)
        assert (frame.hold, frame.cut, frame.keyless) == (False, False, False)


def test_the_frame_of_a_key_has_its_very_colors(made, colors):
    np.testing.assert_array_equal(made[0].image, colors[0])
    assert (made[0].confidence == 1).all()


def test_what_stands_still_keeps_its_color(made, grays):
    for i in range(COUNT - 1):
        stands = static_mask(grays[i], grays[i + 1])
        assert stands.mean() > 0.3
        assert off(made[i].image, made[i + 1].image)[stands].max() < 0.5  # of luma, by a level


@pytest.mark.parametrize("order", [[9, 3, 4, 0], [5], [7, 6, 5, 4, 3, 2, 1]])
def test_any_part_in_any_order_is_as_in_the_whole(quick, grays, made, order):
    shot = Shot(quick, grays, [0])
    for i in order:
        np.testing.assert_array_equal(shot[i].image, made[i].image)
        np.testing.assert_array_equal(shot[i].confidence, made[i].confidence)


def test_a_shot_is_a_sequence(quick, grays, made):
    shot = Shot(quick, [np.rint(gray * 255).astype(np.uint8) for gray in grays], [0])
    assert isinstance(shot, Sequence)
    np.testing.assert_array_equal(shot[-1].image, made[-1].image)
    assert [frame.hold for frame in shot[2:6:2]] == [made[2].hold, made[4].hold]
    for index in (COUNT, -COUNT - 1):
        with pytest.raises(IndexError, match=f"of {COUNT}"):
            shot[index]


def test_what_is_forgotten_is_made_again(quick, grays, made, monkeypatch):
    monkeypatch.setattr("refcolor.shots.shot.MAX_FRAMES", 1)
    monkeypatch.setattr("refcolor.shots.shot.MAX_TRACKS", 1)
    for frame, wanted in zip(Shot(quick, grays, [0]), made, strict=True):
        np.testing.assert_array_equal(frame.image, wanted.image)


def test_a_second_key_helps(both, made, colors, grays):
    shot = Shot(both, grays, [0, COUNT - 1])
    inner = range(1, COUNT - 1)
    two = [shot[i] for i in inner]
    assert [frame.keys for frame in two[:2]] == [(0, 1)] * 2
    assert [frame.keys for frame in two[-2:]] == [(1, 0)] * 2
    mean_two = np.mean([off(frame.image, colors[i]).mean() for frame, i in zip(two, inner, strict=True)])
    mean_one = np.mean([off(made[i].image, colors[i]).mean() for i in inner])
    assert mean_two < mean_one


def test_a_frame_is_colored_from_the_nearest_keys_of_each_side(colors, grays):
    keys = [0, 3, 6, 9]
    colorizer = Colorizer(Config("quick")).fit([colors[i] for i in keys])
    shot = Shot(colorizer, grays, keys)
    assert [shot[i].keys for i in (1, 2, 4, 8)] == [(0, 1), (1, 0), (1, 2), (3, 2)]
    assert [Shot(colorizer, grays, [4, 5, 6, None])[i].keys for i in (0, 9)] == [(0, 1, 3), (2, 1, 3)]


def repainted(rgb, to):
    """The ground of a picture in another color of the same gray: `to` is what CIELAB a is moved by."""
    lab = rgb_to_lab(rgb)
    lab[..., 1] += to
    return merge.luma_exact(luma(rgb), np.ascontiguousarray(lab[..., 1:]))


@pytest.mark.parametrize("swapped", [False, True])
def test_keys_that_differ_where_nothing_moves_are_both_kept(grays, swapped):
    """Whichever is named first, and over a hold as well."""
    frames = [grays[3]] * 5 + [grays[4]] + [grays[3]] * 3
    keys, places = [repainted(np.repeat(grays[3][..., None], 3, -1), a) for a in (20, -20)], [1, 8]
    order = [1, 0] if swapped else [0, 1]
    colorizer = Colorizer(Config("quick")).fit([keys[i] for i in order])
    found = list(Shot(colorizer, frames, [places[i] for i in order]))
    ground = static_mask(grays[3], grays[4])
    for i, key in [(0, 0), (1, 0), (2, 0), (4, 0), (7, 1), (8, 1)]:
        assert off(found[i].image, keys[key])[ground].max() < 1, i
    assert [frame.hold for frame in found] == [0, 0, 1, 1, 1, 0, 0, 1, 0]


def test_keys_that_differ_by_little_go_over_into_each_other(grays):
    """Nothing is seen to change from one frame to the next."""
    keys = [repainted(np.repeat(grays[3][..., None], 3, -1), a) for a in (12, 16)]
    colorizer = Colorizer(Config("quick")).fit(keys)
    frames = [grays[3], *grays[4:8], grays[3]]
    found = [frame.image for frame in Shot(colorizer, frames, [0, 5])]
    ground = np.logical_and.reduce([static_mask(grays[3], gray) for gray in frames])
    assert ground.mean() > 0.3
    a = [float(rgb_to_lab(image)[..., 1][ground].mean()) for image in found]
    np.testing.assert_allclose(np.diff(a), (a[5] - a[0]) / 5, atol=0.1)
    assert a[5] - a[0] > 3


def test_light_goes_over_from_key_to_key(colors, grays):
    """A warm dusk between two keys: each frame has the colors of its own light, without a jump."""
    dusk = np.linspace(1, np.float32([0.85, 0.6, 0.45]), COUNT, dtype=np.float32)
    truths = [color * light for color, light in zip(colors, dusk, strict=True)]
    colorizer = Colorizer(Config("quick")).fit([truths[0], truths[-1]])
    shot = Shot(colorizer, [gray8(truth) for truth in truths], [0, COUNT - 1])
    errors = [np.median(off(frame.image, truth)) for frame, truth in zip(shot, truths, strict=True)]
    assert max(errors) < 1.5


def test_colors_fade_with_a_lamp(colors):
    """What one key cannot show: less light, less chroma."""
    truths = [color * np.float32(1 - 0.05 * i) for i, color in enumerate(colors)]
    shot = Shot(Colorizer(Config("quick")).fit(colors[0]), [gray8(truth) for truth in truths], [0])
    assert np.median(off(shot[8].image, truths[8])) < 1


def test_keys_of_other_sizes_and_shapes(colors, grays):
    large = cv2.resize(colors[0], (200, 150), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    part = np.ascontiguousarray(colors[-1][10:90, 30:])
    colorizer = Colorizer(Config("quick")).fit([large, part])
    for places in ([0, COUNT - 1], [None, None]):
        shot = Shot(colorizer, grays, places)
        for i in (0, 4, COUNT - 1):
            assert np.median(off(shot[i].image, colors[i])) < 3


def test_holds_and_cuts_are_seen(colors, grays):
    other = [gray8(scene(i, ground=5)) for i in range(3)]
    frames = [grays[0], grays[0], grays[1], *other]
    shot = Shot(Colorizer(Config("quick")).fit(colors[0]), frames, [0])
    found = list(shot)
    assert [frame.hold for frame in found] == [False, True, False, False, False, False]
    assert [frame.cut for frame in found] == [False, False, False, True, False, False]
    assert [frame.keyless for frame in found] == [False, False, False, True, True, True]
    np.testing.assert_array_equal(found[0].image, found[1].image)


def test_a_hold_is_one_picture_wherever_blocks_end(colors, grays, monkeypatch):
    monkeypatch.setattr("refcolor.shots.frame_pairs.BLOCK", 4)
    frames = [grays[0], *[grays[5]] * 9, grays[6]]
    shot = Shot(Colorizer(Config("quick")).fit(colors[0]), frames, [0])
    for order in (range(11), (7, 2, 9)):
        found = {i: shot[i].image for i in order}
        for i in set(order) & set(range(1, 10)):
            np.testing.assert_array_equal(found[i], shot[1].image)


def test_a_fade_is_no_hold(colors, grays):
    """No step is seen, but they add up: the gray stays right all the same."""
    frames = [np.float32(grays[5] * (1 - i / 200)) for i in range(12)]
    shot = Shot(Colorizer(Config("quick")).fit(colors[0]), frames, [None])
    assert 0 < sum(frame.hold for frame in shot) < 11
    for i in (3, 11):
        assert np.abs(luma(shot[i].image) - frames[i]).max() < 1e-4


def test_each_scene_takes_the_key_on_its_side_of_the_cut(colors, grays):
    other = [scene(i, ground=5) for i in range(4)]
    frames = [*grays[:4], *map(gray8, other)]
    shot = Shot(Colorizer(Config("quick")).fit([colors[0], other[3]]), frames, [0, 7])
    assert [frame.keys for frame in shot] == [(0,)] * 4 + [(1,)] * 4


def test_a_frame_that_cannot_be_had_fails_alone(quick, grays, made):
    class Broken(list):
        def __getitem__(self, at):
            if at == 4:
                raise ValueError("cannot be read")
            return super().__getitem__(at)

    shot = Shot(quick, Broken(grays), [0])
    with pytest.raises(ValueError, match="cannot be read"):
        shot[4]
    for i in (3, 5, 8):
        assert off(shot[i].image, made[i].image).mean() < 1


@pytest.mark.slow
def test_the_network_takes_part(colors, grays, both):
    config = Config("standard", epochs=2, device="cpu")
    colorizer = Colorizer(config).fit([colors[0], colors[-1]])
    shot = Shot(colorizer, grays, [0, COUNT - 1])
    assert np.median(off(shot[5].image, colors[5])) < 2
    assert off(shot[5].image, Shot(both, grays, [0, COUNT - 1])[5].image).max() > 1
    sent = pickle.loads(pickle.dumps(colorizer))
    np.testing.assert_array_equal(Shot(sent, grays, [0, COUNT - 1])[5].image, shot[5].image)


@pytest.mark.parametrize("init", ["pretrained", "scratch"])
def test_several_keys_are_learned_as_one(colors, init):
    """The palette is of them all, and a key is labelled in its own colors."""
    blue = np.ascontiguousarray(colors[0][..., ::-1])
    config = Config("standard", epochs=3 if init == "pretrained" else 1, init=init, device="cpu", grid=64)
    colorizer = Colorizer(config).fit([colors[0], blue])
    assert len(colorizer.learned.sources) == 2
    for i, picture in enumerate((colors[0], blue)):
        source = colorizer.learned.sources[i]
        assert source.palette is colorizer.learned.palette
        assert off(source.palette.paint(source.labels), picture).mean() < 8


@pytest.mark.slow
def test_the_report_preset_colors_shots_at_its_own_size(colors, grays):
    config = Config("paper", epochs=1, device="cpu", grid=32, clusters=8)
    frame = Shot(Colorizer(config).fit([colors[0], colors[-1]]), grays, [0, 9])[3]
    assert frame.image.shape == (224, 224, 3)
    assert frame.confidence is None


@pytest.mark.parametrize("places", [[], [0, 1]])
def test_places_and_keys_must_agree(quick, grays, places):
    with pytest.raises(ValueError, match=f"{len(places)} key indices for 1 keys"):
        Shot(quick, grays, places)


def test_keys_come_first(grays):
    with pytest.raises(ValueError, match="call fit"):
        Shot(Colorizer(), grays, [0])
    with pytest.raises(ValueError, match="at least one"):
        Colorizer().fit([])
