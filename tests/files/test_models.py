"""Model files: the same bits as in one run, and nothing believed that is not checked."""

import io
import json
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import refcolor
from refcolor import Colorizer, Config
from refcolor.files import models

PRESETS = {
    "standard": {"epochs": 2},
    "scratch": {"preset": "standard", "init": "scratch", "epochs": 1, "grid": 40, "tile": 24},
    "paper": {"epochs": 1, "batch": 2000},
    "quick": {},
}


def config(name):
    settings = dict(PRESETS[name])
    clusters = None if name == "quick" else 6
    return Config(settings.pop("preset", name), clusters=clusters, device="cpu", **settings)


@pytest.fixture(scope="module")
def hero(tmp_path_factory, trained):
    path = tmp_path_factory.mktemp("models") / "hero.refcolor"
    models.save(trained, path)
    return path


@pytest.mark.parametrize(
    "name",
    ["quick", *(pytest.param(slow, marks=pytest.mark.slow) for slow in ("standard", "scratch", "paper"))],
)
def test_saved_and_loaded_gives_the_same_bits(name, drawn, drawn_gray, tmp_path):
    fitted = Colorizer(config(name)).fit(drawn)
    models.save(fitted, tmp_path / "m.refcolor")
    again = models.load(tmp_path / "m.refcolor")
    target = np.ascontiguousarray(drawn_gray[:, ::-1])
    one, other = (colorizer.colorize(target) for colorizer in (fitted, again))
    np.testing.assert_array_equal(one.image, other.image)
    if one.confidence is not None:
        np.testing.assert_array_equal(one.confidence, other.confidence)
    whole = refcolor.colorize(drawn, target, config(name))
    np.testing.assert_array_equal(one.image, whole.image)


@pytest.mark.parametrize(
    "change", [lambda x: x, lambda x: np.rint(x * 65535).astype(np.float32) / np.float32(65535), np.sqrt]
)
def test_the_source_comes_back_bit_for_bit(drawn, change, tmp_path):
    source = np.asarray(change(drawn), np.float32)
    models.save(Colorizer(Config("quick")).fit(source), tmp_path / "m.refcolor")
    found = models.read(tmp_path / "m.refcolor")
    np.testing.assert_array_equal(found.sources[0], source)
    assert found.sources[0].dtype == np.float32


def test_eight_bit_sources_are_kept_in_eight_bits(drawn, tmp_path):
    models.save(Colorizer(Config("quick")).fit(drawn), tmp_path / "m.refcolor")
    assert (tmp_path / "m.refcolor").stat().st_size < drawn.size + 2000


@pytest.mark.slow
def test_several_sources_and_what_they_are_called_come_back(drawn, drawn_gray, tmp_path):
    other = np.ascontiguousarray(drawn[:40, ::-1])
    fitted = Colorizer(config("standard")).fit([drawn, other])
    keys = [("a.0001.png", 1), ("sheet \udcff", None)]
    models.save(fitted, tmp_path / "m.refcolor", keys=keys, beside=["a.0001.png"])
    found = models.read(tmp_path / "m.refcolor")
    assert (found.keys, found.beside) == (tuple(keys), ("a.0001.png",))
    assert all(np.array_equal(a, b) for a, b in zip(found.sources, (drawn, other), strict=True))
    again = models.load(tmp_path / "m.refcolor")
    np.testing.assert_array_equal(fitted.colorize(drawn_gray).image, again.colorize(drawn_gray).image)


@pytest.mark.slow
def test_the_palette_of_several_pictures_comes_back_for_the_report_too(drawn, tmp_path):
    fitted = Colorizer(config("paper")).fit([drawn, np.ascontiguousarray(drawn[:, ::-1])])
    models.save(fitted, tmp_path / "m.refcolor")
    other = np.ascontiguousarray(fitted.learned.palette.rgb[::-1])
    bad = rewritten(tmp_path / "m.refcolor", tmp_path / "n.refcolor", **{"palette/rgb.npy": npy(other)})
    np.testing.assert_array_equal(models.load(bad).learned.palette.rgb, other)


@pytest.mark.parametrize(
    "keys",
    [
        {"keys": []},
        {"keys": [["a", 1], ["b", 2]]},
        {"keys": [["a", "1"]]},
        {"keys": [["a", True]]},
        {"keys": [["a", 10**100]]},
        {"keys": [[1, 1]]},
        {"keys": [["a"]]},
        {"keys": 7},
        {"keys": {"a": 1}},
        {"keys": "ab"},
        {"keys": [["a", 1]], "beside": [1]},
        {"keys": [["a", 1]], "beside": 1},
    ],
)
def test_keys_that_make_no_sense_are_refused(hero, tmp_path, keys):
    words = about(hero, **({"beside": []} | keys))
    with pytest.raises(ValueError, match="damaged or cut short"):
        models.read(rewritten(hero, tmp_path / "m.refcolor", **{"refcolor.json": words}))


def test_the_same_model_is_the_same_file(trained, hero, tmp_path):
    models.save(trained, tmp_path / "again.refcolor")
    assert (tmp_path / "again.refcolor").read_bytes() == hero.read_bytes()


def test_auto_clusters_are_decided_in_the_file(drawn, tmp_path):
    fitted = Colorizer(Config("standard", clusters="auto", epochs=1, device="cpu")).fit(drawn)
    models.save(fitted, tmp_path / "m.refcolor")
    assert models.read(tmp_path / "m.refcolor").config.clusters == len(fitted.learned.palette)


@pytest.mark.parametrize("name", [pytest.param("standard", marks=pytest.mark.slow), "quick"])
def test_threads_may_share_a_colorizer(name, drawn, drawn_gray):
    targets = [np.ascontiguousarray(np.roll(drawn_gray, shift, axis=1)) for shift in range(6)]
    shared = Colorizer(config(name)).fit(drawn)
    with ThreadPoolExecutor(len(targets)) as pool:
        found = [result.image for result in pool.map(shared.colorize, targets)]
    for target, image in zip(targets, found, strict=True):
        np.testing.assert_array_equal(shared.colorize(target).image, image)


def test_nothing_is_saved_before_anything_is_learned(tmp_path):
    with pytest.raises(ValueError, match="nothing to save"):
        models.save(Colorizer(), tmp_path / "m.refcolor")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- hostile files


def rewritten(path, to, **changed):
    """A copy of a model with some members replaced, or left out for None."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for info in old.infolist():
            data = changed.pop(info.filename, old.read(info.filename))
            if data is not None:
                new.writestr(info.filename, data)
        for name, data in changed.items():
            new.writestr(name, data)
    return to


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def about(path, **changed):
    with zipfile.ZipFile(path) as archive:
        found = json.loads(archive.read("refcolor.json"))
    return json.dumps(found | changed)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.9, 0.999])
def test_a_truncated_model_is_refused(hero, tmp_path, part):
    short = tmp_path / "short.refcolor"
    short.write_bytes(hero.read_bytes()[: int(part * hero.stat().st_size)])
    with pytest.raises(ValueError, match=r"short\.refcolor' is damaged or cut short"):
        models.read(short)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_flipped_bit_is_noticed(hero, tmp_path, at):
    data = bytearray(hero.read_bytes())
    data[int(at * len(data))] ^= 4
    (tmp_path / "bad.refcolor").write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        models.read(tmp_path / "bad.refcolor")


@pytest.mark.parametrize("data", [b"x", b"PK\3\4" + b"\0" * 40, pickle.dumps({"a": 1}), b"refcolor.json" * 9])
def test_foreign_files_are_refused(tmp_path, data):
    (tmp_path / "f.refcolor").write_bytes(data)
    assert not models.is_model(tmp_path / "f.refcolor")
    with pytest.raises(ValueError, match="not a refcolor model"):
        models.read(tmp_path / "f.refcolor")


def test_what_cannot_be_opened_is_no_model(tmp_path):
    assert not models.is_model(tmp_path / "none")
    assert not models.is_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        models.read(tmp_path / "none")


def test_another_format_is_named(hero, tmp_path):
    words = about(hero, format=models.FORMAT + 1, refcolor="9.9")
    bad = rewritten(hero, tmp_path / "m.refcolor", **{"refcolor.json": words})
    seen = rf"format {models.FORMAT + 1}, saved by refcolor '9\.9'.*train it again"
    with pytest.raises(ValueError, match=seen):
        models.read(bad)


@pytest.mark.parametrize(
    "changed",
    [
        {"refcolor.json": "[]"},
        {"refcolor.json": "{"},
        {"refcolor.json": b"\xff\xfe"},
        {"refcolor.json": " " * 70_000},
        {"refcolor.json": "[" * 60_000},
        {"source/0.npy": b"\x93NUMPY\1\0\4\0(((("},
        {"source/0.npy": b"\x93NUMPY\1\0\x40\x1f" + b"(" * 8000},
        {"palette/lab.npy": npy(np.full((24, 3), np.nan, np.float32))},
        {"palette/lab.npy": npy(np.zeros((24, 3), np.uint8))},
        {"source/0.npy": None},
        {"source/0.npy": npy(np.zeros((9, 9, 3), np.float32))},
        {"source/0.npy": npy(np.full((40, 40, 3), np.nan, np.float32))},
        {"source/0.npy": npy(np.full((40, 40, 3), 7, np.float32))},
        {"source/0.npy": npy(np.zeros((40, 40), np.uint8))},
        {"source/0.npy": npy(np.zeros((40, 40, 3), np.float64))},
        {"source/0.npy": npy(np.array([{}, 1], object))},
        {"source/0.npy": npy(np.zeros((40, 40, 3), np.uint8))[:-5]},
        {"palette/rgb.npy": npy(np.zeros((3, 3), np.float32))},
        {"network/0/0.npy": npy(np.full(3, np.inf, np.float32))},
        {"more.npy": npy(np.zeros(3, np.float32))},
    ],
)
def test_wrong_content_is_refused(hero, tmp_path, changed):
    with pytest.raises(ValueError, match="damaged or cut short"):
        models.read(rewritten(hero, tmp_path / "m.refcolor", **changed))


def test_a_setting_out_of_range_is_refused(hero, tmp_path):
    with zipfile.ZipFile(hero) as archive:
        settings = json.loads(archive.read("refcolor.json"))["config"]
    words = about(hero, config=settings | {"seed": -1})
    with pytest.raises(ValueError, match="out of range: seed is -1"):
        models.read(rewritten(hero, tmp_path / "m.refcolor", **{"refcolor.json": words}))


@pytest.mark.parametrize(
    "wrong",
    [{"seed": None}, {"seed": 1.5}, {"clusters": 6.0}, {"canny": [1.0]}, {"grid": None}, {"blur": "x"}],
)
def test_a_setting_of_another_type_is_refused(hero, tmp_path, wrong):
    with zipfile.ZipFile(hero) as archive:
        settings = json.loads(archive.read("refcolor.json"))["config"]
    words = about(hero, config=settings | wrong)
    with pytest.raises(ValueError, match=f"out of range: {next(iter(wrong))} is "):
        models.read(rewritten(hero, tmp_path / "m.refcolor", **{"refcolor.json": words}))


@pytest.mark.parametrize("flag", [1, 0x20, 0x40])
def test_an_archive_of_unknown_kind_is_refused(hero, tmp_path, flag):
    data = bytearray(hero.read_bytes())
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + 8] |= flag
        at = data.find(b"PK\1\2", at + 4)
    (tmp_path / "m.refcolor").write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        models.read(tmp_path / "m.refcolor")


def test_a_source_of_too_many_pixels_is_refused(hero):
    with pytest.raises(ValueError, match="source of 64x48 pixels, more than 3000"):
        models.read(hero, max_pixels=3000)


def test_a_model_is_loaded_for_the_device_there_is(hero):
    assert models.load(hero).config.device == "auto"
    assert models.load(hero, device="cpu").config.device == "cpu"


def test_weights_of_another_network_are_refused(hero, tmp_path):
    bad = rewritten(hero, tmp_path / "m.refcolor", **{"network/1/0.npy": npy(np.zeros((3, 3), np.float32))})
    with pytest.raises(ValueError, match="do not fit"):
        models.load(bad)


def test_a_compressed_archive_is_refused(hero, tmp_path):
    """Nothing can unfold into more than the file's own size."""
    bomb = tmp_path / "bomb.refcolor"
    with zipfile.ZipFile(hero) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match="damaged"):
        models.read(bomb)
