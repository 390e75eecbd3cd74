"""The two sides of a comparison: whose port they run, and what is said of how they differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell.environment import Environment
from ice3_bench.compare import preparation
from ice3_bench.compare.preparation import Workshop
from ice3_bench.compare.revisions import WORKTREE, Revision
from ice3_bench.compare.sides import Sides
from ice3_bench.settings.matrix import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.settings.matrix import Cell

    Make = Callable[..., tuple[Workshop, Cell]]

MATRIX = """
[tool.ice3-bench]
precisions = ["float64"]
flags.cxx.production = ["{flag}"]

[[tool.ice3-bench.backends]]
name = "mine"
id = "mine"
port = "{port}"
compiler = "cxx"
python = "{python}"
settings = {{ loops = "{loops}" }}
environment = {{ TUNED = "{loops}" }}
"""


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a workshop whose base differs by some values of the matrix; environments hold only their Python."""
    monkeypatch.setattr(
        preparation,
        "make_environment",
        lambda backend, _folder: Environment(Path("python"), {"python": f"{backend.python}.1"}),
    )

    def revision(name: str, values: dict[str, str]) -> Revision:
        tree = tmp_path / name
        tree.mkdir()
        (tree / values["port"]).write_text("", encoding="utf-8")
        (tree / "pyproject.toml").write_text(MATRIX.format(**values), encoding="utf-8")
        return Revision(name, "a" * 40, tree)

    def make(**base: str) -> tuple[Workshop, Cell]:
        values = {"flag": "-O2", "port": "new.py", "python": "3.11", "loops": "short"}
        revisions = Sides(revision("v1", {**values, **base}), revision(WORKTREE, values))
        settings = load_settings(revisions.contender.tree)
        return Workshop(tmp_path, settings, revisions, 1, tmp_path / "scratch"), settings.cells[0]

    return make


def test_a_port_that_is_a_file_is_the_working_trees_although_the_base_names_another(make: Make) -> None:
    workshop, cell = make(port="old.py")
    workshop.require_ports([cell])
    sides, said = workshop.sides(cell, [])
    port = workshop.revisions.contender.tree / "new.py"
    assert {side.job.port for side in sides} == {str(port)}
    assert all(port.parent in side.interpreter.path for side in sides)
    assert not said


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"python": "3.12"}, ["the environments differ: python 3.12.1 -> 3.11.1"]),
        ({"flag": "-O1"}, ["the settings differ: compile-args -O1 -> -O2"]),
        (
            {"loops": "long"},
            ["the settings differ: loops long -> short", "the environment variables differ: TUNED long -> short"],
        ),
        ({}, []),
    ],
)
def test_what_differs_between_the_sides_is_said(make: Make, changed: dict[str, str], told: list[str]) -> None:
    workshop, cell = make(**changed)
    _, said = workshop.sides(cell, [])
    assert said == told
