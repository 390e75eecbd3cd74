"""The table of processes against the Fortran's rates and sums, and against the guide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ice3_probe.processes import FAMILIES, PROCESSES, Process
from ice3_probe.reference import DATA, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATES = load(DATA / "ice4_tendencies_lite.nc")
PAGE = Path(__file__).parents[2] / "docs/physics.md"


def rate(process: Process) -> NDArray[np.float64]:
    """Return the Fortran's rate, or its change of a mixing ratio."""
    values = RATES.reference(process.output)
    assert values is not None, process.name
    return values


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_the_reference_data_exercise_every_process(process: Process) -> None:
    assert np.count_nonzero(rate(process)) >= 5


@pytest.mark.parametrize("tendency", ["a_v", "a_c", "a_r", "a_i", "a_s", "a_g", "b_v", "b_c", "b_r", "b_i", "b_g"])
def test_the_species_of_the_table_rebuild_the_tendencies_of_the_fortran(tendency: str) -> None:
    """PHYEX's A (rates) and B (instantaneous changes): what a species receives, less what it gives."""
    kind, _, species = tendency.partition("_")
    processes = [one for one in PROCESSES if one.instantaneous == (kind == "b")]
    received = [rate(one) for one in processes if one.receiver == species]
    given = [rate(one) for one in processes if one.donor == species]
    terms = np.array([*received, *(-one for one in given)])
    assert np.all(np.abs(terms.sum(axis=0) - RATES[f"out_{tendency}"]) <= 1e-14 * np.abs(terms).sum(axis=0))


def test_every_family_has_processes_and_no_process_stands_twice() -> None:
    assert list(dict.fromkeys(process.family for process in PROCESSES)) == list(FAMILIES)
    assert len({process.name for process in PROCESSES}) == len(PROCESSES)


def rows() -> list[str]:
    """Rows of the table of the guide."""
    head = ["| process | from, to | what it is | module | papers | PHYEX |", "|---|---|---|---|---|---|"]
    return head + [
        f"| `{one.output}` | {one.donor} → {one.receiver} | {one.what} | `{one.family}.py` | {one.source} "
        f"| {one.routine} |"
        for one in PROCESSES
    ]


def test_the_table_of_the_guide_is_that_of_the_code() -> None:
    assert "\n".join(["", *rows(), ""]) in PAGE.read_text(encoding="utf-8")
