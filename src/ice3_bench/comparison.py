"""Compare two revisions on this machine: persistent workers take turns, one value per process, until all is decided."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from ice3_bench.errors import Exit, PassError
from ice3_bench.matrix import parse_domain
from ice3_bench.passes import REFERENCE_DATA, STABLE_ENVIRONMENT
from ice3_bench.verdict import Decision, Rule, Verdict, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ice3_bench.matrix import Cell

PROTOCOL = 1
ORDER = ("base", "contender", "contender", "base")
"""Blocks of a turn; every other pair begins with the contender, also when the processes are prepared."""
SIDES = ("base", "contender")
LARGER = 0.01
"""Relative growth of the peak memory that counts; the peak itself repeats to the byte."""


class WorkerError(PassError):
    """A worker could not do what it was asked to."""


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

    rounds: int = 10
    """Calls in a block."""
    turns: int = 3
    """Turns of four blocks, A B B A; each process does two blocks a turn."""
    pairs: int = 16
    """Pairs of processes before the first look at the data; each further look needs as many again."""
    restart: int = 8
    """Pairs after which the workers start anew: what they loaded lies elsewhere in memory then, which can cost 1 %."""
    budget: float = 75.0
    """Seconds for each benchmark."""
    rule: Rule = field(default_factory=Rule)


@dataclass(frozen=True)
class Side:
    """One of the two trees and the Python that runs it."""

    label: str
    python: Path
    tree: Path


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
    """Share of the rounds with an involuntary context switch: wall time says little where it is large."""
    base_bytes: int | None = None
    contender_bytes: int | None = None
    missing: str | None = None
    """Why the benchmark could not be compared."""

    @property
    def larger(self) -> bool:
        """Whether the contender needs more memory."""
        if self.base_bytes is None or self.contender_bytes is None:
            return False
        return self.contender_bytes > self.base_bytes * (1.0 + LARGER)


@dataclass
class CellComparison:
    """The benchmarks of a cell, and the accuracy of both revisions."""

    cell: str
    benchmarks: list[Comparison] = field(default_factory=list)
    less_accurate: list[str] = field(default_factory=list)
    """What the contender fails and the base does not."""
    errors: dict[str, dict[str, float]] = field(default_factory=dict)
    """Largest normalised error by component and side."""
    problem: str | None = None
    """Why the cell could not be compared."""


class Worker:
    """A process ``python -m ice3.worker`` of one tree."""

    def __init__(self, side: Side, options: list[str], threads: int, log: Path) -> None:
        self.side = side
        self._log = log
        environment = {**os.environ, **STABLE_ENVIRONMENT, "OMP_NUM_THREADS": str(threads)}
        environment["PYTHONPATH"] = str(side.tree / "src")
        with log.open("w", encoding="utf-8") as messages:
            self._process = subprocess.Popen(
                [str(side.python), "-m", "ice3.worker", *options],
                cwd=side.tree,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            _close(stream)

    def request(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask and wait for the answer.

        Raises
        ------
        WorkerError
            If the worker answers with an error, or has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"The worker of the {self.side.label} ended: {self._last_lines()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"In the {self.side.label}: {answer['error']}")
        return answer

    @contextmanager
    def process(self) -> Iterator[None]:
        """Serve the requests inside by a fresh process."""
        self.request("start")
        yield
        self.request("end")

    def _last_lines(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "it said nothing"


def _close(stream: IO[str] | None) -> None:
    if stream is not None:
        stream.close()


@dataclass(frozen=True)
class Crew:
    """Starts the workers of both sides."""

    sides: dict[str, Side]
    options: list[str]
    threads: int
    folder: Path
    """Where they write what libraries say."""

    @contextmanager
    def started(self, components: Iterable[str] = ()) -> Iterator[dict[str, Worker]]:
        """Start a worker of each side, with the stencils of ``components`` loaded."""
        with ExitStack() as stack:
            workers = {
                label: stack.enter_context(Worker(side, self.options, self.threads, self.folder / f"{label}.log"))
                for label, side in self.sides.items()
            }
            for worker in workers.values():
                for component in components:
                    worker.request("load", component=component)
            yield workers


@dataclass
class Pairs:
    """What the pairs of processes of one benchmark gave."""

    minimum: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    wall: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    switched: list[bool] = field(default_factory=list)
    extra: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ratios(self) -> list[float]:
        """CPU time of contender / base, one for each pair."""
        return [c / b for b, c in zip(self.minimum["base"], self.minimum["contender"], strict=True)]

    def measure(self, workers: dict[str, Worker], case: Case, protocol: Protocol, extra: float = 0.0) -> None:
        """Add a pair: restart both workers and let them take turns, the base first in every other pair."""
        start = time.monotonic()
        order = ORDER if len(self.minimum["base"]) % 2 == 0 else ("contender", "base", "base", "contender")
        cpu: dict[str, list[int]] = {side: [] for side in SIDES}
        wall: dict[str, list[int]] = {side: [] for side in SIDES}
        with ExitStack() as processes:
            for side in order[:2]:
                processes.enter_context(workers[side].process())
                added = extra if side == "contender" else 0.0
                answer = workers[side].request("prepare", **case.request, extra=added)
                if added:
                    self.extra.append(answer["extra"])
            for side in order * protocol.turns:
                block = workers[side].request("run", rounds=protocol.rounds)
                cpu[side] += block["cpu_ns"]
                wall[side] += block["wall_ns"]
                self.switched += [count > 0 for count in block["switches"]]
        for side in SIDES:
            self.minimum[side].append(min(cpu[side]))
            self.wall[side].append(min(wall[side]))
        self.seconds += time.monotonic() - start


def compare_cell(
    cell: Cell,
    sides: dict[str, Side],
    cases: list[Case],
    options: list[str],
    threads: int,
    protocol: Protocol,
    family: int,
    notify: Callable[[str], None],
) -> CellComparison:
    """Compare the benchmarks of a cell.

    Parameters
    ----------
    sides
        ``base`` and ``contender``.
    options
        What builds the stencils: backend, precision, compiler arguments, cache.
    family
        Number of benchmarks over all cells, for the family-wise error.
    notify
        Called with what is being done.
    """
    result = CellComparison(cell.id)
    ready: list[tuple[Case, Comparison, Pairs]] = []
    with tempfile.TemporaryDirectory() as temporary:
        crew = Crew(sides, options, threads, Path(temporary))
        with crew.started() as workers:
            for case in cases:
                comparison = Comparison(case.name)
                result.benchmarks.append(comparison)
                try:
                    for label, worker in workers.items():
                        notify(f"building {case.name} of the {label}")
                        worker.request("load", component=case.component)
                    ready.append((case, comparison, Pairs()))
                except WorkerError as error:
                    comparison.missing = str(error)
            for case, comparison, _ in ready:
                notify(f"memory of {case.name}")
                comparison.base_bytes, comparison.contender_bytes = (
                    _peak(worker, case, Path(temporary, "peak.bin")) for worker in workers.values()
                )
        _measure(crew, ready, protocol, family, notify)
    notify(f"accuracy of {cell.id}")
    _compare_accuracy(result, sides, options, threads)
    return result


def _peak(worker: Worker, case: Case, dump: Path) -> int:
    with worker.process():
        peak: int = worker.request("memory", **case.request, dump=str(dump))["bytes"]
        return peak


def _measure(
    crew: Crew,
    ready: list[tuple[Case, Comparison, Pairs]],
    protocol: Protocol,
    family: int,
    notify: Callable[[str], None],
) -> None:
    """Measure until every benchmark is decided or has used its budget."""
    rule = protocol.rule
    first = max(protocol.pairs, rule.pairs_needed(max(family, 1)))
    open_cases = list(ready)
    for look in range(rule.looks):
        target = first * (look + 1)
        while waiting := [
            (case, pairs)
            for case, _, pairs in open_cases
            if len(pairs.ratios) < target and (len(pairs.ratios) < first or pairs.seconds < protocol.budget)
        ]:
            with crew.started({case.component for case, _ in waiting}) as workers:
                for _ in range(protocol.restart):
                    for case, pairs in waiting:
                        if len(pairs.ratios) < target:
                            notify(f"{case.name}: pair {len(pairs.ratios) + 1} of {target}")
                            pairs.measure(workers, case, protocol)
        decisions = decide({case.name: pairs.ratios for case, _, pairs in ready}, rule, family) if ready else {}
        for case, comparison, pairs in ready:
            comparison.decision = decisions[case.name]
            comparison.base_ns = statistics.median(pairs.minimum["base"])
            comparison.contender_ns = statistics.median(pairs.minimum["contender"])
            wall = [c / b for b, c in zip(pairs.wall["base"], pairs.wall["contender"], strict=True)]
            comparison.wall_change = statistics.median(wall) - 1.0
            comparison.preempted = statistics.fmean(pairs.switched)
        open_cases = [
            (case, comparison, pairs)
            for case, comparison, pairs in ready
            if decisions[case.name].verdict is Verdict.UNDECIDED and pairs.seconds < protocol.budget
        ]
        if not open_cases:
            return


def _compare_accuracy(result: CellComparison, sides: dict[str, Side], options: list[str], threads: int) -> None:
    """Run the accuracy check of each tree on its own reference data."""
    passed: dict[str, dict[str, bool]] = {}
    for label, side in sides.items():
        data = sorted((side.tree / REFERENCE_DATA).glob("*.nc"))
        environment = {**os.environ, **STABLE_ENVIRONMENT, "OMP_NUM_THREADS": str(threads)}
        environment["PYTHONPATH"] = str(side.tree / "src")
        run = subprocess.run(
            [str(side.python), "-m", "ice3.accuracy", *options, "--json", *(f"--file={path}" for path in data)],
            cwd=side.tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            records = json.loads(run.stdout)
        except json.JSONDecodeError:
            lines = run.stderr.strip().splitlines()
            result.problem = f"The accuracy of the {label} cannot be checked: {lines[-1] if lines else run.returncode}"
            continue
        passed[label] = {}
        for record in records:
            component = record["component"]
            worst = max(entry["error"] for entry in record["fields"])
            result.errors.setdefault(component, {})[label] = worst
            passed[label][component] = all(entry["passed"] for entry in record["fields"])
    for component, right in passed.get("contender", {}).items():
        if not right and passed.get("base", {}).get(component, True):
            result.less_accurate.append(component)


def exit_code(cells: list[CellComparison], undecided: int) -> int:
    """1 where the contender is slower, larger, less accurate or cannot be measured; ``undecided`` where nothing is."""
    benchmarks = [benchmark for cell in cells for benchmark in cell.benchmarks]
    verdicts = {benchmark.decision.verdict for benchmark in benchmarks if benchmark.decision}
    worse = any(benchmark.larger or benchmark.missing for benchmark in benchmarks)
    if worse or Verdict.SLOWER in verdicts or any(cell.less_accurate or cell.problem for cell in cells):
        return int(Exit.FAILED)
    return undecided if Verdict.UNDECIDED in verdicts else int(Exit.OK)


def as_json(cells: list[CellComparison], base: str, contender: str) -> str:
    """Return everything as JSON."""
    return json.dumps({"base": base, "contender": contender, "cells": [asdict(cell) for cell in cells]}, indent=1)
