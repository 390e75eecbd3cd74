"""The change of a benchmark between two comparable runs of the local history."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ice3_bench.report import Benchmark


@dataclass(frozen=True)
class Change:
    """Relative change of the latency; positive is slower."""

    relative: float
    spread: float
    """Spread of the change: the distances of median and minimum in the two runs, added in quadrature.

    One run is one process, so this says how noisy the rounds were, not whether the change is real: that takes
    ``bench-compare``."""


def change(after: Benchmark, before: Benchmark) -> Change | None:
    """Change of the latency from ``before`` to ``after``; None if one of them was not timed or by another clock."""
    new, old = after.measures.get("latency"), before.measures.get("latency")
    if new is None or old is None or after.clock != before.clock:
        return None
    return Change(new.value / old.value - 1.0, hypot(_spread(after), _spread(before)))


def _spread(benchmark: Benchmark) -> float:
    if benchmark.rounds is None:
        return 0.0
    times = benchmark.times
    return statistics.median(times) / min(times) - 1.0
