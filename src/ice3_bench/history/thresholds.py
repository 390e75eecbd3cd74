"""Bencher's seven threshold tests, computed as its server does (0.6.3 to 0.6.12).

A test computes a lower and an upper limit from the history of a series, which never includes the value under test. As
on the server, histories are newest first: sums run in that order, and the changes between neighbours in ``delta_iqr``
depend on it. Values, baselines and limits are in the unit of the measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Literal, TypeVar

from ice3_bench.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from ice3_bench.settings.policy import Threshold

Side = Literal["lower", "upper"]
NEAR = 0.8
"""Share of the way from the baseline to a limit from which a value is near the limit: the last fifth."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class Boundary:
    """What a test computes from a history.

    Attributes
    ----------
    baseline
        Mean or median; None for ``static``, and if the test was not made.
    lower, upper
        Limits; None if the model has no such boundary, or the test was not made.
    count
        Number of values that the test looked at.
    skipped
        Why the test was not made; None if it was. Bencher stores nothing in this case and does not say so.
    spread
        Standard deviation or interquartile range behind the limits; None if there is none.
    """

    baseline: float | None
    lower: float | None
    upper: float | None
    count: int
    skipped: str | None = None
    spread: float | None = None

    def crossed(self, value: float) -> Side | None:
        """Return which limit a value lies beyond, if any; a value on the limit is within."""
        if self.lower is not None and value < self.lower:
            return "lower"
        if self.upper is not None and value > self.upper:
            return "upper"
        return None

    def near(self, value: float) -> Side | None:
        """Return the limit that a value is near: within it, and in the last fifth of the way to it.

        The way begins at the baseline; without one, at the other limit, or at zero for an upper limit alone.
        """
        if self.crossed(value) is not None:
            return None
        if _is_near(value, self.upper, (self.lower or 0.0) if self.baseline is None else self.baseline):
            return "upper"
        if _is_near(value, self.lower, self.upper if self.baseline is None else self.baseline):
            return "lower"
        return None

    def at_least(self, change: float) -> Boundary:
        """Return the limits that count if only changes of this size do, relative to the baseline."""
        if not self.baseline:
            return self
        lower, upper = self.baseline * (1.0 - change), self.baseline * (1.0 + change)
        return replace(
            self,
            lower=None if self.lower is None else min(self.lower, lower),
            upper=None if self.upper is None else max(self.upper, upper),
        )


def _is_near(value: float, limit: float | None, start: float | None) -> bool:
    return limit is not None and start is not None and limit != start and (value - start) / (limit - start) >= NEAR


def selected(model: Threshold, history: Collection[tuple[datetime, Value]], now: datetime) -> list[Value]:
    """Return the values that a model uses, from pairs of time and value, newest first.

    ``window`` counts back from ``now``, then ``max_sample_size`` keeps the newest.
    """
    if model.window is None:
        return [value for _, value in islice(history, model.max_sample_size)]
    values = [value for time, value in history if (now - time).total_seconds() <= model.window]
    return values[: model.max_sample_size]


def boundary(model: Threshold, history: Sequence[float]) -> Boundary:
    """Compute the limits of a model from a history, newest first.

    Raises
    ------
    ValueError
        If a value of the history is not finite.
    """
    values = list(history[: model.max_sample_size])
    if not all(map(math.isfinite, values)):
        raise ValueError("The history holds a value that is not finite.")
    needed = model.needed
    if model.lower_boundary is None and model.upper_boundary is None:
        return _skipped(values, "the model has no boundary")
    if len(values) < needed:
        return _skipped(values, f"{len(values)} of the {count(needed, 'run')} needed")
    if model.test == "static":
        return Boundary(None, model.lower_boundary, model.upper_boundary, len(values))
    return _TESTS[model.test](model, values)


def _skipped(values: Sequence[float], why: str) -> Boundary:
    return Boundary(None, None, None, len(values), why)


def _drawn(
    model: Threshold,
    values: Sequence[float],
    baseline: float,
    spread: float | None,
    lower: Callable[[float], float],
    upper: Callable[[float], float],
) -> Boundary:
    """Apply the formulas of the limits to the boundaries that the model has."""
    return Boundary(
        baseline,
        None if model.lower_boundary is None else lower(model.lower_boundary),
        None if model.upper_boundary is None else upper(model.upper_boundary),
        len(values),
        spread=spread,
    )


def _percentage(model: Threshold, values: Sequence[float]) -> Boundary:
    mean = _mean(values)
    return _drawn(model, values, mean, None, lambda b: mean - mean * b, lambda b: mean + mean * b)


def _z_score(model: Threshold, values: Sequence[float]) -> Boundary:
    mean, deviation = _mean(values), _deviation(values)
    if deviation is None:
        return _skipped(values, _NO_SPREAD)
    return _drawn(
        model,
        values,
        mean,
        deviation,
        lambda p: 2.0 * mean - _normal_quantile(mean, deviation, p),
        lambda p: _normal_quantile(mean, deviation, p),
    )


def _t_test(model: Threshold, values: Sequence[float]) -> Boundary:
    """Compute the limits of Student's prediction interval for one more value."""
    from scipy import special  # noqa: PLC0415 (takes a second, and most policies need no quantile)

    mean, deviation, count = _mean(values), _deviation(values), len(values)
    if deviation is None:
        return _skipped(values, _NO_SPREAD)
    error = deviation * math.sqrt(1.0 + 1.0 / count)

    def quantile(p: float) -> float:
        return mean + error * float(special.stdtrit(count - 1, p))

    return _drawn(model, values, mean, deviation, lambda p: 2.0 * mean - quantile(p), quantile)


def _log_normal(model: Threshold, values: Sequence[float]) -> Boundary:
    if min(values) <= 0.0:
        return _skipped(values, "a value of the history is not positive")
    logarithms = [math.log(value) for value in values]
    mean, deviation = _mean(logarithms), _deviation(logarithms)
    if deviation is None:
        return _skipped(values, _NO_SPREAD)
    baseline = math.exp(mean)

    def quantile(p: float) -> float:
        return math.exp(_normal_quantile(mean, deviation, p))

    return _drawn(model, values, baseline, deviation, lambda p: 2.0 * baseline - quantile(p), quantile)


def _iqr(model: Threshold, values: Sequence[float]) -> Boundary:
    first, median, third = _quartiles(values)
    spread = third - first
    return _drawn(model, values, median, spread, lambda b: median - spread * b, lambda b: median + spread * b)


def _delta_iqr(model: Threshold, values: Sequence[float]) -> Boundary:
    """Compute the limits from the relative changes between neighbours, divided by the newer of the two.

    Changes against zero are infinite, and those between two zeros are not numbers. As on the server, they only matter
    where a quartile falls on them; the server does not say in which order it sorts many changes of the second kind.
    """
    changes = [_relative(older, newer) for newer, older in pairwise(values)]
    if any(map(math.isnan, changes)) and len(changes) > SORTED_BY_INSERTION:
        return _skipped(values, "two values of zero follow one another in a long history")
    quartiles = _quartiles_of(_inserted(changes))
    median, spread = _quartiles(values)[1], quartiles[2] - quartiles[0]
    if not all(map(math.isfinite, quartiles)):
        return _skipped(values, "a quartile of the changes is a change against a value of zero")
    return _drawn(
        model, values, median, spread, lambda b: median - median * spread * b, lambda b: median + median * spread * b
    )


SORTED_BY_INSERTION = 20
"""Numbers up to which the server's sort inserts one after the other."""
_NO_SPREAD = "all values of the history are the same"
_TESTS: dict[str, Callable[[Threshold, Sequence[float]], Boundary]] = {
    "percentage": _percentage,
    "z_score": _z_score,
    "t_test": _t_test,
    "log_normal": _log_normal,
    "iqr": _iqr,
    "delta_iqr": _delta_iqr,
}


def _relative(older: float, newer: float) -> float:
    if newer == 0.0:
        return math.inf if older != 0.0 else math.nan
    return abs((older - newer) / newer)


def _mean(values: Sequence[float]) -> float:
    return _sum(values) / len(values)


def _sum(values: Sequence[float]) -> float:
    """Add from left to right; ``sum`` compensates since Python 3.12 and differs in the last digits."""
    total = 0.0
    for value in values:
        total += value
    return total


def _deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation with n - 1; None if it is zero or not finite."""
    mean = _mean(values)
    deviation = math.sqrt(_sum([(value - mean) ** 2 for value in values]) / (len(values) - 1))
    return deviation if deviation > 0.0 and math.isfinite(deviation) else None


def _normal_quantile(mean: float, deviation: float, p: float) -> float:
    from scipy import special  # noqa: PLC0415 (as above)

    return mean - deviation * math.sqrt(2.0) * float(special.erfcinv(2.0 * p))


def _inserted(values: Sequence[float]) -> list[float]:
    """Sort by insertion: what is not a number stays where it is, and divides what is sorted."""
    ordered: list[float] = []
    for value in values:
        place = len(ordered)
        while place and value < ordered[place - 1]:
            place -= 1
        ordered.insert(place, value)
    return ordered


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    return _quartiles_of(sorted(values))


def _quartiles_of(ordered: Sequence[float]) -> tuple[float, float, float]:
    def quantile(p: float) -> float:
        rank = p * (len(ordered) - 1)
        below = math.floor(rank)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)

    return quantile(0.25), quantile(0.5), quantile(0.75)
