"""The plan of the house: which module may import which, and what the README promises."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "refcolor"


def modules():
    """All modules of the package but the extension."""
    return sorted(PACKAGE.rglob("*.py"))


def test_imports_point_down():
    """The layers of pyproject.toml, checked by import-linter."""
    found = subprocess.run(["lint-imports", "--no-cache"], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stdout


def test_keras_is_imported_by_networks_only():
    for module in modules():
        text = module.read_text()
        assert module.parent.name == "networks" or not re.search(
            r"^\s*(import|from) (keras|tensorflow)", text, re.M
        )
        assert module.name == "backend.py" or "tensorflow as tf" not in text


BRITISH = r"colour|centre|\bgrey|neighbour|behaviour|learnt|\blest\b"
LINUX_ONLY = r"/proc|memfd|sched_[gs]etaffinity|O_NONBLOCK|os\.fork|os\.mkfifo"
# Modules that use such a call where the system has it, and do without it elsewhere.
GUARDED = {"kernels.py", "plain_files.py", "workers.py"}
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 60


def test_the_spelling_is_american():
    """In code, help and pages; the names of other people's works keep their spelling."""
    files = ["*.py", "*.pyi", "*.hpp", "*.cpp", "*.md", "*.toml", "*.yaml", ":!tests/test_codebase.py"]
    words = ["git", "grep", "-niE", BRITISH, "--", *files]
    found = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    if found.returncode > 1:
        pytest.skip("no git, or no repository")
    assert found.stdout == ""


def test_linux_calls_have_another_way():
    found = [m.name for m in modules() if re.search(LINUX_ONLY, m.read_text()) and m.name not in GUARDED]
    assert not found


def test_modules_and_functions_are_short():
    """A module has one idea; a function fits on a screen, its decorators and docstring left out."""
    long = []
    for module in modules():
        text = module.read_text()
        if (lines := text.count("\n")) > MAX_MODULE_LINES:
            long.append(f"{module.name}: {lines}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and code_lines(node) > MAX_FUNCTION_LINES:
                long.append(f"{module.name}, {node.name}: {code_lines(node)}")
    assert not long


def code_lines(function):
    """Lines of a function without its docstring."""
    first = function.body[0]
    has_text = ast.get_docstring(function) is not None
    text = first.end_lineno - first.lineno + 1 if has_text else 0
    return function.end_lineno - function.lineno + 1 - text


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
