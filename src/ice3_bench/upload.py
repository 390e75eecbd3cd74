"""What the shared upload task does: store every report in the local history, then send what is queued to Bencher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError
from ice3_bench.history import History
from ice3_bench.report import Report, load_report

if TYPE_CHECKING:
    from pathlib import Path

HISTORY = "history.db"


@dataclass
class Stored:
    """What was found and stored."""

    new: list[Report] = field(default_factory=list)
    known: list[Report] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Reports that could not be read, each with its remedy."""


def store(results: Path, paths: list[Path] | None = None) -> Stored:
    """Store the reports of all cells (or those at ``paths``) in the local history; a report is stored once.

    Raises
    ------
    UsageError
        If there is no report at all, or the history cannot be used.
    """
    stored = Stored()
    found = paths or sorted(results.glob("*/report.json"))
    if not found:
        raise UsageError(
            f"There are no results in {results}: measure a cell first, for example nox -s bench-numpy-float64."
        )
    with History(results / HISTORY) as history:
        for path in found:
            try:
                report = load_report(path)
            except UsageError as error:
                stored.problems.append(str(error))
                continue
            (stored.new if history.add(report) else stored.known).append(report)
    return stored
