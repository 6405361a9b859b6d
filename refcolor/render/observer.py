"""The observer of a job: progress and written files; remarks go to the logger ``refcolor``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refcolor.config import Progress


class Observer:
    """Ignores everything; the command line has one that draws progress bars and lists the files."""

    @contextmanager
    def bar(self, task: str) -> Iterator[Progress]:
        """Show the progress of a task; the block calls the function with (steps done, steps in all)."""
        yield lambda done, total: None

    def wrote(self, path: Path) -> None:
        """A file of the job is complete."""


SILENT = Observer()
