"""The newest results of all cells that were measured under the same conditions, and what does not belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ice3_bench.cell.data import named
from ice3_bench.cell.machine import host_name
from ice3_bench.errors import UsageError
from ice3_bench.history.checks import change
from ice3_bench.names import BenchmarkName
from ice3_bench.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ice3_bench.history.checks import Change
    from ice3_bench.history.store import History
    from ice3_bench.report import Benchmark, Report
    from ice3_bench.settings.matrix import Cell, Settings
    from ice3_probe.messages import Arrangement

LEFT_OUT = {
    "cell": "the matrix has no such cell: {}",
    "machine": "measured on another machine: {} (--machine NAME shows one)",
    "threads": "measured with another number of threads: {} (--threads NUMBER)",
    "profile": "measured with another profile: {} (--profile NAME)",
    "weather": "measured in other weather: {} (--arrangement NAME)",
    "name": "they are no names of benchmarks of the cell that was measured: {}",
}
"""Why runs are left out, by the condition that they break."""


@dataclass(frozen=True)
class Conditions:
    """What results in one table have in common.

    Attributes
    ----------
    machine
        Name of the machine; its GPUs belong to it.
    threads
        Threads of CPU cells. A GPU cell is timed on its device, so any number will do.
    profile
        Compiler flags of the cells that have a compiler.
    arrangement
        Where the columns of the weather stood.
    """

    machine: str
    threads: int
    profile: str
    arrangement: Arrangement

    @property
    def text(self) -> str:
        """The conditions as in a sentence."""
        return (
            f"on '{self.machine}' with {count(self.threads, 'thread')} and the profile {self.profile} "
            f"in {self.arrangement} weather"
        )

    def command(self, sessions: Iterable[str], settings: Settings, *words: str) -> str:
        """Return the command that measures under these conditions, with more ``words``; the machine is not in it."""
        options = [
            *words,
            *(["--threads", str(self.threads)] if self.threads != settings.threads else []),
            *(["--profile", self.profile] if self.profile != "production" else []),
            *(["--arrangement", self.arrangement] if self.arrangement != settings.arrangement else []),
        ]
        return " ".join(["nox -s", *sessions, *(["--", *options] if options else [])])

    def broken_by(self, report: Report, cell: Cell | None) -> tuple[str, str] | None:
        """Return which condition a report does not meet, and what it has instead; None if it meets all.

        Parameters
        ----------
        cell
            The cell in the matrix; None if it has none of this id.
        """
        machine, protocol = host_name(report.machine), report.protocol
        if cell is None:
            return "cell", report.cell
        if machine != self.machine:
            return "machine", machine
        if report.device == "cpu" and protocol.threads != self.threads:
            return "threads", str(protocol.threads)
        if cell.backend.compiler is not None and protocol.profile != self.profile:
            return "profile", protocol.profile
        if not protocol.data and protocol.arrangement != self.arrangement:
            return "weather", protocol.arrangement
        return None


@dataclass(frozen=True)
class Result:
    """A benchmark in the newest report that has it."""

    report: Report
    benchmark: Benchmark

    @cached_property
    def name(self) -> BenchmarkName:
        """The parts of the benchmark's name."""
        return BenchmarkName.parse(self.benchmark.name)

    @property
    def named_after_its_cell(self) -> bool:
        """Whether the name is one of a benchmark of the report's cell; reports of other projects may have any."""
        try:
            return f"{self.name.backend}-{self.name.precision}" == self.report.cell
        except UsageError:
            return False

    @property
    def digest(self) -> str | None:
        """Digest of the data of PHYEX that were timed; None: the weather."""
        data = self.report.protocol.data
        return next((digest for name, digest in data.items() if named(name) == self.name.mix), None)

    @property
    def per_point(self) -> float | None:
        """Latency in ns per grid point; None if the benchmark failed."""
        latency = self.benchmark.measures.get("latency")
        return None if latency is None or self.benchmark.error is not None else latency.value / self.benchmark.points

    @property
    def order(self) -> Any:  # noqa: ANN401 (a sort key)
        """Component, size of the domain and mix, then the fastest first; what failed comes last."""
        time = self.per_point
        return *self.name.kind, *self.name.size, time is None, time or 0.0, self.report.cell


@dataclass(frozen=True)
class Newest:
    """The newest results, in the order of the table.

    Attributes
    ----------
    left_out
        A sentence on each kind of runs that are left out.
    """

    results: list[Result]
    left_out: list[str]


@dataclass(frozen=True)
class Last:
    """The newest result of a benchmark on a machine, whatever its settings.

    Attributes
    ----------
    change
        Change of its latency against the last comparable run that timed it; None if there is none.
    """

    result: Result
    change: Change | None


def last_of_each(history: History) -> list[Last]:
    """Return the newest result of every benchmark on every machine, in the order of the table."""
    found: dict[tuple[str, str], Result] = {}
    for report in history.latest_of_each_benchmark():
        for benchmark in report.benchmarks:
            found.setdefault((benchmark.name, report.machine.testbed), Result(report, benchmark))
    ordered = sorted(found.values(), key=lambda result: result.order)
    reports = {result.report.id: result.report for result in ordered}
    previous = {number: history.previous_of_each(report) for number, report in reports.items()}
    return [Last(one, _change(one, previous[one.report.id].get(one.benchmark.name))) for one in ordered]


def _change(result: Result, before: Report | None) -> Change | None:
    name = result.benchmark.name
    if before is None:
        return None
    return change(result.benchmark, next(one for one in before.benchmarks if one.name == name))


def newest(history: History, settings: Settings, conditions: Conditions) -> Newest:
    """Return the newest result of every benchmark of every cell of the matrix under these conditions.

    Raises
    ------
    UsageError
        If there is none.
    """
    cells = {cell.id: cell for cell in settings.cells}
    found: dict[str, Result] = {}
    broken: list[tuple[str, str]] = []
    misnamed: list[Result] = []
    for report in history.latest_of_each_benchmark():
        condition = conditions.broken_by(report, cells.get(report.cell))
        if condition is not None:
            broken.append(condition)
            continue
        for result in (Result(report, benchmark) for benchmark in report.benchmarks):
            if result.named_after_its_cell:
                found.setdefault(result.benchmark.name, result)
            else:
                misnamed.append(result)
    used = {result.report.id for result in (*found.values(), *misnamed)}
    names = [("name", f"'{result.benchmark.name}' ({result.report.cell})") for result in misnamed]
    older = history.count() - len(used) - len(broken) - len(history.set_aside)
    left_out = [*_sentences([*broken, *names], older), *history.set_aside.values()]
    if not found:
        first = f"measure a cell first, for example {conditions.command([settings.cells[0].session], settings)}."
        raise UsageError(" ".join([f"{history.path} holds no result {conditions.text}: {first}", *left_out]))
    return Newest(sorted(found.values(), key=lambda result: result.order), left_out)


def _sentences(broken: Iterable[tuple[str, str]], older: int) -> list[str]:
    names: dict[str, set[str]] = {}
    for condition, name in broken:
        names.setdefault(condition, set()).add(name)
    said = [
        f"Left out, since {sentence.format(', '.join(sorted(names[condition])))}."
        for condition, sentence in LEFT_OUT.items()
        if condition in names
    ]
    if older > 0:
        said.append(f"Left out, since measured again later: {count(older, 'run')} (nox -s bench-history shows them).")
    return said
