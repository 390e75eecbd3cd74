"""The one timing loop: of the timing pass and of the workers that compare two revisions."""

from __future__ import annotations

import resource
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ice3_probe.messages import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ice3_probe.ports import Instance


NOT_READY = 0.1
"""Share of a run by which a first read may outlast a second one."""
MOST_BYTES = 4e12
"""Bytes per second and thread above which a run cannot have computed: far more than a core's nearest cache gives."""
LOOKS = 3
"""Runs that are checked for results that were not ready; the shortest delay counts."""
SPARE = 1.15
"""CPU time over wall time, per thread asked for, above which a port counts as using more threads."""


def _nothing() -> None:
    pass


@dataclass
class Loop:
    """Runs of a component, each from the state that was loaded, with the clocks read around each.

    Parameters
    ----------
    instances
        They take turns.
    synchronise
        Waits for the device, in GPU cells.
    extra
        Work of known cost that is added to every run.
    """

    instances: Sequence[Instance]
    synchronise: Callable[[], None] = _nothing
    extra: Callable[[], None] = _nothing
    wall_ns: list[int] = field(default_factory=list)
    cpu_ns: list[int] = field(default_factory=list)
    switches: list[int] = field(default_factory=list)
    _turn: int = 0

    @property
    def instance(self) -> Instance:
        """The one whose turn it is."""
        return self.instances[self._turn]

    def prepare(self) -> None:
        """Pass on to the next instance and restore its state: before every round, untimed."""
        self._turn = (self._turn + 1) % len(self.instances)
        self.instance.reset()
        self.synchronise()

    def round(self) -> None:
        """Run once between the clocks."""
        run, synchronise, extra = self.instance.runnable.run, self.synchronise, self.extra
        switches, wall, cpu = _switches(), time.perf_counter_ns(), time.process_time_ns()
        run()
        synchronise()
        extra()
        self.cpu_ns.append(time.process_time_ns() - cpu)
        self.wall_ns.append(time.perf_counter_ns() - wall)
        self.switches.append(_switches() - switches)

    def take(self) -> Rounds:
        """Return the rounds since the last call, and forget them."""
        rounds = Rounds(tuple(self.wall_ns), tuple(self.cpu_ns), tuple(self.switches))
        self.wall_ns, self.cpu_ns, self.switches = [], [], []
        return rounds

    def run(self, rounds: int) -> Rounds:
        """Prepare and run ``rounds`` times; return the clocks."""
        self.take()
        for _ in range(rounds):
            self.prepare()
            self.round()
        return self.take()

    def late(self) -> float:
        """Return how late the result came, as a share of a run: how much longer the first read took than a second."""
        shares = []
        for _ in range(LOOKS):
            self.prepare()
            start = time.perf_counter()
            self.instance.run()
            self.synchronise()
            ran = time.perf_counter()
            self.instance.runnable.read()
            first = time.perf_counter()
            self.instance.runnable.read()
            second = time.perf_counter()
            shares.append(((first - ran) - (second - first)) / max(ran - start, 1e-9))
        return min(shares)


def remarks(late: float, rounds: Rounds, least_bytes: int, threads: int, where: str) -> list[str]:
    """Say what makes a timing doubtful: no computation, a late result, or more threads than were asked for."""
    if where != "cpu":
        return []
    faults = idle(rounds, least_bytes, threads) or not_ready(late), too_many_threads(rounds, threads)
    return [said for said in faults if said]


def idle(rounds: Rounds, least_bytes: int, threads: int) -> str:
    """Say that runs were too short to move the ``least_bytes`` of their fields; empty if they were not."""
    shortest = min(rounds.wall_ns)
    if least_bytes <= shortest * 1e-9 * MOST_BYTES * threads:
        return ""
    return (
        f"run() returned after {shortest / 1000:.1f} µs, in which {least_bytes / 1e6:.1f} MB of fields cannot be "
        "moved. It must compute at every call, and neither leave that to read() nor keep an earlier result"
    )


def not_ready(late: float) -> str:
    """Say that a result came as ``late`` as that; empty if it was ready."""
    if late < NOT_READY:
        return ""
    longer = f"{late:.0%} of a run" if late < 2.0 else f"{late:.0f} runs"
    return (
        f"the result was not ready when run() returned: the first read() took {longer} longer than the second one. "
        "On a CPU, run() must wait for the result"
    )


def too_many_threads(rounds: Rounds, threads: int) -> str:
    """Say that rounds used more processors than threads were asked for; empty if they did not."""
    used = statistics.median(cpu / max(wall, 1) for cpu, wall in zip(rounds.cpu_ns, rounds.wall_ns, strict=True))
    if used <= SPARE * threads:
        return ""
    asked = "1 thread was" if threads == 1 else f"{threads} threads were"
    return f"it used {used:.1f} processors, and {asked} asked for"


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
