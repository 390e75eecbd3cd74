"""The local history: every report that was measured, in one SQLite file.

Each report is one transaction; two sessions may write at once (the second waits); a process killed at any moment leaves
the file as it was before or after its transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from ice3_bench.history.queue import Queue
from ice3_bench.history.schema import Database
from ice3_bench.report import Metric, Report

DETACHED = "HEAD"
"""Name that selects the runs on no branch, as ``git rev-parse --abbrev-ref`` calls it."""


class SeriesKey(NamedTuple):
    """Which values belong together: one benchmark and measure, over comparable runs."""

    benchmark: str
    measure: str
    comparability: str


@dataclass(frozen=True)
class Point:
    """One value of a series."""

    created: datetime
    commit: str | None
    metric: Metric
    trusted: bool = True
    """Whether later runs may be judged by it."""


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
        """Store a report and its metrics in one transaction; return False if it was there already."""
        with self.explained(), self.transaction():
            cursor = self.connection.execute(
                "INSERT OR IGNORE INTO run"
                " (id, created, cell, commit_hash, branch, comparability, report, dirty, differs)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                ),
            )
            if cursor.rowcount == 0:
                return False
            self.connection.executemany(
                "INSERT INTO metric VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        cursor.lastrowid,
                        benchmark.name,
                        measure,
                        metric.value,
                        metric.lower_value,
                        metric.upper_value,
                        report.distrust(benchmark, measure) is None,
                    )
                    for benchmark in report.benchmarks
                    for measure, metric in benchmark.measures.items()
                ],
            )
        return True

    def previous(self, report: Report) -> Report | None:
        """Return the last comparable run of the same cell before ``report``, or None.

        A run whose physics differs is compared with such runs only.
        """
        return self._one(
            "SELECT id, report FROM run WHERE cell = ? AND comparability = ? AND differs = ? AND number < ?"
            " ORDER BY number DESC LIMIT 1",
            (report.cell, report.comparability, report.physics_differs, self._number(report.id)),
        )

    def latest_other(self, report: Report) -> Report | None:
        """Return the last run of the same cell that is not comparable with ``report``, or None."""
        return self._one(
            "SELECT id, report FROM run WHERE cell = ? AND (comparability <> ? OR differs <> ?)"
            " ORDER BY number DESC LIMIT 1",
            (report.cell, report.comparability, report.physics_differs),
        )

    def series(
        self,
        branch: str | None = None,
        *,
        key: str | None = None,
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
        before
            Only runs stored before the run of this id.
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
        if before is not None:
            conditions.append("number < ?")
            parameters.append(self._number(before))
        if trusted:
            conditions.append("trusted")
        with self.explained():
            rows = self.connection.execute(
                "SELECT benchmark, measure, comparability, created, commit_hash, trusted, value, lower_value,"  # noqa: S608
                f" upper_value FROM run JOIN metric ON run = number WHERE {' AND '.join(conditions)} ORDER BY number",
                parameters,
            ).fetchall()
        found: dict[SeriesKey, list[Point]] = {}
        for benchmark, measure, comparability, created, commit, reliable, value, lower, upper in rows:
            metric = Metric(value=value, lower_value=lower, upper_value=upper)
            point = Point(datetime.fromisoformat(created), commit, metric, trusted=bool(reliable))
            found.setdefault(SeriesKey(benchmark, measure, comparability), []).append(point)
        return found

    def branches(self) -> dict[str, int]:
        """Return the number of runs without uncommitted changes of each branch, most first."""
        with self.explained():
            rows = self.connection.execute(
                "SELECT branch, count(*) FROM run WHERE NOT dirty GROUP BY branch ORDER BY count(*) DESC"
            ).fetchall()
        return {DETACHED if branch is None else branch: count for branch, count in rows}

    def latest_of_each(self) -> list[Report]:
        """Return the last report of each cell for each machine and settings, newest first."""
        with self.explained():
            rows = self.connection.execute(
                "SELECT id, report FROM run WHERE number IN (SELECT max(number) FROM run GROUP BY comparability, cell)"
                " ORDER BY number DESC"
            ).fetchall()
        return [self.parsed(*row) for row in rows]

    def latest_of_each_benchmark(self) -> list[Report]:
        """Return the last report of each cell, and that with the last values of each benchmark, newest first.

        As in ``latest_of_each``, every machine and every settings count apart.
        """
        with self.explained():
            rows = self.connection.execute(
                "SELECT id, report FROM run WHERE number IN (SELECT max(number) FROM run GROUP BY comparability, cell"
                " UNION SELECT max(number) FROM run JOIN metric ON run = number GROUP BY comparability, benchmark)"
                " ORDER BY number DESC"
            ).fetchall()
        return [self.parsed(*row) for row in rows]

    def count(self) -> int:
        """Return the number of runs."""
        with self.explained():
            return int(self.connection.execute("SELECT count(*) FROM run").fetchone()[0])

    def _number(self, run_id: str) -> int:
        """Position of a run in the history; one past the end when it is not stored."""
        with self.explained():
            row = self.connection.execute("SELECT number FROM run WHERE id = ?", (run_id,)).fetchone()
            if row is None:
                row = self.connection.execute("SELECT coalesce(max(number), 0) + 1 FROM run").fetchone()
        return int(row[0])

    def _one(self, query: str, parameters: tuple[object, ...]) -> Report | None:
        with self.explained():
            row = self.connection.execute(query, parameters).fetchone()
        return self.parsed(*row) if row else None
