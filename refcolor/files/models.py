"""Model files (.refcolor): sources, palette, settings and weights in one file.

A ZIP archive, nothing compressed: ``refcolor.json`` first, with the format's number and the settings, then
plain NumPy arrays. Reading runs no code from it and checks everything: the archive's checksums, every array's
type and shape, the ranges of all settings. Sources are kept in the fewest bits that give the same floats
back.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from refcolor import __version__
from refcolor.config import MAX_PIXELS, Config, Device
from refcolor.errors import StrPath, quoted
from refcolor.files.atomic_write import atomic
from refcolor.files.plain_files import open_plain
from refcolor.imaging.checks import as_picture
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.methods.base import Learned
from refcolor.methods.colorizer import Colorizer, prepare, restore

SUFFIX = ".refcolor"
FORMAT = 2
ABOUT = "refcolor.json"  # the first member
MOST_WORDS = 1 << 20  # bytes of it
MOST_MEMBERS = 1 << 16
MOST_FRAMES = 10**100  # the number of a frame is below
HEADER = 30  # bytes of a ZIP member before its name
TYPES = ("|u1", "<u2", "<f4")
LEVELS: dict[str, int] = {"|u1": 255, "<u2": 65535}  # of a source that was read from integers


class Refused(ValueError):
    """What was found in a file, in words for its owner."""


@dataclass(frozen=True)
class Model:
    """A model file's content.

    Attributes
    ----------
    sources : tuple of float32 (H, W, 3)
    palette : Palette or None
    config : Config
    weights : list of list of float32
        Of each network.
    keys : tuple of (str, int or None), or None
        Of a shot, what each source is called, and the number of its frame.
    beside : tuple of str
        Names of files that lie among the shot's gray frames, and are keys.
    """

    sources: tuple[Image, ...]
    palette: Palette | None
    config: Config
    weights: list[list[NDArray[np.float32]]]
    keys: tuple[tuple[str, int | None], ...] | None = None
    beside: tuple[str, ...] = ()

    def restore(self, learned: Learned) -> Colorizer:
        """The colorizer that was saved, from what its sources and palette show."""
        try:
            return restore(learned, self.weights)
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"the model's weights do not fit its settings: train it again ({error})"
            ) from None


def save(
    colorizer: Colorizer,
    path: StrPath,
    *,
    keys: Sequence[tuple[str, int | None]] | None = None,
    beside: Sequence[str] = (),
    force: bool = False,
) -> None:
    """Write what `colorizer` has learned; whole or not at all.

    Parameters
    ----------
    keys, beside : sequence of (str, int or None), of str, optional
        As in :class:`Model`.

    Raises
    ------
    ValueError
        Before it has learned anything.
    OSError
        As :func:`refcolor.files.atomic_write.atomic`.
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
    with atomic(path, force=force) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(ABOUT), json.dumps(about, indent=1))
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
    """Whether a model is meant: by its name, or by what is in the file."""
    return Path(path).suffix == SUFFIX or is_model(path)


def is_model(path: StrPath) -> bool:
    """Whether a file begins like a model file; whatever cannot be opened does not."""
    try:
        with open_plain(path) as file:
            return _begins_well(file)
    except (OSError, ValueError):
        return False


def read(path: StrPath, *, max_pixels: int = MAX_PIXELS) -> Model:
    """Read and check a model file, without starting the network engine.

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        It is no model, cut short, damaged, of a format this version does not know, or a source has more
        than `max_pixels`.
    """
    with open_plain(path) as file:
        if not _begins_well(file):
            raise ValueError(f"{quoted(path)} is not a refcolor model: save one with --save-model")
        try:
            return _read(file, quoted(path), max_pixels)
        except (Refused, MemoryError):
            raise
        except Exception:  # whatever hostile bytes make the ZIP, JSON and array readers raise
            raise ValueError(f"{quoted(path)} is damaged or cut short: save the model again") from None


def _begins_well(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(HEADER + len(ABOUT))
    return head[:4] == b"PK\3\4" and head[HEADER:] == ABOUT.encode()


def _read(file: BinaryIO, name: str, max_pixels: int) -> Model:
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        stored = all(info.compress_type == zipfile.ZIP_STORED for info in members.values())
        held = sum(info.file_size for info in members.values())
        if not stored or held > size or len(members) > MOST_MEMBERS or members[ABOUT].file_size > MOST_WORDS:
            raise zipfile.BadZipFile
        about = json.loads(archive.read(ABOUT))
        if about["format"] != FORMAT:
            seen = f"{about['format']!r}, saved by refcolor {about['refcolor']!r}"[:80]
            raise Refused(
                f"{name} is a model of format {seen}; this is refcolor {__version__}, which knows format "
                f"{FORMAT}: train it again, or update"
            )
        config = _config(about["config"], name)
        arrays = {key.removesuffix(".npy"): _array(archive.read(key)) for key in members if key != ABOUT}
    pictures = _taken(arrays, "source")
    for levels in pictures:
        if math.prod(levels.shape[:2]) > max_pixels:
            seen = "x".join(map(str, levels.shape[1::-1]))
            raise Refused(f"{name} holds a source of {seen} pixels: raise --max-pixels if that is right")
    sources = tuple(_unpacked(levels) for levels in pictures)
    for source in sources:
        as_picture(source, "source", 3)
    if any(array.dtype.str != "<f4" or not np.isfinite(array).all() for array in arrays.values()):
        raise zipfile.BadZipFile
    palette = None
    if config.trains:
        rgb, lab, share = (arrays.pop(f"palette/{part}") for part in ("rgb", "lab", "share"))
        k = config.clusters
        if (
            rgb.shape != (k, 3)
            or lab.shape != (k, 3)
            or share.shape != (k,)
            or about["space"] not in ("rgb", "lab")
        ):
            raise zipfile.BadZipFile
        palette = Palette(rgb, lab, share, about["space"])
    weights: list[list[NDArray[np.float32]]] = []
    while mine := _taken(arrays, f"network/{len(weights)}"):
        weights.append(mine)
    if arrays or not sources or bool(weights) != config.trains:
        raise zipfile.BadZipFile
    if "keys" not in about:
        return Model(sources, palette, config, weights)
    keys = tuple((name, frame) for name, frame in about["keys"])
    beside = tuple(about["beside"])
    frames = [frame for _, frame in keys if frame is not None]
    if (
        len(keys) != len(sources)
        or not all(type(name) is str for name in [*(name for name, _ in keys), *beside])
        or not all(type(frame) is int and abs(frame) < MOST_FRAMES for frame in frames)
        or len(set(frames)) < len(frames)
    ):
        raise zipfile.BadZipFile
    return Model(sources, palette, config, weights, keys, beside)


def _taken(arrays: dict[str, NDArray[Any]], folder: str) -> list[NDArray[Any]]:
    """The arrays 0, 1 and so on of a folder, taken out of all."""
    taken: list[NDArray[Any]] = []
    while f"{folder}/{len(taken)}" in arrays:
        taken.append(arrays.pop(f"{folder}/{len(taken)}"))
    return taken


def _config(found: dict[str, Any], name: str) -> Config:
    if set(found) != {f.name for f in fields(Config)} or found["clusters"] == "auto":
        raise KeyError
    empty = [key for key, value in found.items() if value is None and key != "epochs"]
    if empty:
        raise Refused(f"{name} holds a setting that is out of range: {empty[0]} is None")
    try:
        return Config(**(found | {"canny": tuple(found["canny"])}))
    except ValueError as error:
        raise Refused(f"{name} holds a setting that is out of range: {error}") from None


def _array(data: bytes) -> NDArray[Any]:
    """The array in the bytes of a .npy file, without believing its header further than the bytes go."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise zipfile.BadZipFile
    shape, fortran, kind = np.lib.format.read_array_header_1_0(file)
    left = len(data) - file.tell()
    if fortran or kind.str not in TYPES or math.prod(shape) * kind.itemsize != left:
        raise zipfile.BadZipFile
    array: NDArray[Any] = np.frombuffer(data, kind, offset=file.tell()).reshape(shape)
    return array


def _packed(image: Image) -> NDArray[Any]:
    """The picture in integers where they give the same floats back."""
    for kind, most in LEVELS.items():
        levels: NDArray[Any] = np.rint(image * np.float32(most)).astype(kind)
        if np.array_equal(_unpacked(levels), image):
            return levels
    return image


def _unpacked(stored: NDArray[Any]) -> Image:
    most = LEVELS.get(stored.dtype.str)
    return np.asarray(stored if most is None else stored.astype(np.float32) / np.float32(most))
