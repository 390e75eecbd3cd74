"""Reports measured by the code of a fork: untrusted files, accepted only if they fit the matrix."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ice3_bench.cell.probe import benchmarks_of
from ice3_bench.errors import UsageError
from ice3_bench.names import parse_domain
from ice3_bench.reports import load_report, report_files
from ice3_bench.text import plain

if TYPE_CHECKING:
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

LARGEST = 4 * 2**20  # bytes of one report
LONGEST = timedelta(days=90)  # artifacts are kept no longer
TESTBED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+ -]{0,63}")


def read_reports(folder: Path, settings: Settings, commit: str) -> list[Report]:
    """Read the reports ``<session>/report.json`` of a fork, of the given commit.

    Raises
    ------
    UsageError
        If there are none, or one differs from what our own sessions write: size, schema, cell, commit, names.
    """
    found = report_files(folder)
    if not found:
        raise UsageError(f"There are no reports in {folder}: did the measuring job of the fork fail?")
    if len(found) > len(settings.cells):
        raise UsageError(f"{folder} holds {len(found)} reports, more than the matrix has cells: refused.")
    reports = [_read(path, settings, commit) for path in found]
    for what, values in (("cell", [one.cell for one in reports]), ("id", [one.id for one in reports])):
        if len(set(values)) < len(values):
            raise UsageError(f"{folder} holds several reports of one {what}: refused.")
    return reports


def _read(path: Path, settings: Settings, commit: str) -> Report:
    name = f"{plain(path.parent.name)}/{path.name}"
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        raise UsageError(f"The report {name} is not a file of at most {LARGEST} bytes: refused.")
    try:
        report = load_report(path)
    except UsageError as error:
        raise UsageError(f"{plain(str(error))} It is refused.") from error
    cell = settings.cell_by_id(report.cell)
    if (report.backend, report.precision) != (cell.backend.name, cell.precision):
        raise UsageError(f"The report {name} is of another cell than it says: refused.")
    if report.commit.hash != commit or report.commit.dirty:
        raise UsageError(f"The report {name} is not of commit {commit[:10]}, or of changed files: refused.")
    if not timedelta(-1) < datetime.now(UTC) - report.created < LONGEST:
        raise UsageError(f"The report {name} is of {report.created}, which is impossible: refused.")
    if not all(one.seconds < LONGEST.total_seconds() for one in report.passes):
        raise UsageError(f"The report {name} has impossible passes: refused.")
    if not TESTBED.fullmatch(report.machine.testbed):
        raise UsageError(f"The report {name} names a testbed with characters that are not allowed: refused.")
    if (report.port, report.accuracy_policy) != (cell.backend.port, cell.backend.accuracy):
        raise UsageError(f"The report {name} is of another port, or treats accuracy otherwise: refused.")
    known = {one.name for one in benchmarks_of(cell, map(parse_domain, cell.backend.domains))}
    if not all(benchmark.name in known for benchmark in report.benchmarks):
        raise UsageError(f"The report {name} has a benchmark that is not in the matrix: refused.")
    return report
