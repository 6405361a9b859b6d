"""The report of a job: JSON for programs, a summary for people, a contact sheet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from refcolor import __version__
from refcolor.errors import with_code
from refcolor.files import images
from refcolor.files.plain_files import atomic
from refcolor.files.sequences import listed
from refcolor.imaging.color import Image, to_8bit
from refcolor.imaging.contact_sheets import contact_sheet
from refcolor.imaging.geometry import resize
from refcolor.render.painter import Outcome

if TYPE_CHECKING:
    from refcolor.render.plan import Plan

MIN_CONFIDENCE = 0.7  # mean of a frame, below which it should be looked at
MAX_DOUBTFUL = 0.25  # share of a frame's pixels, the same
MIN_HELPFUL = 0.95  # mean confidence of the worst frame from which another key would not help
WORST = 5  # frames that are listed
COLORED = "it is colored: only its gray is used"
SHEET_PICTURES, SHEET_COLUMNS = 24, 6  # on a contact sheet, if no step is given
SHEET_TAG = ("ImageDescription", "string", "refcolor contact sheet")
SHEET_SIDE = 320  # pixels; longer side of a picture


class Report:
    """Collects the outcomes of a plan's frames."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.config = plan.config  #: with the number of clusters, once it is decided
        self.outcomes: dict[int, Outcome] = {}  #: by frame index, without the pictures
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        selected = plan.outputs.selected
        step = plan.request.every or -(-len(selected) // SHEET_PICTURES)
        self._on_sheet = frozenset(selected[::step] if plan.request.contact_sheet else ())

    def add(self, outcome: Outcome) -> None:
        """Take the outcome of a frame, and a small picture for the contact sheet."""
        self.outcomes[outcome.index] = replace(outcome, image=None, alpha=None)
        if outcome.error is None:
            self._add_picture(outcome.index, outcome.image)

    def warnings(self, index: int) -> list[str]:
        """What to know of a frame."""
        outcome = self.outcomes[index]
        unsure = outcome.confidence is not None and outcome.confidence < MIN_CONFIDENCE
        warnings = {
            "another scene begins": outcome.cut,
            "its size is not that of the frame before": outcome.resized,
            "no key shows this scene": outcome.keyless,
            COLORED: outcome.colored and index not in self.plan.key_indices,
            "low confidence": unsure or (outcome.doubtful or 0) > MAX_DOUBTFUL,
        }
        return [text for text, applies in warnings.items() if applies]

    def write(self, path: Path, *, force: bool) -> None:
        """Write the report as JSON, with the frames of earlier runs, whole or not at all."""
        plan, numbers = self.plan, self.plan.frames.numbers
        earlier = (read_report(path) if plan.request.skip_existing else None) or {}
        frames = {number: earlier[number] for number in numbers if number in earlier}
        frames |= {numbers[index]: self._frame(outcome) for index, outcome in self.outcomes.items()}
        content = {
            "refcolor": __version__,
            "settings": asdict(self.config),
            "keys": [{"key": name, "frame": frame} for name, frame in plan.key_frames],
            "skipped": [numbers[index] for index in plan.outputs.done],
            "frames": [frames[number] for number in sorted(frames)],
        }
        with atomic(path, force=force) as file:
            file.write(json.dumps(content, indent=1).encode())

    def _frame(self, outcome: Outcome) -> dict[str, Any]:
        index, results = outcome.index, self.plan.outputs.results
        return {
            "frame": self.plan.frames.numbers[index], "target": self.plan.frames.name(index),
            "result": str(results[index]) if index in results and not outcome.error else None,
            "keys": [self.plan.keys[key].name for key in outcome.keys], "seconds": round(outcome.seconds, 3),
            "confidence": outcome.confidence and round(outcome.confidence, 4),
            "doubtful": outcome.doubtful and round(outcome.doubtful, 4),
            "hold": outcome.hold, "cut": outcome.cut, "warnings": self.warnings(index),
            "error": outcome.error,
        }  # fmt: skip

    def write_contact_sheet(self, path: Path, *, force: bool) -> bool:
        """Write small pictures of colored frames, also of earlier ones; False if there is none."""
        for index in self.plan.outputs.done:
            self._add_picture(index)
        if not self._pictures:
            return False
        cells = [(self._caption(index), image) for index, image in sorted(self._pictures.items())]
        rows = [cells[start : start + SHEET_COLUMNS] for start in range(0, len(cells), SHEET_COLUMNS)]
        images.write_picture(path, contact_sheet(rows) / 255, force=force, tags=(SHEET_TAG,))
        return True

    def summary(self) -> list[str]:
        """Lines for people: how many frames, and which to look at first."""
        colored = [outcome for outcome in self.outcomes.values() if not outcome.error]
        existing, failed = len(self.plan.outputs.done), len(self.outcomes) - len(colored)
        counts = [f"{len(colored)} frame{'s' * (len(colored) != 1)} colored"]
        counts += [f"{sum(outcome.hold for outcome in colored)} of them holds"]
        counts += [f"{existing} existed already"] if existing else []
        counts += [f"{failed} failed"] if failed else []
        lines = [", ".join(counts)]
        if with_colors := sum(COLORED in self.warnings(outcome.index) for outcome in colored):
            subject = "1 frame has" if with_colors == 1 else f"{with_colors} frames have"
            lines.append(f"{subject} colors: only the gray is used")
        if cuts := [outcome.index for outcome in colored if outcome.cut]:
            lines.append(f"another scene begins with frame {self._listed(cuts)}")
        if keyless := [outcome.index for outcome in colored if outcome.keyless]:
            lines.append(f"no key shows the scene of frame {self._listed(keyless)}: give one of it")
        return lines + self._worst(colored)

    def _worst(self, colored: Sequence[Outcome]) -> list[str]:
        """The frames of the lowest confidence, and the one that a key would help most."""
        rated = sorted((o.confidence, o.index) for o in colored if o.confidence is not None and not o.hold)
        lines = []
        if worst := [index for _, index in rated if set(self.warnings(index)) - {COLORED}][:WORST]:
            names = {index: Path(self.plan.frames.name(index)).name for index in worst}
            width = max(map(len, ["look first at", *names.values()]))
            lines.append(f"{'look first at':{width}}  confidence  doubtful  remarks")
            for index, name in names.items():
                outcome = self.outcomes[index]
                shares = f"{outcome.confidence:10.2f}  {outcome.doubtful:8.0%}"
                lines.append(f"{name:{width}}  {shares}  {'; '.join(self.warnings(index))}")
        for confidence, index in rated:
            if confidence < MIN_HELPFUL and index not in self.plan.key_indices:
                text = f"frame {self._listed([index])} has the lowest confidence, {confidence:.2f}"
                return [*lines, f"{text}: a key of it would help most"]
        return lines

    def raise_if_failed(self) -> None:
        """Raise ValueError if frames failed: which, and why the first did."""
        if failed := sorted(index for index, outcome in self.outcomes.items() if outcome.error):
            count, first = len(self.plan.outputs.todo), self.outcomes[failed[0]]
            others = ", the others are done" if len(failed) < count else ""
            text = f"{len(failed)} of {count} frames failed{others}: frame {self._listed(failed)}"
            raise with_code(ValueError(f"{text}: {first.error}"), first.code)

    def _listed(self, indices: Sequence[int]) -> str:
        return listed(sorted(self.plan.frames.numbers[index] for index in indices))

    def _add_picture(self, index: int, image: Image | None = None) -> None:
        """Keep a small picture for the contact sheet, from its file if need be; none if it cannot be read."""
        if index not in self._on_sheet:
            return
        with suppress(OSError, ValueError):
            if image is None:
                image = self.plan.outputs.read(index).rgb
            scale = min(1.0, SHEET_SIDE / max(image.shape))
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            self._pictures[index] = to_8bit(resize(image, size))

    def _caption(self, index: int) -> str:
        outcome = self.outcomes.get(index, Outcome(index))
        confidence = "" if outcome.confidence is None else f" {outcome.confidence:.2f}"
        kind = " key" if index in self.plan.key_indices else " hold" if outcome.hold else ""
        return f"{self.plan.frames.numbers[index]}{confidence}{kind}"


def read_report(path: Path) -> dict[int, dict[str, Any]] | None:
    """What an earlier report says of every frame, by number; None if the file is no report."""
    try:
        content = json.loads(path.read_bytes())
        return {int(frame["frame"]): frame for frame in content["frames"]} if "refcolor" in content else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def is_contact_sheet(path: Path) -> bool:
    """Whether a file is a contact sheet that was written here."""
    try:
        return SHEET_TAG in images.read(path).storage.tags
    except (OSError, ValueError):
        return False
