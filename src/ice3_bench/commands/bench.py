"""Invoke tasks that measure: a cell, all GPU cells, the accuracy alone; and the upload of what was measured."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.bencher.upload import HISTORY, store
from ice3_bench.cell.options import Options, parse_arguments
from ice3_bench.cell.passes import explain_accuracy
from ice3_bench.cell.physics import check_accuracy
from ice3_bench.cell.pieces import Pieces
from ice3_bench.cell.session import own_folder, prepare, run_session
from ice3_bench.commands.common import Surroundings, arguments, explained
from ice3_bench.commands.sending import discard_submission, send_queued, store_reports, upload_reports
from ice3_bench.errors import BenchError, Exit, UnreadableError, UsageError, worst
from ice3_bench.files import write_atomically
from ice3_bench.history.checks import check, summary
from ice3_bench.history.rebuilding import mended
from ice3_bench.history.store import History
from ice3_bench.reports import FULL, PARTIAL, load_report
from ice3_bench.settings.values import parse_components
from ice3_bench.show.accuracy import accuracy_table
from ice3_bench.show.compared import compared_with
from ice3_bench.show.console import make_console, say, working
from ice3_bench.show.explanation import explanation
from ice3_bench.show.gpu import gpu_table
from ice3_bench.show.tables import results_table
from ice3_bench.streams import tell
from ice3_probe.messages import Started

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ice3_bench.cell.session import Outcome
    from ice3_bench.history.checks import Check
    from ice3_bench.report import Benchmark, Report
    from ice3_bench.settings.matrix import Cell
    from ice3_probe.messages import Message


@task(
    positional=[],
    help={
        "backend": "name or id of the backend, such as gt_cpu_ifirst",
        "precision": "float32 or float64",
    },
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
    selective = parse_arguments(arguments(), surroundings.settings).selective
    path = surroundings.results / ("gpu-partial.md" if selective else "gpu.md")
    path.unlink(missing_ok=True)  # the last table must not be taken for this one
    for cell in surroundings.settings.cells:
        if cell.backend.device != "gpu":
            continue
        try:
            report, code = _measure(surroundings, cell)
        except BenchError as error:  # wrong physics or a broken pass: the other cells can be measured all the same
            if not reports and isinstance(error, UsageError):
                raise
            tell(f"Error: {cell.id}: {error}")
            code = error.code
        else:
            reports.append(report)
            write_atomically(path, gpu_table(reports))
        codes.add(code)
        if code is Exit.INTERRUPTED:
            break
    print(gpu_table(reports))
    if code := worst(codes):
        raise InvokeExit(code=int(code))


def _measure(surroundings: Surroundings, cell: Cell) -> tuple[Report, Exit]:
    """Measure a cell, store the report, print its table and send it; return the report and the exit code."""
    given = arguments()
    console = make_console(quiet="--quiet" in given)
    surroundings.where()  # complain about a wrong credential before measuring, not after
    if told := mended(surroundings.results / HISTORY):
        tell(f"Warning: {told}")
    for name in (FULL, PARTIAL):
        _rescue(surroundings, surroundings.results / cell.id / name)
    outcome = run_session(
        surroundings.project,
        surroundings.results,
        cell,
        surroundings.settings,
        given,
        console,
        surroundings.placed,
    )
    report, code = outcome.report, outcome.code
    if outcome.resumed:
        console.print(
            f"{cell.id} was measured at {report.created:%Y-%m-%d %H:%M} UTC, with this commit and configuration: not "
            "measured again, as --resume asks.",
            soft_wrap=True,
        )
        return report, Exit.OK
    try:
        stored = store_reports(surroundings, console, reports=[report])
    except UsageError:  # the history cannot be used: what was measured is shown all the same
        console.print(results_table(report, {}))
        raise
    checks = _show(surroundings, outcome, console)
    tell_beyond(checks, report)
    tell_failures(report)
    if report.incomplete:
        tell(f"Error: {report.incomplete} The timing is stored.")
    if code is Exit.OK and any(one.violation for one in checks):
        code = Exit.FAILED
    if code is Exit.INTERRUPTED:  # the user wants to stop: the next upload sends it
        return report, code
    uploaded = send_queued(surroundings, console, surroundings.revision(), stored.new, asked=False)
    return report, code if code is not Exit.OK else uploaded


def _rescue(surroundings: Surroundings, path: Path) -> None:
    """Store the report of a session that was killed before it could store it."""
    if not path.exists():
        return
    try:
        report = load_report(path)
    except UnreadableError as error:  # somebody else's, who stores it: it is not corrupt
        tell(f"Warning: {error}")
    except UsageError as error:
        aside = path.replace(path.with_suffix(".json.bad"))
        tell(f"Error: {error} It is kept as {os.path.relpath(aside)}.")
    else:
        store(surroundings.results, reports=[report], project=surroundings.project)


@task(
    help={
        "report": "store this report file instead of those of all cells",
        "discard": "take this submission out of the queue for good",
        "quiet": "print errors only",
    }
)
@explained
def upload(_context: Context, report: str | None = None, discard: str | None = None, quiet: bool = False) -> None:
    """Store what was measured in the local history, and send what is queued to Bencher when a key is set."""
    surroundings, console = Surroundings.read(), make_console(quiet=quiet)
    if discard is not None:
        if not re.fullmatch(r"[1-9]\d{0,17}", discard):
            raise UsageError(f"--discard '{discard}' is not the number of a submission: bench-upload names them.")
        discard_submission(surroundings, console, int(discard))
        return
    code = upload_reports(surroundings, console, [Path(report)] if report else None)
    if code is not Exit.OK:
        raise InvokeExit(code=int(code))


def _show(surroundings: Surroundings, outcome: Outcome, console: Console) -> list[Check]:
    """Print the table, what it is compared with, and the commands that look closer; return the checks."""
    report = outcome.report
    with History(surroundings.results / HISTORY) as history:
        previous, other = history.previous_of_each(report), history.latest_other(report)
        checks = check(report, history, surroundings.settings)
    console.print(results_table(report, previous, checks))
    for line in compared_with(report, previous, other):
        say(console, line)
    largest = max(report.benchmarks, key=_peak, default=None)
    if largest is not None and largest.memray_dump:
        memray = os.path.relpath(outcome.python.with_name("memray"))
        command = f"{memray} flamegraph '{os.path.relpath(largest.memray_dump)}'"
        say(console, f"The largest peak is that of {largest.label}. To see what allocates it:\n    {command}")
    for line in summary(checks):
        say(console, line)
    if report.commit.dirty and checks:
        say(console, "With uncommitted changes: checked, but not part of the history that later runs are checked by.")
    console.print(f"Report: {os.path.relpath(outcome.path)}", soft_wrap=True)
    return checks


def _peak(benchmark: Benchmark) -> float:
    """Return the peak memory of a benchmark, or less than any if memray recorded none."""
    peak = benchmark.measures.get("peak-memory")
    return peak.value if peak is not None and benchmark.memray_dump else -1.0


def tell_failures(report: Report) -> None:
    """Say which benchmarks failed, and why."""
    for benchmark in report.failures:
        tell(f"Error: {benchmark.name} failed: {benchmark.error}")


def tell_beyond(checks: list[Check], report: Report) -> None:
    """Say what lies beyond its limit, and how to tell the code from the machine."""
    for one in checks:
        if one.violation:
            word = "Regression" if one.verdict == "worse" else "Alert"
            tell(f"{word}: {one.label} {one.measure}: {one.reason}.")
    slower = [one for one in checks if one.verdict == "worse" and one.measure == "latency"]
    if slower:
        tell(
            "One run cannot tell the code from the machine. This can:\n    nox -s bench-compare -- "
            f"--base {slower[0].branch} --cells {report.cell}"
        )


@task(
    positional=[],
    iterable=["file", "components"],
    help={
        "backend": "name or id of the backend, such as gt_cpu_ifirst",
        "precision": "float32 or float64",
        "components": "ice_adjust,ice_adjust:modular instead of the backend's; repeatable",
        "file": "netCDF data set in the reference format, or data of PHYEX; repeatable (default: those of the probe)",
        "namelist": "file with the options of PHYEX's data (default: the one beside them)",
        "strict": "build without vector mathematics and hold float64 to the specification's 1e-12",
        "explain": "say where outputs differ, which option decides, and whether a known mistake explains it",
        "as-json": "print JSON",
    },
)
@explained
def accuracy(
    _context: Context,
    backend: str,
    precision: str,
    components: list[str] | None = None,
    file: list[str] | None = None,
    namelist: str | None = None,
    strict: bool = False,
    explain: bool = False,
    as_json: bool = False,
) -> None:
    """Check the physics against reference data, or against your own dumps of PHYEX."""
    surroundings = Surroundings.read()
    settings = surroundings.settings
    cell = settings.cell(backend, precision)
    options = Options(
        threads=settings.threads,
        profile="strict" if strict else "production",
        components=parse_components(*(components or [])),
        namelist=str(Path(namelist).absolute()) if namelist else "",
    )
    results = surroundings.results / cell.id
    console = make_console(quiet=as_json)
    with own_folder(results, cell) as folder, working(console, "checking the accuracy") as notify:
        pieces = Pieces(cell.backend.name)

        def take(message: Message) -> None:
            if line := message.benchmark if isinstance(message, Started) else pieces.take(message):
                notify(line)

        place = prepare(surroundings.project, folder, results, cell, settings, options, notify, take)
        data_sets = tuple(str(Path(path).absolute()) for path in file or ())
        place = replace(place, data_sets=data_sets)
        kept = folder / "kept" if explain else None
        if kept:
            kept.mkdir()
        checked = check_accuracy(place, kept)
        found = explain_accuracy(place, kept) if kept else []
    if as_json:
        records = [asdict(one) for one in checked]
        print(json.dumps({"accuracy": records, "explanation": _tagged(found)} if explain else records, indent=1))
    else:
        console.print(accuracy_table(checked, place.job.checked))
        if explain:
            console.print(explanation(found))
    if not all(one.passed for one in checked):
        raise InvokeExit(code=int(Exit.FAILED))


def _tagged(found: Sequence[Message]) -> list[dict[str, Any]]:
    return [{"kind": type(one).__name__, **asdict(one)} for one in found]
