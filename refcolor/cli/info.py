"""The command ``refcolor info``: versions, threads, and the devices that the network engine sees."""

from __future__ import annotations

import json
import subprocess
import sys

from refcolor import __version__
from refcolor.cli import options
from refcolor.cli.console import session


def info(quick: options.QuickInfo = False, debug: options.Debug = False) -> None:
    """Print versions, the GPUs the network engine sees, threads and the extension."""
    with session(debug=debug):
        from importlib import metadata

        import cv2

        from refcolor import kernels

        rows = {"refcolor": __version__, "python": sys.version.split()[0], "extension": kernels.core.__file__}
        rows["opencv"] = cv2.__version__
        for name in ("numpy", "scikit-learn", "openimageio", "pandas", "keras"):
            rows[name] = metadata.version(name)
        rows["threads"] = str(kernels.threads())
        if not quick:
            rows |= _engine()
        for name, value in rows.items():
            print(f"{name:22} {value}")


def _engine() -> dict[str, str]:
    """What the network engine says of itself, in a process of its own: this one needs no engine."""
    words = [sys.executable, "-P", "-m", "refcolor.networks.backend"]
    engine = subprocess.run(words, capture_output=True, text=True, check=False)
    if engine.returncode:
        reason = (engine.stderr.strip() or "no reason given").splitlines()[-1]
        raise ValueError(f"the network engine does not start: {reason}")
    return dict(json.loads(engine.stdout.splitlines()[-1]))
