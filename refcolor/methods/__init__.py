"""The methods that color a picture: paper (the report's), quick, standard. One file each, the same verbs."""

from __future__ import annotations

from refcolor.config import Config, Preset
from refcolor.methods.base import Method
from refcolor.methods.paper import Paper
from refcolor.methods.quick import Quick
from refcolor.methods.standard import Standard

METHODS: dict[Preset, Method] = {
    Preset.PAPER: Paper(),
    Preset.QUICK: Quick(),
    Preset.STANDARD: Standard(),
}


def method_of(config: Config) -> Method:
    """The method that a preset names."""
    return METHODS[config.name]
