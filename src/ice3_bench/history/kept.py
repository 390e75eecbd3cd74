"""The files of all runs, one each: what a history that was lost is rebuilt from."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError
from ice3_bench.reports import save_report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ice3_bench.report import Report

RUNS = "runs"
"""Folder in the results: ``runs/<cell>/<time>-<id>.json``."""
NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}\.json")
"""Names of its files, in the order of time."""


def kept_file(results: Path, report: Report) -> Path:
    """Return the file of a run."""
    return results / RUNS / report.cell / f"{report.created:%Y%m%dT%H%M%S}-{report.id[:8]}.json"


def keep(results: Path, reports: Iterable[Report]) -> None:
    """Keep each run in a file of its own, unless there is one; the history has it, whatever happens here."""
    for report in reports:
        path = kept_file(results, report)
        if not path.exists():
            with suppress(UsageError):
                save_report(report, path)


def kept_files(results: Path) -> dict[str, list[Path]]:
    """Return the files of the runs of each cell, oldest first; what else lies there is left alone."""
    found: dict[str, list[Path]] = {}
    for path in sorted((results / RUNS).glob("*/*.json")):
        if NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            found.setdefault(path.parent.name, []).append(path)
    return found
