"""A corrupt history: it is put aside, and rebuilt from what it still tells and from the files of all runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ice3_bench.cell.lock import locked
from ice3_bench.errors import UsageError
from ice3_bench.history.kept import kept_files
from ice3_bench.history.schema import CorruptError
from ice3_bench.history.store import History
from ice3_bench.reports import load_report, parse_report
from ice3_bench.text import count

if TYPE_CHECKING:
    from pathlib import Path

    from ice3_bench.report import Report

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite writes beside its file."""


def mended(path: Path) -> str:
    """Put a corrupt history aside and rebuild it; return what was done, empty if the history is sound or missing.

    Runs that the old file does not show to be waiting for Bencher count as sent: what was sent is not sent twice.

    Raises
    ------
    UsageError
        If the history cannot be used for another reason, or cannot be put aside.
    """
    if not path.exists() or _sound(path):
        return ""
    with locked(path.with_name(f".{path.name}.lock")):
        if _sound(path):  # another process has mended it
            return ""
        aside = path.with_name(f"{path.name}.bad-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        try:
            for end in BESIDE:
                with suppress(FileNotFoundError):
                    path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
            path.rename(aside)
        except OSError as error:
            raise UsageError(f"The history {path} is corrupt and cannot be put aside: {error.strerror}.") from error
        reports, waiting = _told_by(aside)
        lost = 0
        for file in [one for files in kept_files(path.parent).values() for one in files]:
            try:
                report = load_report(file)
            except UsageError:
                lost += 1
            else:
                reports.setdefault(report.id, report)
        with History(path) as history:
            for report in sorted(reports.values(), key=lambda report: report.created):
                history.add(report)
            history.queue.note_sent(reports.keys() - waiting)
    unread = f" {count(lost, 'file')} of runs cannot be read." if lost else ""
    return (
        f"The history {path} was corrupt: it is kept as {aside.name}, and {count(len(reports), 'run')} could be stored "
        f"again.{unread}"
    )


def _sound(path: Path) -> bool:
    try:
        with History(path) as history:
            history.require_sound()
    except CorruptError:
        return False
    return True


def _told_by(path: Path) -> tuple[dict[str, Report], set[str]]:
    """Return the reports that a corrupt file still tells, and the ids of those that wait for Bencher."""
    reports: dict[str, Report] = {}
    waiting = set[str]()
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
        for text, sent in file.execute("SELECT report, sent FROM run ORDER BY number"):
            with suppress(UsageError):
                report = parse_report(str(text), str(path), "")
                reports[report.id] = report
                if sent is None:
                    waiting.add(report.id)
    return reports, waiting
