"""Bad input: one clear line, the right exit code, and nothing is written."""

import errno
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import held

from refcolor.cli import app
from refcolor.files import images
from refcolor.imaging.color import luma


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width, height):
    """A sound PNG file, but for the size its header claims."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def damaged(extension):
    """Half of the drawing's file."""

    def make(path, drawn):
        whole = path.with_name(f"whole.{extension}")
        images.write_picture(whole, drawn)
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        whole.unlink()

    return make


def with_value(value):
    def make(path, drawn):
        image = drawn.copy()
        image[5, 7, 1] = value
        cv2.imwrite(str(path), image)

    return make


def content(data):
    return lambda path, drawn: path.write_bytes(data)


# name of the file: how it is made, exit code, what the line says
UNUSABLE = {
    "missing.png": (lambda path, drawn: None, 2, "there is no file"),
    "folder.png": (lambda path, drawn: path.mkdir(), 2, "is a folder"),
    "pipe.png": (lambda path, drawn: os.mkfifo(path), 1, "is a pipe or a device"),
    "empty.png": (content(b""), 1, "is empty"),
    "text.png": (content(b"not a picture\n" * 99), 1, "is not a picture"),
    "half.png": (damaged("png"), 1, "cut short"),
    "half.tif": (damaged("tif"), 1, "damaged"),
    "half.jpg": (damaged("jpg"), 1, "damaged"),
    "half.exr": (damaged("exr"), 1, "damaged"),
    "nothing.png": (content(png_header(0, 0)), 1, "has no pixels"),
    "nothing.gif": (content(b"GIF89a" + bytes(30)), 1, "has no pixels"),
    "dot.png": (lambda path, drawn: images.write_picture(path, drawn[:1, :1]), 1, "1x1 pixels"),
    "narrow.png": (lambda path, drawn: images.write_picture(path, drawn[:, :28]), 1, "28x48 pixels"),
    "low.png": (lambda path, drawn: images.write_picture(path, drawn[:28]), 1, "64x28 pixels"),
    "nan.tif": (with_value(np.nan), 1, "infinite or not a number"),
    "infinite.tif": (with_value(np.inf), 1, "infinite or not a number"),
    "huge.png": (content(png_header(12_000, 12_000)), 1, "--max-pixels"),
}


NO_SOURCE = {
    "gray.png": (lambda path, drawn: images.write_picture(path, luma(drawn)), 1, "has no color"),
    "few.png": (
        lambda path, drawn: images.write_picture(path, np.where(drawn > 0.5, 1.0, 0.2)),
        1,
        "fewer than the 24 clusters",
    ),
}


BAD = [(name, role) for name in UNUSABLE for role in ("source", "target")]


BAD += [(name, "source") for name in NO_SOURCE]


def words_with(name, role):
    return [name, "target.png"] if role == "source" else ["source.png", "target.png", name]


@pytest.mark.parametrize("command", ["color", "inspect"])
@pytest.mark.parametrize(("name", "role"), BAD)
def test_unusable_picture(call, scene, drawn, command, name, role):
    make, code, text = (UNUSABLE | NO_SOURCE)[name]
    make(scene / name, drawn)
    words = words_with(name, role)
    if command == "inspect":
        words = ["inspect", words[0], words[-1], "-o", "new"]
    before = {path: path.stat().st_mtime_ns for path in scene.iterdir()}
    found, out, err = call(*words)
    assert (found, out, len(err)) == (code, [], 1), err
    assert err[0].startswith("refcolor: ")
    assert text in err[0]
    assert {path: path.stat().st_mtime_ns for path in scene.iterdir()} == before


@pytest.mark.parametrize("place", range(3))
def test_score_refuses_unusable_pictures(call, scene, place):
    names = ["source.png"] * 3
    names[place] = "missing.png"
    code, out, err = call("score", *names[:2], "--source", names[2])
    assert (code, out, err) == (2, [], ["refcolor: there is no file 'missing.png'; check the name"])


def test_score_refuses_other_sizes(call, scene, drawn):
    images.write_picture("small.png", drawn[:40])
    code, out, err = call("score", "small.png", "source.png", "--source", "source.png")
    assert (code, out) == (1, [])
    assert err == ["refcolor: the result is 64x40, the truth 64x48: they must be equal"]


def test_a_file_that_may_not_be_read(call, scene, monkeypatch):
    # root may read anything, so the answer of the system is played
    really = os.open

    def refuse(path, *rest, **named):
        if str(path) == "target.png":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    code, out, err = call("source.png", "target.png")
    assert (code, out) == (1, [])
    assert err == ["refcolor: 'target.png' may not be read; check its permissions"]


OUTPUTS = {
    "no/out.png": "does not exist",
    "source.png": "is the input",
    "./target.png": "is the input",
    "symlink.png": "is the input",
    "hardlink.png": "is the input",
    "plain/out.png": "not a folder",
    "out.xyz": "ends in '.xyz'",
    "out": "has no extension",
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_outputs_that_must_not_be_written(call, scene, output):
    Path("symlink.png").symlink_to("source.png")
    os.link("target.png", "hardlink.png")
    Path("plain").write_bytes(b"mine")
    before = held(scene)
    code, out, err = call("source.png", "target.png", "-o", output, "--force")
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("refcolor: ")
    assert OUTPUTS[output] in err[0]
    assert held(scene) == before


def test_inspect_never_writes_over_its_input(call, scene):
    before = held(scene)
    code, out, err = call("inspect", "source.png", "-o", ".", "--force")
    assert (code, out, len(err)) == (2, [], 1)
    assert "is the input" in err[0]
    assert held(scene) == before


@pytest.mark.parametrize(
    "words",
    [
        ["source.png", "target.png", "--color"],
        ["source.png", "target.png", "--clusters", "1"],
        ["source.png", "target.png", "--clusters", "257"],
        ["source.png", "target.png", "--clusters", "many"],
        ["source.png", "target.png", "--clusters", "2.5"],
        ["source.png", "target.png", "--init", "random"],
        ["source.png", "target.png", "--epochs", "0"],
        ["source.png", "target.png", "--seed", "-1"],
        ["source.png", "target.png", "--preset", "fancy"],
        ["source.png", "target.png", "--device", "tpu"],
        ["source.png", "target.png", "--max-pixels", "0"],
        ["inspect", "source.png"],
        ["score", "source.png", "source.png"],
        ["info", "source.png"],
    ],
    ids=" ".join,
)
def test_words_that_are_no_command(call, scene, words):
    before = held(scene)
    code, out, err = call(*words)
    assert (code, out) == (2, [])
    assert any("Error" in line for line in err)
    assert not any("Traceback" in line for line in err)
    assert held(scene) == before


def test_help_and_bad_input_import_no_engine(scene, drawn):
    """One process goes through all of it; scikit-learn and TensorFlow take seconds each."""
    for name, (make, _, _) in (UNUSABLE | NO_SOURCE).items():
        make(scene / name, drawn)
    lines = [["--help"], ["--version"], ["info", "--help"], ["inspect", "--help"], ["score", "--help"]]
    lines += [words_with(name, role) for name, role in BAD]
    lines += [["source.png", "target.png", "-o", output] for output in OUTPUTS if "link" not in output]
    lines += [["inspect", "source.png", "-o", "no/new"], ["score", "source.png", "text.png", "--source", "x"]]
    code = (
        "import json, sys\nfrom refcolor.cli import main\ncodes = []\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    try: main(words)\n"
        "    except SystemExit as left: codes.append(left.code or 0)\n"
        "print(codes, [m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    words = [sys.executable, "-P", "-c", code, json.dumps(lines)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    codes = [0] * 5 + [(UNUSABLE | NO_SOURCE)[name][1] for name, _ in BAD]
    codes += [2] * (len(lines) - len(codes) - 1) + [1]  # text.png
    assert ended.stdout.splitlines()[-1] == f"{codes} []"


def test_an_unforeseen_error_is_one_line_too(monkeypatch, capsys):
    def fall(*_args, **_named):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("refcolor.render.pictures.result_files", fall)
    with pytest.raises(SystemExit) as left:
        app.main(["a.png", "b.png"])
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "unexpected ZeroDivisionError: inside" in said
    assert "--debug" in said
