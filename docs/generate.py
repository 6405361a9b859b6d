"""Pages that Sphinx makes from the code itself, so that they cannot drift from it.

Before every build: ``commands.md``, what each ``refcolor ... --help`` prints, and ``packages/``, one page per
package with its modules.
"""

from __future__ import annotations

import ast
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import refcolor

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = Path(__file__).parent / "generated"
WIDTH = 88  # columns of the help
PAGES = {"benchmarks/RESULTS.md": "results.md", "CONTRIBUTING.md": "contributing.md"}
MAIN = "from refcolor.cli import main; main()"


def help_of(*command: str) -> str:
    """What ``refcolor COMMAND --help`` prints, at a fixed width and without color."""
    environment = os.environ | {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    words = [sys.executable, "-P", "-c", MAIN, *command, "--help"]
    shown = subprocess.run(words, capture_output=True, encoding="utf-8", check=True, env=environment)
    return "\n".join(line.rstrip() for line in shown.stdout.strip("\n").splitlines())


def commands_page() -> str:
    """One section per command."""
    bare = help_of()
    names = re.findall(r"refcolor (\w+)", " ".join(bare.partition("More:")[2].split()))
    if not names:
        raise ValueError("the help names no other commands after 'More:'")
    pages = {"refcolor": bare} | {f"refcolor {name}": help_of(name) for name in names}
    sections = [f"## {name}\n\n```text\n{text}\n```\n" for name, text in pages.items()]
    return "# Commands\n\nThis page shows what each command prints for `--help`.\n\n" + "\n".join(sections)


def package_page(package: str) -> str:
    """The package, its modules in a table, then each module with its members."""
    parts = [f"{package}\n{'=' * len(package)}\n", f".. automodule:: {package}\n"]
    modules = sorted(m.name for m in pkgutil.iter_modules([str(_folder(package))]))
    lines = (f"* :mod:`{name} <{package}.{name}>`: {_first_line(f'{package}.{name}')}" for name in modules)
    parts.append("\n".join([*lines, ""]))
    for name in modules:
        module = f"{package}.{name}"
        parts.append(f"{name}\n{'-' * len(name)}\n\n.. automodule:: {module}\n   :members:\n")
    return "\n".join(parts)


def packages_page(packages: list[str]) -> str:
    """The packages from top to bottom, each with the first line of its docstring."""
    rows = [f"* [{name}](packages/{name}.rst): {_first_line(name)}\n" for name in packages]
    tree = "\n".join(["```{toctree}", ":hidden:", "", *(f"packages/{name}" for name in packages), "```", ""])
    text = "# Packages\n\nA package imports only from those after it in this list.\n\n"
    return text + "".join(rows) + "\n" + tree


def _folder(package: str) -> Path:
    return Path(refcolor.__path__[0], *package.split(".")[1:])


def _first_line(module: str) -> str:
    """First line of a package's or module's docstring."""
    folder = _folder(module)
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return (
        (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0].rstrip(":")
    )


def _layers() -> list[str]:
    """Packages in the order of their import contract, from pyproject.toml."""
    import tomllib

    settings = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    names = [name for layer in layers for name in re.findall(r"\w+", layer)]
    return [f"refcolor.{name}" for name in names if (_folder(f"refcolor.{name}") / "__init__.py").exists()]


def _write(path: Path, text: str) -> None:
    """Write only what is new, so that Sphinx reads only that again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def generate(app: Sphinx) -> None:
    """Write every generated page."""
    packages = _layers()
    _write(FOLDER / "commands.md", commands_page())
    _write(FOLDER / "packages.md", packages_page(packages))
    for package in packages:
        _write(FOLDER / "packages" / f"{package}.rst", package_page(package))


def link_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """Turn links to files outside ``docs/``, as they work in the repository, into links to their pages."""
    for file, name in PAGES.items():
        source[0] = source[0].replace(f"](../{file}", f"]({name}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("source-read", link_pages)
    return {"parallel_read_safe": True}
