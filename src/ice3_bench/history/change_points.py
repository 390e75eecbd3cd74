"""Find where a series of runs changed its level, by a likelihood-ratio test that allows for autocorrelated noise.

The model is a piecewise constant level with first-order autocorrelated Gaussian noise,

    y[t] = level[t] + e[t],    e[t] = rho e[t - 1] + innovation,    0 <= rho <= ``MOST_CORRELATION``.

Levels, scatter and ``rho`` are fitted together, with and without a change, so that a step is not mistaken for
correlation or the reverse. Changes are added one by one, or two at a time (a level that comes back), as long as twice
the gain in log-likelihood exceeds a critical value. The critical values come from simulations in which at most 1 % of
the series without a change were flagged, for any ``rho`` up to 0.5; ``benchmarks/change_points.py`` repeats them and
measures the power of the test. Hampel's filter first clips single outliers. docs/adr/0003-change-points.md says why the
procedure is this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FEWEST = 12
"""Fewest points that are tested."""
MOST = 500
"""Most points that are used, the newest."""
SHORTEST = 4
"""Fewest points of a level: shorter ones are outliers."""
MOST_CORRELATION = 0.6
CORRELATIONS = np.linspace(0.0, MOST_CORRELATION, 7)
RESOLUTION = 1e-4
"""Smallest relative scatter; series that repeat exactly, such as memory, are taken to have this much."""
CLIP_HALF_WIDTH, CLIP_SCALES = 5, 3.0

# Critical values of twice the log-likelihood gain, by number of points: for one change, and for two at once.
SIZES = (12, 16, 20, 30, 50, 70, 100, 150, 200, 300, 500)
CRITICAL_ONE = (15.6, 16.1, 16.4, 16.7, 16.7, 16.6, 16.5, 16.3, 16.2, 16.2, 16.4)
CRITICAL_TWO = (18.4, 21.7, 23.7, 26.2, 27.7, 28.0, 28.0, 27.8, 27.8, 28.2, 29.9)


@dataclass(frozen=True)
class ChangePoint:
    """A change of level.

    Attributes
    ----------
    index
        First point of the new level.
    before, after
        Medians of the levels on either side, in the unit of the series.
    statistic
        Twice the gain in log-likelihood that this change makes, given the others.
    """

    index: int
    before: float
    after: float
    statistic: float

    @property
    def relative(self) -> float:
        """Relative change; infinite if the level was zero."""
        return self.after / self.before - 1.0 if self.before else float("inf")


@dataclass(frozen=True)
class Detection:
    """The changes found in a series.

    Attributes
    ----------
    changes
        In the order of the series.
    count
        Number of points that were used.
    statistic, needed
        Twice the log-likelihood gain of the best further change, and the critical value it had to reach; None if
        nothing was tested.
    correlation
        Autocorrelation of the noise around the levels; None if nothing was tested.
    scatter
        Standard deviation of the noise around the levels, in the unit of the series; None if nothing was tested.
    level
        Median of the present level, in the unit of the series; None for an empty series.
    skipped
        Why nothing was tested; None if the series was tested.
    """

    changes: tuple[ChangePoint, ...]
    count: int
    statistic: float | None = None
    needed: float | None = None
    correlation: float | None = None
    scatter: float | None = None
    level: float | None = None
    skipped: str | None = None


def critical(count: int, changes: int = 1) -> float:
    """Return the critical value for a series of ``count`` points, interpolated in the logarithm of the count."""
    table = CRITICAL_ONE if changes == 1 else CRITICAL_TWO
    return float(np.interp(np.log(count), np.log(SIZES), table))


def detect(values: Sequence[float] | Array, *, resolution: float = RESOLUTION) -> Detection:
    """Find the changes of level in a series, oldest value first.

    Parameters
    ----------
    values
        One value for each run, in any unit.
    resolution
        Smallest scatter of the noise, relative to the median.

    Returns
    -------
    Detection
        Indices count from the start of ``values``, even if only the newest ``MOST`` are used.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    series = np.asarray(values, dtype=np.float64)
    if not np.isfinite(series).all():
        raise ValueError("The series holds a value that is not finite.")
    start = max(0, len(series) - MOST)
    series = series[start:]
    if len(series) < FEWEST:
        level = float(np.median(series)) if len(series) else None
        return Detection((), len(series), level=level, skipped=f"{len(series)} of the {FEWEST} runs needed")
    scale = float(np.ptp(series))
    if scale == 0.0:
        return Detection((), len(series), 0.0, critical(len(series)), 0.0, 0.0, float(series[0]))
    cleaned = clipped((series - np.median(series)) / scale)
    model = Model(cleaned, floor=(resolution * float(np.abs(np.median(series))) / scale) ** 2)
    steps: list[int] = []
    while True:
        one, two = model.best_one(steps), model.best_two(steps)
        if one.statistic >= critical(len(series)):
            steps = model.refined([*steps, *one.steps])
        elif two.statistic >= critical(len(series), 2):
            steps = model.refined([*steps, *two.steps])
        else:
            break
    levels = [float(np.median(part)) for part in np.split(series, steps)]
    changes = tuple(
        ChangePoint(start + step, levels[number], levels[number + 1], model.statistic(steps, step))
        for number, step in enumerate(steps)
    )
    correlation, scatter = model.noise(steps)
    nearest = max((one.statistic, critical(len(series))), (two.statistic, critical(len(series), 2)), key=_ratio)
    return Detection(changes, len(series), *nearest, correlation, scatter * scale, levels[-1])


def _ratio(pair: tuple[float, float]) -> float:
    return pair[0] / pair[1]


def clipped(series: Array) -> Array:
    """Pull outliers towards the running median (Hampel's filter); levels longer than the half width stay."""
    padded = np.pad(series, CLIP_HALF_WIDTH, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * CLIP_HALF_WIDTH + 1)
    median = np.nanmedian(windows, axis=1)
    distance = series - median
    ordered = np.sort(np.abs(distance))
    limit = CLIP_SCALES * 1.4826 * float(np.median(ordered))
    if limit == 0.0 and ordered[round(0.9 * (len(ordered) - 1))] > 0.0:
        return series  # most values repeat exactly, and the others are too many to be outliers
    return np.asarray(median + np.clip(distance, -limit, limit))


class Fit(NamedTuple):
    """Levels fitted for one ``rho``: sum of squares, and products of every step with residual, base and itself."""

    rho: float
    squares: float
    product: Array
    onto: Array
    square: Array


@dataclass(frozen=True)
class Gain:
    """Further changes, and twice the log-likelihood that they add."""

    statistic: float
    steps: tuple[int, ...]


class Model:
    """Likelihoods of a series whose level changes at given points.

    For each ``rho``, series and steps are whitened: y[t] - rho y[t - 1], the first value times sqrt(1 - rho²). A
    whitened step at k is 1 at k and 1 - rho after it, so products with steps are sums over the tail.
    """

    def __init__(self, series: Array, floor: float) -> None:
        self.series = series
        self.count = len(series)
        self.floor = floor
        self._tail = np.arange(self.count - 1, -1, -1, dtype=np.float64)
        self._whitened = [self._whiten(series, rho) for rho in CORRELATIONS]
        self._known: dict[tuple[int, ...], list[Fit]] = {}
        self._constant = [self._whiten(np.ones(self.count), rho) for rho in CORRELATIONS]

    @staticmethod
    def _whiten(values: Array, rho: float) -> Array:
        result = values.copy()
        result[1:] -= rho * values[:-1]
        result[0] *= np.sqrt(1.0 - rho * rho)
        return result

    def _step(self, step: int, rho: float) -> Array:
        result = np.zeros(self.count)
        result[step] = 1.0
        result[step + 1 :] = 1.0 - rho
        return result

    def _times_steps(self, columns: Array, rho: float) -> Array:
        """Products of every step with the columns; shape (points, columns)."""
        sums = np.cumsum(columns[::-1], axis=0)[::-1]
        return np.asarray((1.0 - rho) * sums + rho * columns)

    def _likelihood(self, squares: Array, rho: float) -> Array:
        """Twice the log-likelihood, up to a constant, from the sum of squares of the innovations."""
        floored = np.maximum(squares, 0.0) / self.count + self.floor
        return np.asarray(-self.count * np.log(np.maximum(floored, np.finfo(float).tiny)) + np.log(1.0 - rho * rho))

    def _fits(self, steps: Sequence[int]) -> list[Fit]:
        """Fit the levels for each rho, once for each set of steps."""
        known = tuple(steps)
        if known in self._known:
            return self._known[known]
        fits = self._known[known] = []
        for number, rho in enumerate(CORRELATIONS):
            columns = np.column_stack([self._constant[number], *(self._step(step, rho) for step in steps)])
            base, _ = np.linalg.qr(columns)
            residual = self._whitened[number] - base @ (base.T @ self._whitened[number])
            onto = self._times_steps(base, rho)
            square = 1.0 + (1.0 - rho) ** 2 * self._tail - (onto * onto).sum(axis=1)
            product = self._times_steps(residual[:, None], rho)[:, 0]
            fits.append(Fit(float(rho), float(residual @ residual), product, onto, square))
        return fits

    def _admissible(self, steps: Sequence[int]) -> NDArray[np.intp]:
        allowed = np.zeros(self.count, dtype=bool)
        allowed[SHORTEST : self.count - SHORTEST + 1] = True
        for step in steps:
            allowed[max(0, step - SHORTEST + 1) : step + SHORTEST] = False
        return np.flatnonzero(allowed)

    def best_one(self, steps: Sequence[int], within: tuple[int, int] | None = None) -> Gain:
        """Return the best further change, between two points if they are given."""
        places = self._admissible(steps)
        if within is not None:
            places = places[(places >= within[0]) & (places < within[1])]
        if not len(places):
            return Gain(-np.inf, ())
        fits = self._fits(steps)
        without = max(float(self._likelihood(np.array(squares), rho)) for rho, squares, *_ in fits)
        likelihood = np.max(
            [
                self._likelihood(squares - product[places] ** 2 / square[places], rho)
                for rho, squares, product, _, square in fits
            ],
            axis=0,
        )
        best = int(np.argmax(likelihood))
        return Gain(float(likelihood[best]) - without, (int(places[best]),))

    def best_two(self, steps: Sequence[int]) -> Gain:
        """Return the best two further changes."""
        places = self._admissible(steps)
        first, second = np.triu_indices(len(places), SHORTEST)
        apart = places[second] - places[first] >= SHORTEST
        first, second = first[apart], second[apart]
        if not len(first):
            return Gain(-np.inf, ())
        best, without = Gain(-np.inf, ()), -np.inf
        for rho, squares, product, onto, square in self._fits(steps):
            p, s, o = product[places], square[places], onto[places]
            mixed = ((1.0 - rho) + (1.0 - rho) ** 2 * self._tail[places])[None, :] - o @ o.T
            g, s1, s2, p1, p2 = mixed[first, second], s[first], s[second], p[first], p[second]
            gain = (p1 * p1 * s2 - 2.0 * p1 * p2 * g + p2 * p2 * s1) / (s1 * s2 - g * g)
            pair = int(np.argmax(gain))
            likelihood = float(self._likelihood(squares - gain[pair], rho))
            without = max(without, float(self._likelihood(np.array(squares), rho)))
            if likelihood > best.statistic:
                best = Gain(likelihood, (int(places[first[pair]]), int(places[second[pair]])))
        return Gain(best.statistic - without, best.steps)

    def refined(self, steps: Sequence[int]) -> list[int]:
        """Move each change to the best place between its neighbours, until none moves."""
        current = sorted(steps)
        for _ in range(10):
            before = list(current)
            for number in range(len(current)):
                others = current[:number] + current[number + 1 :]
                low = current[number - 1] if number else 0
                high = current[number + 1] if number + 1 < len(current) else self.count
                found = self.best_one(others, (low, high))
                current[number] = found.steps[0]
            if current == before:
                break
        return current

    def statistic(self, steps: Sequence[int], step: int) -> float:
        """Twice the log-likelihood that one of the changes adds."""
        return self.best_one([other for other in steps if other != step], (step, step + 1)).statistic

    def noise(self, steps: Sequence[int]) -> tuple[float, float]:
        """Return autocorrelation and standard deviation of the noise around the levels."""
        fits = self._fits(steps)
        best = int(np.argmax([float(self._likelihood(np.array(squares), rho)) for rho, squares, *_ in fits]))
        rho, squares = fits[best][:2]
        return rho, float(np.sqrt(squares / self.count / (1.0 - rho * rho)))
