"""The local history: every report that was measured, in one SQLite file.

Each report is one transaction; two sessions may write at once (the second waits); a process killed at any moment leaves
the file as it was before or after its transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ice3_bench.errors import UsageError
from ice3_bench.history.queue import Queue
from ice3_bench.history.schema import DESCENDING, KEY, ORDER, Database
from ice3_bench.measures import MEASURES
from ice3_bench.names import BenchmarkName
from ice3_bench.report import Metric
from ice3_bench.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ice3_bench.report import Report

DETACHED = "HEAD"
"""Name that selects the runs on no branch, as ``git rev-parse --abbrev-ref`` calls it."""
LAST = (
    "SELECT number FROM (SELECT number, row_number() OVER (PARTITION BY comparability, cell"  # noqa: S608
    f" ORDER BY {DESCENDING}) AS age FROM run) WHERE age = 1"
)
"""Numbers of the last run of each cell and comparability."""
LAST_VALUES = (
    "SELECT number FROM (SELECT number, row_number() OVER (PARTITION BY comparability, benchmark"  # noqa: S608
    f" ORDER BY {DESCENDING}) AS age FROM run JOIN metric ON run = number) WHERE age = 1"
)
"""Numbers of the runs with the last values of each benchmark."""


class SeriesKey(NamedTuple):
    """Which values belong together: one benchmark and measure, over comparable runs."""

    benchmark: str
    measure: str
    comparability: str
    """As ``Report.key_of`` makes it for the measure."""


@dataclass(frozen=True)
class Point:
    """One value of a series."""

    created: datetime
    commit: str | None
    metric: Metric
    trusted: bool = True
    """Whether later runs may be judged by it."""
    busy: bool = False
    """Whether the machine was busy while it was timed."""
    rank: int = 0
    """Place of its run among all that were looked at."""


class History(Database):
    """The history file, as a context manager; ``queue`` is what waits for Bencher.

    Raises
    ------
    UsageError
        On entering or use, if the file is corrupt, of a newer schema, or cannot be written.
    """

    @cached_property
    def queue(self) -> Queue:
        """The submissions."""
        return Queue(self)

    def add(self, report: Report) -> bool:
        """Store a report and its metrics in one transaction; return False if it was there already.

        Raises
        ------
        UsageError
            If another report has its id.
        """
        with self.explained(), self.transaction():
            cursor = self.connection.execute(
                "INSERT OR IGNORE INTO run"
                " (id, created, cell, commit_hash, branch, comparability, report, dirty, differs, measured)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    report.id,
                    report.created.isoformat(),
                    report.cell,
                    report.commit.hash,
                    report.commit.branch,
                    report.comparability,
                    report.model_dump_json(),
                    report.commit.dirty,
                    report.physics_differs,
                    report.created.timestamp(),
                ),
            )
            if cursor.rowcount == 0:
                self._require_same(report)
                return False
            self.connection.executemany(
                "INSERT INTO metric VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        cursor.lastrowid,
                        benchmark.name,
                        measure,
                        metric.value,
                        metric.lower_value,
                        metric.upper_value,
                        report.distrust(benchmark, measure) is None,
                        report.basis_of(measure),
                        benchmark.busy is not None and MEASURES[measure].timing,
                    )
                    for benchmark in report.benchmarks
                    for measure, metric in benchmark.measures.items()
                ],
            )
        return True

    def place(self, places: Callable[[list[str]], Mapping[str, tuple[float, int]]]) -> None:
        """Note the places of commits in the order of runs, of those that have none yet.

        Parameters
        ----------
        places
            Returns date (seconds since 1970) and number of ancestors of the commits that it knows. A date after the
            measurement is wrong, and is replaced by its time.
        """
        with self.explained(), self.transaction():
            rows = self.connection.execute(
                "SELECT DISTINCT commit_hash FROM run WHERE committed IS NULL AND commit_hash IS NOT NULL"
            ).fetchall()
            self.connection.executemany(
                "UPDATE run SET committed = min(?, measured), depth = ? WHERE commit_hash = ?",
                [(*place, commit) for commit, place in places([str(commit) for (commit,) in rows]).items()],
            )

    def _require_same(self, report: Report) -> None:
        (stored,) = self.connection.execute("SELECT report FROM run WHERE id = ?", (report.id,)).fetchone()
        known = self.parsed(report.id, stored)
        if known is not None and known != report:
            raise UsageError(
                f"Another report of {known.cell} has the id {report.id} in {self.path}: this one, of {report.cell}, is "
                "not stored. Each run has an id of its own; was the file copied and changed?"
            )

    def previous(self, report: Report, benchmark: str | None = None) -> Report | None:
        """Return the last comparable run of the same cell before ``report``, or None.

        A run whose physics differs is compared with such runs only.

        Parameters
        ----------
        benchmark
            Only runs that timed the benchmark of this name.
        """
        before, position = self._before(report.id)
        timed, name = "TRUE", list[object]()
        if benchmark is not None:
            timed = "number IN (SELECT run FROM metric WHERE benchmark = ? AND measure = 'latency')"
            name.append(benchmark)
        return self._one(
            "SELECT id, report FROM run WHERE cell = ? AND comparability = ? AND differs = ?"  # noqa: S608
            f" AND {timed} AND {before} ORDER BY {DESCENDING}",
            (report.cell, report.comparability, report.physics_differs, *name, *position),
        )

    def previous_of_each(self, report: Report) -> dict[str, Report]:
        """Return the last comparable run before ``report`` that timed each of its benchmarks, by benchmark."""
        last = self.previous(report)
        timed = {one.name for one in last.benchmarks if "latency" in one.measures} if last else set[str]()
        names = [one.name for one in report.benchmarks]
        found = {name: last if name in timed else self.previous(report, name) for name in names}
        return {name: before for name, before in found.items() if before is not None}

    def latest_other(self, report: Report) -> Report | None:
        """Return the last run of the same cell that is not comparable with ``report``, or None."""
        return self._one(
            "SELECT id, report FROM run WHERE cell = ? AND (comparability <> ? OR differs <> ?)"  # noqa: S608
            f" ORDER BY {DESCENDING}",
            (report.cell, report.comparability, report.physics_differs),
        )

    def series(
        self,
        branch: str | None = None,
        *,
        key: str | None = None,
        cell: str | None = None,
        before: str | None = None,
        trusted: bool = False,
    ) -> dict[SeriesKey, list[Point]]:
        """Return all series of a branch (of all branches if None), oldest value first.

        Runs with uncommitted changes are not part of any series.

        Parameters
        ----------
        branch
            Name of the branch; ``DETACHED`` for runs on none.
        key
            Only runs of this comparability.
        cell
            Only runs of this cell.
        before
            Only runs before the run of this id, in the order of runs.
        trusted
            Only values that later runs may be judged by: those of right physics, with timings that are not marked.
        """
        conditions, parameters = ["NOT dirty"], list[object]()
        if branch is not None:
            conditions.append("branch IS ?")
            parameters.append(None if branch == DETACHED else branch)
        if key is not None:
            conditions.append("comparability = ?")
            parameters.append(key)
        if cell is not None:
            conditions.append("cell = ?")
            parameters.append(cell)
        if before is not None:
            condition, position = self._before(before)
            conditions.append(condition)
            parameters += position
        if trusted:
            conditions.append("trusted")
        with self.explained():
            rows = self.connection.execute(
                f"SELECT benchmark, measure, {KEY}, created, commit_hash, trusted, busy, value, lower_value,"  # noqa: S608
                " upper_value, id FROM run JOIN metric ON run = number"
                f" WHERE {' AND '.join(conditions)} ORDER BY {ORDER}",
                parameters,
            ).fetchall()
        found: dict[SeriesKey, list[Point]] = {}
        for rank, (benchmark, measure, comparability, created, commit, reliable, busy, *values, run_id) in enumerate(
            rows
        ):
            try:
                value, lower, upper = values
                metric = Metric.model_validate(
                    {"value": value, "lower_value": lower, "upper_value": upper}, strict=True
                )
                series = _series_key(benchmark, measure, comparability)
                time = time_of(str(created))
                point = Point(time, _hash(commit), metric, trusted=bool(reliable), busy=bool(busy), rank=rank)
            except (UsageError, ValueError, KeyError, TypeError, OverflowError):
                name = plain(str(run_id))[:80]
                self.set_aside[name] = f"A value of the run {name} in {self.path} is not valid and is left out."
                continue
            found.setdefault(series, []).append(point)
        return found

    def branches(self) -> dict[str, int]:
        """Return the number of runs without uncommitted changes of each branch, most first."""
        with self.explained():
            rows = self.connection.execute(
                "SELECT branch, count(*) FROM run WHERE NOT dirty GROUP BY branch ORDER BY count(*) DESC"
            ).fetchall()
        return {DETACHED if branch is None else str(branch): count for branch, count in rows}

    def latest_of_each(self) -> list[Report]:
        """Return the last report of each cell for each machine and settings, newest first."""
        return self._reports(LAST)

    def latest_of_each_benchmark(self) -> list[Report]:
        """Return the last report of each cell, and that with the last values of each benchmark, newest first.

        As in ``latest_of_each``, every machine and every settings count apart.
        """
        return self._reports(f"{LAST} UNION {LAST_VALUES}")

    def _reports(self, numbers: str) -> list[Report]:
        with self.explained():
            rows = self.connection.execute(
                f"SELECT id, report FROM run WHERE number IN ({numbers}) ORDER BY {DESCENDING}"  # noqa: S608
            ).fetchall()
        return self.all_parsed(rows)

    def count(self) -> int:
        """Return the number of runs."""
        with self.explained():
            return int(self.connection.execute("SELECT count(*) FROM run").fetchone()[0])

    def _before(self, run_id: str) -> tuple[str, list[object]]:
        """Return the condition that a run is before another one, and its parameters; all are before one not stored."""
        with self.explained():
            position = self.connection.execute(f"SELECT {ORDER} FROM run WHERE id = ?", (run_id,)).fetchone()  # noqa: S608
        return ("TRUE", []) if position is None else (f"({ORDER}) < (?, ?, ?, ?)", [*position])

    def _one(self, query: str, parameters: tuple[object, ...]) -> Report | None:
        """Return the first valid report of a query."""
        with self.explained():
            rows = self.connection.execute(query, parameters)
            return next((report for row in rows if (report := self.parsed(*row)) is not None), None)


@lru_cache(maxsize=10_000)
def _series_key(benchmark: str, measure: str, comparability: object) -> SeriesKey:
    """Return the key of a series as it is stored; raises UsageError, KeyError or TypeError if there is none."""
    return SeriesKey(BenchmarkName.parse(benchmark).text, MEASURES[measure].name, str(comparability))


def time_of(created: str) -> datetime:
    """Read the time of a run; one without a zone, of an early version, was in UTC."""
    time = datetime.fromisoformat(created)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _hash(commit: object) -> str | None:
    return None if commit is None else plain(str(commit))[:64]


def opened(path: Path) -> History:
    """Return the history at a path; raises UsageError if there is none, rather than making an empty one."""
    if not path.exists():
        raise UsageError(
            f"There is no history at {path}: measure a cell first, for example nox -s bench-numpy-float64."
        )
    return History(path)
