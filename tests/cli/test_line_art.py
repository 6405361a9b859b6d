"""``refcolor key.png line.png``: line art from the command line, alone and in shots."""

from pathlib import Path

import numpy as np
import pytest
from inked import PAINTS, figure, right

from refcolor.files import images
from refcolor.files.image_storage import Storage
from refcolor.files.images import Picture


@pytest.fixture
def inked(tmp_path, monkeypatch):
    """The current folder, with a painted key, moved line art, and both of a shot."""
    monkeypatch.chdir(tmp_path)
    images.write_picture("key.png", figure()[0])
    images.write_picture("line.png", figure(4, 2)[1])
    Path("lines").mkdir()
    for number in range(1, 5):
        images.write_picture(f"lines/{number:04}.png", figure(number * 3, number)[1])
    return tmp_path


def pixels(name):
    return images.read(name).rgb


def test_a_drawing_is_painted_and_said_to_be_one(call, inked):
    code, out, err = call("key.png", "line.png", "--preset", "quick")
    assert (code, out) == (0, ["line_color.png"])
    assert err == [
        "refcolor: 'line.png' is line art: lines stay, areas are painted; "
        "if it is a gray picture, say --target gray"
    ]
    painted, drawn = figure(4, 2)
    assert right(pixels("line_color.png"), painted, drawn) > 0.98


def test_what_it_is_can_be_said(call, inked):
    for kind, is_line_art in (("gray", False), ("lines", True)):
        code, _, err = call("key.png", "line.png", "--target", kind, "--preset", "quick", "-o", f"{kind}.png")
        assert (code, err) == (0, [])
        coat = np.abs(pixels(f"{kind}.png") * 255 - PAINTS["coat"]).max(-1) < 1
        assert (coat.mean() > 0.05) == is_line_art
    code, _, err = call("key.png", "line.png", "--target", "ink")
    assert code == 2
    assert "'ink' is not one of" in " ".join(err)


def test_a_gray_picture_is_colored_as_ever(call, inked):
    gray = figure(4, 2)[0] @ np.array([0.299, 0.587, 0.114], np.float32)
    images.write_picture("gray.png", gray)
    assert call("key.png", "gray.png", "--preset", "quick") == (0, ["gray_color.png"], [])
    code, _, err = call("key.png", "gray.png", "--target", "lines", "--preset", "quick", "--force")
    assert (code, err) == (0, [])


@pytest.mark.parametrize("value", [0, 1])
def test_no_drawing_is_one_clear_line(call, inked, value):
    images.write_picture("bad.png", np.full((60, 60), value, np.float32))
    code, out, err = call("key.png", "bad.png", "--target", "lines", "--preset", "quick")
    assert (code, out) == (1, [])
    assert err == ["refcolor: the drawing has no areas between strokes: give line art on light paper"]


def test_a_drawing_on_no_paper_gets_opaque_paint(call, inked):
    """Ink with alpha: the figure becomes opaque, what lies around it stays as it was."""
    painted, drawn = figure(4, 2)
    cover = 1 - drawn[..., 0]
    images.write("cel.png", np.zeros_like(drawn), like=Picture(drawn, cover, Storage("png", "uint8")))
    code, _, _ = call("key.png", "cel.png", "--preset", "quick")
    assert code == 0
    result = images.read("cel_color.png")
    assert result.alpha[160, 130] == 1
    assert result.alpha[5, 5] == 0
    assert right(result.rgb, painted, drawn) > 0.98


def test_a_shot_of_line_art_is_the_same_for_any_split(run_shot, inked):
    words = ["lines", "-k", "0=key.png", "--preset", "quick", "-o"]
    code, out, err = run_shot(*words, "whole")
    assert (code, len(out)) == (0, 4)
    assert "refcolor: 'lines/0001.png' is line art: lines stay, areas are painted" in [
        line.replace("\\", "/") for line in err
    ]
    for chunk in ("3-4", "1-2"):
        assert run_shot(*words, "parts", "--frames", chunk, "--workers", "1")[0] == 0
    for number in range(1, 5):
        painted, drawn = figure(number * 3, number)
        assert right(pixels(f"whole/{number:04}.png"), painted, drawn) > 0.95
        assert Path(f"whole/{number:04}.png").read_bytes() == Path(f"parts/{number:04}.png").read_bytes()
