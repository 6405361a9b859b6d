"""Color a folder of gray frames like a key for the first: python shot.py KEY GRAY_FOLDER RESULT_FOLDER."""

import sys
from pathlib import Path

import refcolor
from refcolor.files import images, sequences

key, gray, folder = map(Path, sys.argv[1:])
paths = sequences.expand([gray])
frames = [images.read(path) for path in paths]
colorizer = refcolor.Colorizer(refcolor.Config("quick")).fit(images.read(key).rgb)
shot = refcolor.Shot(colorizer, [frame.gray for frame in frames], key_indices=[0])
for path, frame, colored in zip(paths, frames, shot, strict=True):
    images.write(folder / path.name, colored.image, like=frame)
