"""What a caller gives to a job: the request, and an observer of its progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from refcolor.config import MAX_PIXELS, Config, Device, Progress, TargetKind

if TYPE_CHECKING:
    from refcolor.files.video_write import Codec


@dataclass(frozen=True, kw_only=True)
class Request:
    """A shot to color; what is left out is not written, or has the default of the command line."""

    targets: Sequence[Path]  #: the gray frames: a folder, files, a pattern as shot.####.png, or a video
    keys: Sequence[str] = ()  #: pictures, folders, patterns, or one model: see :mod:`refcolor.render.keys`
    key_from: Sequence[str] = ()  #: VIDEO@24: keys that are frames of colored videos
    output: Path | None = None  #: folder, pattern or video; may be left out where only a model is saved
    frames: str | None = None  #: color only these, as 1-48x2; all are read for their neighbors
    codec: Codec | None = None  #: of a video; by default, the one that suits its extension
    confidence: Path | None = None  #: folder for gray pictures of how far pixels can be trusted
    save_model: Path | None = None  #: file for what is learned
    report: Path | None = None  #: JSON file on every frame
    contact_sheet: Path | None = None  #: picture of some frames
    every: int | None = None  #: step of the frames on it; by default, one that makes 24 pictures
    skip_existing: bool = False  #: keep existing results and color the rest
    force: bool = False  #: overwrite existing files
    target: TargetKind = TargetKind.AUTO  #: what the targets are: gray pictures or line art
    config: Config | None = None  #: settings; a model has its own and allows no other
    device: Device | None = None  #: where to train, instead of what `config` says
    workers: int | Literal["auto"] = "auto"  #: processes on this machine
    ray: str | None = None  #: address of a Ray cluster to color on instead
    max_pixels: int = MAX_PIXELS  #: larger pictures are refused


class Observer:
    """Ignores progress and written files; the command line has one that shows both.

    Remarks go to the logger ``refcolor``.
    """

    @contextmanager
    def bar(self, task: str) -> Iterator[Progress]:
        """Show the progress of a task; the block calls the function with (steps done, steps in all)."""
        yield lambda done, total: None

    def wrote(self, path: Path) -> None:
        """A file of the job is complete."""


SILENT = Observer()
