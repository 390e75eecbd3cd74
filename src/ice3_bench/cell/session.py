"""A bench session: the passes of one cell, in order, and the report made of them."""

from __future__ import annotations

import shutil
import sys
import tempfile
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell import passes, preflight, records
from ice3_bench.cell.data import data_benchmarks, said_of
from ice3_bench.cell.durations import Durations
from ice3_bench.cell.environment import make_environment
from ice3_bench.cell.lock import locked
from ice3_bench.cell.machine import describe_commit, describe_machine, describe_software, identified, unchanged
from ice3_bench.cell.options import parse_arguments
from ice3_bench.cell.physics import physics
from ice3_bench.cell.pieces import Pieces
from ice3_bench.cell.probe import benchmarks_of
from ice3_bench.cell.progress import Progress
from ice3_bench.cell.resuming import last_passes, measured_before, protocol_of
from ice3_bench.cell.selection import selected
from ice3_bench.cell.toolchain import stencil_cache
from ice3_bench.cell.workplace import Workplace
from ice3_bench.errors import BenchError, Exit, Interrupted, PassError, UsageError
from ice3_bench.files import write_atomically
from ice3_bench.names import parse_domain
from ice3_bench.report import PassRecord, Report
from ice3_bench.reports import FULL, PARTIAL, save_report
from ice3_bench.storage import touch
from ice3_bench.text import count
from ice3_probe.messages import NORM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from ice3_bench.cell.options import Options
    from ice3_bench.provenance import Commit
    from ice3_bench.report import Benchmark, ClusterJob, FieldError
    from ice3_bench.settings.matrix import Cell, Settings
    from ice3_probe.messages import Message

PASSES = ("environment", "compile", "accuracy", "timing", "memory")
PROBE_BYTES = 2**20  # what a report, its logs and its part of the history take at most


@dataclass(frozen=True)
class Outcome:
    """The result of a session.

    Attributes
    ----------
    code
        ``FAILED`` if a benchmark or the memory pass failed, ``INTERRUPTED`` if Ctrl-C ended the memory pass.
    python
        Interpreter that was measured.
    resumed
        Whether nothing was measured, as the report of an earlier session says it all.
    """

    report: Report
    code: Exit
    path: Path
    python: Path
    resumed: bool = False


def prepare(
    project: Path,
    folder: Path,
    results: Path,
    cell: Cell,
    settings: Settings,
    options: Options,
    notify: Callable[[str], None] = lambda _what: None,
    take: Callable[[Message], None] = lambda _message: None,
) -> Workplace:
    """Make the environment of a cell, find the places where its passes work, and what is to be measured.

    Parameters
    ----------
    folder, results
        As in ``Workplace``.
    notify
        Called with what is being done if that takes long.
    take
        Called with each message of a pass.

    Raises
    ------
    UsageError
        If the environment cannot be made, data of PHYEX cannot be used, or pytest refuses the arguments for it.
    """
    cache = project / ".cache"
    environment = make_environment(cell.backend, cache / "environments", notify)
    arguments = settings.compile_args(cell.backend, options.profile)
    domains = options.domains or tuple(parse_domain(domain) for domain in cell.backend.domains)
    place = Workplace(
        project=project,
        folder=folder,
        results=results,
        cell=cell,
        settings=settings,
        environment=environment,
        cache=cache,
        stencils=stencil_cache(
            cache / "stencils", cell, arguments, options.threads, environment, project, options.device
        ),
        threads=options.threads,
        profile=options.profile,
        arrangement=options.arrangement,
        benchmarks=() if options.data else benchmarks_of(cell, domains, options.components, options.arrangement),
        data=options.data,
        namelist=options.namelist,
        gpu=options.device,
        pytest_args=options.pytest_args,
        notify=take,
    )
    if options.data:
        found = passes.describe_data(place)
        place = replace(place, found=found, benchmarks=data_benchmarks(cell, found, options))
    for used in (environment.python.parents[1], place.stencils, place.interpreter.path[0]):
        if cache in used.parents:
            touch(used)
    return replace(place, benchmarks=selected(place))


def run_session(
    project: Path,
    results: Path,
    cell: Cell,
    settings: Settings,
    arguments: Sequence[str],
    console: Console,
    placed: Callable[[Commit], Commit] = lambda commit: commit,
    job: ClusterJob | None = None,
) -> Outcome:
    """Measure one cell and write its report; a partial one replaces no other than a partial one.

    Parameters
    ----------
    project
        The checkout.
    results
        Folder of all results.
    arguments
        What the user wrote after ``--``.
    placed
        Completes a commit by the branches that the checkout may not know.
    job
        The job of a cluster that this session is.

    Raises
    ------
    BenchError
        If nothing could be measured: wrong usage, something missing, wrong physics, or Ctrl-C before the memory pass.
    """
    options = parse_arguments(arguments, settings)
    if options.strict_machine:  # better to find out now than after compiling
        preflight.begin(options.threads, lambda _said: None, strict=True)
    with own_folder(results / cell.id, cell) as folder:
        known = Durations.of_cell(project, cell.id, settings.testbed)
        progress = Progress(console, PASSES, Pieces(cell.backend.name, known))
        with progress.running("environment"):
            place = prepare(project, folder, results / cell.id, cell, settings, options, progress.step, progress.notify)
            progress.expected = last_passes(place)
        earlier = (place.results / FULL, place.results / PARTIAL)
        if options.resume and (done := measured_before(place, protocol_of(place), earlier)):
            return Outcome(done, Exit.OK, place.results, place.environment.python, resumed=True)
        report, problem = _measure(place, progress, placed, job, strict=options.strict_machine)
        path = place.results / (PARTIAL if report.lacking else FULL)
        _save(report, path)
    code = Exit.FAILED if report.failures or problem else Exit.OK
    if isinstance(problem, Interrupted):
        code = Exit.INTERRUPTED
    return Outcome(report, code, path, place.environment.python)


@contextmanager
def own_folder(results: Path, cell: Cell) -> Iterator[Path]:
    """Make a folder for what a run writes; at the end, also after an error, move logs and dumps to ``results``.

    Raises
    ------
    UsageError
        If another session measures the cell, or if nothing can be written.
    """
    run = uuid.uuid4().hex[:8]
    probe = results / f".writable-{run}"
    write_atomically(probe, PROBE_BYTES * " ")  # better to find out now than after the measurements
    probe.unlink()
    with locked(results / ".lock", f"Cell {cell.id} is being measured"):
        for abandoned in results.glob(".run-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        folder = results / f".run-{run}"
        try:
            folder.mkdir()
            yield folder
        finally:
            with suppress(OSError):  # a full disk must not hide what happened
                _publish(folder, results)
            shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, results: Path) -> None:
    logs = sorted(folder.glob("*.log"))
    for old in [old for log in logs for old in results.glob(f"{log.stem}-*.log")]:
        old.unlink(missing_ok=True)  # of further processes of an earlier pass
    for log in logs:
        log.replace(results / log.name)
    for dumps in (folder / "memray", folder / "memray-partial"):
        if dumps.is_dir():
            shutil.rmtree(dumps / "metadata", ignore_errors=True)
            shutil.rmtree(results / dumps.name, ignore_errors=True)
            dumps.replace(results / dumps.name)


def _measure(
    place: Workplace,
    progress: Progress,
    placed: Callable[[Commit], Commit],
    job: ClusterJob | None,
    *,
    strict: bool,
) -> tuple[Report, Exception | None]:
    """Run the passes; return the report, and what ended the memory pass early, if something did.

    Parameters
    ----------
    strict
        Whether anything that disturbs timings is an error.
    """
    cell, testbed = place.cell, place.settings.testbed
    before, unknown = identified(place.project)
    with physics(place, "compile", "accuracy") as running:
        with progress.running("compile"):
            builds = records.stencil_builds(running.compile_stencils())
        with progress.running("accuracy"):
            checked = running.check_accuracy()
            accuracy = records.field_errors(checked)
            if cell.backend.accuracy == "gate":
                of_data = {one.name for one in place.found}
                require_right_physics([one for one in accuracy if one.data_set not in of_data], cell)
            gpu = passes.describe_device(place) if cell.backend.device == "gpu" else None  # now alone on it
            machine = describe_machine(testbed, gpu)
    disturbances = preflight.begin(place.threads, progress.say, strict=strict)
    with progress.running("timing"):
        look = preflight.Look.now()
        timing = passes.measure_time(place)
        meanwhile = preflight.Between(look, preflight.Look.now()).disturbances
        benchmarks = records.timed_benchmarks(place, timing, gpu.copy_bytes_per_second if gpu else None)
        machine.triad_bytes_per_second = max(
            (one for benchmark in benchmarks for one in benchmark.triads), default=None
        )
    lacking = records.lacking(place, benchmarks)
    problem = _add_memory(place, progress, benchmarks, "memray-partial" if lacking else "memray")
    records.add_compile_times(benchmarks, builds)
    records.add_accuracy(benchmarks, accuracy, count_wrong=cell.backend.accuracy == "report")
    commit, remarks = unchanged(before, describe_commit(place.project))
    commit = placed(commit)
    if unknown:
        remarks.append(f"The revision is unknown, so the run counts as one with uncommitted changes: {unknown}")
    remarks += [*disturbances, *(f"During the timing: {one[0].lower()}{one[1:]}" for one in meanwhile)]
    remarks += [*records.not_compared(place.job.checked, checked), *said_of(place.found, checked)]
    report = Report(
        id=str(uuid.uuid4()),
        cell=cell.id,
        backend=cell.backend.name,
        precision=cell.precision,
        device=cell.backend.device,
        port=cell.backend.port,
        settings=cell.backend.settings,
        created=datetime.now(UTC),
        commit=commit,
        machine=machine,
        job=job,
        software=describe_software(place.environment, cell.backend),
        protocol=protocol_of(place),
        passes=[PassRecord(name=name, seconds=seconds) for name, seconds in progress.seconds.items()],
        stencils=builds,
        accuracy=accuracy,
        accuracy_policy=cell.backend.accuracy,
        accuracy_norm=NORM,
        not_run=records.not_run(checked),
        not_produced=records.not_produced(checked),
        left_out=sum(one.left_out for one in checked),
        benchmarks=benchmarks,
        lacking=lacking,
        remarks=[*remarks, *records.without_energy(timing)],
        incomplete=timing.incomplete or (None if problem is None else str(problem)),
    )
    return report, problem or (PassError(timing.incomplete) if timing.incomplete else None)


def program(name: str) -> str:
    """Path of a program of the harness's environment, as one types it in the current folder."""
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def require_right_physics(accuracy: list[FieldError], cell: Cell) -> None:
    """Raise PassError, naming the worst output, if one is out of tolerance."""
    wrong = [entry for entry in accuracy if not entry.passed]
    if not wrong:
        return
    worst = max(wrong, key=lambda entry: entry.error / entry.tolerance)
    beyond = f"the tolerance {worst.tolerance:.0e}" if worst.error > worst.tolerance else "any cell may"
    where = "" if worst.column is None else f" at column {worst.column}, level {worst.level}"
    maximum = worst.error if worst.maximum is None else worst.maximum
    chosen = "" if worst.component in cell.backend.checked else f" --components {worst.component}"
    raise PassError(
        f"Wrong physics: '{worst.field}' of {worst.component} differs from {worst.data_set} by {maximum:.2e}"
        f"{where}, more than {beyond}; {len(wrong)} of {count(len(accuracy), 'field')} are out of tolerance. "
        "Nothing was timed or stored. See every field, where it differs and why, with\n    "
        f"{program('ice3-bench')} accuracy --backend {cell.backend.id} --precision {cell.precision}{chosen} --explain"
    )


def _add_memory(place: Workplace, progress: Progress, benchmarks: list[Benchmark], dumps: str) -> Exception | None:
    """Add the peak memory to the benchmarks; return what ended the pass early, if something did.

    The timing is measured by now: whatever happens here must not lose it. ``dumps`` names the folder of memray's dumps.
    """
    try:
        with progress.running("memory"):
            memory = passes.measure_memory(place, dumps)
    except KeyboardInterrupt:
        return Interrupted("Interrupted in the memory pass.")
    except (BenchError, OSError) as error:
        return error
    records.add_memory(benchmarks, memory, place.results / dumps)
    return PassError(memory.incomplete) if memory.incomplete else None


def _save(report: Report, path: Path) -> None:
    try:
        save_report(report, path)
    except UsageError as error:
        refuge = Path(tempfile.gettempdir()) / f"ice3-bench-{report.id}.json"
        save_report(report, refuge)
        raise PassError(
            f"{error} The report is kept in {refuge}: store it with nox -s bench-upload -- --report {refuge}."
        ) from error
