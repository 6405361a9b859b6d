"""A shot of a walking figure, drawn; its files, clips and reports; processes that color it."""

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from refcolor.files.video import open_video
from refcolor.imaging.contact_sheets import contact_sheet

# The command, in a process of its own that can be interrupted also where the tests run in the background.
CODE = """
import signal
from refcolor.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
RUN = [sys.executable, "-P", "-c", CODE]
COUNT, WIDTH, HEIGHT = 8, 96, 64
RATE = Fraction(24000, 1001)
AROUND = 20  # pixels that a moving thing may change beside it
OUT, KEY = ["-o", "out"], ["-k", "key.0001.png"]


def box(step):
    """Rows and columns that the figure fills."""
    return slice(14, 52), slice(8 + 4 * step, 30 + 4 * step)


def drawn(step, ground=0, body=(200, 60, 40)):
    """A red figure with a blue head that walks over a painted ground that stands still; (H, W, 3) uint8."""
    rng = np.random.default_rng(ground)
    coarse = rng.random((8, 12, 3)).astype(np.float32)
    image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 150 + 50
    image += rng.normal(0, 8, (HEIGHT, WIDTH, 1))
    rows, columns = box(step)
    image[rows.start + 12 : rows.stop, columns] = body
    image[rows.start + 20 : rows.start + 24, columns] = (250, 220, 90)
    image[rows.start : rows.start + 12, columns.start + 6 : columns.stop - 6] = (40, 60, 210)
    return np.rint(image.clip(0, 255)).astype(np.uint8)


def write(path, image):
    """RGB, RGBA or gray, as stored."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    order = [2, 1, 0, *range(3, image.shape[2])] if image.ndim == 3 else ...
    assert cv2.imwrite(str(path), image[..., order] if image.ndim == 3 else image)


def gray(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def seen(path):
    """RGB as stored."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 2::-1]


def off(path, truth):
    """Mean difference from the true colors, in 8-bit steps."""
    return np.abs(seen(path).astype(float) - truth).mean()


def name(number):
    return f"a.{number:04d}.png"


def make(folder, count=COUNT):
    """Frames in ``shot/a.0001.png`` and so on, the colors of the first in ``key.0001.png``."""
    for number in range(1, count + 1):
        write(folder / "shot" / name(number), gray(drawn(number)))
    write(folder / "key.0001.png", drawn(1))


def held(folder="."):
    """Everything in a folder: names, links, contents."""
    return {
        str(path.relative_to(folder)): path.readlink()
        if path.is_symlink()
        else path.is_dir() or path.read_bytes()
        for path in Path(folder).rglob("*")
    }


def report(path="r.json"):
    """What a report says, its frames by number."""
    found = json.loads(Path(path).read_text())
    return found | {"frames": {frame["frame"]: frame for frame in found["frames"]}}


def keys_of(path="r.json"):
    return [(key["key"], key["frame"]) for key in report(path)["keys"]]


def start(*words, **more):
    """The command in a process group of its own."""
    return subprocess.Popen(
        [*RUN, "shot", *words, "--preset", "quick"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **more,
    )  # fmt: skip


def living(group):
    """Processes of a group that have not ended, by number, with their words."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(of) == group and state not in "ZX":
                found[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:
            continue
    return found


def gone(group, seconds=20.0):
    """Whether all processes of a group have ended, now or soon."""
    until = time.monotonic() + seconds
    while living(group) and time.monotonic() < until:
        time.sleep(0.05)
    return not living(group)


def kill_after(running, lines, seconds):
    """End a process and its group when it has printed so many lines, and a moment later."""
    try:
        for _ in range(lines):
            running.stdout.readline()
        time.sleep(seconds)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert gone(running.pid)


def sheet_of(cells):
    """A contact sheet of so many frames."""
    pictures = [("caption", drawn(1))] * cells
    return contact_sheet([pictures[at : at + 6] for at in range(0, cells, 6)])


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def clip(path, images, codec="ffv1", pix_fmt="bgr0", times=None, sound=None):
    """A clip of RGB pictures, perhaps with uneven times, in thousandths of a second, and a sound."""
    base = Fraction(1, 1000) if times else 1 / RATE
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = pix_fmt, base
        track = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            frame.pts, frame.time_base = times[number] if times else number, base
            out.mux(stream.encode(frame))
        for number in range(16 if track else 0):
            wave = (np.sin(np.arange(1024) * 0.05 + number) * 9000).astype(np.int16)[None]
            part = av.AudioFrame.from_ndarray(wave, "s16", "mono")
            part.sample_rate, part.time_base, part.pts = 48000, Fraction(1, 48000), 1024 * number
            out.mux(track.encode(part))
        for each in [stream, *([track] if track else [])]:
            out.mux(each.encode(None))
    return path


def gray_clip(path, count=COUNT, **more):
    return clip(path, [np.repeat(gray(drawn(n))[..., None], 3, axis=-1) for n in range(1, count + 1)], **more)


def sound_of(path):
    with av.open(str(path)) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size
        ]


def frames_of(path):
    """Times in seconds, and pictures in 8-bit steps."""
    with open_video(path) as video:
        times = [float(time * video.time_base) for time in (*video.times, video.end)]
        return times, [np.rint(video.read(i).rgb * 255).astype(np.uint8) for i in range(len(video))]


def many(count=200):
    """A shot that lasts: frames that cannot be shared."""
    for number in range(9, count):
        Path("shot", name(number)).symlink_to(name(number % 8 + 1))


def pixels(path):
    """Samples as stored, RGB or RGBA."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return image[..., [2, 1, 0, *range(3, image.shape[2])]]
