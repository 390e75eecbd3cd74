"""CITATION.cff, LICENSE and pyproject.toml say the same."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]


def test_the_citation_agrees_with_the_package() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    described = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    project = described["project"]
    assert citation["title"] == project["name"]
    assert project["dynamic"] == ["version"]
    assert str(citation["version"]) == described["tool"]["hatch"]["version"]["fallback-version"]
    assert citation["license"] == project["license"]
    address = project["urls"]["Repository"]
    assert citation["repository-code"] == address
    assert all(url.startswith(address) for url in project["urls"].values())


def test_the_license_is_there_in_full() -> None:
    text = (PROJECT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "limitations under the License." in text
