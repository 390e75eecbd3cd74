"""The file of the local history: its tables, their migration, and the meaning of SQLite's errors.

The schema version is SQLite's ``user_version``.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Self

from ice3_bench.errors import UsageError
from ice3_bench.files import SHARED, SPACE, is_forbidden
from ice3_bench.reports import parse_report
from ice3_bench.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from ice3_bench.report import Report

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
    (
        "ALTER TABLE run ADD COLUMN differs INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE metric ADD COLUMN trusted INTEGER NOT NULL DEFAULT 1",
    ),
    (
        "ALTER TABLE run ADD COLUMN measured REAL NOT NULL DEFAULT 0",
        "ALTER TABLE run ADD COLUMN committed REAL",
        "ALTER TABLE run ADD COLUMN depth INTEGER NOT NULL DEFAULT 0",
        "UPDATE run SET measured = coalesce((julianday(created) - 2440587.5) * 86400.0, 0)",
    ),
    (
        "ALTER TABLE metric ADD COLUMN basis TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE metric ADD COLUMN busy INTEGER NOT NULL DEFAULT 0",
    ),
)
_PLACE = ("coalesce(committed, measured)", "depth", "measured", "number")
ORDER = ", ".join(_PLACE)
"""The order of runs, everywhere.

Where git knows their commit, it is that of its date and its number of ancestors; otherwise, and among runs of one
commit, that of the time of the measurement. Both are in seconds since 1970.
"""
DESCENDING = ", ".join(f"{column} DESC" for column in _PLACE)
"""The same, the last run first."""
KEY = "trim(comparability || ' ' || basis)"
"""Key of the runs whose values of a measure may be compared, as ``Report.key_of`` makes it."""
SCHEMA_VERSION = len(MIGRATIONS)
BUSY_SECONDS = 60.0
_REMEDY = (
    "The next bench session, or nox -s bench-upload, keeps it aside and rebuilds it from the files of all runs. If "
    "they are lost too: mv {path} {path}.bad, and sqlite3 {path}.bad .recover prints what can be saved."
)


class CorruptError(UsageError):
    """A history that is not a database any more, or not a history."""


class Database:
    """The open file, as a context manager.

    Raises
    ------
    UsageError
        On entering or use, if the file is corrupt, of a newer schema, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_aside: dict[str, str] = {}
        """Why stored runs cannot be read, by their ids; the others are not affected."""

    def __enter__(self) -> Self:
        with self.explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError, PermissionError):  # SQLite would leave out what the umask allows to a group
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
            self.connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            with ExitStack() as refused:  # a file that is refused is closed again
                refused.callback(self.connection.close)
                self.connection.execute("PRAGMA foreign_keys = ON")
                self.connection.execute("PRAGMA synchronous = FULL")
                self._migrate()
                refused.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.connection.close()

    def require_sound(self) -> None:
        """Raise CorruptError if SQLite finds damage anywhere in the file."""
        with self.explained():
            found = [str(row[0]) for row in self.connection.execute("PRAGMA quick_check(1)")]
            if found != ["ok"]:
                raise sqlite3.DatabaseError(" ".join(found))

    def parsed(self, run_id: object, text: object) -> Report | None:
        """Read the report of a run; None if it is not valid, which ``set_aside`` explains."""
        name = plain(str(run_id))[:80]
        try:
            return parse_report(
                str(text), f"{name} in {self.path}", "It is left out, and the other runs are not affected."
            )
        except UsageError as error:
            self.set_aside[name] = str(error)
            return None

    def all_parsed(self, rows: Iterable[tuple[object, object]]) -> list[Report]:
        """Read the reports of runs, without those that are not valid."""
        return [report for row in rows if (report := self.parsed(*row)) is not None]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of what is inside, or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:  # SQLite has ended it if the disk is full
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def _migrate(self) -> None:
        version = self._version()
        if version > SCHEMA_VERSION:
            raise UsageError(
                f"The history {self.path} has schema version {version}, newer than this program's ({SCHEMA_VERSION}): "
                "update this checkout with git pull."
            )
        if version == SCHEMA_VERSION:
            return
        with self.transaction():
            for number in range(self._version(), SCHEMA_VERSION):  # read again: another session may have migrated
                for statement in MIGRATIONS[number]:
                    self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _version(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ones that say what to do."""
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError) as error:
            if not isinstance(error, sqlite3.OperationalError) or str(error).startswith("Could not decode"):
                raise CorruptError(
                    f"The history {self.path} is corrupt ({plain(str(error))[:200]}). " + _REMEDY.format(path=self.path)
                ) from error
            raise UsageError(f"The history {self.path} cannot be used: {error}. {self._remedy()}") from error
        except OSError as error:
            remedy = SHARED if is_forbidden(error) else SPACE
            raise UsageError(f"The history {self.path} cannot be created: {error.strerror}. {remedy}") from error

    def _remedy(self) -> str:
        """Say what to do if SQLite cannot use the file or its folder."""
        folder = self.path.parent
        if all(os.access(one, os.R_OK | os.W_OK) for one in (folder, self.path) if one.exists()):
            return (
                "Make its folder writable or free space, or choose another folder with the variable "
                "ICE3_BENCH_RESULTS, then run nox -s bench-upload."
            )
        return f"{SHARED} Then run nox -s bench-upload."
