"""Color frames between a first and a last key: python several_keys.py FIRST LAST FOLDER GRAY..."""

import sys
from pathlib import Path

import refcolor
from refcolor.files import images

first, last, folder, *paths = sys.argv[1:]
frames = [images.read(path) for path in paths]
colorizer = refcolor.Colorizer(refcolor.Config("quick"))
colorizer.fit([images.read(first).rgb, images.read(last).rgb])
shot = refcolor.Shot(colorizer, [frame.gray for frame in frames], key_indices=[0, len(frames) - 1])
for path, frame, colored in zip(paths, frames, shot, strict=True):
    images.write(Path(folder) / Path(path).name, colored.image, like=frame)
    print(path, "from keys", colored.keys, "(hold)" if colored.hold else "")
