"""The methods that color a picture, by preset, with the same verbs: look, align, color."""

from __future__ import annotations

from refcolor.config import Preset
from refcolor.methods.base import Method
from refcolor.methods.paper import Paper
from refcolor.methods.quick import Quick
from refcolor.methods.standard import Standard

METHODS: dict[Preset, Method] = {
    Preset.PAPER: Paper(),
    Preset.QUICK: Quick(),
    Preset.STANDARD: Standard(),
}
