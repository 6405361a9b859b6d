"""Files of results: their names, and what must not be overwritten."""

import os
from pathlib import Path

import numpy as np
import pytest

from refcolor.errors import UsageError, code_of
from refcolor.files import images
from refcolor.render import outputs, pictures
from refcolor.render.frames import FileFrames
from refcolor.render.request import Request


@pytest.fixture
def frames(tmp_path, monkeypatch):
    """Frames 1 to 3 in ``shot``; their folder is the current one."""
    monkeypatch.chdir(tmp_path)
    Path("shot").mkdir()
    for number in (1, 2, 3):
        images.write_picture(f"shot/a.{number}.png", np.full((32, 40), 0.5, np.float32))
    return FileFrames({number: Path(f"shot/a.{number}.png") for number in (1, 2, 3)})


def request(**more):
    return Request(targets=[Path("shot")], **more)


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("out", ["out/a.1.png", "out/a.3.png"]),
        ("out.####.exr", ["out.0001.exr", "out.0003.exr"]),
        ("new/%02d.png", ["new/01.png", "new/03.png"]),
    ],
)
def test_results_keep_their_names_or_follow_a_pattern(frames, output, names):
    files = outputs.frame_files(frames, [0, 2], Path(output))
    assert [str(path) for path in files.values()] == names


def test_names_of_single_pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, two = Path("a/x.png"), Path("b/y.exr")
    assert pictures.result_files([one, two], None, "color", single=False) == [
        Path("a/x_color.png"), Path("b/y_color.png"),
    ]  # fmt: skip
    assert pictures.result_files([one], Path("z.png"), "color", single=True) == [Path("z.png")]
    assert pictures.result_files([one], Path("z"), "color", single=False) == [Path("z/x_color.png")]
    with pytest.raises(UsageError, match=r"'z.png' is no folder, and 2 targets need one"):
        pictures.result_files([one, two], Path("z.png"), "color", single=False)


def test_two_results_of_one_name_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("z")
    with pytest.raises(UsageError, match=r"both become 'link/x\.png'"):
        outputs.refuse_clashes([Path("z/x.png"), Path("link/x.png")], [])


def test_a_frame_is_done_when_all_its_files_exist(frames):
    for name in ("out/a.1.png", "out/a.2.png", "sure/a.2.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    more = {"output": Path("out"), "confidence": Path("sure")}
    files = outputs.shot_outputs(request(**more, skip_existing=True), frames)
    assert (files.todo, files.done) == ([0, 2], [1])
    assert files.pictures == [Path("sure/a.1.png"), Path("out/a.3.png"), Path("sure/a.3.png")]
    assert outputs.shot_outputs(request(**more), frames).todo == [0, 1, 2]
    assert outputs.shot_outputs(request(), frames).selected == []


def test_inputs_are_known_by_any_name(frames):
    os.link("shot/a.1.png", "hard.png")
    Path("soft.png").symlink_to("shot/a.2.png")
    for name in ("hard.png", "soft.png", "shot/../shot/a.3.png"):
        with pytest.raises(UsageError, match="is the input"):
            outputs.refuse_clashes([Path(name)], frames.files)


def test_new_folders_are_parents_first(frames):
    folders = [Path("out/deep"), Path("out"), Path("unused"), None]
    paths = [Path("out/deep/a.png"), Path("out/b.png")]
    assert outputs.check(paths, folders, frames.files, force=False) == [Path("out"), Path("out/deep")]


def test_existing_files_are_refused_unless_they_are_replaced(frames):
    Path("r.json").touch()
    with pytest.raises(FileExistsError) as caught:
        outputs.check([], [], [], others=[Path("r.json")], force=False)
    assert code_of(caught.value) == "exists"
    assert outputs.check([], [], [], others=[Path("r.json")], force=False, replace={Path("r.json")}) == []
    assert outputs.check([], [], [], others=[Path("r.json")], force=True) == []


def test_results_of_a_folder_need_another(frames):
    with pytest.raises(UsageError) as caught:
        pictures.color(request(keys=["key.png"]))
    assert code_of(caught.value) == "needs_folder"


def test_results_inside_an_input_folder_are_refused(frames):
    with pytest.raises(UsageError, match="lies inside the input folder 'shot'"):
        outputs.refuse_inside([Path("shot")], Path("shot/../shot/new"))
    outputs.refuse_inside([Path("shot")], Path("shot2"))
