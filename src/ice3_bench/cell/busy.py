"""What the timing itself says of the machine: whether others were at work, and whether memory held its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_bench.cell.machine import cache_bytes
from ice3_bench.text import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.report import Benchmark, Rounds

PREEMPTED = 0.05
"""Share of preempted rounds up to which nothing is said: any system interrupts now and then."""
WAITED, LONG = 1.1, 1.5
"""Wall time over CPU time above which preempted rounds count, and above which the reason does not matter.

A hypervisor that takes the processor away preempts nobody."""
UNSTEADY = 0.2
"""Relative difference of the triads before and after a benchmark from which neither is a measure of the machine."""


def busy(rounds: Rounds, threads: int) -> str | None:
    """Say how rounds show that the machine was busy; None if they do not."""
    preempted = sum(switches > 0 for switches in rounds.switches) / len(rounds.switches)
    waiting = rounds.waiting(threads)
    if waiting <= WAITED or (preempted <= PREEMPTED and (threads > 1 or waiting <= LONG)):
        return None
    against = "the CPU time" if threads == 1 else "the shortest"
    return f"wall time {waiting:.1f} times {against}, {preempted:.0%} of the rounds preempted"


def steady(triads: Sequence[float]) -> tuple[float | None, str]:
    """Return the bandwidth of the memory, bytes per second, or None and why it is not known.

    Parameters
    ----------
    triads
        Those measured before and after a benchmark.
    """
    if not triads:
        return None, ""
    if 1.0 - min(triads) / max(triads) <= UNSTEADY:
        return max(triads), ""
    values = " and then ".join(f"{one / 1e9:.1f}" for one in triads)
    return None, f"its share of the triad is not known, for the machine's memory reached {values} GB/s beside it"


def above_triad(benchmark: Benchmark, moved: int) -> str:
    """Say why a benchmark is faster than the triad allows; empty if it is not.

    Parameters
    ----------
    moved
        Bytes that a call moves at least.
    """
    share = benchmark.measures.get("bandwidth")
    if share is None or share.value <= 1.0:
        return ""
    if benchmark.clock == "kernel":
        return f"{share.value:.0%} of the copies: the device's cache holds a part of its {size(moved)} of fields"
    cache = cache_bytes()
    if cache is None or moved <= cache:
        where = f" of {size(cache)}" if cache else ""
        return f"{share.value:.0%} of the triad: its {size(moved)} of fields stay in the cache{where}, not in memory"
    return f"{share.value:.0%} of the triad: memory was faster during the benchmark than before and after it"
