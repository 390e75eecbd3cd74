"""The compile pass: what it tells of a port that builds in pieces and of one that does not, and what happens to it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from ice3_probe.building import build_all, telling
from ice3_probe.cases import instance_of
from ice3_probe.contract import Cell
from ice3_probe.messages import Benchmark, Building, Built, Failure, Job, PieceBuilt
from ice3_probe.ports import load_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PORT = """
import os
import pathlib
from ice3_probe.contract import ICE_ADJUST, RAIN_ICE, active

FIELDS = {"ice_adjust": ICE_ADJUST, "rain_ice": RAIN_ICE}


class Made:
    outputs, ignores, cached = frozenset({"rvs"}), frozenset(), False

    def load(self, fields):
        self.rvs = fields["rvs"].copy()

    def reset(self):
        pass

    def run(self):
        pass

    def read(self):
        return {"rvs": self.rvs}


def create(case, cell%s):
    %s
    return Made()
"""
IN_PIECES = 'with building("adjustment"):\n        pass\n    with building("fall"):\n        pass'


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    def make(argument: str = "", body: str = "pass", components: tuple[str, ...] = ("ice_adjust",)) -> Job:
        path = tmp_path / "port.py"
        path.write_text(PORT % (argument, body), encoding="utf-8")
        cell = Cell("any", "float64", "cpu", 1, tmp_path / "cache", {})
        benchmarks = tuple(Benchmark(name, name, (2, 2, 3), "rich") for name in components)
        return Job(str(path), cell, benchmarks, components)

    return make


def told(job: Job) -> tuple[list[object], list[object]]:
    """Everything in order, and the components in the order in which they were built."""
    heard: list[object] = []
    built = list(build_all(job, heard.append))
    return heard, list(built)


def test_each_piece_of_a_port_that_tells_them_is_a_step(job: Callable[..., Job]) -> None:
    heard, (built,) = told(job(", building", IN_PIECES))
    whole, *pieces = heard
    assert whole == Building("ice_adjust")
    assert [(type(one), one.piece) for one in pieces] == [  # type: ignore[attr-defined]
        (Building, "adjustment"), (PieceBuilt, "adjustment"), (Building, "fall"), (PieceBuilt, "fall"),
    ]  # fmt: skip
    assert isinstance(built, Built)
    assert sum(one.seconds for one in pieces if isinstance(one, PieceBuilt)) <= built.seconds


def test_a_port_that_builds_nothing_in_pieces_stays_one_step(job: Callable[..., Job]) -> None:
    heard, (built,) = told(job())
    assert heard == [Building("ice_adjust")]
    assert isinstance(built, Built)


def test_one_component_is_built_in_this_process_and_several_side_by_side_in_others(
    job: Callable[..., Job], tmp_path: Path
) -> None:
    number = 'pathlib.Path(__file__).with_name(f"{os.getpid()}.pid").touch()'
    made = job(body=number)
    own = tmp_path / f"{os.getpid()}.pid"
    told(made)
    assert list(tmp_path.glob("*.pid")) == [own]
    own.unlink()
    heard, built = told(job(", building", number + "\n    " + IN_PIECES, ("ice_adjust", "rain_ice")))
    assert list(tmp_path.glob("*.pid"))
    assert not own.exists()
    assert {one.component for one in built} == {"ice_adjust", "rain_ice"}  # type: ignore[attr-defined]
    assert len([one for one in heard if isinstance(one, PieceBuilt)]) == 4


def test_a_process_that_ends_while_it_builds_is_a_failure_that_names_the_component(job: Callable[..., Job]) -> None:
    _, built = told(job(body="os._exit(7)", components=("ice_adjust", "rain_ice")))
    failure = built[0]
    assert isinstance(failure, Failure)
    assert re.search(r"the process that built '(ice_adjust|rain_ice)' ended with exit code 7\.", failure.message)


def test_an_error_of_the_port_names_it(job: Callable[..., Job]) -> None:
    for components in (("ice_adjust",), ("ice_adjust", "rain_ice")):
        _, built = told(job(body='raise ValueError("template depth")', components=components))
        assert isinstance(built[0], Failure)
        assert "ValueError: template depth" in built[0].message


def test_other_passes_tell_the_pieces_too(job: Callable[..., Job]) -> None:
    made, heard = job(", building", IN_PIECES), list[object]()
    instance_of(telling(load_port(made.port), heard.append), made.cell, made.benchmarks[0])
    assert Building("ice_adjust", "fall") in heard
    silent = load_port(job().port)
    assert telling(silent, heard.append) is silent
