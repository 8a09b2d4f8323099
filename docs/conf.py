"""Sphinx configuration; the pages build without a network."""

import sys
from pathlib import Path

import flask_pyfs

# has click_reference
sys.path.append(str(Path(__file__).parent / "extensions"))

project = "flask_pyfs"
author = "The flask_pyfs developers"
project_copyright = author
version = release = flask_pyfs.__version__

extensions = ["sphinx.ext.autodoc", "click_reference"]
exclude_patterns = ["_build", "examples", "extensions"]
html_theme = "furo"
html_title = f"flask_pyfs {release}"

# The docstrings of other packages need not be reStructuredText.
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

# Every reference into this package must resolve. Those into others cannot, without their inventories.
nitpicky = True
# A type variable has no entry of its own, nor have the private parts of references.
nitpick_ignore_regex = [
    ("py:.*", r"(?!flask_pyfs\b).*"),
    ("py:.*", r"flask_pyfs\.(backends\.contract\.Response|(fields\.many|sqlalchemy\.columns)\.Reference)"),
    ("py:class", r"flask_pyfs\.(fields\.(settings\.Setting|holders\.Held)|web\.json\.InJSON)"),
]
