"""The main function of the command line: picks the command and runs it.

Exit codes: 0 done; 1 the job failed, as with a picture that cannot be used or a full disk; 2 wrong use, as
with an unknown option, a missing file or an output that must not be written; 130 interrupted.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence

import typer

from refcolor.cli.color import color
from refcolor.cli.console import session
from refcolor.cli.info import info
from refcolor.cli.inspect import inspect
from refcolor.cli.score import score
from refcolor.cli.shot import shot

_COMMANDS: dict[str, Callable[..., None]] = {"shot": shot, "inspect": inspect, "score": score, "info": info}
_EPILOG = (
    "More: refcolor shot, refcolor inspect, refcolor score, refcolor info; each has its own --help. "
    "A file with such a name is reached as ./inspect."
)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; ends by SystemExit with the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names come out as the bytes they are
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    name = words.pop(0) if words and words[0] in _COMMANDS else ""
    app.command(epilog=None if name else _EPILOG, no_args_is_help=name != "info")(_COMMANDS.get(name, color))
    with session(debug=False):
        app(words, prog_name=f"refcolor {name}".strip())
