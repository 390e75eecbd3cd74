"""Compare two revisions on this machine: workers take turns, one value per process, until all is decided."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3_bench.cell.passes import MEMORY_ENVIRONMENT, REFERENCE_DATA
from ice3_bench.compare.verdict import Decision, Rule, Verdict, combine, decide
from ice3_bench.compare.workers import Crew, Side, Worker, WorkerError
from ice3_bench.errors import Exit
from ice3_bench.settings.matrix import parse_domain

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.compare.instructions import Count

ORDER = ("base", "contender", "contender", "base")
"""Blocks of a turn; every other pair begins with the contender, also when the processes are prepared."""
SIDES = ("base", "contender")
LARGER = 0.01
"""Relative growth of the peak memory that counts; the peak itself repeats to 0.1 %."""
LARGER_BYTES = 2**16
"""Growth of the peak memory that counts at least: on the smallest domains Python's own objects are several percent."""
GROWN = 2.0
"""Growth of an error that counts although it is in tolerance, as in the checks against the history."""
ROUNDING = 1e-3
"""Share of the tolerance below which no growth of an error counts: another order of the operations is enough for it."""


@dataclass(frozen=True)
class Case:
    """What is compared: a component on a domain in a weather mix, in one cell."""

    name: str
    component: str
    domain: tuple[int, int, int]
    mix: str

    @classmethod
    def parse(cls, name: str) -> Case:
        """Read the name ``component/backend/precision/domain[/mix]``."""
        component, _, _, domain, *mix = name.split("/")
        return cls(name, component, parse_domain(domain), mix[0] if mix else "rich")

    @property
    def request(self) -> dict[str, Any]:
        """How a worker is asked for it."""
        return {"component": self.component, "domain": self.domain, "mix": self.mix}


@dataclass(frozen=True)
class Protocol:
    """How much is measured."""

    version: int = 4
    """Of the whole procedure; calibrations of another one say nothing of this."""

    rounds: int = 10
    """Calls in a block, at most."""
    turns: int = 3
    """Turns of four blocks, A B B A; each process does two blocks a turn."""
    block: float = 0.06
    """Seconds of a block: slow calls fill it with fewer rounds, and one that takes longer has a single turn."""
    pairs: int = 16
    """Pairs of processes before the first look at the data; the second needs as many again, the last all of the budget.
    """
    restart: int = 8
    """Pairs after which the workers start anew: what they imported lies elsewhere in memory then."""
    budget: float = 75.0
    """Seconds for the pairs of each benchmark."""
    patience: float = 2.0
    """How many times the budget the first look may take, since slow calls have too few pairs otherwise."""
    rule: Rule = field(default_factory=Rule)

    def blocks(self, nanoseconds: float) -> tuple[int, int]:
        """Return the rounds of a block and the turns of a pair, for a call that takes so long."""
        rounds = int(1e9 * self.block / nanoseconds)
        return (min(rounds, self.rounds), self.turns) if rounds > 1 else (1, 1)


@dataclass
class Comparison:
    """One benchmark compared."""

    name: str
    decision: Decision | None = None
    base_ns: float | None = None
    """CPU time of a call, ns: the median over processes of the minimum."""
    contender_ns: float | None = None
    wall_change: float | None = None
    preempted: float | None = None
    """Share of the rounds with an involuntary context switch: wall time is not judged where it is large."""
    base_bytes: int | None = None
    contender_bytes: int | None = None
    seconds: float = 0.0
    """Time spent on its pairs of processes."""
    missing: str | None = None
    """Why the benchmark could not be compared."""
    at_fault: str | None = None
    """The side on which it failed."""
    instructions: Count | None = None

    @property
    def larger(self) -> bool:
        """Whether the contender needs more memory."""
        if self.base_bytes is None or self.contender_bytes is None:
            return False
        return self.contender_bytes - self.base_bytes > max(LARGER * self.base_bytes, LARGER_BYTES)


@dataclass(frozen=True)
class Inaccuracy:
    """An output whose error against the reference data is larger in the contender than in the base."""

    component: str
    field: str
    base: float | None
    """None where only the contender has the output."""
    contender: float
    tolerance: float
    failed: bool
    """Whether it is out of tolerance and was not in the base."""

    @property
    def counts(self) -> bool:
        """Whether the contender is to be called less accurate: out of tolerance, or twice the error."""
        return self.failed or self.contender > max(GROWN * (self.base or 0.0), ROUNDING * self.tolerance)


@dataclass
class CellComparison:
    """The benchmarks of a cell, and the accuracy of both revisions."""

    cell: str
    benchmarks: list[Comparison] = field(default_factory=list)
    less_accurate: list[Inaccuracy] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What else is to be said: environments that differ, an accuracy that could not be checked."""
    broken: str | None = None
    """The side whose accuracy could not be checked; the contender, if neither could."""


@dataclass
class Pairs:
    """The pairs of processes of one benchmark, and what they gave.

    Attributes
    ----------
    extra
        Share of a call that is added to the contender, to see whether it is found.
    added
        The share that was added indeed, in each pair.
    problem, at_fault
        Why the benchmark cannot be measured, and on which side.
    """

    case: Case
    extra: float = 0.0
    minimum: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    wall: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    switched: list[bool] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    seconds: float = 0.0
    problem: str | None = None
    at_fault: str | None = None
    _calls: int | None = None

    def __len__(self) -> int:
        return len(self.minimum["base"])

    @property
    def name(self) -> str:
        """The benchmark's, and what is added to it."""
        return f"{self.case.name} + {self.extra:.1%}" if self.extra else self.case.name

    @property
    def preempted(self) -> float:
        """Share of the rounds that were preempted."""
        return statistics.fmean(self.switched)

    def ratios(self, clock: str) -> list[float]:
        """Return the ``cpu`` or ``wall`` time of contender / base, one for each pair."""
        times = self.minimum if clock == "cpu" else self.wall
        return [c / b for b, c in zip(times["base"], times["contender"], strict=True)]

    def fail(self, error: WorkerError) -> None:
        """Give up: a worker said why."""
        self.problem, self.at_fault = str(error), error.side

    def measure(self, workers: dict[str, Worker], protocol: Protocol) -> None:
        """Add a pair: fresh processes on both sides that take turns, the base first in every other pair."""
        start = time.monotonic()
        order = ORDER if len(self) % 2 == 0 else ("contender", "base", "base", "contender")
        cpu: dict[str, list[int]] = {side: [] for side in SIDES}
        wall: dict[str, list[int]] = {side: [] for side in SIDES}
        cost = 0
        with ExitStack() as processes:
            # Side by side, on two cores; one after the other where the work that is added is measured.
            for sides in ([order[0]], [order[1]]) if self.extra else [order[:2]]:
                for side in sides:
                    processes.enter_context(workers[side].process())
                    extra = self.extra if side == "contender" else 0.0
                    workers[side].ask("prepare", **self.case.request, extra=extra, calls=self._calls)
                for side in sides:
                    answer = workers[side].answer()
                    cost = max(cost, answer["ns"])
                    if self.extra and side == "contender":
                        self.added.append(answer["extra"])
                        self._calls = answer["calls"]
            rounds, turns = protocol.blocks(cost)
            for side in order * turns:
                block = workers[side].request("run", rounds=rounds)
                cpu[side] += block["cpu_ns"]
                wall[side] += block["wall_ns"]
                self.switched += [count > 0 for count in block["switches"]]
        for side in SIDES:
            self.minimum[side].append(min(cpu[side]))
            self.wall[side].append(min(wall[side]))
        self.seconds += time.monotonic() - start


def judge(group: list[Pairs], rule: Rule, family: int, threads: int) -> list[Decision]:
    """Judge benchmarks by CPU time, and by wall time where they were not preempted; ``family`` counts benchmarks."""
    ratios = {(number, "cpu"): pairs.ratios("cpu") for number, pairs in enumerate(group)}
    ratios |= {
        (number, "wall"): pairs.ratios("wall")
        for number, pairs in enumerate(group)
        if pairs.preempted <= rule.preempted
    }
    decisions = decide(ratios, rule, 2 * family)
    return [combine(decisions[number, "cpu"], decisions.get((number, "wall")), threads) for number in range(len(group))]


def measure(
    crew: Crew,
    group: list[Pairs],
    protocol: Protocol,
    family: int,
    judged: Callable[[list[Pairs]], list[Decision]],
    notify: Callable[[str], None],
) -> dict[str, Decision]:
    """Measure until every benchmark is decided or has used its budget; return the decisions of those that did not fail.

    Parameters
    ----------
    family
        Number of benchmarks over all cells.
    judged
        Decides, from all that was measured so far.
    """
    first = max(protocol.pairs, protocol.rule.pairs_needed(2 * family))
    decisions: dict[str, Decision] = {}
    unsettled = group
    for look in range(1, protocol.rule.looks + 1):
        target = first * look if look < protocol.rule.looks or look == 1 else None
        _bring(crew, unsettled, target, protocol.budget * (protocol.patience if look == 1 else 1.0), protocol, notify)
        sound = [pairs for pairs in group if pairs.problem is None]
        if not sound:
            return {}
        decisions = {pairs.name: decision for pairs, decision in zip(sound, judged(sound), strict=True)}
        unsettled = [
            pairs
            for pairs in sound
            if decisions[pairs.name].verdict is Verdict.UNDECIDED and pairs.seconds < protocol.budget
        ]
    return decisions


def _bring(
    crew: Crew,
    group: list[Pairs],
    target: int | None,
    seconds: float,
    protocol: Protocol,
    notify: Callable[[str], None],
) -> None:
    """Measure ``group`` until each has ``target`` pairs (None: any number), has failed, or has spent ``seconds``."""

    def wanting(pairs: Pairs) -> bool:
        return pairs.problem is None and (target is None or len(pairs) < target) and pairs.seconds < seconds

    while waiting := [pairs for pairs in group if wanting(pairs)]:
        pairs = waiting[0]
        with crew.started() as workers:
            try:
                for pairs in waiting:
                    _load(workers, pairs.case)
                for _ in range(protocol.restart):
                    for pairs in filter(wanting, waiting):
                        limit = f" of {target}" if target else f", {pairs.seconds:.0f} of {seconds:.0f} s"
                        notify(f"{pairs.name}: pair {len(pairs) + 1}{limit}")
                        pairs.measure(workers, protocol)
            except WorkerError as error:  # the others go on with new workers
                pairs.fail(error)


def _load(workers: dict[str, Worker], case: Case) -> None:
    for worker in workers.values():
        worker.ask("load", **case.request)
    for worker in workers.values():
        worker.answer()


def compare_cell(
    cell: str,
    sides: dict[str, Side],
    cases: list[Case],
    protocol: Protocol,
    family: int,
    notify: Callable[[str], None],
) -> CellComparison:
    """Compare the benchmarks of a cell.

    Parameters
    ----------
    cell
        Its id.
    sides
        ``base`` and ``contender``.
    family
        Number of benchmarks over all cells, for the family-wise error.
    notify
        Called with what is being done.
    """
    result = CellComparison(cell, [Comparison(case.name) for case in cases])
    group = [Pairs(case) for case in cases]
    threads = sides["contender"].threads
    with tempfile.TemporaryDirectory(prefix="ice3-bench-") as temporary:
        crew = Crew(sides, Path(temporary))
        traced = {label: replace(side, variables=MEMORY_ENVIRONMENT) for label, side in sides.items()}
        _measure_memory(Crew(traced, crew.folder), list(zip(group, result.benchmarks, strict=True)), notify)
        decisions = measure(
            crew,
            [pairs for pairs in group if pairs.problem is None],
            protocol,
            family,
            lambda sound: judge(sound, protocol.rule, family, threads),
            notify,
        )
    for pairs, comparison in zip(group, result.benchmarks, strict=True):
        comparison.missing, comparison.at_fault, comparison.seconds = pairs.problem, pairs.at_fault, pairs.seconds
        comparison.decision = decisions.get(pairs.name)
        if comparison.decision:
            comparison.base_ns = statistics.median(pairs.minimum["base"])
            comparison.contender_ns = statistics.median(pairs.minimum["contender"])
            comparison.wall_change = statistics.median(pairs.ratios("wall")) - 1.0
            comparison.preempted = pairs.preempted
    notify(f"accuracy of {cell}")
    _compare_accuracy(result, sides)
    return result


def _measure_memory(crew: Crew, waiting: list[tuple[Pairs, Comparison]], notify: Callable[[str], None]) -> None:
    """Build the stencils of each benchmark, call it once and keep the peak memory, on both sides."""
    while waiting:
        with crew.started() as workers:
            try:
                while waiting:
                    pairs, comparison = waiting.pop(0)
                    notify(f"stencils and memory of {comparison.name}")
                    _load(workers, pairs.case)
                    peaks = [_peak(worker, pairs.case, crew.folder / "peak.bin") for worker in workers.values()]
                    comparison.base_bytes, comparison.contender_bytes = peaks
            except WorkerError as error:  # the others go on with new workers
                pairs.fail(error)


def _peak(worker: Worker, case: Case, dump: Path) -> int:
    with worker.process():
        peak: int = worker.request("memory", **case.request, dump=str(dump))["bytes"]
        return peak


def _compare_accuracy(result: CellComparison, sides: dict[str, Side]) -> None:
    """Run the accuracy check of each tree on its own reference data."""
    errors: dict[str, dict[tuple[str, str, str], dict[str, Any]]] = {}
    for label, side in sides.items():
        data = sorted((side.tree / REFERENCE_DATA).glob("*.nc"))
        files = (f"--file={path}" for path in data)
        code, output, messages = side.run("-m", "ice3_gt4py.accuracy", *side.options, "--json", *files)
        try:
            records = json.loads(output)
        except json.JSONDecodeError:
            lines = messages.strip().splitlines()
            result.remarks.append(f"the accuracy of the {label} cannot be checked: {lines[-1] if lines else code}")
            result.broken = label  # the contender comes last
            continue
        errors[label] = {
            (record["data_set"], record["component"], entry["field"]): entry
            for record in records
            for entry in record["fields"]
        }
    base, contender = errors.get("base", {}), errors.get("contender", {})
    if base and contender:
        result.remarks += [
            f"the accuracy of {len(lacking)} outputs, '{lacking[0][2]}' in {lacking[0][0]} among them, is known of the "
            f"{label} only: components or reference data differ"
            for label, lacking in (("base", [*base.keys() - contender]), ("contender", [*contender.keys() - base]))
            if lacking
        ]
    for key, entry in contender.items():
        before = base.get(key)
        failed = not entry["passed"] and (before is None or before["passed"])
        if failed or (before is not None and entry["error"] > before["error"]):
            known = before["error"] if before else None
            result.less_accurate.append(Inaccuracy(key[1], key[2], known, entry["error"], entry["tolerance"], failed))


def exit_code(cells: list[CellComparison], undecided: int) -> int:
    """Return the exit code of a comparison.

    1 where the contender is slower, larger, less accurate, or fails; ``undecided`` where something is not decided, for
    want of pairs or because the base fails; 0 otherwise.
    """
    benchmarks = [benchmark for cell in cells for benchmark in cell.benchmarks]
    verdicts = {benchmark.decision.verdict for benchmark in benchmarks if benchmark.decision}
    worse = any(benchmark.larger or benchmark.at_fault == "contender" for benchmark in benchmarks)
    worse |= any(cell.broken == "contender" or any(e.counts for e in cell.less_accurate) for cell in cells)
    if worse or Verdict.SLOWER in verdicts:
        return int(Exit.FAILED)
    open_ = Verdict.UNDECIDED in verdicts or any(benchmark.missing for benchmark in benchmarks)
    open_ |= any(cell.broken for cell in cells)
    return undecided if open_ else int(Exit.OK)


def as_json(cells: list[CellComparison], base: str, contender: str, calibration: str) -> str:
    """Return everything as JSON; ``calibration`` says what is known of the comparison on this machine."""
    entries = [asdict(cell) for cell in cells]
    for entry, cell in zip(entries, cells, strict=True):
        for line, benchmark in zip(entry["benchmarks"], cell.benchmarks, strict=True):
            line["larger"] = benchmark.larger
            if count := benchmark.instructions:
                line["instructions"] |= {"change": count.change, "verdict": count.verdict}
    return json.dumps({"base": base, "contender": contender, "calibration": calibration, "cells": entries}, indent=1)
