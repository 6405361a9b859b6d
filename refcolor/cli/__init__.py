"""The command line: words to a request, outcomes to messages and exit codes."""

from refcolor.cli.app import main

__all__ = ["main"]
