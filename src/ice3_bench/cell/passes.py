"""The passes of a bench session: the command of each, and what is read from what it leaves.

Every pass is a process of its own. It writes its result to a file in the cell's results folder and its output to a log
there; the two that run pytest announce the benchmark they are working on through a pipe, as one JSON object a line.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3_bench.cell.device import SMI_COLUMNS, device_record
from ice3_bench.cell.machine import build_variables
from ice3_bench.errors import Interrupted, PassError, UsageError
from ice3_bench.report import Benchmark, FieldError, Metric, Rounds, StencilBuild

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.report import Gpu
    from ice3_bench.settings.matrix import Cell, Settings

NO_TESTS_COLLECTED = 5  # pytest's exit code
USAGE_ERROR = 4  # pytest's exit code
REFERENCE_DATA = "tests/data"
EVENTS_FD = "{events-fd}"  # stands for the number of the pipe in a pass's command

# Variables fixed for every pass: they decide how fast the same code runs, so they are recorded and enter the key of
# comparability.
STABLE_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_PROC_BIND": "false",  # pinned threads stall when another process holds their core
    "MALLOC_MMAP_THRESHOLD_": "4294967296",  # memory is kept between rounds: no page faults inside the timed call
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "GT_HUGEPAGE_MODE": "disable",  # GridTools' temporaries would otherwise count 2 MiB each; their speed is the same
}

# Every allocation of Python's is one of the C library's: its own arenas of 1 MiB come and go at the peak by chance.
MEMORY_ENVIRONMENT = {"PYTHONMALLOC": "malloc"}

# What makes the timing repeatable; pytest-benchmark reads these from the command line only (it has no ini options).
STABILISING_FLAGS = (
    "--benchmark-only",
    "--benchmark-disable-gc",  # no garbage collection inside a round
    "--benchmark-warmup=on",
    "--benchmark-warmup-iterations=3",  # the default of 100000 would triple the time
    "--benchmark-timer=time.perf_counter",
    "--benchmark-columns=min,median,iqr,rounds",
)


@dataclass(frozen=True)
class Workplace:
    """Where and how the passes of one session run."""

    project: Path
    results: Path
    """Folder of this cell's results."""
    cell: Cell
    settings: Settings
    threads: int
    profile: str
    cache: Path
    """Folder of the compiled stencils."""
    bandwidth: float
    """STREAM triad of the machine with ``threads`` threads, or copies on the GPU, bytes per second."""
    gpu: int | None = None
    """Number of the GPU in nvidia-smi's order; None leaves the choice to CUDA."""
    pytest_args: tuple[str, ...] = ()
    notify: Callable[[dict[str, Any]], None] = field(default=lambda _event: None)
    """Called with each progress event of a pass."""

    @property
    def compile_args(self) -> tuple[str, ...]:
        """Compiler arguments of the profile (none for backends that compile nothing)."""
        return self.settings.compile_args(self.cell.backend, self.profile)

    @property
    def environment(self) -> dict[str, str]:
        """Variables fixed for the passes, and those of the user's that the compiler follows."""
        return {**build_variables(), **STABLE_ENVIRONMENT, "OMP_NUM_THREADS": str(self.threads)}

    @property
    def selection(self) -> dict[str, str]:
        """Variables that choose the GPU; not among the fixed ones, for which of several of a model does not matter."""
        if self.gpu is None:
            return {}
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(self.gpu)}

    def log(self, name: str) -> Path:
        """File with the output of a pass."""
        return self.results / f"{name}.log"

    def build_options(self) -> list[str]:
        """Options that the passes share: what to build and where to keep it."""
        return [
            f"--backend={self.cell.backend.name}",
            f"--precision={self.cell.precision}",
            f"--cache={self.cache}",
            *(f"--compile-arg={argument}" for argument in self.compile_args),
        ]


def run_pass(place: Workplace, name: str, command: list[str], **variables: str) -> int:
    """Run a pass, passing its progress events to ``place.notify``; return its exit code.

    ``variables`` of the environment are those of this pass alone.

    Raises
    ------
    Interrupted
        On Ctrl-C, after the process has ended.
    """
    reader, writer = os.pipe()
    command = [argument.replace(EVENTS_FD, str(writer)) for argument in command]
    environment = {**os.environ, **place.environment, **place.selection, **variables}
    listener = threading.Thread(target=_listen, args=(reader, place.notify), daemon=True)
    with place.log(name).open("w", encoding="utf-8") as log:
        log.write(f"$ {shlex.join(command)}\n")
        log.flush()
        process = subprocess.Popen(
            command, cwd=place.project, env=environment, stdout=log, stderr=subprocess.STDOUT, pass_fds=(writer,)
        )
        os.close(writer)
        listener.start()
        try:
            code = process.wait()
        except KeyboardInterrupt:
            _stop(process)
            raise Interrupted(f"Interrupted in the {name} pass.") from None
        finally:
            listener.join(timeout=5)
    return code


def _listen(reader: int, notify: Callable[[dict[str, Any]], None]) -> None:
    with os.fdopen(reader, encoding="utf-8") as lines:
        for line in lines:
            notify(json.loads(line))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def fail(place: Workplace, name: str, code: int) -> PassError:
    """Return the error for a pass that ended with ``code``, quoting the last lines of its log."""
    tail = "\n".join(f"    {line}" for line in place.log(name).read_text(encoding="utf-8").splitlines()[-12:])
    cause = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return PassError(f"The {name} pass {cause}. Its whole output is in {place.log(name)}; it ends with\n{tail}")


def _result(place: Workplace, name: str, output: Path, code: int) -> Any:  # noqa: ANN401
    """Read what a pass wrote; raises PassError where it is missing or, on a full disk, cut off."""
    try:
        return json.loads(output.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise fail(place, name, code) from None


def _fresh(path: Path) -> Path:
    """Remove what an earlier session left at ``path``, so that a stale result is never read."""
    path.unlink(missing_ok=True)
    return path


def compile_stencils(place: Workplace) -> list[StencilBuild]:
    """Build or load the stencils of the cell.

    Raises
    ------
    UsageError
        If the compiler or the device is missing.
    PassError
        If a stencil does not compile.
    """
    output = _fresh(place.results / "compile.json")
    code = run_pass(
        place, "compile", [sys.executable, "-m", "ice3_gt4py.components", *place.build_options(), f"--output={output}"]
    )
    if code == UsageError.code:
        raise UsageError(place.log("compile").read_text(encoding="utf-8").strip().splitlines()[-1])
    if code:
        raise fail(place, "compile", code)
    return [StencilBuild(**record) for record in _result(place, "compile", output, code)]


def describe_device(place: Workplace) -> Gpu:
    """Describe the GPU and measure its copy bandwidth.

    Raises
    ------
    UsageError
        If nvidia-smi is missing.
    PassError
        If the pass fails.
    """
    output = _fresh(place.results / "device.json")
    columns = f"--columns={','.join(SMI_COLUMNS)}"
    code = run_pass(place, "device", [sys.executable, "-m", "ice3_gt4py.device", columns, f"--output={output}"])
    if code == UsageError.code:
        raise UsageError(place.log("device").read_text(encoding="utf-8").strip().splitlines()[-1])
    if code:
        raise fail(place, "device", code)
    return device_record(_result(place, "device", output, code))


def check_accuracy(place: Workplace) -> list[FieldError]:
    """Compare the components with the reference data of ``tests/data``, in the cell's precision.

    Raises
    ------
    PassError
        If the pass itself fails; wrong physics is in the returned errors.
    """
    output = _fresh(place.results / "accuracy.json")
    data_sets = sorted((place.project / REFERENCE_DATA).glob("*.nc"))
    if not data_sets:
        raise UsageError(
            f"There are no reference data in {place.project / REFERENCE_DATA}: git checkout {REFERENCE_DATA}."
        )
    command = [sys.executable, "-m", "ice3_gt4py.accuracy", *place.build_options(), f"--profile={place.profile}"]
    command += [f"--file={path}" for path in data_sets]
    code = run_pass(place, "accuracy", [*command, f"--output={output}"])
    if code not in (0, 1):
        raise fail(place, "accuracy", code)
    return [
        FieldError(data_set=result["data_set"], component=result["component"], **entry)
        for result in _result(place, "accuracy", output, code)
        for entry in result["fields"]
    ]


def measure_time(place: Workplace) -> list[Benchmark]:
    """Time the benchmarks; return them, failed ones included.

    Raises
    ------
    UsageError
        If the arguments select no benchmark or pytest refuses them.
    PassError
        If pytest ends without a result.
    """
    output = _fresh(place.results / "timing.json")
    failures: dict[str, dict[str, Any]] = {}
    flags = [
        *STABILISING_FLAGS,
        f"--benchmark-min-rounds={place.settings.min_rounds}",
        f"--benchmark-max-time={place.settings.max_time}",
        f"--benchmark-json={output}",
    ]
    killed: list[str] = []  # with them all that was timed is lost: the others are timed again
    while (code := _run_pytest(place, "timing", [*flags, *(f"--leave-out={name}" for name in killed)], failures)) < 0:
        ended = [name for name, event in failures.items() if "killed" in event and name not in killed]
        if not ended:
            raise fail(place, "timing", code)
        killed += ended
    timed = _result(place, "timing", output, code)["benchmarks"] if output.exists() and output.stat().st_size else []
    timed = [record for record in timed if record["extra_info"].get("benchmark", "") not in failures]
    benchmarks = [_timed_benchmark(place, record) for record in timed]
    benchmarks += [_failed_benchmark(event) for event in failures.values()]
    if not benchmarks:
        raise fail(place, "timing", code)
    return benchmarks


def measure_memory(place: Workplace) -> tuple[dict[str, Metric], dict[str, Path], dict[str, str]]:
    """Run each benchmark once under memray; on a GPU, with CuPy's memory pool watched instead.

    Returns
    -------
    tuple
        Peak bytes and memray dump by benchmark (no dump on a GPU), and the message of those that failed.
    """
    if place.cell.backend.device == "gpu":
        return _measure_device_memory(place)
    from memray import FileReader  # noqa: PLC0415 (only bench environments have it)

    dumps = place.results / "memray"
    dumps.mkdir(parents=True, exist_ok=True)
    for old in (*dumps.glob("*.bin"), *dumps.glob("metadata/*")):
        old.unlink()
    failures: dict[str, dict[str, Any]] = {}
    code = _run_pytest(
        place,
        "memory",
        [
            "--benchmark-disable",
            "--isolate",
            "--memray",
            "--hide-memray-summary",
            f"--memray-bin-path={dumps}",
            "--memray-bin-prefix=peak",
        ],
        failures,
        **MEMORY_ENVIRONMENT,
    )
    peaks: dict[str, Metric] = {}
    kept: dict[str, Path] = {}
    for description in sorted(dumps.glob("metadata/*")):
        record = json.loads(description.read_text(encoding="utf-8"))
        name = record["test_id"].partition("[")[2].removesuffix("]")
        kept[name] = dumps / Path(record["result_file"]).name
        with FileReader(kept[name]) as reader:
            peaks[name] = Metric(value=float(reader.metadata.peak_memory))
    if not peaks and not failures:
        raise fail(place, "memory", code)
    return peaks, kept, {name: event["message"] for name, event in failures.items()}


def _measure_device_memory(place: Workplace) -> tuple[dict[str, Metric], dict[str, Path], dict[str, str]]:
    peaks: dict[str, Metric] = {}
    failures: dict[str, dict[str, Any]] = {}

    def notify(event: dict[str, Any]) -> None:
        if event["event"] == "finished":
            peaks[event["benchmark"]] = Metric(value=float(event["device_bytes"]))
        place.notify(event)

    code = _run_pytest(replace(place, notify=notify), "memory", ["--benchmark-disable"], failures)
    if not peaks and not failures:
        raise fail(place, "memory", code)
    return peaks, {}, {name: event["message"] for name, event in failures.items()}


def _run_pytest(
    place: Workplace, name: str, flags: list[str], failures: dict[str, dict[str, Any]], **variables: str
) -> int:
    """Run the performance tests and collect the failures they announce; of a killed process, the one under way."""
    inner = place.notify
    under_way: dict[str, Any] | None = None

    def notify(event: dict[str, Any]) -> None:
        nonlocal under_way
        if event["event"] == "started":
            under_way = event
        elif event["event"] in ("finished", "failed"):
            under_way = None
        if event["event"] == "failed":
            failures.setdefault(event["benchmark"], event)  # what fails after it, in the teardown, is a consequence
        inner(event)

    watched = replace(place, notify=notify)
    code = run_pass(
        watched,
        name,
        [
            *(sys.executable, "-m", "pytest", "tests/performance", "-p", "no:cacheprovider"),
            "--override-ini=filterwarnings=default",  # a library's warning must not cost a measurement
            *place.build_options(),
            f"--cell={place.cell.id}",
            f"--events={EVENTS_FD}",
            *flags,
            *place.pytest_args,
        ],
        **variables,
    )
    if code < 0 and under_way is not None:
        log = place.log(f"{name}-killed-{len(failures)}")
        place.log(name).replace(log)
        message = f"its process was killed by signal {-code}, see {log}"
        failures[under_way["benchmark"]] = {**under_way, "event": "failed", "message": message, "killed": True}
    if code == NO_TESTS_COLLECTED and not failures:
        raise UsageError(
            f"No benchmark is selected by the arguments {shlex.join(place.pytest_args)}: "
            f"without arguments, nox -s {place.cell.session} runs all of them and names them."
        )
    if code == USAGE_ERROR:
        raise UsageError(
            f"pytest refuses the arguments {shlex.join(place.pytest_args)}: {_last_error(place.log(name))}"
        )
    return code


def _last_error(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("ERROR")]
    return lines[-1].removeprefix("ERROR: ") if lines else f"see {log}."


def _timed_benchmark(place: Workplace, record: dict[str, Any]) -> Benchmark:
    info = record["extra_info"]
    rounds = Rounds(
        wall_ns=[round(1e9 * seconds) for seconds in record["stats"]["data"]],
        cpu_ns=info["cpu_ns"],
        switches=info["switches"],
        kernel_ns=info.get("kernel_ns", []),
    )
    i, j, k = info["domain"]
    benchmark = Benchmark(
        name=info["benchmark"],
        component=info["component"],
        domain=(i, j, k),
        clock="kernel" if place.cell.backend.device == "gpu" else "cpu" if place.threads == 1 else "wall",
        rounds=rounds,
    )
    latency = _shortest(benchmark.times)
    best, upper_quartile = latency.value, latency.upper_value or latency.value
    benchmark.measures["latency"] = latency
    per_second = 1e9 * benchmark.points
    benchmark.measures["throughput"] = Metric(
        value=per_second / best, lower_value=per_second / upper_quartile, upper_value=per_second / best
    )
    fraction = info["bytes"] / place.bandwidth
    benchmark.measures["bandwidth"] = Metric(
        value=1e9 * fraction / best, lower_value=1e9 * fraction / upper_quartile, upper_value=1e9 * fraction / best
    )
    if "transfer_in_ns" in info:
        benchmark.measures["transfer-in"] = _shortest(info["transfer_in_ns"])
        benchmark.measures["transfer-out"] = _shortest(info["transfer_out_ns"])
    return benchmark


def _shortest(times: list[int]) -> Metric:
    """Return the shortest time, with the upper quartile."""
    best = float(min(times))
    return Metric(value=best, lower_value=best, upper_value=statistics.quantiles(times, n=4, method="inclusive")[2])


def _failed_benchmark(event: dict[str, Any]) -> Benchmark:
    i, j, k = event["domain"]
    return Benchmark(name=event["benchmark"], component=event["component"], domain=(i, j, k), error=event["message"])
