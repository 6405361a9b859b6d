"""The request for a job: frames, keys, outputs and options, as a user gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from refcolor.config import MAX_PIXELS, Config, Device

if TYPE_CHECKING:
    from refcolor.files.video_codecs import Codec


@dataclass(frozen=True, kw_only=True)
class Request:
    """A shot to color, in the words of the user.

    Attributes
    ----------
    targets : sequence of Path
        The gray frames: a folder, files, a pattern such as ``shot.####.png``, or a video.
    keys : sequence of str
        Colored pictures, folders, patterns, or one model: see :mod:`refcolor.render.keys`.
    key_from : sequence of str
        ``VIDEO@24``: keys that are frames of colored videos.
    output : Path, optional
        A folder, a pattern, or a video; may be left out where only a model is saved.
    frames : str, optional
        Color only these, as ``1-48x2``; all frames are read for their neighbors.
    codec : str, optional
        Of a video; by default, the one that suits its extension.
    confidence, save_model, report, contact_sheet : Path, optional
        Also write these: a folder of gray pictures, a model, a JSON file, a picture.
    every : int, optional
        Step of the frames on the contact sheet; by default, as many as make about 24 pictures.
    skip_existing, force : bool
        Keep existing results and color the rest; overwrite existing files.
    config : Config, optional
        Settings; by default, those of the preset ``standard``, or the model's, which allows no other.
    device : str, optional
        Where to train, instead of what `config` says.
    workers : int or "auto"
        Processes on this machine.
    ray : str, optional
        Address of a Ray cluster to color on instead.
    max_pixels : int
        Larger pictures are refused.
    """

    targets: Sequence[Path]
    keys: Sequence[str] = ()
    key_from: Sequence[str] = ()
    output: Path | None = None
    frames: str | None = None
    codec: Codec | None = None
    confidence: Path | None = None
    save_model: Path | None = None
    report: Path | None = None
    contact_sheet: Path | None = None
    every: int | None = None
    skip_existing: bool = False
    force: bool = False
    config: Config | None = None
    device: Device | None = None
    workers: int | Literal["auto"] = "auto"
    ray: str | None = None
    max_pixels: int = MAX_PIXELS
