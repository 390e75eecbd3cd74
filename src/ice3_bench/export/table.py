"""The local history as one tidy table: a row for each run, benchmark and measure, in the order of the runs.

A hundred runs are read at a time. What is kept meanwhile are the numbers of all runs (8 bytes each), and for each
series the values that its limits are computed from.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ice3_bench.errors import UsageError
from ice3_bench.history.checks import Timed, judged, limits
from ice3_bench.history.schema import ORDER
from ice3_bench.history.store import time_of
from ice3_bench.measures import MEASURES
from ice3_bench.names import BenchmarkName, domain_text
from ice3_bench.report import key_with
from ice3_bench.text import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from ice3_bench.history.store import History
    from ice3_bench.settings.matrix import Settings

AT_ONCE = 100
"""Runs that are read at once."""


class Row(NamedTuple):
    """A value of the history; the fields are the columns of the table, None is an empty cell."""

    run: str
    """Id of the run."""
    created: datetime
    """When it was measured, in UTC."""
    cell: str
    benchmark: str
    component: str
    backend: str
    precision: str
    domain: str
    mix: str | None
    measure: str
    unit: str
    value: float
    lower_value: float | None
    upper_value: float | None
    commit: str | None
    branch: str | None
    uncommitted: bool
    """Whether it was measured with uncommitted changes, so that it is part of no series."""
    testbed: str | None
    comparability: str
    """Key of the runs that may be compared."""
    gated: bool
    """Whether it may gate: its measure has a limit, its physics is right and its timing is not doubtful."""
    verdict: str | None
    """That of the check against the runs before it (``fine``, ``worse``, ``better``, ``unchecked``); None: no limit."""


@dataclass(frozen=True)
class Selection:
    """Which rows are wanted.

    Attributes
    ----------
    since
        Only runs measured at that time or later.
    cells, measures
        Only these; all if empty.
    branch
        Only runs of this branch; None: of all, and of none.
    committed
        Only runs without uncommitted changes.
    """

    since: datetime | None = None
    cells: Collection[str] = ()
    measures: Collection[str] = ()
    branch: str | None = None
    committed: bool = False

    def wants(self, row: Row) -> bool:
        """Tell whether a row is wanted."""
        return (
            (not self.measures or row.measure in self.measures)
            and not (self.committed and row.uncommitted)
            and self.wants_run(row.created, row.cell, row.branch)
        )

    def wants_run(self, created: datetime, cell: str, branch: str | None) -> bool:
        """Tell whether a run is wanted by its time, cell and branch."""
        return (
            (self.since is None or created >= self.since)
            and (not self.cells or cell in self.cells)
            and (self.branch is None or branch == self.branch)
        )

    def require_known(self, history: History) -> None:
        """Raise UsageError if the history has no run at all, or none of a cell or branch; the known ones are named."""
        with history.explained():
            pairs = history.connection.execute("SELECT DISTINCT cell, branch FROM run").fetchall()
        if not pairs:
            raise UsageError(f"{history.path} holds no run: measure a cell first, or import results.")
        cells = sorted({cell for cell, _ in pairs})
        branches = sorted({branch for _, branch in pairs if branch is not None})
        if unknown := [cell for cell in self.cells if cell not in cells]:
            raise UsageError(f"There is no run of cell '{unknown[0]}': there are {quoted(cells)}.")
        if self.branch is not None and self.branch not in branches:
            raise UsageError(f"There is no run of branch '{self.branch}': there are {quoted(branches) or 'none'}.")


def rows(history: History, settings: Settings, selection: Selection) -> Iterator[Row]:
    """Yield the wanted rows; the verdicts follow from all runs, also from those that are not wanted.

    The history is never locked while the caller works on a row, however long that takes.

    Raises
    ------
    UsageError
        If nothing is wanted that is there.
    """
    selection.require_known(history)
    empty = True
    for row in _all_rows(history, _Judge(settings)):
        if selection.wants(row):
            empty = False
            yield row
    if empty:
        raise UsageError(f"No run in {history.path} is selected by these arguments.")


def newest(history: History, settings: Settings, selection: Selection) -> list[Row]:
    """Return the last row of each series, sorted by benchmark, measure, branch and comparability."""
    found = {
        (row.benchmark, row.measure, row.branch, row.comparability): row for row in rows(history, settings, selection)
    }
    return [found[key] for key in sorted(found, key=str)]


class _Judge:
    """Makes the checks again that each run met when it was measured, in the order of the runs."""

    def __init__(self, settings: Settings) -> None:
        self._models = settings.history.thresholds
        self._least = settings.history.least_change
        self._base_of = settings.bencher.base_of
        self._values: dict[tuple[str | None, ...], deque[tuple[datetime, Timed]]] = {}

    def gates(self, measure: str) -> bool:
        """Tell whether a measure has limits."""
        return measure in self._models

    def verdict(self, run: _Run, benchmark: str, measure: str, key: str, value: float) -> str:
        """Return the verdict on a value, from the values that are remembered."""
        base = self._base_of(run.branch, run.base)
        branches = dict.fromkeys(name for name in (base, run.branch) if name is not None)
        series = (benchmark, measure, key)
        histories = {name: self._values.get((name, *series), ()) for name in branches}
        _, drawn = limits(self._models[measure], histories, run.created)
        return judged(measure, value, drawn, self._least.get(measure, 0.0))

    def remember(self, run: _Run, benchmark: str, measure: str, key: str, value: Timed) -> None:
        """Let later runs be judged by a value; runs on no branch are nobody's history."""
        if run.branch is None or run.uncommitted:
            return
        model = self._models[measure]
        most = model.max_sample_size if model.window is None else None  # times may be out of order
        values = self._values.setdefault((run.branch, benchmark, measure, key), deque(maxlen=most))
        values.appendleft((run.created, value))


@dataclass(frozen=True)
class _Run:
    id: str
    created: datetime
    cell: str
    commit: str | None
    branch: str | None
    comparability: str
    uncommitted: bool
    base: str | None


def _all_rows(history: History, judge: _Judge) -> Iterator[Row]:
    where = testbeds(history)
    with history.explained():
        numbers = array("q", (n for (n,) in history.connection.execute(f"SELECT number FROM run ORDER BY {ORDER}")))  # noqa: S608
    for start in range(0, len(numbers), AT_ONCE):
        for run, benchmark, measure, value, lower, upper, trusted, basis, busy in _read(
            history, numbers[start : start + AT_ONCE]
        ):
            if measure not in MEASURES:  # of a newer version
                continue
            gates = judge.gates(measure)
            gated = bool(trusted) and gates
            verdict = "unchecked" if gates else None
            key = key_with(run.comparability, basis)
            if gated:
                verdict = judge.verdict(run, benchmark, measure, key, value)
                judge.remember(run, benchmark, measure, key, Timed(value, bool(busy)))
            yield Row(
                run.id,
                run.created,
                run.cell,
                benchmark,
                *parts(benchmark),
                measure,
                MEASURES[measure].unit,
                value,
                lower,
                upper,
                run.commit,
                run.branch,
                run.uncommitted,
                where.get(run.comparability),
                key,
                gated,
                verdict,
            )


def _read(
    history: History, numbers: array[int]
) -> Iterator[tuple[_Run, str, str, float, float | None, float | None, int, str, int]]:
    """Yield the values of runs in the order of their numbers, each with its run."""
    some = ", ".join(map(str, numbers))
    with history.explained():
        runs = history.connection.execute(
            "SELECT number, id, created, cell, commit_hash, branch, comparability, dirty,"  # noqa: S608
            " iif(json_valid(report), json_extract(report, '$.commit.base'), NULL) FROM run"
            f" WHERE number IN ({some})"
        ).fetchall()
        metrics = history.connection.execute(
            "SELECT run, benchmark, measure, value, lower_value, upper_value, trusted, basis, busy FROM metric"  # noqa: S608
            f" WHERE run IN ({some})"
        ).fetchall()
        read = {
            number: (_Run(name, time_of(created), cell, commit, branch, comparability, bool(dirty), base), list[Any]())
            for number, name, created, cell, commit, branch, comparability, dirty, base in runs
        }
    for number, *metric in metrics:
        if number in read:  # otherwise it was stored between the two queries
            read[number][1].append(metric)
    for number in numbers:
        if number in read:  # otherwise it was removed meanwhile
            run, values = read[number]
            for value in values:
                yield run, *value


def testbeds(history: History) -> dict[str, str | None]:
    """Return the testbed of each key of comparability, of which it is a part."""
    with history.explained():
        return dict(
            history.connection.execute(
                "SELECT comparability, iif(json_valid(report), json_extract(report, '$.machine.testbed'), NULL)"
                " FROM run WHERE number IN (SELECT max(number) FROM run GROUP BY comparability)"
            ).fetchall()
        )


@cache
def parts(benchmark: str) -> tuple[str, str, str, str, str | None]:
    """Return component, backend, precision, domain and mix of a benchmark; a name of another kind is all component."""
    try:
        name = BenchmarkName.parse(benchmark)
    except UsageError:
        return benchmark, "", "", "", None
    return name.component, name.backend, name.precision, domain_text(name.domain), name.mix
