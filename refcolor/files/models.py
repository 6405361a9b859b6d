"""Model files (.refcolor): sources, palette, settings and weights in one file.

A model is an uncompressed ZIP archive: ``refcolor.json`` with the format's number and the settings, then
NumPy arrays. Reading runs no code and checks everything: checksums (which safetensors would not have), types,
shapes and ranges. Sources are stored in the fewest bits that give the same floats back.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from refcolor import __version__
from refcolor.config import MAX_PIXELS, Config, Device
from refcolor.errors import StrPath, quoted, with_code
from refcolor.files.plain_files import atomic, open_plain
from refcolor.imaging.checks import as_picture
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.methods.base import Learned
from refcolor.methods.colorizer import Colorizer, prepare, train

SUFFIX = ".refcolor"
FORMAT = 3
SETTINGS = "refcolor.json"  # the first member
MAX_SETTINGS_SIZE = 1 << 20  # bytes
FRAME_LIMIT = 10**100  # frame numbers are below
ZIP_HEADER_SIZE = 30  # bytes of a member before its name
DTYPES = ("|u1", "<u2", "<f4")


class _Refused(ValueError):
    """An error that says what was seen, unlike those of the ZIP, JSON and array readers."""


@dataclass(frozen=True)
class Model:
    """The content of a model file."""

    sources: tuple[Image, ...]  #: (H, W, 3) float32 in [0, 1]
    palette: Palette | None  #: None where there is no network
    config: Config  #: the settings; clusters is a number
    weights: list[list[NDArray[np.float32]]]  #: the arrays of each network
    keys: tuple[tuple[str, int | None], ...] | None = None  #: name and frame of each source in a shot
    beside: tuple[str, ...] = ()  #: names of keys in the folder of the shot's gray frames

    def restore(self, learned: Learned) -> Colorizer:
        """The colorizer that was saved, from its prepared sources and palette."""
        try:
            return train(learned, weights=self.weights)
        except (ValueError, IndexError) as error:
            fault = f"the model's weights do not fit its settings: train it again ({error})"
            raise ValueError(fault) from None


def save(
    colorizer: Colorizer, path: StrPath, *, keys: Sequence[tuple[str, int | None]] | None = None,
    beside: Sequence[str] = (), force: bool = False,
) -> None:  # fmt: skip
    """Save a trained colorizer, whole or not at all.

    Parameters
    ----------
    keys, beside : sequence of (str, int or None), of str, optional
        As in :class:`Model`.

    Raises
    ------
    ValueError
        The colorizer is not trained.
    OSError
        As :func:`refcolor.files.plain_files.atomic`.
    """
    if not colorizer.fitted:
        raise ValueError("there is nothing to save yet: call fit(source) first")
    learned = colorizer.learned
    about: dict[str, Any] = {"format": FORMAT, "refcolor": __version__, "config": asdict(learned.config)}
    if keys is not None:
        about |= {"keys": list(keys), "beside": list(beside)}
    arrays = {f"source/{i}": _packed(source.rgb) for i, source in enumerate(learned.sources)}
    if learned.palette is not None:
        about["space"] = learned.palette.space
        arrays |= {f"palette/{name}": getattr(learned.palette, name) for name in ("rgb", "lab", "share")}
    for i, weights in enumerate(learned.weights):
        arrays |= {f"network/{i}/{j}": weight for j, weight in enumerate(weights)}
    with atomic(path, force=force) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(SETTINGS), json.dumps(about, indent=1))
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def load(path: StrPath, *, device: str = Device.AUTO, max_pixels: int = MAX_PIXELS) -> Colorizer:
    """A colorizer as it was saved, ready to color, on whatever device there is.

    Raises
    ------
    OSError, ValueError
        As :func:`read`; also when `device` is not there.
    """
    model = read(path, max_pixels=max_pixels)
    learned, _ = prepare(model.sources, model.config.on(device), palette=model.palette)
    return model.restore(learned)


def is_meant(path: StrPath) -> bool:
    """Whether a model is meant: by the name's extension, or by the file's content."""
    return Path(path).suffix == SUFFIX or is_model(path)


def is_model(path: StrPath) -> bool:
    """Whether a file begins like a model file; False if it cannot be opened."""
    with suppress(OSError, ValueError), open_plain(path) as file:
        return _has_signature(file)
    return False


def read(path: StrPath, *, max_pixels: int = MAX_PIXELS) -> Model:
    """Read and check a model file, without starting the network engine.

    Raises OSError if it cannot be opened, and ValueError if it is no model, cut short, damaged, of a format
    this version does not know, or a source has more than `max_pixels`.
    """
    name = quoted(path)
    with open_plain(path) as file:
        if not _has_signature(file):
            raise ValueError(f"{name} is not a refcolor model: save one first")
        try:
            return _read(file, name, max_pixels)
        except (_Refused, MemoryError):
            raise
        except Exception:  # hostile bytes make the ZIP, JSON and array readers raise nearly anything
            raise ValueError(f"{name} is damaged or cut short: save the model again") from None


def _has_signature(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(ZIP_HEADER_SIZE + len(SETTINGS))
    return head[:4] == b"PK\3\4" and head[ZIP_HEADER_SIZE:] == SETTINGS.encode()


def _require(condition: bool) -> None:
    if not condition:
        raise zipfile.BadZipFile


def _read(file: BinaryIO, name: str, max_pixels: int) -> Model:
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _require(all(member.compress_type == zipfile.ZIP_STORED for member in members))
        _require(sum(member.file_size for member in members) <= size)
        _require(archive.getinfo(SETTINGS).file_size <= MAX_SETTINGS_SIZE)
        about = json.loads(archive.read(SETTINGS))
        if about["format"] != FORMAT:
            seen = f"{about['format']!r}, saved by refcolor {about['refcolor']!r}"[:80]
            raise _Refused(
                f"{name} is a model of format {seen}; this is refcolor {__version__}, which knows format "
                f"{FORMAT}: train it again, or update"
            )
        config = _config(about["config"], name)
        arrays = {key: _array(archive.read(key)) for key in archive.namelist() if key != SETTINGS}
    pictures = _numbered(arrays, "source")
    for height, width in (picture.shape[:2] for picture in pictures):
        if height * width > max_pixels:
            error = _Refused(f"{name} holds a source of {width}x{height} pixels, more than {max_pixels}")
            raise with_code(error, "too_many_pixels")
    sources = tuple(as_picture(picture, "source", 3) for picture in pictures)
    _require(all(array.dtype.str == "<f4" and np.isfinite(array).all() for array in arrays.values()))
    palette = None
    if config.trains:
        rgb, lab, share = (arrays.pop(f"palette/{part}.npy") for part in ("rgb", "lab", "share"))
        k = config.clusters
        _require(rgb.shape == lab.shape == (k, 3) and share.shape == (k,))
        _require(about["space"] in ("rgb", "lab"))
        palette = Palette(rgb, lab, share, about["space"])
    weights: list[list[NDArray[np.float32]]] = []
    while network := _numbered(arrays, f"network/{len(weights)}"):
        weights.append(network)
    _require(not arrays and bool(sources) and bool(weights) == config.trains)
    if "keys" not in about:
        return Model(sources, palette, config, weights)
    keys, beside = tuple((name, frame) for name, frame in about["keys"]), tuple(about["beside"])
    frames = [frame for _, frame in keys if frame is not None]
    _require(len(keys) == len(sources) and len(set(frames)) == len(frames))
    _require(all(type(name) is str for name in (*(name for name, _ in keys), *beside)))
    _require(all(type(frame) is int and abs(frame) < FRAME_LIMIT for frame in frames))
    return Model(sources, palette, config, weights, keys, beside)


def _numbered(arrays: dict[str, NDArray[Any]], folder: str) -> list[NDArray[Any]]:
    """Remove the arrays 0, 1, 2 ... of a folder from all, and return them."""
    found: list[NDArray[Any]] = []
    while (array := arrays.pop(f"{folder}/{len(found)}.npy", None)) is not None:
        found.append(array)
    return found


def _config(settings: dict[str, Any], name: str) -> Config:
    _require(settings.keys() == {f.name for f in fields(Config)} and settings["clusters"] != "auto")
    empty = [key for key, value in settings.items() if value is None and key != "epochs"]
    try:
        if empty:
            raise ValueError(f"{empty[0]} is None")
        return Config(**(settings | {"canny": tuple(settings["canny"])}))
    except ValueError as error:
        raise _Refused(f"{name} holds a setting that is out of range: {error}") from None


def _array(data: bytes) -> NDArray[Any]:
    """The array of a .npy file; NumPy's reader would allocate whatever size the header claims."""
    file = io.BytesIO(data)
    _require(np.lib.format.read_magic(file) == (1, 0))
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    size = math.prod(shape) * dtype.itemsize
    _require(not fortran and dtype.str in DTYPES and size == len(data) - file.tell())
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape)


def _packed(image: Image) -> NDArray[Any]:
    """The picture in the least integers that are read as the same floats, if any are."""
    for dtype in (np.uint8, np.uint16):
        codes: NDArray[Any] = np.rint(image * np.float32(np.iinfo(dtype).max)).astype(dtype)
        if np.array_equal(as_picture(codes, "source", 3), image):
            return codes
    return image
