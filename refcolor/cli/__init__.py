"""The command line: commands, options, messages, exit codes. No other package knows options."""

from refcolor.cli.app import main

__all__ = ["main"]
