"""Settings of Sphinx: ``sphinx-build -W -b html docs build/docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import refcolor

project = "refcolor"
author = "The refcolor authors"
version = release = refcolor.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "generate",  # generate.py beside this file
]
html_theme = "furo"
html_title = f"refcolor {version}"

myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_param = False  # types such as "float32 (H, W, 3)" stay in one piece
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures and NumPy sections have them
suppress_warnings = ["ref.python"]  # Result and its likes are documented where they live and as public names
