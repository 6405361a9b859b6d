"""The command ``refcolor score``: compare a colored picture with the true colors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from refcolor.cli import options
from refcolor.cli.console import session
from refcolor.config import MAX_PIXELS

if TYPE_CHECKING:
    from refcolor.imaging.color import Image


def score(
    result: options.Scored,
    truth: options.Truth,
    source: options.ScoreSource,
    target: options.ScoreTarget = None,
    as_json: options.AsJson = False,
    max_pixels: options.Pixels = MAX_PIXELS,
    debug: options.Debug = False,
) -> None:
    """Compare RESULT with the TRUTH: shares of right colors, CIEDE2000, PSNR, luma kept."""
    with session(debug=debug):
        from refcolor.files import images
        from refcolor.imaging import metrics

        def rgb(path: Path) -> Image:
            return images.read(path, max_pixels=max_pixels).rgb

        gray = images.read(target, max_pixels=max_pixels).gray if target else None
        figures = metrics.score(rgb(result), rgb(truth), rgb(source), target=gray)
        print(json.dumps(figures, indent=1) if as_json else metrics.table(figures))
