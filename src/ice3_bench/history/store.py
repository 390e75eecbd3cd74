"""The local history: every report that was measured, in one SQLite file.

Each report is one transaction; two sessions may write at once (the second waits); a process killed at any moment leaves
the file as it was before or after its transaction. The schema version is SQLite's ``user_version``.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Self
from uuid import NAMESPACE_OID, uuid4, uuid5

from ice3_bench.errors import UsageError
from ice3_bench.report import Metric, Report, parse_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

# Statement lists by the schema version they lead to; a migration is never edited once released.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE run (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            created TEXT NOT NULL,
            cell TEXT NOT NULL,
            commit_hash TEXT,
            branch TEXT,
            comparability TEXT NOT NULL,
            report TEXT NOT NULL,
            sent TEXT
        )""",
        """CREATE TABLE metric (
            run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
            benchmark TEXT NOT NULL,
            measure TEXT NOT NULL,
            value REAL NOT NULL,
            lower_value REAL,
            upper_value REAL,
            PRIMARY KEY (run, benchmark, measure)
        ) WITHOUT ROWID""",
        "CREATE INDEX run_comparability ON run (comparability, number)",
        "CREATE INDEX metric_series ON metric (benchmark, measure, run)",
    ),
    (
        """CREATE TABLE submission (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL UNIQUE,
            testbed TEXT NOT NULL,
            branch TEXT NOT NULL,
            commit_hash TEXT,
            body TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'discarded')),
            outcome TEXT
        )""",
        "ALTER TABLE run ADD COLUMN submission INTEGER REFERENCES submission (number)",
        "CREATE TABLE prepared (place TEXT PRIMARY KEY, console TEXT)",
    ),
    (
        "ALTER TABLE run ADD COLUMN dirty INTEGER NOT NULL DEFAULT 0",
        "UPDATE run SET dirty = 1 WHERE json_valid(report) AND json_extract(report, '$.commit.dirty')",
    ),
)
SCHEMA_VERSION = len(MIGRATIONS)
BUSY_SECONDS = 60.0


DETACHED = "HEAD"
"""Name by which the runs on no branch are asked for, as ``git rev-parse --abbrev-ref`` calls it."""


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


@dataclass(frozen=True)
class Draft:
    """A submission that is not in the queue yet: the merged document of one testbed, branch and commit."""

    testbed: str
    branch: str
    commit: str | None
    body: str
    """Body of ``POST /v0/run`` as JSON, without project and idempotency key."""
    runs: tuple[str, ...]
    """Ids of the reports it holds."""


@dataclass(frozen=True)
class Submission:
    """A submission of the queue."""

    number: int
    key: str
    """Idempotency key (UUID): Bencher takes each key once, so a repeated request adds nothing."""
    testbed: str
    branch: str
    commit: str | None
    body: str
    outcome: str | None
    """What Bencher answered, once it did."""


class History:
    """The history file, as a context manager.

    Raises
    ------
    UsageError
        On entering or use, if the file is corrupt, of a newer schema, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            with ExitStack() as refused:  # a file that is refused is closed again
                refused.callback(self._connection.close)
                self._connection.execute("PRAGMA foreign_keys = ON")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._migrate()
                refused.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, report: Report) -> bool:
        """Store a report and its metrics in one transaction; return False if it was there already."""
        with self._explained(), self._transaction():
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO run (id, created, cell, commit_hash, branch, comparability, report, dirty)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    report.id,
                    report.created.isoformat(),
                    report.cell,
                    report.commit.hash,
                    report.commit.branch,
                    report.comparability,
                    report.model_dump_json(),
                    report.commit.dirty,
                ),
            )
            if cursor.rowcount == 0:
                return False
            self._connection.executemany(
                "INSERT INTO metric VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (cursor.lastrowid, benchmark.name, measure, metric.value, metric.lower_value, metric.upper_value)
                    for benchmark in report.benchmarks
                    for measure, metric in benchmark.measures.items()
                ],
            )
        return True

    def previous(self, report: Report) -> Report | None:
        """Return the last comparable run of the same cell before ``report``, or None."""
        return self._one(
            "SELECT id, report FROM run WHERE cell = ? AND comparability = ? AND number < ?"
            " ORDER BY number DESC LIMIT 1",
            (report.cell, report.comparability, self._number(report.id)),
        )

    def latest_other(self, report: Report) -> Report | None:
        """Return the last run of the same cell that is not comparable with ``report``, or None."""
        return self._one(
            "SELECT id, report FROM run WHERE cell = ? AND comparability <> ? ORDER BY number DESC LIMIT 1",
            (report.cell, report.comparability),
        )

    def pending(self) -> list[Report]:
        """Return the reports that were not sent to Bencher yet, oldest first."""
        with self._explained():
            rows = self._connection.execute("SELECT id, report FROM run WHERE sent IS NULL ORDER BY number").fetchall()
        return [self._parse(*row) for row in rows]

    def enqueue(self, draft: Callable[[list[Report]], list[Draft]]) -> None:
        """Turn the reports that are in no submission into submissions, in one transaction.

        ``draft`` gets these reports, oldest first; those it leaves out are offered again the next time. The idempotency
        key follows from the reports, so that the same ones, stored again in another history, are not taken twice.
        """
        with self._explained(), self._transaction():
            rows = self._connection.execute(
                "SELECT id, report FROM run WHERE sent IS NULL AND submission IS NULL ORDER BY number"
            ).fetchall()
            for one in draft([self._parse(*row) for row in rows]):
                cursor = self._connection.execute(
                    "INSERT INTO submission (key, testbed, branch, commit_hash, body) VALUES (?, ?, ?, ?, ?)",
                    (
                        str(uuid5(NAMESPACE_OID, "\n".join(sorted(one.runs)))),
                        one.testbed,
                        one.branch,
                        one.commit,
                        one.body,
                    ),
                )
                self._connection.executemany(
                    "UPDATE run SET submission = ? WHERE id = ?", [(cursor.lastrowid, run_id) for run_id in one.runs]
                )

    def queued(self) -> list[Submission]:
        """Return the submissions that Bencher has not accepted yet, in the order in which they must be sent."""
        return self._submissions("state = 'queued'", ())

    def sent(self, commit: str | None) -> list[Submission]:
        """Return the accepted submissions of a commit, the last of each testbed and branch, oldest first."""
        return self._submissions(
            "number IN (SELECT max(number) FROM submission WHERE state = 'sent' AND commit_hash IS ?"
            " GROUP BY testbed, branch)",
            (commit,),
        )

    def new_key(self, number: int) -> str:
        """Give a queued submission a new idempotency key, as the old one is used up, and return it."""
        key = str(uuid4())
        with self._explained(), self._transaction():
            self._connection.execute("UPDATE submission SET key = ? WHERE number = ?", (key, number))
        return key

    def accept(self, number: int, outcome: str) -> None:
        """Note that Bencher accepted a submission, and what it answered, in one transaction."""
        now = datetime.now(UTC).isoformat()
        with self._explained(), self._transaction():
            self._connection.execute(
                "UPDATE submission SET state = 'sent', outcome = ? WHERE number = ?", (outcome, number)
            )
            self._connection.execute("UPDATE run SET sent = ? WHERE submission = ?", (now, number))

    def discard(self, number: int) -> bool:
        """Take a submission out of the queue for good; return False if it is not in the queue."""
        with self._explained(), self._transaction():
            cursor = self._connection.execute(
                "UPDATE submission SET state = 'discarded' WHERE number = ? AND state = 'queued'", (number,)
            )
        return cursor.rowcount == 1

    def prepared(self, place: str) -> tuple[bool, str | None]:
        """Tell whether the measures were created at a place (server and project) before, and its console's URL."""
        with self._explained():
            row = self._connection.execute("SELECT console FROM prepared WHERE place = ?", (place,)).fetchone()
        return (row is not None), (row[0] if row else None)

    def note_prepared(self, place: str, console: str | None) -> None:
        """Note that the measures exist at a place."""
        with self._explained(), self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO prepared VALUES (?, ?)", (place, console))

    def _submissions(self, condition: str, parameters: tuple[object, ...]) -> list[Submission]:
        with self._explained():
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM submission WHERE {condition} ORDER BY number",  # noqa: S608 (literals of this file)
                parameters,
            ).fetchall()
        return [Submission(*row) for row in rows]

    def series(
        self, branch: str | None = None, *, key: str | None = None, before: str | None = None
    ) -> dict[SeriesKey, list[Point]]:
        """Return all series of a branch (of all branches if None), oldest value first.

        Runs with uncommitted changes are no part of any series.

        Parameters
        ----------
        branch
            Name of the branch; ``DETACHED`` for runs on none.
        key
            Only runs of this comparability.
        before
            Only runs stored before the run of this id.
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
        with self._explained():
            rows = self._connection.execute(
                "SELECT benchmark, measure, comparability, created, commit_hash, value, lower_value, upper_value"  # noqa: S608
                f" FROM run JOIN metric ON run = number WHERE {' AND '.join(conditions)} ORDER BY number",
                parameters,
            ).fetchall()
        found: dict[SeriesKey, list[Point]] = {}
        for benchmark, measure, comparability, created, commit, value, lower, upper in rows:
            metric = Metric(value=value, lower_value=lower, upper_value=upper)
            point = Point(datetime.fromisoformat(created), commit, metric)
            found.setdefault(SeriesKey(benchmark, measure, comparability), []).append(point)
        return found

    def branches(self) -> dict[str, int]:
        """Return the number of runs without uncommitted changes of each branch, most first."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT branch, count(*) FROM run WHERE NOT dirty GROUP BY branch ORDER BY count(*) DESC"
            ).fetchall()
        return {DETACHED if branch is None else branch: count for branch, count in rows}

    def latest_of_each(self) -> list[Report]:
        """Return the last report of each cell on each machine with each settings, newest first."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT id, report FROM run WHERE number IN (SELECT max(number) FROM run GROUP BY comparability, cell)"
                " ORDER BY number DESC"
            ).fetchall()
        return [self._parse(*row) for row in rows]

    def _number(self, run_id: str) -> int:
        """Position of a run in the history; one past the end when it is not stored."""
        with self._explained():
            row = self._connection.execute("SELECT number FROM run WHERE id = ?", (run_id,)).fetchone()
            if row is None:
                row = self._connection.execute("SELECT coalesce(max(number), 0) + 1 FROM run").fetchone()
        return int(row[0])

    def _one(self, query: str, parameters: tuple[object, ...]) -> Report | None:
        with self._explained():
            row = self._connection.execute(query, parameters).fetchone()
        return self._parse(*row) if row else None

    def _parse(self, run_id: str, text: str) -> Report:
        return parse_report(text, f"{run_id} in {self.path}", remedy=_REMEDY.format(path=self.path))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # SQLite has ended it where the disk is full
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _migrate(self) -> None:
        version = self._version()
        if version > SCHEMA_VERSION:
            raise UsageError(
                f"The history {self.path} has schema version {version}, newer than this program's ({SCHEMA_VERSION}): "
                "update this checkout with git pull."
            )
        if version == SCHEMA_VERSION:
            return
        with self._transaction():
            for number in range(self._version(), SCHEMA_VERSION):  # read again: another session may have migrated
                for statement in MIGRATIONS[number]:
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ones that say what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UsageError(
                f"The history {self.path} cannot be used: {error}. Make its folder writable or free space, or choose "
                "another folder with the variable ICE3_BENCH_RESULTS, then run nox -s bench-upload."
            ) from error
        except sqlite3.DatabaseError as error:
            raise UsageError(
                f"The history {self.path} is corrupt ({error}). " + _REMEDY.format(path=self.path)
            ) from error
        except OSError as error:
            raise UsageError(f"The history {self.path} cannot be created: {error.strerror}.") from error


_COLUMNS = "number, key, testbed, branch, commit_hash, body, outcome"
_REMEDY = "Move it away (mv {path} {path}.bad) and run nox -s bench-upload: the reports in results/ are stored again."
