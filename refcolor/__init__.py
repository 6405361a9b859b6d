"""refcolor colors a gray picture like a similar colored one.

Conventions, the same in every module:

* pictures are NumPy arrays ``(H, W, 3)`` or ``(H, W)``, RGB order, display-encoded (sRGB), float32 in [0, 1];
  :class:`Colorizer` and :class:`Shot` also take uint8, uint16 and float64;
* gray is BT.601 luma of the encoded values, 0.299 R + 0.587 G + 0.114 B;
* CIELAB is D65 with L in [0, 100];
* points are ``(N, 2)`` arrays of ``(x, y)``, pixel centers at integers;
* labels are int32.

CONTRIBUTING.md lists the packages. Importing refcolor imports neither TensorFlow nor scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Colorizer", "Config", "Result", "Shot", "__version__", "colorize", "load", "save"]

_HOME = {
    "Colorizer": "methods.colorizer",
    "Result": "methods.base",
    "colorize": "methods.colorizer",
    "Config": "config",
    "Shot": "shots.shot",
    "load": "files.models",
    "save": "files.models",
}


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that ``refcolor --help`` stays quick."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
