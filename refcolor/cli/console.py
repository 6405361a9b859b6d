"""What the command line prints: results on stdout; remarks, progress bars and errors on stderr."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refcolor.config import Progress
from refcolor.errors import UsageError, code_of
from refcolor.render.request import Observer

WRONG_USE = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)

HINTS = {  # code of an error or remark -> what to type
    "cluster_lost": "when it is back, go on with --skip-existing",
    "codec": "give -o FILE.mkv, .mov or .mp4",
    "exists": "use --force to overwrite it",
    "exists_some": "use --force to overwrite, or go on with the rest by refcolor shot --skip-existing",
    "few_colors": "use fewer --clusters",
    "is_video": "name a frame of it, as --key-from VIDEO@24",
    "keep_or_force": "leave out --skip-existing or --force",
    "killed": "use fewer --workers",
    "line_art": "if it is a gray picture, say --target gray",
    "model_again": "leave out --save-model",
    "model_gpu": "leave out --device gpu",
    "needs_folder": "give one with -o FOLDER",
    "no_confidence": "leave out --confidence",
    "no_gpu": "use --device cpu",
    "no_key": "name a colored frame with --key FILE",
    "no_output": "give -o FOLDER, or -o FILE.mkv for a video",
    "no_target": "or give --save-model FILE alone",
    "no_sheet": "give --contact-sheet FILE",
    "other_video": "or use --force instead of --skip-existing",
    "too_many_pixels": "raise --max-pixels if that is right",
    "video_frame": "name it as --key-from VIDEO@24",
    "workers_or_ray": "leave out --workers or --ray",
}
LIBGL = (  # OpenCV's wheel needs it although no window is opened
    "install it with apt-get install libgl1, "
    "or put opencv-contrib-python-headless in the place of opencv-contrib-python"
)


class Terminal(Observer):
    """Lists files on stdout, and draws progress bars on a terminal."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def wrote(self, path: Path) -> None:
        print(path, flush=True)

    @contextmanager
    def bar(self, task: str) -> Iterator[Progress]:
        if self.quiet or not sys.stderr.isatty():  # in a log, a bar would leave empty lines
            yield lambda done, total: None
            return
        from rich import console
        from rich import progress as rich

        times = rich.TimeElapsedColumn(), "left", rich.TimeRemainingColumn()
        columns = "{task.description}", rich.BarColumn(), rich.TaskProgressColumn(), *times
        together = sys.stdout.isatty()  # results are listed above the bar, not on it
        # a descriptor of its own: stderr is held back while the network engine starts
        with os.fdopen(os.dup(sys.stderr.fileno()), "w") as file:
            screen = console.Console(file=file)
            with rich.Progress(*columns, console=screen, transient=True, redirect_stdout=together) as bars:
                bar = bars.add_task(task, total=None)
                yield lambda done, total: bars.update(bar, completed=done, total=total)


class _Remarks(logging.Handler):
    """Prints remarks as single lines; handlers of rich wrap and pad them."""

    def emit(self, record: logging.LogRecord) -> None:
        print(_line(record.getMessage(), getattr(record, "code", None)), file=sys.stderr)


@contextmanager
def session(*, debug: bool, quiet: bool = False) -> Iterator[Terminal]:
    """Print the remarks of the block, and turn an error into one line and an exit code.

    Exit codes: 1 failed, 2 wrong use, 130 interrupted.
    """
    log = logging.getLogger("refcolor")
    before = log.level, log.propagate, log.handlers
    log.setLevel(logging.CRITICAL + 1 if quiet else logging.INFO)
    log.propagate = False  # other libraries print what reaches the root logger
    log.handlers = [_Remarks()]
    try:
        yield Terminal(quiet)
    except KeyboardInterrupt:
        print(_line("interrupted; nothing half-written is left"), file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(_line(_text_of(error), code_of(error)), file=sys.stderr)
        raise SystemExit(2 if isinstance(error, (UsageError, *WRONG_USE)) else 1) from None
    finally:
        log.setLevel(before[0])
        log.propagate, log.handlers = before[1:]


def _text_of(error: Exception) -> str:
    text = str(error)
    if isinstance(error, MemoryError):
        text = "not enough memory: use a smaller picture"
    elif not isinstance(error, (ValueError, OSError, ImportError)):
        text = f"unexpected {type(error).__name__}: {text}; please report it with what --debug shows"
    return "; ".join([text, *([LIBGL] if "libGL" in text else getattr(error, "__notes__", []))])


def _line(text: str, code: str | None = None) -> str:
    hint = f"; {HINTS[code]}" if code in HINTS else ""
    return " ".join(["refcolor:", *(text + hint).split()])
