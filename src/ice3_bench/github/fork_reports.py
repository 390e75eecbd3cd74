"""Reports measured by the code of a fork: untrusted files, accepted only if they fit the matrix."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError
from ice3_bench.names import BenchmarkName, domain_text
from ice3_bench.reports import load_report
from ice3_probe.messages import MIXES

if TYPE_CHECKING:
    from pathlib import Path

    from ice3_bench.report import Benchmark, Report
    from ice3_bench.settings.matrix import Cell, Settings

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
    found = sorted(folder.glob("*/report.json"))
    if not found:
        raise UsageError(f"There are no reports in {folder}: did the measuring job of the fork fail?")
    if len(found) > len(settings.cells):
        raise UsageError(f"{folder} holds {len(found)} reports, more than the matrix has cells.")
    reports = [_read(path, settings, commit) for path in found]
    cells = [report.cell for report in reports]
    if len(set(cells)) < len(cells):
        raise UsageError(f"{folder} holds several reports of one cell: refused.")
    return reports


def _read(path: Path, settings: Settings, commit: str) -> Report:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        raise UsageError(f"The report {path} is not a file of at most {LARGEST} bytes: refused.")
    try:
        report = load_report(path)
    except RecursionError:
        raise UsageError(f"The report {path} is nested too deeply: refused.") from None
    cell = settings.cell_by_id(report.cell)
    if (report.backend, report.precision) != (cell.backend.name, cell.precision):
        raise UsageError(f"The report {path} is of another cell than it says: refused.")
    if report.commit.hash != commit or report.commit.dirty:
        raise UsageError(f"The report {path} is not of commit {commit[:10]}, or of changed files: refused.")
    if report.created.tzinfo is None or not timedelta(-1) < datetime.now(UTC) - report.created < LONGEST:
        raise UsageError(f"The report {path} is of {report.created}, which is impossible: refused.")
    if not all(0 <= one.seconds < LONGEST.total_seconds() for one in report.passes):
        raise UsageError(f"The report {path} has impossible passes: refused.")
    if not TESTBED.fullmatch(report.machine.testbed):
        raise UsageError(f"The report {path} names a testbed with characters that are not allowed: refused.")
    if (report.port, report.accuracy_policy) != (cell.backend.port, cell.backend.accuracy):
        raise UsageError(f"The report {path} is of another port, or treats accuracy otherwise: refused.")
    if not all(_is_in_matrix(benchmark, cell) for benchmark in report.benchmarks):
        raise UsageError(f"The report {path} has a benchmark that is not in the matrix: refused.")
    return report


def _is_in_matrix(benchmark: Benchmark, cell: Cell) -> bool:
    try:
        name = BenchmarkName.parse(benchmark.name)
    except UsageError:
        return False
    return (
        (name.component, name.backend, name.precision) == (benchmark.component, cell.backend.id, cell.precision)
        and name.component in cell.backend.components
        and domain_text(name.domain) in cell.backend.domains
        and name.domain == benchmark.domain
        and (name.mix is None or name.mix in MIXES)
    )
