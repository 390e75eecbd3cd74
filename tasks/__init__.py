"""Invoke tasks: thin commands over ice3_bench, used by the nox sessions, by CI and by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.bencher.upload import HISTORY, store
from ice3_bench.cell.device import gpu_table
from ice3_bench.cell.passes import REFERENCE_DATA
from ice3_bench.cell.session import program, run_session, stencil_cache
from ice3_bench.errors import BenchError, Exit, UsageError
from ice3_bench.history.checks import check, summary
from ice3_bench.history.store import History
from ice3_bench.report import write_atomically
from ice3_bench.show.console import make_console
from ice3_bench.show.tables import results_table
from tasks import bencher, comparing, looking
from tasks.common import PROJECT, Surroundings, arguments, explained
from tasks.sending import discard_submission, upload_reports

if TYPE_CHECKING:
    from rich.console import Console

    from ice3_bench.history.checks import Check
    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Cell


@task(
    help={
        "backend": "GT4Py name or id of the backend, such as gt:cpu_ifirst",
        "precision": "float32 or float64",
    }
)
@explained
def bench(_context: Context, backend: str, precision: str) -> None:
    """Measure one cell: compile, accuracy, timing, memory, upload. Arguments after -- reach pytest."""
    surroundings = Surroundings.read()
    _, code = _measure(surroundings, surroundings.settings.cell(backend, precision))
    if code is not Exit.OK:
        raise InvokeExit(code=int(code))


@task
@explained
def gpu(_context: Context) -> None:
    """Measure all GPU cells and write their table, results/gpu.md. Arguments after -- as in bench."""
    surroundings = Surroundings.read()
    reports: list[Report] = []
    codes = set()
    path = surroundings.results / "gpu.md"
    path.unlink(missing_ok=True)  # the last table must not be taken for this one
    for cell in surroundings.settings.cells:
        if cell.backend.device != "gpu":
            continue
        try:
            report, code = _measure(surroundings, cell)
        except BenchError as error:  # wrong physics or a broken pass: the other cells can be measured all the same
            if not reports and isinstance(error, UsageError):
                raise
            print(f"Error: {cell.id}: {error}", file=sys.stderr)
            code = error.code
        else:
            reports.append(report)
            write_atomically(path, gpu_table(reports))
        codes.add(code)
        if code is Exit.INTERRUPTED:
            break
    print(gpu_table(reports))
    order = (Exit.INTERRUPTED, Exit.FAILED, Exit.USAGE, Exit.NOT_UPLOADED)
    worst = next((code for code in order if code in codes), Exit.OK)
    if worst is not Exit.OK:
        raise InvokeExit(code=int(worst))


def _measure(surroundings: Surroundings, cell: Cell) -> tuple[Report, Exit]:
    """Measure a cell, store and send the report, and print its table; return the report and the exit code."""
    given = arguments()
    console = make_console(quiet="--quiet" in given)
    surroundings.where()  # a credential that cannot be right is said before measuring, not after
    path = surroundings.results / cell.id / "report.json"
    if path.exists():
        # A session that was killed before it stored its report left it here.
        for problem in store(surroundings.results, [path]).problems:
            aside = path.replace(path.with_suffix(".json.bad"))
            print(f"Error: {problem} It is kept as {_short(str(aside))}.", file=sys.stderr)
    report, code = run_session(PROJECT, surroundings.results, cell, surroundings.settings, given, console)
    if code is Exit.INTERRUPTED:  # the user wants to be done: it is stored, and sent with the next upload
        store(surroundings.results, [path])
        uploaded = Exit.NOT_UPLOADED
    else:
        uploaded = upload_reports(surroundings, console, [path])
    checks = _show(surroundings, report, console)
    _tell(checks, report)
    for benchmark in report.failures:
        print(f"Error: {benchmark.name} failed: {benchmark.error}", file=sys.stderr)
    if report.incomplete:
        print(f"Error: {report.incomplete} The timing is stored.", file=sys.stderr)
    if code is Exit.OK and any(one.violation for one in checks):
        code = Exit.FAILED
    return report, code if code is not Exit.OK else uploaded


@task(
    help={
        "report": "store this report file instead of those of all cells",
        "discard": "take this submission out of the queue for good",
        "quiet": "print errors only",
    }
)
@explained
def upload(_context: Context, report: str | None = None, discard: int = 0, quiet: bool = False) -> None:
    """Store what was measured in the local history, and send what is queued to Bencher when a key is set."""
    surroundings, console = Surroundings.read(), make_console(quiet=quiet)
    if discard:
        discard_submission(surroundings, console, discard)
        return
    code = upload_reports(surroundings, console, [Path(report)] if report else None)
    if code is not Exit.OK:
        raise InvokeExit(code=int(code))


def _show(surroundings: Surroundings, report: Report, console: Console) -> list[Check]:
    """Print the table, what it is compared with, and the commands that look closer; return the checks."""
    with History(surroundings.results / HISTORY) as history:
        previous, other = history.previous(report), history.latest_other(report)
        checks = check(report, history, surroundings.settings)
    console.print(results_table(report, previous, checks))
    if previous:
        revision = (previous.commit.hash or "no commit")[:10]
        since = report.software.differences(previous.software)
        console.print(
            f"Compared with the run of {previous.created:%Y-%m-%d %H:%M} UTC ({revision})"
            + (f", but with other versions: {', '.join(since)}." if since else "."),
            soft_wrap=True,
            markup=False,
        )
    elif other:
        differing = [
            key for key, value in report.comparability_basis.items() if other.comparability_basis.get(key) != value
        ]
        console.print(
            f"Not compared with the run of {other.created:%Y-%m-%d %H:%M} UTC: it differs in {', '.join(differing)}."
        )
    dumps = [benchmark.memray_dump for benchmark in report.benchmarks if benchmark.memray_dump]
    if dumps:
        memray = program("memray", PROJECT)
        console.print(f"Memory flamegraph: {memray} flamegraph '{_short(dumps[-1])}'", soft_wrap=True, markup=False)
    for line in summary(checks):
        console.print(line, soft_wrap=True, markup=False)
    if report.commit.dirty and checks:
        console.print(
            "With uncommitted changes: checked, but no part of the history that later runs are checked against."
        )
    console.print(f"Report: {_short(str(surroundings.results / report.cell / 'report.json'))}", soft_wrap=True)
    return checks


def _tell(checks: list[Check], report: Report) -> None:
    """Say what lies beyond its limit, and how to tell the code from the machine."""
    for one in checks:
        if one.violation:
            word = "Regression" if one.verdict == "worse" else "Alert"
            print(f"{word}: {one.label} {one.measure}: {one.reason}.", file=sys.stderr)
    slower = [one for one in checks if one.verdict == "worse" and one.measure == "latency"]
    if slower:
        print(
            "One run cannot tell the code from the machine. This can:\n    nox -s bench-compare -- "
            f"--base {slower[0].branch} --cells {report.cell}",
            file=sys.stderr,
        )


def _short(path: str) -> str:
    return os.path.relpath(path)


@task(
    iterable=["file"],
    help={
        "backend": "GT4Py name or id of the backend, such as gt:cpu_ifirst",
        "precision": "float32 or float64",
        "file": "netCDF data set in the reference format; repeatable (default: those of tests/data)",
        "strict": "build without vector mathematics and hold float64 to the specification's 1e-12",
        "json": "print JSON",
    },
)
@explained
def accuracy(
    _context: Context,
    backend: str,
    precision: str,
    file: list[str] | None = None,
    strict: bool = False,
    json: bool = False,
) -> None:
    """Check the physics against reference data, or against your own dumps of PHYEX."""
    from ice3_gt4py.accuracy import main  # noqa: PLC0415 (importing GT4Py takes seconds)

    settings = Surroundings.read().settings
    cell = settings.cell(backend, precision)
    profile = "strict" if strict else "production"
    arguments = [f"--backend={cell.backend.name}", f"--precision={precision}", f"--profile={profile}"]
    arguments += [f"--compile-arg={argument}" for argument in settings.compile_args(cell.backend, profile)]
    arguments += [f"--cache={stencil_cache(PROJECT, settings.threads, cell.backend.device)}"]
    arguments += [f"--file={path}" for path in file or map(str, sorted((PROJECT / REFERENCE_DATA).glob("*.nc")))]
    code = main([*arguments, "--json"] if json else arguments)
    if code:
        raise InvokeExit(code=code)


namespace = Collection(
    accuracy,
    bench,
    gpu,
    upload,
    bencher.comment_task,
    comparing.calibrate,
    comparing.compare,
    looking.history_task,
    looking.report_task,
)
namespace.add_collection(Collection("bencher", bencher.archive, bencher.check, bencher.fork_upload, bencher.setup))
