"""The history series by series, as Prometheus stores it.

What is kept meanwhile: time, branch and key of each run, and the values of one benchmark and measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError
from ice3_bench.export.table import testbeds
from ice3_bench.history.store import time_of
from ice3_bench.measures import MEASURES
from ice3_bench.report import key_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ice3_bench.export.table import Selection
    from ice3_bench.history.store import History


@dataclass(frozen=True)
class SeriesPoints:
    """A benchmark and measure over the comparable runs of a branch."""

    benchmark: str
    measure: str
    testbed: str | None
    branch: str | None
    comparability: str
    points: list[tuple[int, float]]
    """Time in milliseconds since 1970 and value, oldest first."""


def series(history: History, selection: Selection) -> Iterator[SeriesPoints]:
    """Yield all series of the wanted runs without uncommitted changes, measure by measure.

    Raises
    ------
    UsageError
        If nothing is wanted that is there.
    """
    selection.require_known(history)
    where = testbeds(history)
    runs = _runs(history, selection)
    with history.explained():
        pairs = history.connection.execute("SELECT DISTINCT measure, benchmark FROM metric").fetchall()
    wanted = [name for name in MEASURES if name in (selection.measures or MEASURES)]
    empty = True
    for measure in wanted:
        for benchmark in sorted(name for found, name in pairs if found == measure):
            for (branch, key, basis), points in sorted(_points(history, runs, benchmark, measure).items(), key=str):
                empty = False
                comparable = key_with(key, basis)
                yield SeriesPoints(benchmark, measure, where.get(key), branch, comparable, sorted(points))
    if empty:
        raise UsageError(f"No run without uncommitted changes in {history.path} is selected by these arguments.")


_Runs = dict[int, tuple[int, tuple[str | None, str]]]


def _runs(history: History, selection: Selection) -> _Runs:
    """Return time, branch and key of each wanted run by its number."""
    with history.explained():
        found = history.connection.execute(
            "SELECT number, created, cell, branch, comparability FROM run WHERE NOT dirty"
        )
        keys: dict[tuple[str | None, str], tuple[str | None, str]] = {}
        runs: _Runs = {}
        for number, created, cell, branch, comparability in found:
            time = time_of(created)
            if selection.wants_run(time, cell, branch):
                key = (branch, comparability)
                runs[number] = round(1000 * time.timestamp()), keys.setdefault(key, key)
    return runs


def _points(
    history: History, runs: _Runs, benchmark: str, measure: str
) -> dict[tuple[str | None, str, str], list[tuple[int, float]]]:
    found: dict[tuple[str | None, str, str], list[tuple[int, float]]] = {}
    with history.explained():
        values = history.connection.execute(
            "SELECT run, value, basis FROM metric WHERE benchmark = ? AND measure = ?", (benchmark, measure)
        ).fetchall()
    for number, value, basis in values:
        if number in runs:
            time, key = runs[number]
            found.setdefault((*key, basis), []).append((time, value))
    return found
