"""Presets, ranges, and the promise that every setting changes the result (see test_pipeline)."""

import pickle
from dataclasses import replace

import pytest

from refcolor.config import Config, Device, Init, Preset


def test_paper_has_the_numbers_of_the_report():
    paper = Config("paper")
    assert (paper.grid, paper.clusters, paper.passes) == (112, 24, 100)
    assert paper.canny == (20, 80)
    assert (paper.rotation, paper.sigma) == (10, 1.5)
    assert paper.learning_rate == 1e-3
    assert paper.init is Init.SCRATCH
    assert paper.grid**2 % paper.batch == 0  # equal batches


def test_the_default_is_standard():
    assert Config() == Config("standard")
    assert Config().name is Preset.STANDARD


def test_none_changes_nothing_and_a_value_does():
    assert Config("paper", epochs=None) == Config("paper")
    assert Config("paper", epochs=3).epochs == 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"clusters": 1}, "clusters is 1"),
        ({"clusters": 257}, "between 2 and 256"),
        ({"epochs": 0}, "epochs is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"sigma": float("nan")}, "sigma is nan"),
        ({"color": 3}, "no setting color"),
        ({"device": "tpu"}, "tpu"),
        ({"init": "random"}, "init is 'random': choose one of pretrained, scratch"),
        ({"canny": ("a", 1)}, "canny is"),
        ({"blur": True}, "blur is True"),
    ],
)
def test_values_out_of_range_are_named(changes, says):
    with pytest.raises(ValueError, match=says):
        Config("standard", **changes)


def test_a_device_may_be_a_plain_string():
    assert Config("paper", device="gpu").device is Device.GPU


def test_what_the_network_starts_from_may_be_a_plain_string():
    assert Config().init is Init.PRETRAINED
    assert Config("standard", init="scratch").init is Init.SCRATCH


def test_the_number_of_clusters_may_be_left_to_the_source():
    assert Config("standard", clusters="auto").clusters == "auto"


def test_there_is_one_way_to_make_a_preset():
    assert Config(name="paper") == Config("paper")
    assert replace(Config("quick"), clusters=8) == Config("quick", clusters=8)
    assert pickle.loads(pickle.dumps(Config("paper"))) == Config("paper")


@pytest.mark.parametrize(
    ("preset", "changes"),
    [("quick", {"epochs": 5}), ("quick", {"init": "scratch"}), ("paper", {"init": "pretrained"})],
)
def test_a_setting_that_the_preset_has_no_use_for_is_refused(preset, changes):
    with pytest.raises(ValueError, match=f"preset {preset} .*: leave out"):
        Config(preset, **changes)


def test_unknown_preset_lists_the_known_ones():
    with pytest.raises(ValueError, match="paper, standard, quick"):
        Config("fast")
