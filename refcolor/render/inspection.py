"""Write every stage of one run as pictures, tables and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from refcolor.files import images, plain_files
from refcolor.imaging import merge
from refcolor.imaging.color import Image
from refcolor.imaging.contact_sheets import contact_sheet
from refcolor.imaging.features import Features, draw_corners
from refcolor.imaging.palette import Labels
from refcolor.methods.base import Result
from refcolor.methods.colorizer import Colorizer
from refcolor.render import outputs
from refcolor.render.painter import LOW_CONFIDENCE
from refcolor.synthesis.confidence import REASONS

if TYPE_CHECKING:
    from refcolor.regions.decision import Decisions

PICTURES = (
    "source", "target", "source_edges", "target_edges", "source_corners", "target_corners", "clusters", "pca",
    "source_labels", "target_labels", "palette", "target_regions", "result", "sheet",
)  # fmt: skip
TABLES = ("source_corners", "target_corners", "clusters", "target_labels", "probabilities", "target_regions")
FILES = (*(f"{name}.png" for name in PICTURES), *(f"{name}.csv" for name in TABLES))
FIGURE, MARGIN = 480, 20  # pixels; sides of the PCA figure and width of its empty border
BACKDROP = 0.85  # gray of the dots behind the clusters
HUE_STEP = 0.618034  # of the hue circle, the golden ratio, between neighboring labels
STRIPE = 4  # pixels; width of the runner-up's stripes over a doubtful region


def check_folder(folder: Path, *, inputs: Sequence[Path], force: bool) -> None:
    """Refuse, before any work, an unfit folder, as :func:`refcolor.render.outputs.check`."""
    outputs.check([], [folder], inputs, others=[folder / name for name in FILES], force=force)


def write(folder: Path, colorizer: Colorizer, gray: Image, result: Result, *, force: bool) -> list[Path]:
    """Write all stages into `folder`, which is created if missing; returns the files in order.

    They are first finished in a hidden folder beside them: if the disk is full, or after Ctrl-C, no file
    appears and none is replaced.
    """
    import pandas as pd  # late: only this command writes tables

    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        check_folder(folder, inputs=[], force=force)
        with TemporaryDirectory(prefix=".refcolor-", dir=folder) as hidden:
            pictures, tables = _stages(colorizer, gray, result)
            for name, image in pictures.items():
                images.write_picture(Path(hidden, f"{name}.png"), image)
            for name, columns in tables.items():
                with plain_files.atomic(Path(hidden, f"{name}.csv")) as file:
                    file.write(pd.DataFrame(columns).to_csv(index=False, float_format="%.5g").encode())
            written = [name for name in FILES if Path(hidden, name).exists()]
            for name in written:
                plain_files.publish(Path(hidden, name), folder / name, force=force)
    except BaseException:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()
        raise
    return [folder / name for name in written]


def _stages(
    colorizer: Colorizer, gray: Image, result: Result
) -> tuple[dict[str, Image], dict[str, dict[str, Any]]]:
    """The pictures, and the columns of each table."""
    labeller, source = colorizer.learned.labeller, colorizer.learned.sources[0]
    labelling = result.labelling
    assert labeller is not None
    assert labelling is not None
    colors = labelling.palette
    small, labels, features = labeller.on_grid(source)
    clustered = colors.paint(labels)
    pictures = {
        "source": source.rgb,
        "target": gray,
        "source_edges": features.edges,
        "target_edges": labelling.features.edges,
        "source_corners": draw_corners(features.corners, source.rgb.shape[:2]),
        "target_corners": draw_corners(labelling.features.corners, gray.shape),
        "clusters": clustered,
        "pca": pca_figure(small, clustered),
        "source_labels": _in_hues(labels, len(colors)),
        "target_labels": _in_hues(labelling.labels, len(colors)),
        "palette": labelling.palette_picture,
        "result": result.image,
    }
    if result.regions is not None:
        pictures["target_regions"] = regions_figure(result.regions, gray)
    cells = [(name.replace("_", " "), image) for name, image in pictures.items()]
    rows = [cells[at : at + 4] for at in range(0, len(cells), 4)]
    pictures["sheet"] = np.asarray(contact_sheet(rows) / 255, np.float32)
    channels = zip("RGBLab", [*colors.rgb.T, *colors.lab.T], strict=True)
    probabilities = labelling.probabilities.reshape(-1, len(colors)).T
    tables = {
        "source_corners": _corners(features),
        "target_corners": _corners(labelling.features),
        "clusters": {"label": np.arange(len(colors)), **dict(channels), "share": colors.share},
        "target_labels": {"label": labelling.labels.ravel()},
        "probabilities": {str(label): column for label, column in enumerate(probabilities)},
    }
    if result.regions is not None:
        tables["target_regions"] = _regions(result.regions)
    return pictures, tables


def regions_figure(decisions: Decisions, gray: Image) -> Image:
    """Every region of a target (H, W) in the color that was decided on, lines black: (H, W, 3).

    Doubtful regions have stripes of the runner-up.
    """
    labels = decisions.regions.nearest
    y, x = np.indices(labels.shape)
    doubtful = (decisions.confidence < LOW_CONFIDENCE) & ~np.isnan(decisions.runner_up).any(-1)
    striped = doubtful[labels] & ((x + y) // STRIPE % 2 == 1)
    ab = np.where(striped[..., None], decisions.runner_up[labels], np.nan_to_num(decisions.ab)[labels])
    mean = np.clip(decisions.regions.mean(gray), 0, 1)[labels]
    figure = merge.luma_exact(mean.astype(np.float32), np.nan_to_num(ab).astype(np.float32))
    return np.where((decisions.regions.labels < 0)[..., None], np.float32(0), figure)


def _regions(decisions: Decisions) -> dict[str, Any]:
    columns = {
        "region": np.arange(len(decisions.regions)),
        "x": decisions.regions.center[:, 0],
        "y": decisions.regions.center[:, 1],
        "pixels": decisions.regions.area,
        "a": decisions.ab[:, 0],
        "b": decisions.ab[:, 1],
        "share": decisions.share,
        "runner-up a": decisions.runner_up[:, 0],
        "runner-up b": decisions.runner_up[:, 1],
        "runner-up share": decisions.runner_up_share,
        "confidence": decisions.confidence,
        "reason": decisions.reason,
    }
    each = zip(REASONS, decisions.reasons.T, strict=True)
    return columns | {f"reason: {name}": column for name, column in each}


def _corners(features: Features) -> dict[str, Any]:
    return {"x": features.corners[:, 0], "y": features.corners[:, 1], "response": features.responses}


def _in_hues(labels: Labels, k: int) -> Image:
    """Labels as hues far apart for neighboring numbers, darker for higher ones: (h, w) -> (h, w, 3)."""
    index = np.arange(k, dtype=np.float32)
    hsv = np.stack([index * HUE_STEP % 1 * 360, np.full(k, 0.65, np.float32), 1 - 0.5 * index / k], axis=-1)
    hues: Image = cv2.cvtColor(hsv[None].astype(np.float32), cv2.COLOR_HSV2RGB)[0]
    return hues[labels]


def pca_figure(original: Image, clustered: Image) -> Image:
    """The report's figure: original colors (left) and clustered ones (right) in the same two components.

    Parameters
    ----------
    original, clustered : float32 (h, w, 3)
        The source on the grid, and the same in its clusters' colors.

    Returns
    -------
    float32 (480, 960, 3)
        White ground; every pixel a dot of its own color at its place on the first two principal components
        of the original colors; clusters as discs over the same dots in pale gray.
    """
    colors = original.reshape(-1, 3)
    mean = colors.mean(0)
    axes = np.linalg.svd(colors - mean, full_matrices=False)[2][:2]
    plane = (colors - mean) @ axes.T
    middle, span = (plane.min(0) + plane.max(0)) / 2, np.ptp(plane, axis=0).max() or 1.0
    dots, discs = (np.unique(image.reshape(-1, 3), axis=0) for image in (original, clustered))

    def draw(canvas: Image, found: Image, radius: int, paint: Image) -> None:
        at = ((found - mean) @ axes.T - middle) / span * (FIGURE - 2 * MARGIN) * (1, -1) + FIGURE / 2
        for center, color in zip(np.rint(at).astype(int).tolist(), paint.tolist(), strict=True):
            cv2.circle(canvas, center, radius, color, cv2.FILLED)

    left, right = np.ones((2, FIGURE, FIGURE, 3), np.float32)
    draw(left, dots, 2, dots)
    draw(right, dots, 2, np.full_like(dots, BACKDROP))
    draw(right, discs, 7, discs)
    right[:, 0] = BACKDROP  # a line between the two
    return np.hstack([left, right])
