"""Targets as methods take them, gray or line art, as told or as a picture looks; results as written."""

from __future__ import annotations

from refcolor.config import TargetKind
from refcolor.errors import StrPath, quoted
from refcolor.files.images import Picture
from refcolor.imaging import ink
from refcolor.imaging.color import Image
from refcolor.methods.base import Result, Target
from refcolor.shots.shot import Frame


def is_line_art(picture: Picture, kind: TargetKind) -> bool:
    """Whether a target is to be painted as line art."""
    return kind is TargetKind.LINES or (kind is TargetKind.AUTO and ink.is_drawn(picture.on_white))


def target_of(picture: Picture, kind: TargetKind) -> Target:
    """The picture as a target: line art as it is drawn, anything else by its gray."""
    return Target(picture.gray_on_paper, picture.on_white if is_line_art(picture, kind) else None)


def line_art_remark(name: StrPath) -> str:
    """What the user is told of a target that was taken for line art."""
    return f"{quoted(name)} is line art: lines stay, areas are painted"


def to_write(picture: Picture, result: Result | Frame) -> tuple[Picture, Image]:
    """The picture that a result is written like, and the colors to write."""
    if result.parts is not None:
        return picture.filled(result.image, ~result.parts.background)
    like = picture.resized(result.image.shape[1], result.image.shape[0])
    return like, like.over_hidden(result.image)
