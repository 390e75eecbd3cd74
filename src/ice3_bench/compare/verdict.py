"""Is the contender slower than the base? One value per process, paired; statistics only, nothing is measured here.

The method was chosen on busy two-core machines. There, the minimum CPU time varies by 1 % between processes, and the
mean wall time by 50 %. Rounds of one process are not independent samples.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

Key = TypeVar("Key", bound="Hashable")

POWER = 0.95
"""Probability with which a slowdown called detectable is found."""
POWER_QUANTILE = 1.645
"""Normal quantile of that probability."""
SIMULATED, SIMULATED_PAIRS = 1000, 100
"""Samples that estimate the power of the test, and most pairs in one; beyond, the shift falls as 1 / sqrt(pairs)."""
MEDIAN_INEFFICIENCY = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean."""


class Verdict(StrEnum):
    """What a comparison says about one benchmark."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Rule:
    """When a difference counts.

    Attributes
    ----------
    threshold
        Smallest relative change of the median that matters.
    equivalence
        The benchmarks are the same if the confidence interval lies within plus and minus this.
    significance
        Family-wise probability of a false alarm, over all benchmarks and looks at the data.
    looks
        How often the data may be looked at before the budget is spent.
    preempted
        Share of preempted rounds above which wall time is not judged.
    """

    threshold: float = 0.01
    equivalence: float = 0.02
    significance: float = 0.01
    looks: int = 3
    preempted: float = 0.05

    @property
    def least_pairs(self) -> int:
        """Fewest pairs whose full range is a (1 - significance) confidence interval."""
        return math.ceil(1.0 - math.log2(self.significance))

    def pairs_needed(self, benchmarks: int) -> int:
        """Fewest pairs that can give a small enough p-value; at least ``least_pairs``."""
        return max(self.least_pairs, math.floor(2.0 - math.log2(self.significance / (benchmarks * self.looks))))


@dataclass(frozen=True)
class Decision:
    """A verdict and the numbers behind it.

    Attributes
    ----------
    change
        Median of the paired ratios contender / base, minus 1.
    low, high
        Confidence interval of the change (order statistics; level 1 - significance); the range of the ratios if there
        are fewer than ``least_pairs``.
    p
        Wilcoxon signed-rank test, two-sided, adjusted by Holm's method for the number of benchmarks and looks.
    detectable
        Smallest slowdown that these data would have shown with 95 % power; None if they are too few to show any.
    pairs
        Number of pairs of processes.
    clock
        The clock that decided.
    """

    verdict: Verdict
    change: float
    low: float
    high: float
    p: float
    detectable: float | None
    pairs: int
    reason: str
    clock: Literal["cpu", "wall"] = "cpu"


def decide(ratios: Mapping[Key, Sequence[float]], rule: Rule, family: int = 0) -> dict[Key, Decision]:
    """Judge every benchmark from its ratios contender / base, one for each pair of processes.

    ``family`` is the number of tests of the whole comparison, if it is larger than that of ``ratios``.

    Raises
    ------
    ValueError
        If a benchmark has no ratio, or one that is not positive.
    """
    for name, values in ratios.items():
        if not values or min(values) <= 0.0:
            raise ValueError(f"{name} has no positive ratios.")
    raw = {name: _p_value(values) * rule.looks for name, values in ratios.items()}
    family = max(family, len(raw))
    adjusted = _holm(raw, family)
    return {name: _judge(values, min(1.0, adjusted[name]), rule, family) for name, values in ratios.items()}


def combine(cpu: Decision, wall: Decision | None, threads: int) -> Decision:
    """Judge a benchmark by both clocks; ``wall`` is None if too many rounds were preempted.

    CPU time decides, because it is the quieter clock. Wall time shows what CPU time cannot: that the contender waits
    and, with several threads, that they scale worse or better than before.
    """
    if wall is None:
        return cpu
    scaling = threads > 1 and wall.verdict is not Verdict.UNDECIDED
    waiting = wall.verdict is Verdict.SLOWER and cpu.verdict is not Verdict.SLOWER
    if scaling or waiting:
        reason = f"by wall time {wall.reason}; CPU time {cpu.verdict}: {cpu.reason}"
        return replace(wall, reason=reason, clock="wall")
    return cpu


def _p_value(ratios: Sequence[float]) -> float:
    logarithms = [math.log(ratio) for ratio in ratios]
    if not any(logarithms):
        return 1.0
    from scipy import stats  # noqa: PLC0415 (takes seconds, and few commands need it)

    return float(stats.wilcoxon(logarithms, zero_method="zsplit", method="auto").pvalue)


def _holm(p_values: Mapping[Key, float], family: int) -> dict[Key, float]:
    adjusted: dict[Key, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, p_values[name] * (family - rank))
        adjusted[name] = largest
    return adjusted


def confidence_interval(ratios: Sequence[float], level: float) -> tuple[float, float]:
    """Return the interval of the median between order statistics; the whole range if there are too few values."""
    ordered = sorted(ratios)
    from scipy import stats  # noqa: PLC0415 (takes seconds, and few commands need it)

    below = int(stats.binom.ppf((1.0 - level) / 2.0, len(ordered), 0.5)) - 1
    below = max(below, 0)
    return ordered[below], ordered[-1 - below]


@cache
def _smallest_shift(pairs: int, level: float) -> float | None:
    """Return the shift, in standard deviations, that Wilcoxon's test finds at ``level`` with probability ``POWER``.

    It is estimated from samples of the normal distribution; None if so few pairs never reach the level.
    """
    import numpy as np  # noqa: PLC0415 (importing it takes longer than most commands)

    chance = np.ones(1)  # of each sum of the ranks of positive values, if both signs are equally likely
    for rank in range(1, pairs + 1):
        chance = np.convolve(chance, [0.5, *[0.0] * (rank - 1), 0.5])
    significant = np.flatnonzero(2.0 * np.cumsum(chance[::-1]) < level)
    if not len(significant):
        return None
    critical = pairs * (pairs + 1) // 2 - int(significant[-1])
    samples = np.random.default_rng(0).standard_normal((SIMULATED, pairs))

    def found(shift: float) -> bool:
        values = samples + shift
        ranks = np.abs(values).argsort(axis=1).argsort(axis=1) + 1
        return bool((np.sum(ranks * (values > 0.0), axis=1) >= critical).mean() >= POWER)

    low, high = 0.0, 16.0  # at 16, all are positive
    for _ in range(10):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def _detectable(ratios: Sequence[float], change: float, rule: Rule, tests: int) -> float | None:
    """Return the smallest slowdown whose median passes the threshold and whose test is significant among ``tests``."""
    deviation = statistics.median(abs(ratio - 1.0 - change) for ratio in ratios) * 1.4826
    simulated = min(len(ratios), SIMULATED_PAIRS)
    shift = _smallest_shift(simulated, rule.significance / (tests * rule.looks))
    if shift is None:
        return None
    shift *= math.sqrt(simulated / len(ratios))
    beyond = rule.threshold + POWER_QUANTILE * MEDIAN_INEFFICIENCY * deviation / math.sqrt(len(ratios))
    return max(beyond, shift * deviation)


def _judge(ratios: Sequence[float], p: float, rule: Rule, tests: int) -> Decision:
    change = statistics.median(ratios) - 1.0
    low, high = (bound - 1.0 for bound in confidence_interval(ratios, 1.0 - rule.significance))
    detectable = _detectable(ratios, change, rule, tests)
    significant = p < rule.significance
    numbers = f"{change:+.2%} [{low:+.2%}, {high:+.2%}], p = {p:.1g} from {len(ratios)} pairs of processes"
    if significant and abs(change) >= rule.threshold:
        verdict = Verdict.SLOWER if change > 0.0 else Verdict.FASTER
        reason = f"{numbers}: the change exceeds {rule.threshold:.0%} and p is below {rule.significance:.0%}"
    elif len(ratios) >= rule.least_pairs and -rule.equivalence < low and high < rule.equivalence:
        verdict = Verdict.SAME
        reason = f"{numbers}: the interval lies within {rule.equivalence:.0%}"
    elif detectable is None:  # so few pairs show no change, however large it is
        verdict = Verdict.UNDECIDED
        similar = len(ratios) < rule.least_pairs and abs(change) < rule.equivalence
        fewest = rule.least_pairs if similar else rule.pairs_needed(tests)
        reason = (
            f"{numbers}: too few to show anything, at least {fewest} pairs would decide it "
            "(a larger --budget or --total; building stencils takes a part of it)"
        )
    else:
        verdict = Verdict.UNDECIDED
        # Decided if half the interval fits between the change and the bound, or if the change is detectable.
        widths = [((high - low) / 2.0, rule.equivalence - abs(change)), (detectable, abs(change))]
        factor = min((width / room for width, room in widths if room > 0.0), default=1.0)
        needed = max(len(ratios) + 1, math.ceil(len(ratios) * min(factor, 1e3) ** 2))
        reason = (
            f"{numbers}: neither is shown; about {needed} pairs would decide it "
            "(a larger --budget or --total), or less noise"
        )
    return Decision(verdict, change, low, high, p, detectable, len(ratios), reason)
