"""The command that brings results of other suites into the local history."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.bencher.upload import HISTORY
from ice3_bench.commands.common import Surroundings, explained
from ice3_bench.commands.sending import upload_reports
from ice3_bench.errors import Exit, UsageError
from ice3_bench.foreign.bmf import read_bmf
from ice3_bench.foreign.pytest_benchmark import read_pytest_benchmark
from ice3_bench.foreign.results import Place, as_report
from ice3_bench.history.checks import check, summary
from ice3_bench.history.store import History
from ice3_bench.names import parse_domain
from ice3_bench.report import Commit
from ice3_bench.show.console import make_console
from ice3_bench.text import count

if TYPE_CHECKING:
    from ice3_bench.foreign.results import Foreign


@task(
    name="import",
    help={
        "pytest-benchmark": "JSON file of pytest-benchmark (--benchmark-json)",
        "bmf": "JSON file in Bencher Metric Format, measured on this machine",
        "suite": "id that stands for the suite in the names of benchmarks and cells",
        "precision": "float32 or float64",
        "domain": "points of a call, such as 50x50x60",
        "testbed": "name of the machine (default: that of the file, or this machine)",
        "commit": "full hash of the commit that was measured (default: that of the file, or of this checkout)",
        "branch": "its branch (default: the same)",
    },
)
@explained
def import_task(
    _context: Context,
    pytest_benchmark: str | None = None,
    bmf: str | None = None,
    suite: str = "imported",
    precision: str = "float64",
    domain: str = "1x1x1",
    testbed: str | None = None,
    commit: str | None = None,
    branch: str | None = None,
) -> None:
    """Bring results of another suite into the local history, and check them against what it holds of this suite."""
    surroundings = Surroundings.read()
    place = Place(suite, precision, parse_domain(domain))
    foreign = _read(surroundings, pytest_benchmark, bmf, testbed)
    report = as_report(replace(foreign, commit=_commit(foreign.commit, commit, branch)), place)
    console = make_console()
    console.print(f"{count(len(report.benchmarks), 'benchmark')} of {foreign.suite}: cell {report.cell}.", markup=False)
    code = upload_reports(surroundings, console, reports=[report])
    with History(surroundings.results / HISTORY) as history:
        checks = check(report, history, surroundings.settings)
    for line in summary(checks):
        console.print(line, soft_wrap=True, markup=False)
    if report.commit.dirty:
        console.print("The commit had uncommitted changes or is not known: part of no series (--commit names it).")
    for one in checks:
        if one.violation:
            code = Exit.FAILED
            word = "Regression" if one.verdict == "worse" else "Alert"
            print(f"{word}: {one.label} {one.measure}: {one.reason}.", file=sys.stderr)
    if code is not Exit.OK:
        raise InvokeExit(code=int(code))


def _read(surroundings: Surroundings, pytest_benchmark: str | None, bmf: str | None, testbed: str | None) -> Foreign:
    if bool(pytest_benchmark) == bool(bmf):
        raise UsageError("Name one file: --pytest-benchmark FILE or --bmf FILE.")
    if pytest_benchmark:
        return read_pytest_benchmark(Path(pytest_benchmark), testbed)
    return read_bmf(Path(str(bmf)), surroundings.project, testbed)


def _commit(found: Commit, given: str | None, branch: str | None) -> Commit:
    if given is None:
        return found.model_copy(update={"branch": branch or found.branch})
    if len(given) not in (40, 64) or not set(given) <= set("0123456789abcdef"):
        raise UsageError(f"'{given}' is not the full hash of a commit: git rev-parse HEAD prints one.")
    return Commit(hash=given, branch=branch or found.branch)
