"""The files of ``refcolor inspect``: all there, consistent with each other, and never over an input."""

import numpy as np
import pandas as pd
import pytest

from refcolor.files import images
from refcolor.regions.decision import Decisions
from refcolor.regions.segmentation import Regions
from refcolor.render import inspection
from refcolor.render.inspection import regions_figure
from refcolor.synthesis.confidence import REASONS

FILES = {
    *(f"{role}_{what}.png" for role in ("source", "target") for what in ("edges", "corners", "labels")),
    *(f"{name}.png" for name in ("source", "target", "clusters", "pca", "palette", "result", "sheet")),
    *(f"{name}.csv" for name in ("source_corners", "target_corners", "clusters")),
    *(f"{name}.csv" for name in ("target_labels", "target_regions", "probabilities")),
    "target_regions.png",
}


GRID = (68, 92)  # cells that the embedding describes a picture of 48x64 by


def on_grid(colorizer):
    """Picture, labels and features of the source on the network's grid."""
    return colorizer.learned.labeller.on_grid(colorizer.learned.sources[0])


@pytest.fixture(scope="module")
def result(trained, drawn_gray):
    return trained.colorize(drawn_gray)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, trained, drawn_gray, result):
    folder = tmp_path_factory.mktemp("stages") / "new"
    written = inspection.write(folder, trained, drawn_gray, result, force=False)
    assert all(path.parent == folder for path in written)
    assert {path.name for path in written} == FILES
    return folder


def test_every_stage_is_written_and_nothing_else(folder):
    assert {path.name for path in folder.iterdir()} == FILES


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".png")))
def test_pictures_can_be_read_and_show_something(folder, name):
    picture = images.read(folder / name).rgb
    sizes = {"pca.png": (480, 960), "sheet.png": (960, 1600)}
    sizes |= dict.fromkeys(("clusters.png", "source_labels.png", "target_labels.png", "palette.png"), GRID)
    wanted = sizes.get(name, (48, 64))
    assert picture.shape[1:] == (*wanted[1:], 3)
    assert picture.shape[0] == wanted[0] or name == "sheet.png"  # as high as its rows
    assert np.ptp(picture) > 0.2


def test_pictures_are_the_stages(folder, trained, drawn, drawn_gray, result):
    def steps_off(name, stage):
        return np.abs(images.read(folder / name).rgb - np.atleast_3d(stage)).max() * 255

    assert steps_off("source.png", drawn) < 0.01
    assert steps_off("target.png", drawn_gray) < 0.01
    assert steps_off("source_edges.png", on_grid(trained)[2].edges) < 0.01
    assert steps_off("clusters.png", trained.learned.palette.rgb[on_grid(trained)[1]]) < 0.51
    assert steps_off("palette.png", trained.learned.palette.rgb[result.labelling.labels]) < 0.51
    assert steps_off("result.png", result.image) < 0.51


@pytest.mark.parametrize("role", ["source", "target"])
def test_corner_table(folder, trained, result, role):
    features = on_grid(trained)[2] if role == "source" else result.labelling.features
    table = pd.read_csv(folder / f"{role}_corners.csv")
    assert list(table) == ["x", "y", "response"]
    assert len(table) > 0
    np.testing.assert_allclose(table[["x", "y"]], features.corners)
    np.testing.assert_allclose(table["response"], features.responses)


def test_the_region_table_tells_what_was_decided_and_why(folder, result):
    table, found = pd.read_csv(folder / "target_regions.csv"), result.regions
    assert len(table) == len(found.regions) > 1
    np.testing.assert_allclose(table[["a", "b"]], found.ab, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(table["confidence"], found.confidence, rtol=1e-3)
    assert table["pixels"].sum() == (found.regions.labels >= 0).sum()
    assert set(table["reason"]) <= {*REASONS, "nothing"}


def test_a_doubtful_region_shows_stripes_of_the_runner_up():
    labels = np.zeros((40, 40), np.int32)
    regions = Regions(labels, labels, labels.astype(np.uint8))
    one, share = np.ones(1, np.float32), np.array([0.4], np.float32)
    ab, other = np.array([[60, 40]], np.float32), np.array([[-60, 40]], np.float32)
    sure, unsure = (
        regions_figure(Decisions(regions, ab, one, other, share, c, one[:, None], ("votes",)), labels + 0.5)
        for c in (one, share)
    )
    assert len(np.unique(sure.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(unsure.reshape(-1, 3), axis=0)) == 2


def test_every_corner_of_the_table_is_drawn(folder):
    drawn = images.read(folder / "source_corners.png").gray
    for x, y in pd.read_csv(folder / "source_corners.csv")[["x", "y"]].astype(int).itertuples(index=False):
        assert drawn[y, x] == 1
    assert 0 < drawn.mean() < 1


def test_cluster_table(folder, trained):
    table = pd.read_csv(folder / "clusters.csv")
    assert list(table) == ["label", "R", "G", "B", "L", "a", "b", "share"]
    assert list(table["label"]) == list(range(24))
    assert table["share"].sum() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(table[["R", "G", "B"]], trained.learned.palette.rgb, rtol=1e-4)
    np.testing.assert_allclose(table[["L", "a", "b"]], trained.learned.palette.lab, rtol=1e-4)


def test_probability_and_label_tables(folder, result):
    table = pd.read_csv(folder / "probabilities.csv")
    assert list(table) == [str(label) for label in range(24)]
    assert len(table) == GRID[0] * GRID[1]
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(table, result.labelling.probabilities.reshape(-1, 24), rtol=1e-4)
    labels = pd.read_csv(folder / "target_labels.csv")
    assert list(labels) == ["label"]
    # five digits can tie two colors, so the table's largest number is asked for, not its place
    chosen = table.to_numpy()[np.arange(len(table)), labels["label"]]
    np.testing.assert_array_equal(chosen, table.max(axis=1))
    np.testing.assert_array_equal(labels["label"], result.labelling.labels.ravel())


def test_pca_figure_shows_both_clouds_in_one_frame(trained):
    clustered = trained.learned.palette.paint(on_grid(trained)[1])
    figure = inspection.pca_figure(on_grid(trained)[0], clustered)
    assert figure.shape == (480, 960, 3)
    colored = np.ptp(figure, axis=-1) > 0.02
    left, right = colored[:, :480], colored[:, 480:]
    assert left.sum() > 300
    assert right.sum() > 300
    rows, columns = np.nonzero(left)
    for at in (rows, columns):  # in the middle of the panel
        assert (at.min() + at.max()) / 2 == pytest.approx(239.5, abs=2)
    gray_behind = (np.ptp(figure, axis=-1) == 0) & (figure[..., 0] < 1)
    assert gray_behind[:, 482:].sum() > 300
    # a cluster's disc covers its own place in the cloud
    assert (right[left] | gray_behind[:, 480:][left]).mean() > 0.98


def test_pca_figure_of_one_color():
    flat = np.full((30, 30, 3), [0.8, 0.2, 0.1], np.float32)
    figure = inspection.pca_figure(flat, flat)
    np.testing.assert_allclose(figure[240, 240], flat[0, 0], atol=1e-6)


def test_existing_files_need_force(folder, tmp_path, trained, drawn_gray, result):
    (tmp_path / "pca.png").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="already exists"):
        inspection.check_folder(tmp_path, inputs=[], force=False)
    with pytest.raises(FileExistsError, match="already exists"):
        inspection.write(tmp_path, trained, drawn_gray, result, force=False)
    assert (tmp_path / "pca.png").read_bytes() == b"mine"
    inspection.check_folder(tmp_path, inputs=[], force=True)
    inspection.write(tmp_path, trained, drawn_gray, result, force=True)
    assert (tmp_path / "pca.png").read_bytes() == (folder / "pca.png").read_bytes()


def test_folder_is_made_but_not_its_parent(tmp_path):
    inspection.check_folder(tmp_path / "new", inputs=[], force=False)
    assert not (tmp_path / "new").exists()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        inspection.check_folder(tmp_path / "no" / "new", inputs=[], force=False)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(NotADirectoryError, match="not a folder"):
        inspection.check_folder(tmp_path / "file", inputs=[], force=True)


@pytest.mark.parametrize("name", ["source.png", "target.png", "result.png"])
def test_an_input_in_the_folder_is_never_overwritten(tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(ValueError, match="is the input"):
        inspection.check_folder(tmp_path, inputs=[tmp_path / name], force=True)
