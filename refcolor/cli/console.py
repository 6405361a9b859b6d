"""What the command line says beside its results, all of it on stderr: remarks, progress, errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from refcolor.errors import UsageError, code_of

WRONG_USE = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)

HINTS = {  # code of an error -> what to type
    "exists": "use --force to overwrite it",
    "too_many_pixels": "raise --max-pixels if that is right",
    "no_gpu": "use --device cpu",
    "few_colors": "use fewer --clusters",
    "no_engine_backend": "pip install refcolor again",
    "is_video": "name a frame of it, as --key-from VIDEO@24",
    "needs_folder": "give one with -o FOLDER",
}
LIBGL = (  # OpenCV's wheel with windows needs it even where no window is opened
    "install it with apt-get install libgl1, "
    "or put opencv-contrib-python-headless in the place of opencv-contrib-python"
)


@contextmanager
def friendly(debug: bool) -> Iterator[None]:
    """Turn what goes wrong into one line and an exit code: 1 failed, 2 wrong use, 130 interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        print("refcolor: interrupted; nothing half-written is left", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        if debug:
            traceback.print_exc()
        text = str(error)
        if isinstance(error, MemoryError):
            text = "not enough memory: use a smaller picture"
        elif not isinstance(error, (ValueError, OSError, ImportError)):
            text = f"unexpected {type(error).__name__}: {text}; please report it with what --debug shows"
        hints = [LIBGL] if "libGL" in text else getattr(error, "__notes__", [])
        hints = [*hints, HINTS.get(code_of(error) or "", "")]
        words = "; ".join(filter(None, [text, *hints])).split()
        print("refcolor:", *words, file=sys.stderr)
        raise SystemExit(2 if isinstance(error, (UsageError, *WRONG_USE)) else 1) from None


class Voice:
    """Remarks and progress bars, or silence."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def line(self, text: str) -> None:
        """Say something in one line."""
        if not self.quiet:
            print(f"refcolor: {text}", file=sys.stderr)

    @contextmanager
    def bar(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A progress bar on a terminal, with the time left; the block tells it (done, in all)."""
        if self.quiet or not sys.stderr.isatty():  # in a log, a bar would leave empty lines
            yield lambda done, total: None
            return
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
        )
        # a descriptor of its own: number 2 is held back while the engine starts
        with os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal:
            console = Console(file=terminal)
            together = sys.stdout.isatty()  # results are listed above the bar, not on it
            with progress.Progress(
                *columns, console=console, transient=True, redirect_stdout=together
            ) as bar:
                task = bar.add_task(what, total=None)
                yield lambda done, total: bar.update(task, completed=done, total=total)
