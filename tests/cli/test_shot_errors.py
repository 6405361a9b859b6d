"""``refcolor shot``: bad input is one clear line, and nothing is written."""

import re
import shutil

import av
import numpy as np
import pytest
from scenes import HEIGHT, KEY, OUT, RATE, WIDTH, clip, drawn, gray, gray_clip, held, make, name, write

from refcolor.files import video_write
from refcolor.render import outputs


def no_sound_track(path):
    with av.open(str(path), "w") as out:
        track = out.add_stream("aac", rate=48000, layout="mono")
        part = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        part.sample_rate = 48000
        out.mux([*track.encode(part), *track.encode(None)])


def no_frames(path):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        out.start_encoding()


def half(path):
    whole = gray_clip(path.with_name("whole.mkv"), 40)
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()


VIDEOS = {
    "sound.mp4": (no_sound_track, 1, "has no video stream; give a file with pictures"),
    "text.mp4": (lambda path: path.write_text("hello\n" * 99), 1, "is not a video, or its header is damaged"),
    "empty.mov": (lambda path: path.touch(), 1, "is empty"),
    "none.mkv": (no_frames, 1, "is not a video, or its header is damaged: end of file"),
    "none.mov": (no_frames, 1, "has no video stream; give a file with pictures"),
    "half.mkv": (half, 1, "cut short"),
    "missing.mkv": (lambda path: None, 2, "missing.mkv'; check the name"),
}


@pytest.mark.parametrize("bad", VIDEOS)
@pytest.mark.parametrize("role", ["target", "key"])
def test_a_video_that_cannot_be_used_is_one_line(color, shot, bad, role):
    make_it, wanted, says = VIDEOS[bad]
    make_it(shot / bad)
    before = held()
    words = [bad, "-k", "key.0001.png"] if role == "target" else ["shot", "--key-from", f"{bad}@1"]
    code, out, err = color(*words, "-o", "out")
    assert (code, out, len(err)) == (wanted, [], 1)
    assert err[0].startswith("refcolor: ")
    assert says in err[0]
    assert held() == before


# fmt: off
BAD = [
    # keys
    (["shot", "-k", "no.png", *OUT], 2, "there is no file 'no.png'; check the name"),
    (["shot", "-k", "3=no.png", *OUT], 2, "there is no file 'no.png'; check the name"),
    (["shot", "-k", "text.png", *OUT], 1, "'text.png' is not a picture"),
    (["shot", "-k", "gray.png", *OUT], 1, "the key 'gray.png' has no color: give a colored picture"),
    (["shot", "-k", "tiny.png", *OUT], 1, "at least 29"),
    (["shot", *KEY, "-k", "1=other.png", *OUT], 2,
     "'key.0001.png' and 'other.png' are both the key of frame 1"),
    (["shot", "-k", "in.mkv@1", *OUT], 2,
     "'in.mkv@1' is a frame of a video; name it as --key-from VIDEO@24"),
    (["shot", "-k", "shot", *OUT], 2, "is a key, and there is no other frame: name the gray pictures"),
    (["shot", *OUT], 2, "there is no key; name a colored frame with --key FILE"),
    (["shot", "--key-from", "in.mkv", *OUT], 2,
     "'in.mkv' names no frame of a video: write VIDEO@24"),
    (["shot", "--key-from", "in.mkv@5", *OUT], 2, "'in.mkv' has no frame 5: its frames are 1 to 4"),
    (["shot", "--key-from", "in.mkv@0", *OUT], 2, "'in.mkv' has no frame 0"),
    (["shot", "--key-from", "in.mkv@1", *OUT], 1, "the key 'in.mkv@1' has no color"),
    # targets
    ([*KEY, *OUT], 2, "there are no targets: name a folder, files, a pattern or a video"),
    (["b.####.png", *KEY, *OUT], 2, "no files match 'b.####.png': check the pattern"),
    (["shot/a.###.png", *KEY, *OUT], 2, "'a.0001.png' has other digits: check the pattern"),
    (["nothing", *KEY, *OUT], 2, "there is no file 'nothing'; check the name"),
    (["shot/a.0001.png", "shot/a.0009.png", *KEY, *OUT], 2, "there is no file 'shot/a.0009.png'"),
    (["empty", *KEY, *OUT], 2, "the folder 'empty' holds no pictures"),
    (["in.mkv", "shot", *KEY, *OUT], 2, "'in.mkv' is no picture: color a video alone"),
    (["other.png", "-k", "other.png", *OUT], 2, "'other.png' is a key, and there is no other frame"),
    (["shot", *KEY, *OUT, "--frames", "7-9"], 2, "'shot' has no frame 9: leave them out of the range"),
    (["shot", *KEY, *OUT, "--frames", "x"], 2, "'x' is no range of frames"),
    (["in.mkv", *KEY, *OUT, "--frames", "1-8"], 2, "'in.mkv' has no frame 5-8"),
    (["shot", *KEY, *OUT, "--max-pixels", "6000"], 1, "more than 6000"),
    # outputs
    (["shot", *KEY, "-o", "one.png"], 2,
     "'one.png' would be one file for all frames: write it as out.####.png"),
    (["shot", *KEY, "-o", "o.[1-8].png"], 2, "would be one file for all frames"),
    (["in.mkv", *KEY, "-o", "one.png"], 2, "would be one file for all frames"),
    (["shot/a.0001.png", "twice/a.0001.png", *KEY, *OUT], 2,
     "'shot/a.0001.png' and 'twice/a.0001.png' are both frame 1"),
    (["shot", *KEY, "-o", "shot"], 2,
     "output 'shot' lies inside the input folder 'shot': choose one beside it"),
    (["shot", *KEY, "-o", "shot/new"], 2, "lies inside the input folder 'shot'"),
    (["shot", *KEY, "-o", "twice/../shot/x.####.png"], 2, "lies inside the input folder 'shot'"),
    (["shot", *KEY, *OUT, "--confidence", "shot/sure"], 2, "lies inside the input folder 'shot'"),
    (["shot", *KEY, *OUT, "--contact-sheet", "shot/s.png"], 2, "lies inside the input folder 'shot'"),
    (["shot/a.####.png", *KEY, "-o", "shot", "--force"], 2, "'shot/a.0001.png' is the input"),
    (["shot/a.####.png", *KEY, "-o", "link", "--force"], 2,
     "'link/a.0001.png' is the input 'shot/a.0001.png'"),
    (["shot/a.0002.png", *KEY, "-o", "shot", "--force"], 2, "is the input"),
    (["in.mkv", *KEY, "-o", "in.mkv", "--force"], 2, "output 'in.mkv' is the input 'in.mkv'"),
    (["shot", *KEY, "-o", "key.####.png", "--force"], 2, "output 'key.0001.png' is the input 'key.0001.png'"),
    (["shot", "-k", "1=key.0001.png", "-o", "key.####.png", "--force"], 2, "is the input 'key.0001.png'"),
    (["in.mkv", "--key-from", "hero.mkv@1", "-o", "hero.mkv", "--force"], 2, "is the input 'hero.mkv'"),
    (["shot", *KEY, *OUT, "--report", "key.0001.png", "--force"], 2, "is the input 'key.0001.png'"),
    (["shot", *KEY, *OUT, "--report", "mine.json"], 2, "'mine.json' already exists"),
    (["shot", *KEY, *OUT, "--report", "r.png", "--contact-sheet", "./r.png"], 2,
     "two pictures would both become"),
    (["shot", *KEY, *OUT, "--report", "no/r.json"], 2, "'no' does not exist; create it first"),
    (["shot", *KEY, *OUT, "--contact-sheet", "s.json"], 2,
     "'s.json' ends in '.json'; pictures can be written as"),
    (["shot", *KEY, *OUT, "--confidence", "out"], 2, "two pictures would both become 'out/a.0001.png'"),
    (["shot/a.####.png", *KEY, "-o", "shot", "--skip-existing"], 2, "is the input 'shot/a.0001.png'"),
    (["shot", *KEY, *OUT, "--every", "3"], 2, "and there is none; give --contact-sheet FILE"),
    (["shot", *KEY, *OUT, "--confidence", "c.####.exr"], 2, "confidence is not written as .exr"),
    (["shot", *KEY, *KEY, *OUT], 2, "are both the key of frame 1"),
    (["shot", "-k", "hero.refcolor", *OUT], 2, "there is no file 'hero.refcolor'"),
    (["shot", *KEY, "-k", "hero.refcolor", *OUT], 2, "is a model, which holds its keys"),
    (["shot", "--key-from", "in.mkv@1", "-k", "hero.refcolor", *OUT], 2, "give no other beside it"),
    (["shot", *KEY, "--save-model", "m.npz"], 2, "'m.npz' is no name of a model: write it as NAME.refcolor"),
    (["shot", "-k", "hero.refcolor", "--save-model", "m.refcolor"], 2, "is a model already"),
    (["shot", *KEY, "--save-model", "no/m.refcolor"], 2, "'no' does not exist; create it first"),
    (["shot", *KEY, "--save-model", "m.refcolor", "--report", "r.json"], 2,
     "there is no place for the frames; give -o FOLDER"),
    (["shot", *KEY], 2, "there is no place for the frames; give -o FOLDER"),
    (["shot", "-k", "in.mkv", *OUT], 2, "'in.mkv' is a video; name a frame of it, as --key-from VIDEO@24"),
    (["shot", *KEY, *OUT, "--frames", "1-99999999"], 2, "is no range of frames: it has more than 1,000,000"),
    (["shot", *KEY, "-o", "no/out"], 2, "'no' does not exist; create it first"),
    (["shot", *KEY, "-o", "mine.json/out"], 2, "'mine.json' is not a folder"),
    (["shot", *KEY, "-o", "twice"], 2,
     "'twice/a.0001.png' already exists; use --force to overwrite, or go on with the rest by refcolor"),
    (["shot", *KEY, "-o", "new/a.####.txt"], 2, "ends in '.txt'; pictures can be written as"),
    (["shot", *KEY, "-o", "out.mkv"], 2, "'out.mkv' is a video, and the targets are files: give a folder"),
    (["in.mkv", *KEY, "-o", "out.avi"], 2, "ends in '.avi'; videos can be written as .mkv .mov .mp4"),
    (["odd.mkv", *KEY, "-o", "out.mp4"], 2,
     "H.264 needs even sides and these are 95 x 64; choose ffv1 or prores"),
    (["in.mkv", *KEY, "-o", "out.mkv", "--codec", "prores"], 2,
     ".mkv does not hold prores: write it as .mov"),
    (["in.mkv", *KEY, *OUT, "--codec", "ffv1"], 2, "the output is none; give -o FILE.mkv, .mov"),
    # words that do not go together
    (["shot", *KEY, *OUT, "--skip-existing", "--force"], 2, "leave out --skip-existing or --force"),
    (["shot", *KEY, *OUT, "--workers", "2", "--ray", "auto"], 2,
     "and Ray is for others; leave out --workers or --ray"),
    (["shot", *KEY, *OUT, "--epochs", "3"], 2, "preset quick has no network"),
    (["shot", *KEY, *OUT, "--confidence", "c", "--preset", "paper"], 2,
     "no confidence; leave out --confidence"),
    (["in.mkv", *KEY, "-o", "out.mkv", "--preset", "paper"], 2, "preset paper makes pictures of one size"),
]
# fmt: on


@pytest.fixture(scope="module")
def mishaps(tmp_path_factory):
    """A folder with all that bad input needs."""
    folder = tmp_path_factory.mktemp("mishaps")
    make(folder)
    (folder / "text.png").write_bytes(b"hello")
    (folder / "mine.json").write_bytes(b"mine")
    write(folder / "gray.png", gray(drawn(1)))
    write(folder / "tiny.png", drawn(1)[:20, :20])
    write(folder / "other.png", drawn(2))
    write(folder / "twice" / name(1), gray(drawn(1)))
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("shot")
    gray_clip(folder / "in.mkv", 4)
    clip(folder / "hero.mkv", [drawn(1), drawn(2)])
    clip(folder / "odd.mkv", [drawn(1)[:, 1:]])
    return folder


@pytest.mark.parametrize(("words", "wanted", "says"), BAD, ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input_is_one_line_and_nothing_is_written(run_shot, mishaps, monkeypatch, words, wanted, says):
    monkeypatch.chdir(mishaps)
    before = held()
    code, out, err = run_shot(*words, *([] if "--preset" in words else ["--preset", "quick"]))
    assert (code, out, len(err)) == (wanted, [], 1), err
    assert err[0].startswith("refcolor: ")
    assert says in err[0]
    assert held() == before


def test_a_codec_that_this_ffmpeg_does_not_have(color, shot, monkeypatch):
    gray_clip("in.mkv", 2)
    monkeypatch.setitem(video_write.ENCODERS, "h264", "libnothing")
    before = held()
    code, out, err = color("in.mkv", *KEY, "-o", "out.mp4")
    assert (code, out) == (2, [])
    assert err == ["refcolor: this build of FFmpeg has no encoder libnothing for h264; choose another codec"]
    assert held() == before


def test_a_disk_that_is_nearly_full_is_refused_at_once(color, shot, monkeypatch):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(outputs.shutil, "disk_usage", lambda _: usage._replace(free=20_000))
    before = held()
    code, out, err = color("shot", *KEY, *OUT)
    assert (code, out, len(err)) == (1, [], 1)
    assert re.fullmatch(r"refcolor: 8 frames need at least 0 MB and 'out' has 0: make room, or .*", err[0])
    assert held() == before
    assert color("shot", *KEY, *OUT, "--frames", "1-2")[0] == 0  # these have room
