"""Sphinx settings of the user guide: `nox -s docs` builds it."""

import tomllib
from importlib import metadata
from pathlib import Path

_METADATA = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _METADATA["name"]
release = metadata.version(_METADATA["name"])
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"{project} {release}"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_links_external_new_tab = True
autodoc_member_order = "bysource"
