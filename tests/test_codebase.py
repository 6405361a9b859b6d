"""The plan of the house: which module may import which, and what the README promises."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "refcolor"

# From the roof down; a module may import from its own floor's later rooms and from lower floors only.
FLOORS = [
    ["cli"],
    ["cli_shot"],
    ["summary", "cluster"],
    ["plan", "learning", "cluster_worker"],
    ["workers", "destinations"],
    ["rendering", "keys"],
    ["footage", "shot"],
    ["inspection", "model_file"],
    ["pipeline"],
    ["labelling", "alignment"],
    ["source", "training", "tracking"],
    ["stillness"],
    ["neighbours"],
    ["augmentation", "network", "fusion", "upsampling"],
    ["embedding", "synthesis", "paints"],
    ["tints", "merge", "features", "matching"],
    ["light"],
    ["palette", "patches", "metrics", "contact_sheet", "video_write"],
    ["options", "sequence", "video"],
    ["video_movie", "video_webp"],
    ["video_pixels", "video_base", "voice"],
    ["image_io"],
    ["image_decode", "image_encode", "video_container"],
    ["image_storage"],
    ["safe_write", "color", "backend"],
    ["config"],
    ["_core", "__init__"],
]
FLOOR = {module: height for height, floor in enumerate(FLOORS) for module in floor}


def imports(name):
    """Names of refcolor modules that module `name` imports anywhere in its text."""
    for node in ast.walk(ast.parse((PACKAGE / f"{name}.py").read_text())):
        module = getattr(node, "module", None) or ""
        if isinstance(node, ast.ImportFrom) and (node.level == 1 or module.startswith("refcolor")):
            inside = module.removeprefix("refcolor").lstrip(".")
            names = [inside] if inside else [alias.name for alias in node.names]
            yield from (name if name in FLOOR else "__init__" for name in names)


def test_every_module_has_a_floor():
    assert {path.stem for path in PACKAGE.glob("*.py")} | {"_core"} == set(FLOOR)


@pytest.mark.parametrize("module", sorted(set(FLOOR) - {"_core", "__init__"}))
def test_imports_point_down(module):
    for other in imports(module):
        assert FLOOR[other] > FLOOR[module], f"{module} imports {other}"


@pytest.mark.parametrize("module", sorted(set(FLOOR) - {"_core"}))
def test_keras_is_imported_by_network_training_and_backend_only(module):
    text = (PACKAGE / f"{module}.py").read_text()
    allowed = {"network", "training", "backend"}
    assert module in allowed or not re.search(r"^\s*(import|from) (keras|tensorflow)", text, re.M)
    assert module == "backend" or "tensorflow as tf" not in text


def test_the_readmes_first_two_commands_are_single_lines():
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    first, second = (block.strip() for block in blocks[:2])
    assert "\n" not in first + second
    assert first.startswith("pip install . && refcolor examples/")
    assert second.startswith("pip install ")
    assert "pytest" in second
    for word in first.split():
        if word.startswith("examples/") and not word.endswith("_color.png"):
            assert (ROOT / word).exists()


def test_a_missing_libgl_names_the_cure(tmp_path):
    """A stand-in for OpenCV that fails as the real one does on a bare server."""
    (tmp_path / "cv2.py").write_text('raise ImportError("libGL.so.1: cannot open shared object file")')
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from refcolor.cli import main; main()"
    found = subprocess.run(
        [sys.executable, "-P", "-c", code, str(tmp_path), "a.png", "b.png"], capture_output=True, text=True
    )
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert "libgl1" in found.stderr
    assert "headless" in found.stderr


def test_the_version_is_one():
    import tomllib

    import refcolor

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == refcolor.__version__
