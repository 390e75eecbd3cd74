"""A bench session: the passes of one cell, in order, and the report made of them."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell import passes
from ice3_bench.cell.device import compute_capability, nvcc_version
from ice3_bench.cell.machine import (
    build_variables,
    compiler_version,
    describe_commit,
    describe_machine,
    describe_software,
    instructions,
    processor,
)
from ice3_bench.errors import BenchError, Exit, Interrupted, PassError, UsageError
from ice3_bench.report import Metric, PassRecord, Protocol, Report, load_report, save_report, write_atomically
from ice3_bench.show.console import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ice3_bench.report import Benchmark, FieldError
    from ice3_bench.settings.matrix import Cell, Settings

PASSES = ("compile", "accuracy", "timing", "memory")
OWN_OPTIONS = (
    *("--backend", "--precision", "--compile-arg", "--cell", "--cache", "--events", "--isolate", "--leave-out"),
    *("--benchmark-json", "--benchmark-disable", "--benchmark-skip", "--memray", "--memray-bin-path"),
    *("--collect-only", "--co"),
    *(flag.partition("=")[0] for flag in passes.STABILISING_FLAGS if "columns" not in flag),
)
"""Options of pytest that the session sets itself: with others, the report would not say what was measured."""
PROBE_BYTES = 2**20  # what a report, its logs and its part of the history take at most
FIRST_GUESS = {"compile": 30.0, "accuracy": 6.0, "timing": 15.0, "memory": 8.0}  # seconds, before there is a last time


def parse_arguments(arguments: Sequence[str], settings: Settings) -> argparse.Namespace:
    """Split what the user wrote after ``--`` into the session's own options and pytest's (``pytest_args``).

    Raises
    ------
    UsageError
        If an option of the session has a bad value, or one for pytest is not the user's to choose.
    """
    parser = argparse.ArgumentParser(
        prog="nox -s bench-CELL --",
        epilog="--domain 16x16x30 (repeatable), -k ice_adjust and other options reach pytest and pytest-benchmark.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--threads", type=int, default=settings.threads, help="OpenMP threads")
    parser.add_argument("--device", type=int, help="which GPU, in nvidia-smi's order")
    parser.add_argument("--profile", choices=("production", "strict"), default="production", help="how it is built")
    try:
        options, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise UsageError(f"{error} (in the arguments {' '.join(arguments)}).") from error
    if options.threads < 1:
        raise UsageError(f"--threads {options.threads}: at least one thread is needed.")
    if options.device is not None and options.device < 0:
        raise UsageError(f"--device {options.device}: the first GPU has number 0.")
    for argument in rest:
        if argument.partition("=")[0] in OWN_OPTIONS:
            raise UsageError(
                f"{argument}: the session sets this itself, so that what is stored is what was measured. nox -l lists "
                "the cells; flags and compiler arguments are in [tool.ice3-bench] of pyproject.toml."
            )
    options.pytest_args = tuple(rest)
    return options


def run_session(
    project: Path, results: Path, cell: Cell, settings: Settings, arguments: Sequence[str], console: Console
) -> tuple[Report, Exit]:
    """Measure one cell and write ``results/<cell>/report.json``.

    Parameters
    ----------
    project
        The checkout.
    results
        Folder of all results.
    arguments
        What the user wrote after ``--``.

    Returns
    -------
    tuple
        The report, and ``Exit.FAILED`` if a benchmark or the memory pass failed, ``Exit.INTERRUPTED`` if Ctrl-C ended
        the memory pass.

    Raises
    ------
    BenchError
        If nothing could be measured: wrong usage, something missing, wrong physics, or Ctrl-C before the memory pass.
    """
    options = parse_arguments(arguments, settings)
    folder = results / cell.id
    probe = folder / ".writable"
    write_atomically(probe, PROBE_BYTES * " ")  # better to find out now than after the measurements
    probe.unlink()
    last = _last_durations(folder)
    progress = Progress(console, {name: last.get(name, FIRST_GUESS[name]) for name in PASSES})
    machine = describe_machine(options.threads, settings.testbed)
    place = passes.Workplace(
        project=project,
        results=folder,
        cell=cell,
        settings=settings,
        threads=options.threads,
        profile=options.profile,
        cache=stencil_cache(project, options.threads, cell.backend.device, options.device),
        bandwidth=machine.triad_bytes_per_second,
        gpu=options.device,
        pytest_args=options.pytest_args,
        notify=progress.notify,
    )
    with progress.running("compile"):
        stencils = passes.compile_stencils(place)
        if cell.backend.device == "gpu":
            gpu = passes.describe_device(place)
            machine = describe_machine(options.threads, settings.testbed, gpu)
            place = replace(place, bandwidth=gpu.copy_bytes_per_second)
    with progress.running("accuracy"):
        accuracy = passes.check_accuracy(place)
        _require_right_physics(accuracy, cell, program("invoke", project))
    with progress.running("timing"):
        benchmarks = passes.measure_time(place)
    problem = _add_memory(place, progress, benchmarks)
    _add_accuracy(benchmarks, accuracy)
    report = Report(
        id=str(uuid.uuid4()),
        cell=cell.id,
        backend=cell.backend.name,
        precision=cell.precision,
        device=cell.backend.device,
        created=datetime.now(UTC),
        commit=describe_commit(project),
        machine=machine,
        software=describe_software(cell.backend.device),
        protocol=Protocol(
            profile=options.profile,
            compile_args=list(place.compile_args),
            threads=options.threads,
            environment=place.environment,
        ),
        passes=[PassRecord(name=name, seconds=seconds) for name, seconds in progress.seconds.items()],
        stencils=stencils,
        accuracy=accuracy,
        benchmarks=benchmarks,
        incomplete=None if problem is None else str(problem),
    )
    _save(report, folder / "report.json")
    if isinstance(problem, Interrupted):
        return report, Exit.INTERRUPTED
    return report, Exit.FAILED if report.failures or problem else Exit.OK


def stencil_cache(project: Path, threads: int, device: str = "cpu", gpu: int | None = None) -> Path:
    """Folder of the compiled stencils: one for each tool chain, since GT4Py's hash does not see it.

    The folder's name covers the versions of GT4Py, DaCe and the compiler, the variables that choose it, the processor
    and its instruction sets (for ``-march=native``) and the number of threads (which changes what DaCe generates); for
    a GPU also the versions of CuPy and nvcc, and the compute capability of the device.
    """
    software = describe_software()
    tools = {name: software.packages.get(name) for name in ("gt4py", "dace", "gridtools-cpp", "cupy-cuda12x")}
    basis = [{**tools, **build_variables()}, compiler_version(), processor(), instructions(), threads, software.python]
    if device == "gpu":
        basis += [software.packages.get("cupy-cuda13x"), nvcc_version(), compute_capability(gpu)]
    digest = hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()
    return project / ".cache" / "stencils" / digest[:12]


def _last_durations(folder: Path) -> dict[str, float]:
    try:
        return {record.name: record.seconds for record in load_report(folder / "report.json").passes}
    except UsageError:  # no last time, or one that cannot be read: only the estimate of the time left needs it
        return {}


def program(name: str, project: Path) -> str:
    """Path of a program of this environment, as one types it in the project's folder."""
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(project) if path.is_relative_to(project) else path)


def _require_right_physics(accuracy: list[FieldError], cell: Cell, invoke: str) -> None:
    wrong = [entry for entry in accuracy if not entry.passed]
    if not wrong:
        return
    worst = max(wrong, key=lambda entry: entry.error / entry.tolerance)
    beyond = f"the tolerance {worst.tolerance:.0e}" if worst.error > worst.tolerance else "any cell may"
    place = "" if worst.column is None else f" at column {worst.column}, level {worst.level}"
    raise PassError(
        f"Wrong physics: '{worst.field}' of {worst.component} differs from {worst.data_set} by {worst.maximum:.2e}"
        f"{place}, more than {beyond}; {len(wrong)} of {len(accuracy)} fields are out of tolerance. "
        "Nothing was timed or stored. See every field with\n    "
        f"{invoke} accuracy --backend {cell.backend.name} --precision {cell.precision}"
    )


def _add_memory(place: passes.Workplace, progress: Progress, benchmarks: list[Benchmark]) -> Exception | None:
    """Add the peak memory to the benchmarks; return what ended the pass early, if something did.

    The timing is measured by now: whatever happens here must not lose it.
    """
    try:
        with progress.running("memory"):
            peaks, dumps, failures = passes.measure_memory(place)
    except KeyboardInterrupt:
        return Interrupted("Interrupted in the memory pass.")
    except (BenchError, OSError) as error:
        return error
    for benchmark in benchmarks:
        if benchmark.name in peaks:
            benchmark.measures["peak-memory"] = peaks[benchmark.name]
        if benchmark.name in dumps:
            benchmark.memray_dump = str(dumps[benchmark.name])
        if benchmark.error is None and benchmark.name in failures:
            benchmark.error = f"memory pass: {failures[benchmark.name]}"
    return None


def _add_accuracy(benchmarks: list[Benchmark], accuracy: list[FieldError]) -> None:
    """Give each benchmark the error of its component; a chain of components, that of the worst."""
    for benchmark in benchmarks:
        errors = [entry.error for entry in accuracy if entry.component == benchmark.component]
        errors = errors or [entry.error for entry in accuracy]
        if errors:
            benchmark.measures["accuracy"] = Metric(value=max(errors))


def _save(report: Report, path: Path) -> None:
    try:
        save_report(report, path)
    except UsageError as error:
        refuge = Path(tempfile.gettempdir()) / f"ice3-bench-{report.id}.json"
        save_report(report, refuge)
        raise PassError(
            f"{error} The report is kept in {refuge}: store it with nox -s bench-upload -- --report {refuge}."
        ) from error
