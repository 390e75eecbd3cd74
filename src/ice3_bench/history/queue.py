"""The queue of submissions to Bencher, in the local history.

There, each step survives the end of the process, and a report becomes part of only one submission.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid4, uuid5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ice3_bench.history.schema import Database
    from ice3_bench.report import Report

NAMESPACE = uuid5(NAMESPACE_URL, "https://github.com/ice3-bench/ice3-bench")
"""Namespace of the idempotency keys: nobody else's identifiers are in it."""
_COLUMNS = "number, key, testbed, branch, commit_hash, body, outcome"


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
    results: str
    """The results in ``body``."""

    @property
    def key(self) -> str:
        """Idempotency key (UUID).

        It follows from what is sent, and where: Bencher does not accept the same results twice, even if they come from
        another history. Results of another branch, testbed or commit never have the key, whatever ids they copy.
        """
        content = json.dumps([self.branch, self.testbed, self.commit, sorted(self.runs), self.results])
        return str(uuid5(NAMESPACE, content))


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


class Queue:
    """The submissions in an open history, and the places that they were sent to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue(self, draft: Callable[[list[Report]], list[Draft]]) -> None:
        """Turn the reports that are in no submission into submissions, in one transaction.

        ``draft`` gets these reports, oldest first; those it leaves out are offered again the next time.
        """
        with self._database.explained(), self._database.transaction():
            for one in draft(self.pending()):
                cursor = self._database.connection.execute(
                    "INSERT INTO submission (key, testbed, branch, commit_hash, body) VALUES (?, ?, ?, ?, ?)",
                    (
                        one.key,
                        one.testbed,
                        one.branch,
                        one.commit,
                        one.body,
                    ),
                )
                self._database.connection.executemany(
                    "UPDATE run SET submission = ? WHERE id = ?", [(cursor.lastrowid, run_id) for run_id in one.runs]
                )

    def pending(self) -> list[Report]:
        """Return the reports that are in no submission, oldest first; those that are not valid are set aside."""
        with self._database.explained():
            rows = self._database.connection.execute(
                "SELECT id, report FROM run WHERE sent IS NULL AND submission IS NULL ORDER BY number"
            ).fetchall()
        return self._database.all_parsed(rows)

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
        with self._database.explained(), self._database.transaction():
            self._database.connection.execute("UPDATE submission SET key = ? WHERE number = ?", (key, number))
        return key

    def accept(self, number: int, outcome: str) -> None:
        """Note that Bencher accepted a submission, and what it answered, in one transaction."""
        now = datetime.now(UTC).isoformat()
        with self._database.explained(), self._database.transaction():
            self._database.connection.execute(
                "UPDATE submission SET state = 'sent', outcome = ? WHERE number = ?", (outcome, number)
            )
            self._database.connection.execute("UPDATE run SET sent = ? WHERE submission = ?", (now, number))

    def note_sent(self, runs: Iterable[str]) -> None:
        """Note that runs were sent from another history, by their ids."""
        now = datetime.now(UTC).isoformat()
        with self._database.explained(), self._database.transaction():
            self._database.connection.executemany("UPDATE run SET sent = ? WHERE id = ?", [(now, run) for run in runs])

    def discard(self, number: int) -> bool:
        """Take a submission out of the queue for good; return False if it is not in the queue."""
        with self._database.explained(), self._database.transaction():
            cursor = self._database.connection.execute(
                "UPDATE submission SET state = 'discarded' WHERE number = ? AND state = 'queued'", (number,)
            )
        return cursor.rowcount == 1

    def prepared(self, place: str) -> tuple[bool, str | None]:
        """Tell whether the measures were created at a place (server and project) before, and its console's URL."""
        with self._database.explained():
            row = self._database.connection.execute("SELECT console FROM prepared WHERE place = ?", (place,)).fetchone()
        return (row is not None), (row[0] if row else None)

    def note_prepared(self, place: str, console: str | None) -> None:
        """Note that the measures exist at a place."""
        with self._database.explained(), self._database.transaction():
            self._database.connection.execute("INSERT OR REPLACE INTO prepared VALUES (?, ?)", (place, console))

    def said(self, what: str) -> bool:
        """Tell whether users of this history were told something before; from now on they were."""
        with self._database.explained(), self._database.transaction():
            cursor = self._database.connection.execute("INSERT OR IGNORE INTO prepared (place) VALUES (?)", (what,))
        return cursor.rowcount == 0

    def _submissions(self, condition: str, parameters: tuple[object, ...]) -> list[Submission]:
        with self._database.explained():
            rows = self._database.connection.execute(
                f"SELECT {_COLUMNS} FROM submission WHERE {condition} ORDER BY number",  # noqa: S608 (literals of this file)
                parameters,
            ).fetchall()
        return [Submission(*row) for row in rows]
