"""Compare two revisions on this machine, cell by cell: memory, time in pairs of processes, accuracy, instructions."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.lock import locked
from ice3_bench.compare import instructions
from ice3_bench.compare.accuracy import compare_accuracy
from ice3_bench.compare.cases import counted, select
from ice3_bench.compare.pairs import Pairs, Protocol, build_all, judge, measure
from ice3_bench.compare.preparation import Workshop, build, check_accuracy, traced
from ice3_bench.compare.requirements import none_given
from ice3_bench.compare.result import BenchmarkComparison, CellComparison, Compared, Comparison
from ice3_bench.compare.revisions import WORKTREE, checked_out, default_base
from ice3_bench.compare.sameness import unmeasured
from ice3_bench.compare.sides import Sides
from ice3_bench.compare.workers import Crew, SideError
from ice3_probe.messages import STANDARD_ARRANGEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ice3_bench.compare.pairs import Built
    from ice3_bench.compare.revisions import Revision
    from ice3_bench.compare.sides import Label
    from ice3_bench.compare.verdict import Decision
    from ice3_bench.compare.workers import Side
    from ice3_bench.settings.matrix import Cell, Settings
    from ice3_probe.messages import Arrangement, Benchmark

PREPARATION = 30.0
"""Seconds that a cell is assumed to take besides its pairs, until one was measured."""
LOGS = "comparison"
"""Folder in the results for the logs of the workers."""


@dataclass(frozen=True)
class Request:
    """What is compared, and for how long.

    Attributes
    ----------
    base
        Revision; None: the merge base with the default branch.
    cells
        CPU cells.
    components
        Instead of those of each backend.
    benchmarks
        Only those whose name contains one of these, if any is given.
    domain
        Instead of the domain of each backend.
    arrangement
        Where the columns of the weather stand.
    total
        Seconds for all; the budgets shrink to fit.
    instructions
        Whether instructions are counted.
    requirements
        What each side gets instead of its own. If any is given and no base, both sides are the contender's files.
    measured
        Whether also sides that run the same code are measured.
    accuracy
        Whether the accuracy of both sides is compared.
    """

    cells: Sequence[Cell]
    threads: int
    protocol: Protocol
    base: str | None = None
    contender: str = WORKTREE
    components: Sequence[str] = ()
    benchmarks: Sequence[str] = ()
    domain: str | None = None
    arrangement: Arrangement = STANDARD_ARRANGEMENT
    total: float = 1200.0
    instructions: bool = False
    requirements: Sides[Sequence[str]] = field(default_factory=none_given)
    measured: bool = False
    accuracy: bool = True


def compare_revisions(
    project: Path,
    results: Path,
    settings: Settings,
    request: Request,
    calibration: str,
    *,
    store: Callable[[Comparison], None],
    notify: Callable[[str], None],
) -> Comparison:
    """Compare two revisions of ``project``.

    Parameters
    ----------
    results
        Folder for the logs of the workers.
    settings
        Those of the working tree.
    calibration
        What is known about the comparison on this machine.
    store
        Called after each cell, so that an interruption loses none.
    notify
        Called with what is being done.

    Raises
    ------
    UsageError
        If a revision is not known or cannot be compared in any of the cells, or another comparison is under way.
    """
    deadline = time.monotonic() + request.total
    # Compiled cells are decided soon and come first; the slow ones get the rest of the total.
    cells = sorted(request.cells, key=lambda cell: cell.backend.compiler is None)
    chosen = select(cells, request.domain, request.benchmarks, request.components, request.arrangement)
    cells = [cell for cell in cells if cell.id in chosen]
    with (
        locked(results / LOGS / ".lock", "Revisions are being compared"),
        _both(project, settings, request) as revisions,
        tempfile.TemporaryDirectory(prefix="ice3-bench-") as scratch,
    ):
        workshop = Workshop(project, settings, revisions, request.threads, Path(scratch), request.requirements)
        workshop.require_ports(cells)
        comparison = Comparison(
            **{label: _compared(revision, request.requirements[label]) for label, revision in revisions.items()},
            arrangement=request.arrangement,
            calibration=calibration,
        )
        left = family = sum(len(group) for group in chosen.values())
        aside = PREPARATION
        for number, cell in enumerate(cells):
            start = time.monotonic()
            for_pairs = max(deadline - start - aside * (len(cells) - number), 1.0)
            one = _Cell(cell, chosen[cell.id], request, workshop, _emptied(results / LOGS / cell.id), family, notify)
            comparison.cells.append(one.compare(_shared(request.protocol, for_pairs / left)))
            left -= len(chosen[cell.id])
            # What a cell takes besides its pairs, measured on the last one: environments, stencils, memory, accuracy.
            aside = time.monotonic() - start - sum(benchmark.seconds for benchmark in comparison.cells[-1].benchmarks)
            store(comparison)
    return comparison


@contextmanager
def _both(project: Path, settings: Settings, request: Request) -> Iterator[Sides[Revision]]:
    """Check out both revisions; without a base, what differs may be the requirements of one revision."""
    if request.base is None and any(request.requirements):
        with checked_out(project, request.contender) as revision:
            yield Sides(revision, revision)
        return
    with (
        checked_out(project, request.base or default_base(project, settings.bencher.base_branches)) as base,
        checked_out(project, request.contender) as contender,
    ):
        yield Sides(base, contender)


def _compared(revision: Revision, requirements: Sequence[str]) -> Compared:
    return Compared(
        name=revision.name,
        commit=revision.commit,
        uncommitted=revision.uncommitted,
        requirements=list(requirements),
    )


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _shared(protocol: Protocol, share: float) -> Protocol:
    """Fit the budget to a benchmark's share of the total; if that is less, the first look gets no extra time."""
    budget = min(protocol.budget, share)
    return replace(protocol, budget=budget, patience=min(protocol.patience, share / budget))


@dataclass(frozen=True)
class _Cell:
    """A cell that is compared.

    Attributes
    ----------
    folder
        For the logs of its workers.
    family
        Number of benchmarks over all cells, for the family-wise error.
    """

    cell: Cell
    benchmarks: list[Benchmark]
    request: Request
    workshop: Workshop
    folder: Path
    family: int
    notify: Callable[[str], None]

    def compare(self, protocol: Protocol) -> CellComparison:
        """Compare the cell; the result says what could not be measured."""
        result = CellComparison(
            cell=self.cell.id,
            accuracy_policy=self.cell.backend.accuracy,
            benchmarks=[BenchmarkComparison(name=one.name, component=one.component) for one in self.benchmarks],
        )
        self.notify(f"environments of {self.cell.id}")
        try:
            sides, remarks = self.workshop.sides(self.cell, self.benchmarks)
        except SideError as error:
            for benchmark in result.benchmarks:
                benchmark.missing, benchmark.at_fault = str(error), error.label
            return result
        result.remarks += remarks
        self._measure(result, sides, protocol)
        if self.request.accuracy:
            self.notify(f"accuracy of {self.cell.id}")
            compare_accuracy(
                result, sides.map(lambda side: check_accuracy(side, self.folder, _failed(result, side.label)))
            )
        if self.request.instructions and self.cell.backend.compiler is not None:
            self._count(result)
        return result

    def _measure(self, result: CellComparison, sides: Sides[Side], protocol: Protocol) -> None:
        """Measure memory and time."""
        crew = Crew(sides, self.folder, self.notify)
        group = [Pairs(benchmark) for benchmark in self.benchmarks]
        threads = sides.contender.job.cell.threads
        built = build_all(replace(crew, sides=sides.map(traced)), group, self.notify)
        known = {} if self.request.measured else _same_code(sides, built)
        decisions = measure(
            crew,
            [pairs for pairs in group if pairs.problem is None and pairs.name not in known],
            protocol,
            self.family,
            lambda sound: judge(sound, protocol.rule, self.family, threads),
            self.notify,
        )
        for pairs, benchmark in zip(group, result.benchmarks, strict=True):
            _fill(benchmark, pairs, (known | decisions).get(pairs.name), built.get(pairs.name))
        _keep_remarks(result, crew)

    def _count(self, result: CellComparison) -> None:
        """Count the instructions of each benchmark, on a small domain and with one thread."""
        self.notify(f"instructions of {self.cell.id}")
        small = [counted(benchmark) for benchmark in self.benchmarks]
        workshop = replace(self.workshop, threads=1)
        try:
            sides, _ = workshop.sides(self.cell, small, instructions.PROFILE)
            for side in sides:
                build(side, self.folder)
        except SideError as error:
            result.remarks.append(f"instructions cannot be counted: {error}")
            return
        with tempfile.TemporaryDirectory(prefix="ice3-bench-") as scratch:
            counts, problems = instructions.count(sides, small, self.folder, Path(scratch))
        result.remarks += problems
        for benchmark, found in zip(result.benchmarks, counts, strict=True):
            benchmark.instructions = found


def _failed(result: CellComparison, label: Label) -> set[str]:
    """Return the components that a side cannot run."""
    return {benchmark.component for benchmark in result.benchmarks if benchmark.at_fault == label}


def _same_code(sides: Sides[Side], built: dict[str, Sides[Built]]) -> dict[str, Decision]:
    """Return the verdicts that need no measurement, by the name of the benchmark."""
    found = {name: unmeasured(sides, both.map(lambda one: one.code)) for name, both in built.items()}
    return {name: decision for name, decision in found.items() if decision is not None}


def _fill(benchmark: BenchmarkComparison, pairs: Pairs, decision: Decision | None, built: Sides[Built] | None) -> None:
    benchmark.missing, benchmark.at_fault, benchmark.seconds = pairs.problem, pairs.at_fault, pairs.seconds
    if built is not None:
        benchmark.base_bytes, benchmark.contender_bytes = built.map(lambda one: one.bytes)
    benchmark.decision = decision
    if decision is not None and decision.pairs:
        benchmark.base_ns, benchmark.contender_ns = pairs.minimum.map(statistics.median)
        benchmark.wall_change = statistics.median(pairs.ratios("wall")) - 1.0
        benchmark.preempted = pairs.preempted


def _keep_remarks(result: CellComparison, crew: Crew) -> None:
    """Add the remarks of the workers to the benchmarks that they concern, or to the cell."""
    named = {benchmark.name: benchmark for benchmark in result.benchmarks}
    for label, remarks in crew.remarks.items():
        for remark in remarks:
            benchmark = named.get(remark.benchmark)
            said = f"{label}: {remark.text}"
            (result.remarks if benchmark is None else benchmark.remarks).append(said)
            if benchmark is not None and remark.marks and benchmark.marked is None:
                benchmark.marked = said
