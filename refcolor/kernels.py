"""The gate to the C++ kernels: what is missing where they were not compiled is said here, once."""

from __future__ import annotations

try:
    from refcolor import _core as core
except ImportError as error:
    error.add_note("The C++ extension refcolor._core is missing: did you forget to compile? pip install .")
    raise

__all__ = ["core"]
