"""The report of one cell: its schema, and how it is written and read.

A report holds everything a later comparison needs: what was measured, on which machine, with which software and
settings. Changing the meaning of a field, or removing one, raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from datetime import datetime  # noqa: TC003 (pydantic needs it at run time)
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ice3_bench.errors import UsageError

SCHEMA_VERSION: Literal[1] = 1

Measure = Literal["latency", "throughput", "peak-memory", "accuracy", "bandwidth", "transfer-in", "transfer-out"]
UNITS: dict[str, str] = {
    "latency": "ns",
    "throughput": "points/s",
    "peak-memory": "B",
    "accuracy": "1",
    "bandwidth": "1",
    "transfer-in": "ns",
    "transfer-out": "ns",
}
"""Unit of each measure. ``accuracy`` is a normalised error; ``bandwidth`` a fraction of what memory was measured to
move: the STREAM triad of the machine, in GPU cells the copies of the device. Only GPU cells have transfers: all inputs
of a call to the device, all outputs back."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Metric(_Record):
    """A value with its spread, in the unit of ``UNITS``."""

    value: float
    lower_value: float | None = None
    upper_value: float | None = None


class Rounds(_Record):
    """Every timed round of one benchmark."""

    wall_ns: list[int]
    cpu_ns: list[int]
    """CPU time of the process (all threads)."""
    switches: list[int]
    """Involuntary context switches."""
    kernel_ns: list[int] = Field(default_factory=list)
    """Time on the device by CUDA events, of as many further calls; GPU cells only."""


class Benchmark(_Record):
    """One benchmark: a component on a domain."""

    name: str
    """``component/backend/precision/domain``, with ``/mix`` where a component has several."""
    component: str
    domain: tuple[int, int, int]
    clock: Literal["cpu", "wall", "kernel"] = "cpu"
    """The clock of ``latency``: CPU time with one thread, wall time with several, time on the device in GPU cells."""
    measures: dict[Measure, Metric] = Field(default_factory=dict)
    rounds: Rounds | None = None
    memray_dump: str | None = None
    error: str | None = None
    """Why the benchmark failed, if it did."""

    @property
    def times(self) -> list[int]:
        """Every round by the clock of the latency, ns."""
        rounds = self.rounds
        if rounds is None:
            return []
        return {"cpu": rounds.cpu_ns, "wall": rounds.wall_ns, "kernel": rounds.kernel_ns}[self.clock]

    @property
    def label(self) -> str:
        """Component, domain and weather mix: the name without the cell."""
        component, _, _, domain, *mix = self.name.split("/")
        return " ".join([component, domain, *mix])

    @property
    def points(self) -> int:
        """Number of grid points."""
        i, j, k = self.domain
        return i * j * k


class FieldError(_Record):
    """Error of one output against the reference data."""

    data_set: str
    component: str
    field: str
    error: float
    """Error at the quantile of the tolerance, in the norm of the component."""
    tolerance: float
    passed: bool
    maximum: float | None = None
    """Largest error, in the cell that ``column`` and ``level`` name; not in reports of earlier versions."""
    column: int | None = None
    level: int | None = None


class StencilBuild(_Record):
    """Time to build or load the stencils of one component."""

    component: str
    seconds: float
    cached: bool


class Commit(_Record):
    """The revision that was measured."""

    hash: str | None = None
    branch: str | None = None
    dirty: bool = False


class Gpu(_Record):
    """The device of a GPU cell; nothing of it is ever set, only read."""

    name: str
    uuid: str
    """Which of several devices of a model."""
    index: int | None
    """Its number on this machine, in nvidia-smi's order."""
    driver: str
    runtime: str
    """Version of the CUDA runtime that CuPy uses."""
    memory_bytes: int
    cache_bytes: int
    """Size of the L2 cache."""
    sm_clock_max_mhz: float | None
    """Highest clock of the multiprocessors; None where the driver does not say."""
    memory_clock_max_mhz: float | None
    power_limit_watts: float | None
    sm_clock_mhz: float | None
    """Clock while the device copies."""
    memory_clock_mhz: float | None
    copy_bytes_per_second: float
    """Bytes read and written per second by large copies on the device."""

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for two runs to be compared."""
        return self.model_dump(
            include={"name", "driver", "runtime", "sm_clock_max_mhz", "memory_clock_max_mhz", "power_limit_watts"}
        )


class Machine(_Record):
    """The machine and device."""

    testbed: str
    cpu: str
    cores: int
    memory_bytes: int
    system: str
    device: str | None = None
    """GPU model, for GPU cells."""
    gpu: Gpu | None = None
    triad_bytes_per_second: float
    """STREAM triad measured with the session's number of threads."""


class Software(_Record):
    """Versions that matter."""

    python: str
    compiler: str | None
    packages: dict[str, str]

    def differences(self, before: Software) -> list[str]:
        """Say which versions differ from those of an earlier run, such as ``gt4py 1.1.12 -> 1.2.3``."""
        old = {"python": before.python, **before.packages}
        new = {"python": self.python, **self.packages}
        return [
            f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}"
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name)
        ]


class Protocol(_Record):
    """How it was measured."""

    profile: str
    compile_args: list[str]
    threads: int
    environment: dict[str, str]
    """Variables fixed for the timed process."""


class PassRecord(_Record):
    """One pass and how long it took."""

    name: str
    seconds: float


class Report(_Record):
    """All that a bench session found out about one cell."""

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str
    """Unique id of the run (UUID)."""
    cell: str
    backend: str
    precision: str
    device: Literal["cpu", "gpu"]
    created: datetime
    commit: Commit
    machine: Machine
    software: Software
    protocol: Protocol
    passes: list[PassRecord]
    stencils: list[StencilBuild]
    accuracy: list[FieldError]
    benchmarks: list[Benchmark]
    incomplete: str | None = None
    """Why passes are missing, if some are."""

    @model_validator(mode="after")
    def _each_benchmark_once(self) -> Self:
        names = [benchmark.name for benchmark in self.benchmarks]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"benchmark given twice: {', '.join(doubled)}")
        return self

    @property
    def comparability(self) -> str:
        """Key shared by the runs that may be compared: machine, device and driver, compiler, flags and threads."""
        basis = json.dumps(self.comparability_basis, sort_keys=True)
        return hashlib.sha256(basis.encode()).hexdigest()[:16]

    @property
    def comparability_basis(self) -> dict[str, Any]:
        """What enters the key of comparability."""
        gpu = {"gpu": self.machine.gpu.identity} if self.machine.gpu else {}
        return {
            **gpu,
            "testbed": self.machine.testbed,
            "cpu": self.machine.cpu,
            "cores": self.machine.cores,
            "device": self.machine.device,
            "python": ".".join(self.software.python.split(".")[:2]),
            "compiler": self.software.compiler,
            "compile_args": self.protocol.compile_args,
            "threads": self.protocol.threads,
            "environment": self.protocol.environment,
        }

    @property
    def failures(self) -> list[Benchmark]:
        """Benchmarks that failed."""
        return [benchmark for benchmark in self.benchmarks if benchmark.error is not None]


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader never sees half a file.

    Raises
    ------
    UsageError
        If the folder cannot be written to or the disk is full; the message names the path and the reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}. Free space or choose another folder with "
            "the variable ICE3_BENCH_RESULTS."
        ) from error


def save_report(report: Report, path: Path) -> None:
    """Write ``report`` to ``path`` atomically."""
    write_atomically(path, report.model_dump_json(indent=1) + "\n")


def load_report(path: Path) -> Report:
    """Read and validate a report.

    Raises
    ------
    UsageError
        If the file is missing, truncated, not a report, or of a newer schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no report at {path}: measure a cell first, for example nox -s {_session_of(path)}."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The report {path} cannot be read: {error}.") from error
    return parse_report(text, str(path), remedy=f"Delete it and measure again: nox -s {_session_of(path)}.")


def parse_report(text: str, where: str, remedy: str) -> Report:
    """Validate the JSON text of a report; ``where`` and ``remedy`` go into the error message (UsageError)."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"The report {where} is truncated or not JSON ({error}). {remedy}") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UsageError(
            f"The report {where} has schema version {version}, newer than this program's ({SCHEMA_VERSION}): "
            "update this checkout with git pull."
        )
    try:
        return Report.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "top level"
        raise UsageError(f"The report {where} is not valid: {place}: {first['msg']}. {remedy}") from error


def _session_of(path: Path) -> str:
    return f"bench-{path.parent.name}"
