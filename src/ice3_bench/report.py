"""The report of one cell: its schema. ``ice3_bench.reports`` writes and reads it.

A report holds everything a later comparison needs: what was measured, on which machine, with which software and
settings. Changing the meaning of a field, or removing one, raises ``SCHEMA_VERSION``, and reports of the version before
are migrated when they are read.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ice3_bench.errors import UsageError
from ice3_bench.fields import (
    CellId,
    Component,
    Count,
    Domain,
    Error,
    Line,
    Nanoseconds,
    Positive,
    Precision,
    Rate,
    Seconds,
    Share,
    Text,
    Time,
    Uuid,
)  # fmt: skip
from ice3_bench.measures import MEASURES, MeasureName
from ice3_bench.names import BenchmarkName, label
from ice3_bench.provenance import ClusterJob, Commit, Gpu, Machine, Protocol, Record, Software
from ice3_probe.messages import FORMER_ARRANGEMENT

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Benchmark", "ClusterJob", "Commit", "FieldError", "Gpu", "Machine", "Metric", "NotRun", "PassRecord", "Protocol",
    "Report", "Rounds", "Software", "StencilBuild", "wrong_outputs",
]  # fmt: skip

SCHEMA_VERSION: Literal[2] = 2
DEFAULT_PORT = "ice3_gt4py.port"
"""Port of the reports of version 1, which knew no other."""
FIRST_NORM = 1
"""Norm of the errors of the reports that do not name theirs."""
MOST_BENCHMARKS = 1000
"""Benchmarks of a cell: far more than all components in all mixes on a few domains."""


class Metric(Record):
    """A value with its spread, in the unit of its measure."""

    value: float
    lower_value: float | None = None
    upper_value: float | None = None


class Rounds(Record):
    """Every timed round of one benchmark."""

    wall_ns: Annotated[list[Nanoseconds], Field(min_length=1)]
    cpu_ns: list[Nanoseconds]
    """CPU time of the process (all threads)."""
    switches: list[Count]
    """Involuntary context switches."""
    kernel_ns: list[Nanoseconds] = Field(default_factory=list)
    """Time on the device by CUDA events, of as many further calls; GPU cells only."""

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        if not len(self.wall_ns) == len(self.cpu_ns) == len(self.switches) or len(self.kernel_ns) > len(self.wall_ns):
            raise ValueError("the clocks have different numbers of rounds")
        return self

    def waiting(self, threads: int) -> float:
        """Return the wall time over the CPU time; 0 if there is no CPU time.

        With several threads the CPU time is that of all of them, so the wall times are compared with the shortest.
        """
        base = statistics.median(self.cpu_ns) if threads == 1 else min(self.wall_ns)
        return statistics.median(self.wall_ns) / base if base else 0.0


class Benchmark(Record):
    """One benchmark: a component on a domain."""

    name: Annotated[str, Field(max_length=256)]
    """``component/backend/precision/domain``, with ``/mix`` if the component has several."""
    component: Component
    """Component, or a part or variant of one such as ``ice_adjust:modular``."""
    domain: Domain
    clock: Literal["cpu", "wall", "kernel"] = "cpu"
    """The clock of ``latency``: CPU time with one thread, wall time with several, time on the device in GPU cells."""
    measures: dict[MeasureName, Metric] = Field(default_factory=dict)
    rounds: Rounds | None = None
    active: Share | None = None
    """Share of the points with hydrometeors, in data of PHYEX."""
    memray_dump: Line | None = None
    error: Text | None = None
    """Why the benchmark failed, if it did."""
    remarks: list[Text] = Field(default_factory=list)
    """Other remarks on it."""
    marked: Text | None = None
    """Why its timing is doubtful, if it is."""
    triads: list[Rate] = Field(default_factory=list)
    """Bandwidth of the memory by STREAM's triad before and after, by the clock of the latency, bytes per second."""
    busy: Text | None = None
    """How the rounds show that the machine was busy, if they do: later runs are judged by quieter ones first."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            name = BenchmarkName.parse(self.name)
        except UsageError as error:
            raise ValueError(str(error)) from None
        if (name.component, name.domain) != (self.component, self.domain):
            raise ValueError(f"the name '{self.name}' is of another component or domain")
        for measure, metric in self.measures.items():
            for value in (metric.value, metric.lower_value, metric.upper_value):
                if value is not None and not MEASURES[measure].possible(value):
                    raise ValueError(f"{measure} of {self.name} is {value:g}, which is impossible")
        return self

    @property
    def times(self) -> list[int]:
        """Every round by the clock of the latency, ns."""
        rounds = self.rounds
        if rounds is None:
            return []
        return {"cpu": rounds.cpu_ns, "wall": rounds.wall_ns, "kernel": rounds.kernel_ns}[self.clock]

    @property
    def spread(self) -> float:
        """How far the median of the rounds lies above the shortest, relative to it; 0 without rounds."""
        shortest = min(self.times, default=0)
        return statistics.median(self.times) / shortest - 1.0 if shortest else 0.0

    @property
    def label(self) -> str:
        """Component, domain and weather mix: the name without the cell."""
        return label(self.name)

    @property
    def points(self) -> int:
        """Number of grid points."""
        i, j, k = self.domain
        return i * j * k


class FieldError(Record):
    """Error of one output against the reference data."""

    data_set: Line
    component: Component
    field: Line
    error: Error
    """Error at the quantile of the tolerance, in the norm of the component."""
    tolerance: Annotated[Error, Field(gt=0.0)]
    passed: bool
    maximum: Error | None = None
    """Largest error, in the cell that ``column`` and ``level`` name; not in reports of earlier versions."""
    column: Count | None = None
    level: Count | None = None


class NotRun(Record):
    """A component that the port does not run on a data set ("n/a")."""

    data_set: Line
    component: Component
    reason: Text


class StencilBuild(Record):
    """Time until a component has run for the first time."""

    component: Line
    """Component, part or variant; in reports of version 1 a stencil."""
    domain: Domain | None = None
    """Domain that it was built for; None in reports of version 1."""
    seconds: Seconds
    cached: bool
    """Whether it was loaded from the cache; only other times are compile times."""


class PassRecord(Record):
    """One pass and how long it took."""

    name: Line
    seconds: Seconds


class Report(Record):
    """Everything that a bench session found out about one cell."""

    schema_version: Literal[2] = SCHEMA_VERSION
    id: Uuid
    """Unique id of the run (UUID)."""
    cell: CellId
    backend: Line
    precision: Precision
    device: Literal["cpu", "gpu"]
    port: Line = DEFAULT_PORT
    """File or module of the implementation that was measured."""
    settings: dict[Line, Text] = Field(default_factory=dict)
    """Settings of the port, without compiler arguments, which ``protocol`` has."""
    created: Time
    """When the measurement ended."""
    commit: Commit
    machine: Machine
    job: ClusterJob | None = None
    """The job of a cluster that measured, if one did."""
    software: Software
    protocol: Protocol
    passes: list[PassRecord]
    stencils: list[StencilBuild]
    accuracy: list[FieldError]
    accuracy_policy: Literal["gate", "report"] = "gate"
    """What wrong physics does: it stops the session before the timing, or it is reported and the timing is marked."""
    accuracy_norm: Positive = FIRST_NORM
    """Version of the norm of the errors; reports that do not say it have the first one."""
    not_run: list[NotRun] = Field(default_factory=list)
    not_produced: dict[Component, list[Line]] = Field(default_factory=dict)
    """Outputs that the port does not produce, by component."""
    left_out: Count = 0
    """Number of cells that were not compared, because an input that the port ignores is not zero there."""
    benchmarks: Annotated[list[Benchmark], Field(max_length=MOST_BENCHMARKS)]
    lacking: Annotated[list[Line], Field(max_length=MOST_BENCHMARKS)] = Field(default_factory=list)
    """Benchmarks of the cell in the matrix that were not measured; not empty in a partial run."""
    incomplete: Text | None = None
    """Why passes are missing, if some are."""
    remarks: list[Text] = Field(default_factory=list)
    """Other remarks on the cell."""

    @model_validator(mode="after")
    def _each_benchmark_once(self) -> Self:
        names = Counter(benchmark.name for benchmark in self.benchmarks)
        doubled = sorted(name for name, number in names.items() if number > 1)
        if doubled:
            raise ValueError(f"benchmark given twice: {', '.join(doubled)}")
        return self

    @property
    def comparability(self) -> str:
        """Key of the runs that may be compared: machine, device, driver, compiler, flags, threads, weather, port."""
        basis = json.dumps(self.comparability_basis, sort_keys=True)
        return hashlib.sha256(basis.encode()).hexdigest()[:16]

    def basis_of(self, measure: str) -> str:
        """Return what two values of a measure must have in common besides the key of comparability; empty: nothing."""
        new = MEASURES[measure].normed and self.accuracy_norm != FIRST_NORM
        return f"norm {self.accuracy_norm}" if new else ""

    def key_of(self, measure: str) -> str:
        """Return the key of the runs whose values of a measure may be compared."""
        return key_with(self.comparability, self.basis_of(measure))

    @property
    def comparability_basis(self) -> dict[str, Any]:
        """What enters the key of comparability.

        The default port does not enter, so that the keys of reports of version 1 stay as they are. Nor do its settings,
        which belong to the commit under test like its code. Shuffled weather does not enter either: reports from before
        there was another have it.
        """
        gpu = {"gpu": self.machine.gpu.identity} if self.machine.gpu else {}
        port = {"port": self.port, "settings": self.settings} if self.port != DEFAULT_PORT else {}
        arrangement = self.protocol.arrangement
        return {
            **gpu,
            **port,
            **({} if arrangement == FORMER_ARRANGEMENT else {"weather": arrangement}),
            **({"data": self.protocol.data} if self.protocol.data else {}),
            **({} if self.machine.quota is None else {"quota": self.machine.quota}),
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
    def physics_differs(self) -> bool:
        """Whether an output is out of tolerance: the timing is marked everywhere, and nothing of the report gates."""
        return any(not entry.passed for entry in self.accuracy)

    def distrust(self, benchmark: Benchmark, measure: str) -> str | None:
        """Say why a value may neither gate nor enter the history that later runs are judged by; None if it may."""
        if self.physics_differs:
            return "the physics differs"
        if benchmark.marked is not None and MEASURES[measure].timing:
            return f"its timing is marked: {benchmark.marked}"
        return None

    @property
    def failures(self) -> list[Benchmark]:
        """Benchmarks that failed."""
        return [benchmark for benchmark in self.benchmarks if benchmark.error is not None]


def key_with(comparability: str, basis: str) -> str:
    """Return the key of the runs whose values of a measure may be compared."""
    return f"{comparability} {basis}".strip()


def wrong_outputs(accuracy: Iterable[FieldError], component: str) -> list[str]:
    """Return the outputs of a component that are out of tolerance on at least one data set."""
    wrong = [entry.field for entry in accuracy if entry.component == component and not entry.passed]
    return list(dict.fromkeys(wrong))
