"""Frames for worker processes, which can load this module: it needs nothing of pytest."""

import errno
import os
import time

import numpy as np

from refcolor.files.image_storage import Storage
from refcolor.files.images import Picture
from refcolor.render.frames import Frames

SIZE = 40, 48


def drawn(index):
    image = np.full((*SIZE, 3), (0.9, 0.8, 0.2), np.float32)
    image[8:30, 4 + index % 8 : 20 + index % 8] = 0.2, 0.3, 0.8
    return image


class Staged(Frames):
    """Frames of which one takes its time to be read by another process."""

    def __init__(self, count, slow=None):
        self.numbers, self.files, self.max_pixels = tuple(range(count)), (), 1 << 20
        self.slow, self.home = slow, os.getpid()

    def name(self, index):
        return f"frame {index}"

    def read(self, index):
        if os.getpid() != self.home and index == self.slow:
            time.sleep(1.5)
        gray = drawn(index) @ np.float32([0.299, 0.587, 0.114])
        return Picture(np.repeat(gray[..., None], 3, -1), None, Storage("png", "uint8"))


class Deadly(dict):
    """Files of which some, when they are to be written, end the process."""

    def __init__(self, files, deadly=(5,)):
        super().__init__(files)
        self.deadly = deadly

    def __getitem__(self, index):
        if index in self.deadly:
            os._exit(1)
        return super().__getitem__(index)

    def __reduce__(self):
        return Deadly, (dict(self), self.deadly)


class StagedFiles(dict):
    """The files of a shot; something happens to the worker that comes to write one of them."""

    def __init__(self, paths, notes, index, what):
        super().__init__(paths)
        self.notes, self.index, self.what = notes, index, what

    def __getitem__(self, index):
        if index == self.index:
            getattr(self, self.what)()
        return super().__getitem__(index)

    def __setstate__(self, state):
        self.__dict__.update(state)
        with (self.notes / "unpickled").open("a") as file:
            print(os.getpid(), file=file)

    def wait(self):
        """Until somebody says go on."""
        import ray

        (self.notes / "waiting.part").write_text(ray.get_runtime_context().get_node_id())
        (self.notes / "waiting.part").rename(self.notes / "waiting")
        while not (self.notes / "go on").exists():
            time.sleep(0.05)

    def die(self):
        os._exit(1)

    def fill(self):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "frame.png")

    def miss(self):
        raise FileNotFoundError("there is no such folder here")
