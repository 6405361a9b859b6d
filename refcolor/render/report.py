"""What became of a shot: a report for programs, a table for people, one picture of many frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refcolor import __version__
from refcolor.config import Config
from refcolor.files import images
from refcolor.files.atomic_write import atomic
from refcolor.files.sequences import listed
from refcolor.imaging.color import Image, to_8bit
from refcolor.imaging.contact_sheets import contact_sheet
from refcolor.imaging.features import resize
from refcolor.render.keys import Key, frame_of
from refcolor.render.painter import Outcome
from refcolor.render.plan import Plan

LOW = 0.7  # mean confidence below which a frame should be looked at
DOUBTFUL = 0.25  # or this share of its pixels
COLORED = "it is colored: only its gray is used"
FIRST = 5  # frames that are named
SURE = 0.95  # mean confidence above which another key is not worth its while
PICTURES, ROW = 24, 6  # on a contact sheet, unless told; in a row
SHEET = ("ImageDescription", "string", "refcolor contact sheet")
SIDE = 320  # pixels; longer side of a picture that is remembered for it


@dataclass
class Summary:
    """How the frames of a shot went.

    Attributes
    ----------
    work, keys, places, config
        Of the job; places are indices of the keys' frames.
    sheet : set of int
        Frames whose pictures are remembered.
    earlier : mapping
        What an earlier report says of frames, by number.
    """

    work: Plan
    keys: Sequence[Key]
    places: Sequence[float | None]
    config: Config
    sheet: frozenset[int] = frozenset()
    earlier: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    pictures: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Remember how a frame went, and a small picture of it if need be."""
        index = outcome.index
        self.outcomes[index] = replace(outcome, image=None, alpha=None)
        if outcome.error is None:
            self._remember(index, outcome.image)

    @property
    def key_frames(self) -> list[tuple[str, int | None]]:
        """The keys by name, and the numbers of their frames."""
        pairs = zip(self.keys, self.places, strict=True)
        return [(key.name, frame_of(key, place, self.work.footage.numbers)) for key, place in pairs]

    @property
    def failed(self) -> list[int]:
        """Frames without a result."""
        return sorted(index for index, outcome in self.outcomes.items() if outcome.error)

    def warnings(self, index: int) -> list[str]:
        """What to know of a frame."""
        outcome = self.outcomes[index]
        said = []
        if outcome.cut:
            said.append("another scene begins")
        if outcome.resized:
            said.append("its size is not that of the frame before")
        if outcome.keyless:
            said.append("no key shows this scene")
        if outcome.colored and index not in self.places:
            said.append(COLORED)
        if self._is_low(outcome):
            said.append("low confidence")
        return said

    def report(self) -> dict[str, Any]:
        """All of it, for a JSON file."""
        names = [key.name for key in self.keys]
        numbers = self.work.footage.numbers
        frames = {number: self.earlier[number] for number in numbers if number in self.earlier}
        frames |= {
            numbers[index]: {
                "frame": numbers[index],
                "target": self.work.footage.name(index),
                "result": str(self.work.results[index])
                if index in self.work.results and not outcome.error
                else None,
                "keys": [names[key] for key in outcome.keys],
                "seconds": round(outcome.seconds, 3),
                "confidence": _rounded(outcome.confidence),
                "doubtful": _rounded(outcome.doubtful),
                "hold": outcome.hold,
                "cut": outcome.cut,
                "warnings": self.warnings(index),
                "error": outcome.error,
            }
            for index, outcome in self.outcomes.items()
        }
        return {
            "refcolor": __version__,
            "settings": asdict(self.config),
            "keys": [{"key": name, "frame": frame} for name, frame in self.key_frames],
            "skipped": [numbers[index] for index in self.work.done],
            "frames": [frames[number] for number in sorted(frames)],
        }

    def write_report(self, path: Path, *, force: bool) -> None:
        """Write the report as JSON, whole or not at all."""
        text = json.dumps(self.report(), indent=1)
        with atomic(path, force=force) as file:
            file.write(text.encode())

    def write_sheet(self, path: Path, *, force: bool) -> bool:
        """Write the contact sheet of the frames that were remembered or were there already; False if none."""
        for index in self.work.done:
            self._remember(index)
        if not self.pictures:
            return False
        cells = [(self._caption(index), image) for index, image in sorted(self.pictures.items())]
        rows = [cells[at : at + ROW] for at in range(0, len(cells), ROW)]
        image = np.asarray(contact_sheet(rows) / 255, np.float32)
        images.write_picture(path, image, force=force, tags=(SHEET,))
        return True

    def table(self) -> list[str]:
        """Lines for people: how many frames, and which to look at first."""
        done = [o for o in self.outcomes.values() if not o.error]
        counts = [
            f"{len(done)} frame{'s' * (len(done) != 1)} colored",
            f"{sum(o.hold for o in done)} of them holds",
        ]
        counts += [f"{len(self.work.done)} were there already"] if self.work.done else []
        counts += [f"{len(self.failed)} failed"] if self.failed else []
        lines = [", ".join(counts)]
        cuts = [o.index for o in done if o.cut]
        keyless = [o.index for o in done if o.keyless]
        colored = sum(COLORED in self.warnings(o.index) for o in done)
        if colored:
            frames_are = "frame is" if colored == 1 else "frames are"
            lines.append(f"{colored} {frames_are} colored: only their gray is used")
        if cuts:
            lines.append(f"another scene begins with frame {self._listed(cuts)}")
        if keyless:
            lines.append(f"no key shows the scene of frame {self._listed(keyless)}: give one of it")
        sure = [o for o in done if o.confidence is not None and not o.hold]
        sure.sort(key=lambda o: (o.confidence, o.index))
        worst = [o for o in sure if set(self.warnings(o.index)) - {COLORED}][:FIRST]
        if worst:
            names = [Path(self.work.footage.name(o.index)).name for o in worst]
            wide = max(map(len, names))
            lines.append(f"{'look first at':{wide}}  confidence  doubtful  remarks")
            for outcome, name in zip(worst, names, strict=True):
                said = "; ".join(self.warnings(outcome.index))
                lines.append(f"{name:{wide}}  {outcome.confidence:10.2f}  {outcome.doubtful:8.0%}  {said}")
        least = [o for o in sure if (o.confidence or 0) < SURE and o.index not in self.places][:1]
        for outcome in least:
            lines.append(
                f"least sure of frame {self._listed([outcome.index])}, {outcome.confidence:.2f}: a key there "
                "would help most"
            )
        return lines

    @staticmethod
    def _is_low(outcome: Outcome) -> bool:
        return (outcome.confidence or 1) < LOW or (outcome.doubtful or 0) > DOUBTFUL

    def raise_if_failed(self, count: int) -> None:
        """Say which of `count` frames failed, and why the first did.

        Raises
        ------
        ValueError
        """
        if not self.failed:
            return
        done = ", the others are done" if len(self.failed) < count else ""
        why = self.outcomes[self.failed[0]].error
        raise ValueError(
            f"{len(self.failed)} of {count} frames failed{done}: frame {self._listed(self.failed)}: {why}"
        )

    def _listed(self, indices: Sequence[int]) -> str:
        return listed(sorted(self.work.footage.numbers[index] for index in indices))

    def _remember(self, index: int, image: Image | None = None) -> None:
        """Keep a small picture for the contact sheet, read from its file if need be, and if it can be."""
        if index not in self.sheet:
            return
        with suppress(OSError, ValueError):
            if image is None:
                image = self.work.read(index).rgb
            scale = min(1.0, SIDE / max(image.shape))
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            self.pictures[index] = to_8bit(resize(image, size))

    def _caption(self, index: int) -> str:
        outcome = self.outcomes.get(index, Outcome(index))
        sure = "" if outcome.confidence is None else f" {outcome.confidence:.2f}"
        kind = " key" if index in self.places else " hold" if outcome.hold else ""
        return f"{self.work.footage.numbers[index]}{sure}{kind}"


def read_report(path: Path) -> dict[int, dict[str, Any]] | None:
    """What an earlier report says of every frame, by number; None if the file is no report."""
    try:
        said = json.loads(path.read_bytes())
        return {int(frame["frame"]): frame for frame in said["frames"]} if "refcolor" in said else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def is_sheet(path: Path) -> bool:
    """Whether a file is a contact sheet that was written here."""
    try:
        return SHEET in images.read(path).storage.tags
    except (OSError, ValueError):
        return False


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
