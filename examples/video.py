"""Color a gray video like a key for its first frame: python video.py KEY CLIP RESULT.mkv."""

import sys

import refcolor
from refcolor.files import images, video, video_write

key, clip, result = sys.argv[1:]
colorizer = refcolor.Colorizer(refcolor.Config("quick")).fit(images.read(key).rgb)
with video.open_video(clip) as frames, video_write.write_video(result, like=frames) as writer:
    grays = [frames.read(index).gray for index in range(len(frames))]
    for index, colored in enumerate(refcolor.Shot(colorizer, grays, key_indices=[0])):
        writer.add(colored.image, index)  # sound and times come from the gray video
