#!/usr/bin/env python3
"""Whether two builds of refcolor write the same bytes: for changes that must not change any result.

    python benchmarks/same_bytes.py run TREE OUT.json [--only NAME ...] [--folder FOLDER]
    python benchmarks/same_bytes.py compare A.json B.json [--only NAME ...]

TREE holds the package `refcolor` with its extension built (`pip install --no-deps --target TREE .`). `run`
draws small inputs from the example scene, without refcolor, runs the commands below, each case in a folder of
its own, and keeps the exit codes and the hashes of all files and of stdout. `compare` ends with 1 if anything
differs. Compare runs of one machine only: other processors and other libraries may round in another way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import av
import cv2
import numpy as np
import OpenImageIO as oiio
from av.codec.context import Flags
from numpy.typing import NDArray

Pixels = NDArray[Any]
Record = dict[str, Any]

SCENE = Path(__file__).parents[1] / "examples/scene"
WIDTH, HEIGHT = 320, 180
RATE, SOUND = 12, 48_000  # of clips: frames and samples a second
DATE = re.compile(rb"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
START = "from refcolor.cli import main; main()"
INPUTS = "inputs"  # their row in the table; their folder is `in`

# A line is a command of refcolor, or one of
#     N: COMMAND      that must end with exit code N instead of 0
#     copy FILE       an input into the case's folder
#     equal A B       the two files, or folders, must hold the same bytes
CASES = {
    # one picture
    "quick": """
        ../in/color/0000.png ../in/gray/0003.png -o out.png --preset quick --confidence trust.png""",
    "standard": """
        ../in/color/0000.png ../in/gray/0003.png -o out.png --confidence trust.png""",
    "settings": """
        ../in/color/0000.png ../in/gray/0003.png -o auto.png --clusters auto --seed 7 --epochs 6
        ../in/color/0000.png ../in/gray/0003.png -o eight.png --clusters 8 --epochs 6
        ../in/color/0000.png ../in/gray/0003.png -o quick.png --clusters 8 --preset quick""",
    "scratch": """
        ../in/color/0000.png ../in/gray/0003.png -o out.png --init scratch --epochs 2""",
    "paper": """
        ../in/color/0000.png ../in/gray/0003.png -o out.png --preset paper --epochs 1""",
    "sizes": """
        ../in/color/0000.png ../in/larger.png ../in/smaller.png -o quick/ --preset quick
        ../in/large_key.png ../in/smaller.png -o small.png --epochs 8
        ../in/small_key.png ../in/larger.png -o large.png --epochs 8 --confidence trust.png""",
    "mirrored": """
        ../in/color/0000.png ../in/mirrored.png -o quick.png --preset quick
        ../in/color/0000.png ../in/mirrored.png -o standard.png""",
    "colored": """
        ../in/color/0000.png ../in/color/0002.png -o out.png --preset quick""",
    "light": """
        ../in/color/0000.png ../in/fading/0006.png -o quick.png --preset quick
        ../in/color/0000.png ../in/fading/0006.png -o standard.png --epochs 8""",
    "bands": """
        ../in/bands_key.png ../in/bands.png -o quick.png --preset quick --confidence quick_trust.png
        ../in/bands_key.png ../in/bands.png -o standard.png --confidence trust.png""",
    "flat": """
        ../in/flat_key.png ../in/flat.png -o quick.png --preset quick
        ../in/flat_key.png ../in/flat.png -o standard.png --epochs 8""",
    # files
    "png": """
        ../in/key16.png ../in/gray16.png -o gray16.png --preset quick
        ../in/color/0000.png ../in/rgb16.png -o rgb16.png --epochs 8
        ../in/alpha_key.png ../in/alpha.png -o alpha.png --preset quick --confidence trust.png
        ../in/color/0000.png ../in/alpha16.png -o alpha16.png --preset quick""",
    "tiff": """
        ../in/key16.tif ../in/gray16.tif -o gray16.tif --preset quick
        ../in/key16.tif ../in/alpha16.tif -o alpha16.tif --preset quick
        ../in/key16.tif ../in/float.tif -o float.tif --preset quick""",
    "exr": """
        ../in/key.exr ../in/half.exr -o half.exr --epochs 8
        ../in/key.exr ../in/float.exr -o float.exr --preset quick --confidence trust.exr
        ../in/color/0000.png ../in/gray.exr -o gray.exr --preset quick""",
    "tga-dpx": """
        ../in/key.tga ../in/alpha.tga -o alpha.tga --preset quick
        ../in/key.dpx ../in/ten.dpx -o ten.dpx --preset quick""",
    "webp-jpeg-bmp": """
        ../in/key.jpg ../in/gray.webp -o out.webp --preset quick
        ../in/key.jpg ../in/gray.jpg -o out.jpg --epochs 8
        ../in/key.jpg ../in/gray.bmp -o out.bmp --preset quick""",
    "conversions": """
        ../in/color/0000.png ../in/rgb16.png -o a.exr --preset quick
        ../in/color/0000.png ../in/half.exr -o b.png --preset quick
        ../in/color/0000.png ../in/float.exr -o c.tif --preset quick
        ../in/color/0000.png ../in/alpha.png -o d.jpg --preset quick
        ../in/color/0000.png ../in/alpha16.tif -o e.tga --preset quick
        ../in/color/0000.png ../in/ten.dpx -o f.webp --preset quick""",
    "folder": """
        ../in/color/0000.png ../in/gray -o colored --confidence trust --epochs 8""",
    "pattern": """
        ../in/color/0000.png '../in/gray/####.png' --frames 1-9x3 -o hashes --preset quick
        ../in/color/0000.png ../in/gray/%04d.png --frames 2,5 -o printf --preset quick
        ../in/color/0000.png '../in/gray/[3-4].png' -o brackets --preset quick""",
    "beside": """
        copy larger.png
        copy clip.mkv
        ../in/color/0000.png larger.png --preset quick
        ../in/color/0000.png clip.mkv --preset quick""",
    # what is learned
    "model": """
        ../in/color/0000.png ../in/gray/0002.png -o direct.png --save-model key.refcolor
        key.refcolor ../in/gray/0002.png -o again.png --confidence trust.png
        equal direct.png again.png
        ../in/color/0000.png --save-model quick.refcolor --preset quick
        quick.refcolor ../in/gray/0002.png -o quick.png
        ../in/color/0000.png --save-model scratch.refcolor --init scratch --epochs 1
        scratch.refcolor ../in/gray/0002.png -o scratch.png
        ../in/color/0000.png --save-model paper.refcolor --preset paper --epochs 1
        paper.refcolor ../in/gray/0002.png -o paper.png""",
    "shot-model": """
        shot ../in/gray -k ../in/color/0000.png -k ../in/color/0009.png --save-model shot.refcolor
        shot ../in/gray -k ../in/color/0000.png -k ../in/color/0009.png -o whole
        shot ../in/gray -k shot.refcolor -o chunks --frames 0-4 --workers 1
        shot ../in/gray -k shot.refcolor -o chunks --frames 5-9 --workers 1
        equal whole chunks
        shot.refcolor ../in/gray/0004.png -o single.png""",
    # shots
    "shot": """
        shot ../in/gray -k ../in/color/0000.png -o colored --report report.json --contact-sheet sheet.png
        shot '../in/gray/####.png' -k ../in/color/0003.png -o 'q.####.tif' --frames 1-8x2 --preset quick""",
    "keys": """
        shot ../in/gray -k ../in/color/0000.png -k ../in/color/0005.png -k ../in/color/0009.png -o three
            --confidence trust --report three.json --contact-sheet three.png --every 3
        shot ../in/gray -k ../in/keys -o folder --report folder.json --preset quick
        shot ../in/gray -k 2=../in/color/0002.png -k =../in/large_key.png -o sheet
            --report sheet.json --preset quick
        shot ../in/gray -k ../in/hero.png -o found --report found.json --preset quick
        shot ../in/gray --key-from ../in/colored.mkv@1 --key-from ../in/colored.mkv@4 -o film
            --preset quick""",
    "fading": """
        shot ../in/fading -k ../in/color/0000.png -o one --report one.json --epochs 8
        shot ../in/fading -k ../in/color/0000.png -k ../in/dark_keys/0009.png -o two --report two.json
        shot ../in/fading -k ../in/color/0000.png -k ../in/dark_keys/0009.png -o quick --preset quick""",
    "holds-cut": """
        shot ../in/cut -k ../in/color/0000.png -o colored --report report.json
            --contact-sheet sheet.png --epochs 8
        shot ../in/cut -k 1=../in/color/0000.png -k 9=../in/small_flat_key.png -o two --report two.json
            --preset quick""",
    "deep-frames": """
        shot ../in/alphas -k ../in/alpha_key.png -o alphas --preset quick --confidence trust
        shot ../in/exrs -k ../in/key.exr -o 'exrs.####.exr' --epochs 8""",
    "workers": """
        shot ../in/gray -k ../in/color/0000.png -k ../in/color/0009.png -o two --workers 2 --report two.json
        shot ../in/gray -k ../in/color/0000.png -k ../in/color/0009.png -o one --workers 1 --report one.json
        equal one two
        shot ../in/clip.mkv -k 1=../in/color/0000.png -o two.mkv --workers 2 --preset quick
        shot ../in/clip.mkv -k 1=../in/color/0000.png -o one.mkv --workers 1 --preset quick
        equal one.mkv two.mkv""",
    "resume": """
        shot ../in/gray -k ../in/color/0000.png -o part --frames 0-3 --report report.json --preset quick
        2: shot ../in/gray -k ../in/color/0000.png -o part --preset quick
        shot ../in/gray -k ../in/color/0000.png -o part --skip-existing --report report.json
            --contact-sheet sheet.png --preset quick
        shot ../in/gray -k ../in/color/0000.png -o part --skip-existing --preset quick
        shot ../in/gray -k ../in/color/0000.png -o whole --preset quick
        equal part whole""",
    # videos
    "video": """
        shot ../in/clip.mkv -k 1=../in/color/0000.png -o folder --report report.json --preset quick
        shot ../in/clip.mkv -k 1=../in/color/0000.png -o out.mkv --epochs 8
        shot ../in/clip.mp4 -k 1=../in/color/0000.png -o out.mov --preset quick
        shot ../in/clip.mp4 -k 1=../in/color/0000.png -o out.mp4 --preset quick
        shot ../in/clip.mp4 -k 1=../in/color/0000.png -o ffv1.mp4 --codec ffv1 --frames 2-4 --preset quick""",
    "deep-video": """
        shot ../in/deep.mkv -k 1=../in/color/0000.png -o deep.mkv --preset quick
        shot ../in/deep.mkv -k 1=../in/color/0000.png -o deep --preset quick
        shot ../in/alpha.mkv -k 1=../in/color/0000.png -o alpha.mkv --preset quick
        shot ../in/alpha.mkv -k 1=../in/color/0000.png -o alpha.mov --preset quick
        shot ../in/clip.gif -k 1=../in/color/0000.png -o gif.mkv --preset quick""",
    # the other commands, and what is refused
    "inspect": """
        inspect ../in/color/0000.png ../in/gray/0003.png -o standard
        inspect ../in/color/0000.png -o own --init scratch --epochs 1
        inspect ../in/color/0000.png ../in/smaller.png -o paper --preset paper --epochs 1""",
    "score": """
        ../in/color/0000.png ../in/gray/0003.png -o out.png --preset quick
        score out.png ../in/color/0003.png --source ../in/color/0000.png --json
        score out.png ../in/color/0003.png --source ../in/color/0000.png --target ../in/gray/0003.png""",
    "refused": """
        2: ../in/color/0000.png ../in/gray -o out.png --preset quick --unknown
        2: ../in/color/0000.png ../in/nothing.png
        1: ../in/color/0000.png ../in/tiny.png -o out.png --preset quick
        1: ../in/one_color.png ../in/gray/0003.png -o out.png
        2: ../in/color/0000.png ../in/gray -o out.txt --preset quick
        1: shot ../in/damaged -k ../in/color/0000.png -o some --report report.json --preset quick""",
}


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = cli.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run the commands with the package in TREE")
    running.add_argument("tree", type=Path)
    running.add_argument("out", type=Path)
    running.add_argument(
        "--folder", type=Path, help="work in it and keep all files, to look at (default: none)"
    )
    comparing = commands.add_parser("compare", help="compare what two runs wrote")
    comparing.add_argument("a", type=Path)
    comparing.add_argument("b", type=Path)
    for command in (running, comparing):
        command.add_argument("--only", nargs="+", choices=[*CASES], metavar="NAME", help=", ".join(CASES))
    args = cli.parse_args()
    if args.command == "compare":
        return compare(*(json.loads(path.read_text()) for path in (args.a, args.b)), args.only)
    check_tree(args.tree)
    with tempfile.TemporaryDirectory() as scratch:
        root = args.folder or Path(scratch)
        if root.exists() and any(root.iterdir()):
            raise SystemExit(f"{root} is not empty: give a new folder")
        records, wrong = run(args.tree, root.resolve(), args.only or [*CASES])
    args.out.write_text(json.dumps(records, indent=1) + "\n")
    return int(wrong)


def run(tree: Path, root: Path, names: Sequence[str]) -> tuple[dict[str, Record], bool]:
    """What every case wrote, and whether one ended otherwise than it says."""
    before = perf_counter()
    draw_inputs(root / "in")
    records: dict[str, Record] = {INPUTS: {"exit": [], "stdout": [], "files": hashes(root / "in", root)}}
    say(f"{INPUTS:16} {perf_counter() - before:6.1f} s")
    any_wrong, began = False, perf_counter()
    for name in names:
        before = perf_counter()
        records[name], wrong = run_case(CASES[name], tree, root, root / name)
        say(f"{name:16} {perf_counter() - before:6.1f} s  {'; '.join(wrong)}".rstrip())
        any_wrong |= bool(wrong)
    say(f"{'all':16} {perf_counter() - began:6.1f} s")
    if hashes(root / "in", root) != records[INPUTS]["files"]:
        say("a command has changed its inputs")
        any_wrong = True
    return records, any_wrong


def run_case(lines: str, tree: Path, root: Path, folder: Path) -> tuple[Record, list[str]]:
    """What the lines of a case wrote, and what went otherwise than they say."""
    folder.mkdir()
    codes, heard, wrong = [], [], []
    for line in steps(lines):
        words = shlex.split(line)
        if words[0] == "copy":
            shutil.copy(root / "in" / words[1], folder)
            continue
        if words[0] == "equal":
            if not same_bytes(folder / words[1], folder / words[2]):
                wrong.append(f"{words[1]} is not {words[2]}")
            continue
        expected = int(words.pop(0)[:-1]) if words[0][0].isdigit() and words[0].endswith(":") else 0
        done = start(tree, START, *words, cwd=folder)
        codes.append(done.returncode)
        heard.append(digest(spoken(done.stdout, words, root)))
        if done.returncode != expected:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            wrong.append(f"exit code {done.returncode} of {line}: {' '.join(last)}")
    return {"exit": codes, "stdout": heard, "files": hashes(folder, root)}, wrong


def steps(lines: str) -> list[str]:
    """The lines of a case; one that goes on is indented more."""
    found: list[str] = []
    for line in lines.strip("\n").splitlines():
        if line.startswith(" " * 12):
            found[-1] += line
        else:
            found.append(line.strip())
    return found


def start(tree: Path, code: str, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run Python code with the package in the tree, without a GPU."""
    env = os.environ | {"PYTHONPATH": str(tree.resolve()), "CUDA_VISIBLE_DEVICES": "-1"}
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}
    command = [sys.executable, "-P", "-c", code, *words]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, check=False)


def check_tree(tree: Path) -> None:
    """An installed refcolor, as by `pip install -e`, may come before the one that is meant."""
    done = start(tree, "import refcolor.cli; print(refcolor.cli.__file__)")
    found = done.stdout.decode().strip()
    if done.returncode or not Path(found).is_relative_to(tree.resolve()):
        raise SystemExit(f"refcolor is not taken from {tree}: {found or done.stderr.decode()}")


def spoken(stdout: bytes, words: Sequence[str], root: Path) -> bytes:
    """Stdout without the name of the temporary folder."""
    text = stdout.replace(os.fsencode(root), b"TEMPORARY")
    if "--workers" in words and words[words.index("--workers") + 1] != "1":
        return b"".join(sorted(text.splitlines(keepends=True)))  # frames are listed as they are ready
    return text


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hashes(folder: Path, root: Path) -> dict[str, str]:
    """The hash of every file below a folder, hidden ones too, by its name there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest(content(path, root)) for path in paths}


def content(path: Path, root: Path) -> bytes:
    """What is compared of a file: all but what is different each time."""
    if path.suffix == ".json":
        return report_of(path, root)
    data = path.read_bytes()
    if path.suffix in (".exr", ".tif"):  # OpenImageIO puts the time of writing there
        return DATE.sub(b"DATE", data)
    if path.suffix == ".dpx":  # and here the name that it writes to, /proc/self/fd/N
        return data[:36] + bytes(100) + data[136:]
    return data


def report_of(path: Path, root: Path) -> bytes:
    """A shot's report without the version, and how long the frames took."""
    report = json.loads(path.read_text().replace(str(root), "TEMPORARY"))
    report.pop("refcolor", None)
    for frame in report["frames"]:
        frame.pop("seconds", None)
    return json.dumps(report, sort_keys=True).encode()


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files, or two folders, are there and hold the same."""
    if one.is_dir() and other.is_dir():
        return hashes(one, one) == hashes(other, other)
    return one.is_file() and other.is_file() and content(one, one) == content(other, other)


def compare(a: dict[str, Record], b: dict[str, Record], only: Sequence[str] | None) -> int:
    """Print a table, a row a case; 1 if anything differs."""
    names = [INPUTS, *only] if only else list(dict.fromkeys([*a, *b]))
    found = {name: differences(a.get(name), b.get(name)) for name in names}
    for name, parts in found.items():
        count = len(a.get(name, b.get(name, {})).get("files", ()))
        print(f"{name:16} {count:4} files  {'DIFFERENT: ' + ', '.join(parts) if parts else 'same'}")
    different = sum(map(bool, found.values()))
    print(f"{len(found)} rows, {different} different")
    return int(different > 0)


def differences(a: Record | None, b: Record | None) -> list[str]:
    """The files that differ between two records of a case; or that its exit codes or stdout do."""
    if a is None or b is None:
        return ["was not run in both"]
    names = sorted({*a["files"], *b["files"]})
    parts = [name for name in names if a["files"].get(name) != b["files"].get(name)]
    if a["exit"] != b["exit"]:
        parts.append(f"exit codes {a['exit']} and {b['exit']}")
    parts += [
        f"stdout of command {i + 1}"
        for i, (x, y) in enumerate(zip(a["stdout"], b["stdout"], strict=False))
        if x != y
    ]
    if len(a["stdout"]) != len(b["stdout"]):
        parts.append("the number of commands")
    return parts


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# Inputs: RGB or gray, uint8, of the scene at a third of its size.


def draw_inputs(folder: Path) -> None:
    """Draw everything that the commands read."""
    folder.mkdir(parents=True)
    scene = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in sorted(SCENE.glob("00*.png"))]
    frames = [resized(frame, WIDTH, HEIGHT) for frame in scene[:10]]
    for i, frame in enumerate(frames):
        save(folder / f"color/{i:04d}.png", frame)
        save(folder / f"gray/{i:04d}.png", gray_of(frame))
        save(folder / f"fading/{i:04d}.png", gray_of(dimmed(frame, 1 - 0.05 * i)))
    for i in (0, 6):
        save(folder / f"keys/key.{i:04d}.png", frames[i])
    save(folder / "dark_keys/0009.png", dimmed(frames[9], 0.55))
    save(folder / "hero.png", frames[4])
    save(folder / "large_key.png", resized(scene[1], 480, 270))
    save(folder / "small_key.png", resized(scene[1], 240, 136))
    save(folder / "larger.png", gray_of(resized(scene[3], 448, 252)))
    save(folder / "smaller.png", gray_of(resized(scene[3], 200, 150)))
    save(folder / "mirrored.png", gray_of(frames[3])[:, ::-1])
    draw_art(folder, frames)
    draw_formats(folder, frames)
    draw_clips(folder, frames[:6])


def draw_art(folder: Path, frames: Sequence[Pixels]) -> None:
    """Bands, flat art large and small, holds and a cut, and what is to be refused."""
    save(folder / "bands_key.png", bands(0))
    save(folder / "bands.png", gray_of(bands(9)))
    save(folder / "flat_key.png", flat_art(1600, 900, 0))
    save(folder / "flat.png", gray_of(flat_art(1600, 900, 1)))
    save(folder / "small_flat_key.png", flat_art(WIDTH, HEIGHT, 0))
    art = [flat_art(WIDTH, HEIGHT, step) for step in range(3)]
    shot = [frames[0], frames[0], frames[1], frames[2], frames[2], frames[2], frames[3], *art, art[-1]]
    for i, frame in enumerate(shot):
        save(folder / f"cut/{i + 1:04d}.png", gray_of(frame))
    save(folder / "tiny.png", np.full((12, 12), 90, np.uint8))
    save(folder / "one_color.png", np.full((HEIGHT, WIDTH, 3), (200, 120, 40), np.uint8))
    for i in range(3):
        save(folder / f"damaged/{i:04d}.png", gray_of(frames[i]))
    damaged = folder / "damaged/0001.png"
    damaged.write_bytes(damaged.read_bytes()[:-2000])


def draw_formats(folder: Path, frames: Sequence[Pixels]) -> None:
    """Targets and keys in every format, depth and kind of alpha."""
    key, frame = frames[0], frames[3]
    gray, cover = gray_of(frame), alpha_of(frame)
    grays = np.dstack([gray] * 3)
    straight, fine = np.dstack([grays, cover]), deep(gray_of(frame, exact=True))
    save(folder / "key.jpg", key)
    save(folder / "gray.jpg", gray)
    save(folder / "gray.bmp", grays)
    save(folder / "alpha_key.png", np.dstack([key, alpha_of(key)]))
    save(folder / "alpha.png", straight)
    for i in range(4):
        save(folder / f"alphas/{i:04d}.png", np.dstack([*[gray_of(frames[i])] * 3, alpha_of(frames[i])]))
    words = {"ImageDescription": "a frame", "XResolution": 72.0, "YResolution": 72.0, "ResolutionUnit": "in"}
    store(folder / "key16.png", deep(key / 255), "uint16", **words)
    store(folder / "gray16.png", fine, "uint16", **words)
    store(folder / "rgb16.png", np.dstack([fine] * 3), "uint16")
    store(folder / "alpha16.png", deep(straight / 255), "uint16", **{"oiio:UnassociatedAlpha": 1})
    store(folder / "key16.tif", deep(key / 255), "uint16", compression="lzw")
    store(folder / "gray16.tif", fine, "uint16", compression="zip", Artist="nobody", **words)
    store(folder / "alpha16.tif", deep(multiplied(straight)), "uint16")
    store(folder / "float.tif", np.dstack([fine] * 3) / np.float32(65535), "float")
    store(folder / "key.tga", key, "uint8")
    store(folder / "alpha.tga", straight, "uint8", **{"oiio:UnassociatedAlpha": 1})
    store(folder / "key.dpx", deep(key / 255), "uint16", **{"oiio:BitsPerSample": 10})
    store(folder / "ten.dpx", np.dstack([fine] * 3), "uint16", **{"oiio:BitsPerSample": 10})
    store(folder / "gray.webp", grays, "uint8", compression="lossless")
    bright = linear(grays) * np.where(gray > 200, 3, 1)[..., None]  # highlights above 1
    store(folder / "key.exr", linear(key), "half")
    store(folder / "half.exr", bright, "half", compression="piz", Artist="nobody")
    store(folder / "float.exr", np.dstack([bright, np.ones_like(gray)]) * (cover / 255)[..., None], "float")
    store(folder / "gray.exr", linear(gray), "half", compression="zips")
    for i in range(3):
        store(folder / f"exrs/{i:04d}.exr", linear(np.dstack([gray_of(frames[i])] * 3)), "half")


def draw_clips(folder: Path, frames: Sequence[Pixels]) -> None:
    """Videos: with sound, of 16 bits, with alpha, a GIF, a colored one."""
    grays = [gray_of(frame) for frame in frames]
    tone = np.rint(8000 * np.sin(np.arange(SOUND * len(frames) // RATE) / 20)).astype(np.int16)[None]
    film(folder / "clip.mkv", grays, "gray", "ffv1", "gray", ("pcm_s16le", "s16", tone))
    sound = ("alac", "s16p", tone)  # AAC, MP3 and AC-3 do not always come out the same
    # x264's AVX-512 code gives other bytes each time unless half the width is a multiple of 64
    wide = [np.dstack([gray_of(resized(frame, 384, 216))] * 3) for frame in frames]
    film(folder / "clip.mp4", wide, "rgb24", "libx264", "yuv420p", sound)
    film(folder / "deep.mkv", [deep(gray_of(f, exact=True)) for f in frames], "gray16le", "ffv1", "gray16le")
    covered = [np.dstack([gray_of(frame)] * 3 + [alpha_of(frame)]) for frame in frames[:4]]
    film(folder / "alpha.mkv", covered, "rgba", "ffv1", "bgra")
    film(folder / "clip.gif", grays[:4], "gray", "gif", "gray")
    film(folder / "colored.mkv", frames, "rgb24", "ffv1", "bgr0")


def film(
    path: Path,
    frames: Sequence[Pixels],
    form: str,
    codec: str,
    pix_fmt: str,
    sound: tuple[str, str, Pixels] | None = None,
) -> None:
    """Write frames of this format as a video, perhaps with sound: (codec, format, samples)."""
    with av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        contexts = [stream.codec_context]
        if sound:
            heard: Any = container.add_stream(sound[0], rate=SOUND, layout="mono")
            contexts.append(heard.codec_context)
        for context in contexts:
            context.flags |= Flags.bitexact
            context.thread_count = 1
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=form).reformat(
                format=pix_fmt
            )
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            samples = av.AudioFrame.from_ndarray(sound[2], format=sound[1], layout="mono")
            samples.sample_rate = SOUND
            container.mux(heard.encode(samples))
            container.mux(heard.encode(None))


def bands(shift: int) -> Pixels:
    """Upright bands of 32 paints, some of one gray, over a ramp in steps; moved to the right."""
    paints = np.random.default_rng(1).integers(20, 236, (32, 3))
    paints[1::4] = paints[0::4, ::-1]
    at = (np.arange(WIDTH) - shift) // 10 % 32
    image = np.repeat(paints[at][None], HEIGHT, 0).astype(np.float64)
    image[HEIGHT // 2 :] *= np.linspace(0.5, 1, HEIGHT - HEIGHT // 2)[:, None, None]
    return np.rint(image).astype(np.uint8)


def flat_art(width: int, height: int, step: int) -> Pixels:
    """Forty discs and boxes of flat paints with dark lines around, that move a little at each step."""
    rng = np.random.default_rng(2)
    image = np.full((height, width, 3), (214, 226, 238), np.uint8)
    line = max(1, width // 320)
    for i in range(40):
        paint = rng.integers(30, 250, 3).tolist()
        x, y = (int(v) for v in rng.integers(0, (width, height)))
        dx, dy = (int(v) for v in rng.integers(-width // 80, width // 80 + 1, 2) * step)
        side = int(rng.integers(height // 14, height // 5))
        for color, thickness in ((paint, cv2.FILLED), ([24, 20, 30], line)):
            if i % 2:
                cv2.circle(image, (x + dx, y + dy), side // 2, color, thickness)
            else:
                corner = (x + dx, y + dy)
                cv2.rectangle(image, corner, (corner[0] + side, corner[1] + side), color, thickness)
    return image


def resized(image: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def gray_of(image: Pixels, *, exact: bool = False) -> Pixels:
    """BT.601 luma, uint8; or not rounded, in [0, 1]."""
    luma = (image.astype(np.float64) * (0.299, 0.587, 0.114)).sum(-1)
    return luma / 255 if exact else np.rint(luma).astype(np.uint8)


def dimmed(image: Pixels, gain: float) -> Pixels:
    return np.rint(image * gain).astype(np.uint8)


def deep(image: Pixels) -> Pixels:
    """[0, 1] in 16 bits."""
    return np.rint(image * 65535).astype(np.uint16)


def linear(image: Pixels) -> Pixels:
    """Light of display-encoded uint8."""
    values = image.astype(np.float64) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def multiplied(straight: Pixels) -> Pixels:
    """RGBA uint8 with its color multiplied by alpha, in [0, 1]."""
    values = straight / 255
    values[..., :3] *= values[..., 3:]
    return np.asarray(values)


def alpha_of(image: Pixels) -> Pixels:
    """A soft ellipse, nothing outside it, uint8."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    away = np.hypot((x - width / 2) / (0.48 * width), (y - height / 2) / (0.48 * height))
    return np.rint(np.clip((1 - away) * 8, 0, 1) * 255).astype(np.uint8)


def save(path: Path, image: Pixels) -> None:
    """Write uint8, gray, RGB or RGBA, by OpenCV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order: dict[int, Callable[[Pixels], Pixels]] = {
        3: lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR),
        4: lambda rgba: cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA),
    }
    image = np.ascontiguousarray(image)
    if not cv2.imwrite(str(path), order[image.shape[2]](image) if image.ndim == 3 else image):
        raise OSError(f"cannot write {path}")


def store(path: Path, samples: Pixels, depth: str, **tags: Any) -> None:
    """Write samples of any depth with tags, by OpenImageIO."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.ascontiguousarray(np.atleast_3d(samples))
    if samples.dtype == np.float64:
        samples = samples.astype(np.float32)
    spec = oiio.ImageSpec(samples.shape[1], samples.shape[0], samples.shape[2], depth)
    if samples.shape[2] == 1:
        spec.channelnames = ("Y",)
    for name, value in tags.items():
        spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    if not (output and output.open(str(path), spec) and output.write_image(samples) and output.close()):
        raise OSError(f"cannot write {path}: {output.geterror() if output else oiio.geterror()}")


if __name__ == "__main__":
    sys.exit(main())
