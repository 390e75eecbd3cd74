"""Pairs of processes that take turns, one value each, until every benchmark is decided or its budget is spent."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ice3_bench.compare.sides import LABELS, Label, Sides
from ice3_bench.compare.verdict import Decision, Rule, Verdict, combine, decide
from ice3_bench.compare.workers import Crew, Side, SideError, Worker
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ORDER: tuple[Label, ...] = ("base", "contender", "contender", "base")
"""Blocks of a turn, A B B A."""
REVERSED: tuple[Label, ...] = ("contender", "base", "base", "contender")
"""Blocks of a turn in every other pair, B A A B; the processes are prepared in the same order."""


@dataclass(frozen=True)
class Protocol:
    """How much is measured."""

    version: int = 5
    """Version of the procedure; calibrations of other versions do not apply."""

    rounds: int = 10
    """Most runs in a block."""
    turns: int = 3
    """Turns of four blocks, A B B A; each process does two blocks a turn."""
    block: float = 0.06
    """Seconds of a block: slow runs fill it with fewer rounds; a run that takes longer gets a single turn."""
    pairs: int = 16
    """Pairs of processes before the first look at the data; the second look needs as many again, and the last takes
    what is left of the budget."""
    restart: int = 8
    """Pairs after which the workers restart, so that what they imported lies elsewhere in memory."""
    budget: float = 75.0
    """Seconds for the pairs of each benchmark."""
    patience: float = 2.0
    """Multiple of the budget that the first look may take: slow runs would have too few pairs otherwise."""
    rule: Rule = field(default_factory=Rule)

    def blocks(self, nanoseconds: float) -> tuple[int, int]:
        """Return the rounds of a block and the turns of a pair, from the time of a run."""
        rounds = int(1e9 * self.block / nanoseconds)
        return (min(rounds, self.rounds), self.turns) if rounds > 1 else (1, 1)


COARSE = "a run took no time by the clock of this machine, which is too coarse: choose a larger domain with --domain"


def _lists() -> Sides[list[float]]:
    return Sides[list[float]]([], [])


@dataclass
class Pairs:
    """The pairs of processes of one benchmark, and what they gave.

    Attributes
    ----------
    extra
        Share of a run that is added to the contender, to see whether it is found.
    minimum, wall
        Shortest CPU and wall time of each process, ns.
    switched
        Whether each round was preempted.
    added
        The share that was really added in each pair.
    problem, at_fault
        Why the benchmark cannot be measured, and on which side.
    """

    benchmark: messages.Benchmark
    extra: float = 0.0
    minimum: Sides[list[float]] = field(default_factory=_lists)
    wall: Sides[list[float]] = field(default_factory=_lists)
    switched: list[bool] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    seconds: float = 0.0
    problem: str | None = None
    at_fault: Label | None = None
    _calls: int | None = None

    def __len__(self) -> int:
        return len(self.minimum.base)

    @property
    def name(self) -> str:
        """The benchmark's name, and what is added to it."""
        return f"{self.benchmark.name} + {self.extra:.1%}" if self.extra else self.benchmark.name

    @property
    def preempted(self) -> float:
        """Share of the rounds that were preempted."""
        return statistics.fmean(self.switched)

    def ratios(self, clock: Literal["cpu", "wall"]) -> list[float]:
        """Return the time of the contender over that of the base, one ratio for each pair."""
        times = self.minimum if clock == "cpu" else self.wall
        return [contender / base for base, contender in zip(times.base, times.contender, strict=True)]

    def fail(self, error: SideError) -> None:
        """Give up, with the reason that a worker gave."""
        self.problem, self.at_fault = str(error), error.label

    def measure(self, workers: Sides[Worker], protocol: Protocol) -> None:
        """Add a pair: new processes on both sides that take turns, the base first in every other pair.

        Raises
        ------
        SideError
            If a side fails; the pair is not added.
        """
        start = time.monotonic()
        order = ORDER if len(self) % 2 == 0 else REVERSED
        cpu, wall, switched = Sides[list[int]]([], []), Sides[list[int]]([], []), []
        with ExitStack() as processes:
            cost = self._prepare(workers, order, processes)
            rounds, turns = protocol.blocks(cost)
            for label in order * turns:
                block = workers[label].request(messages.MeasureBlock(rounds), messages.Rounds)
                cpu[label].extend(block.cpu_ns)
                wall[label].extend(block.wall_ns)
                switched += [count > 0 for count in block.switches]
        for label in LABELS:
            if min(cpu[label]) <= 0 or min(wall[label]) <= 0:
                raise SideError(label, COARSE)
        for label in LABELS:
            self.minimum[label].append(min(cpu[label]))
            self.wall[label].append(min(wall[label]))
        self.switched += switched
        self.seconds += time.monotonic() - start

    def _prepare(self, workers: Sides[Worker], order: tuple[Label, ...], processes: ExitStack) -> int:
        """Start a process on both sides and prepare the benchmark in it; return the time of the slower run, ns."""
        cost = 1
        # Side by side, on two cores; one after the other if the cost of added work is measured.
        for labels in ([order[0]], [order[1]]) if self.extra else [order[:2]]:
            for label in labels:
                processes.enter_context(workers[label].process())
                extra = self.extra if label == "contender" else 0.0
                workers[label].ask(messages.Prepare(self.benchmark, extra, self._calls))
            for label in labels:
                prepared = workers[label].answer(messages.Prepared)
                cost = max(cost, prepared.ns)
                if self.extra and label == "contender":
                    self.added.append(prepared.extra)
                    self._calls = prepared.calls
        return cost


def judge(group: list[Pairs], rule: Rule, family: int, threads: int) -> list[Decision]:
    """Judge benchmarks by CPU time, and by wall time if they were not preempted; ``family`` counts benchmarks."""
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
                    load(workers, pairs.benchmark)
                for _ in range(protocol.restart):
                    for pairs in filter(wanting, waiting):
                        limit = f" of {target}" if target else f", {pairs.seconds:.0f} of {seconds:.0f} s"
                        notify(f"{pairs.name}: pair {len(pairs) + 1}{limit}")
                        pairs.measure(workers, protocol)
            except SideError as error:  # the others go on with new workers
                pairs.fail(error)


def load(workers: Sides[Worker], benchmark: messages.Benchmark) -> None:
    """Have both sides make the atmosphere of a benchmark, side by side."""
    for worker in workers:
        worker.ask(messages.Load(benchmark))
    for worker in workers:
        worker.answer(messages.Done)


@dataclass(frozen=True)
class Built:
    """Peak memory of a benchmark that was built, and the code that it executes."""

    bytes: int
    code: messages.Code


def build_all(crew: Crew, group: list[Pairs], notify: Callable[[str], None]) -> dict[str, Sides[Built]]:
    """Build each benchmark on both sides and run it once; return what that shows, by name. Failures are noted.

    Parameters
    ----------
    crew
        Its processes run with the allocator that memray can trace.
    """
    found: dict[str, Sides[Built]] = {}
    waiting = list(group)
    while waiting:
        with crew.started() as workers:
            try:
                while waiting:
                    pairs = waiting.pop(0)
                    notify(f"building and memory of {pairs.name}")
                    load(workers, pairs.benchmark)
                    found[pairs.name] = Sides.of(
                        lambda label, pairs=pairs: _build(  # type: ignore[misc]
                            workers[label], crew.sides[label], pairs.benchmark
                        )
                    )
            except SideError as error:  # the others go on with new workers
                pairs.fail(error)
    return found


def _build(worker: Worker, side: Side, benchmark: messages.Benchmark) -> Built:
    """Measure in a process that finds everything compiled: what a compiler takes does not count."""
    request = messages.MeasureMemory(benchmark, str(side.interpreter.scratch / "peak.bin"))
    folders = tuple(str(folder) for folder in side.interpreter.path[1:])  # the first is the probe's
    before = _files(side.job.cell.cache)
    for _ in range(2):  # some ports compile for each shape
        with worker.process():
            peak = worker.request(request, messages.Peak).bytes
            code = worker.request(messages.DescribeCode(benchmark, folders), messages.Code)
        if _files(side.job.cell.cache) == before:
            break
    return Built(peak, code)


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))
