"""Color one gray frame like a key: python one_frame.py KEY GRAY RESULT."""

import sys

import refcolor
from refcolor.files import images

key, gray, result = sys.argv[1:]
frame = images.read(gray)
config = refcolor.Config("quick")  # leave it out for "standard": more accurate, trains for two seconds
colored = refcolor.colorize(images.read(key).rgb, frame.gray, config)
images.write(result, colored.image, like=frame)  # same depth, alpha and color tags as the gray frame
print(f"{result}: mean confidence {colored.confidence.mean():.2f}")
