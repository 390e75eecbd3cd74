"""What the change-point test of ice3_bench achieves, by simulation; and the search for its critical values.

python benchmarks/change_points.py               # the tables: false alarms, steps found, delay; about fifteen minutes
python benchmarks/change_points.py --series 400  # coarser, faster
python benchmarks/change_points.py --calibrate   # the critical values of change_points.py; about ten minutes

One process, and seeded: the figures repeat. Intervals are exact binomial ones of 95 %. Sigma is the standard deviation
of the noise itself, autocorrelation included (not of its innovations).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from ice3_bench.history import change_points
from ice3_bench.history.change_points import Model, clipped, critical, detect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEVEL = 100.0  # far from zero, as times are: sigma is 1 % of it
TARGET_ONE, TARGET = 0.006, 0.008  # flagged without a change, by one step alone and in all; below the 1 % promised


def correlated(dice: Generator, count: int, rho: float) -> Array:
    """Return stationary noise of standard deviation 1."""
    innovations = dice.standard_normal(count)
    noise = np.empty(count)
    noise[0] = innovations[0]
    for t in range(1, count):
        noise[t] = rho * noise[t - 1] + np.sqrt(1.0 - rho * rho) * innovations[t]
    return noise


def with_spikes(dice: Generator, count: int, rho: float = 0.0) -> Array:
    """Return noise in which one value in twenty is 8 sigma too high: a disturbed run."""
    return correlated(dice, count, rho) + 8.0 * (dice.random(count) < 0.05)


def skewed(dice: Generator, count: int) -> Array:
    """Return log-normal noise of standard deviation 1 (skewness 2)."""
    raw = np.exp(0.55 * dice.standard_normal(count))
    return np.asarray(raw / np.sqrt((np.exp(0.55**2) - 1.0) * np.exp(0.55**2)))


def heavy(dice: Generator, count: int) -> Array:
    """Return noise of Student's t with 3 degrees of freedom, of standard deviation 1."""
    return np.asarray(dice.standard_t(3, count) / np.sqrt(3.0))


NOISES: dict[str, Callable[[Generator, int], Array]] = {
    "independent": lambda dice, count: correlated(dice, count, 0.0),
    "AR(1), rho 0.3": lambda dice, count: correlated(dice, count, 0.3),
    "AR(1), rho 0.5": lambda dice, count: correlated(dice, count, 0.5),
    "AR(1), rho 0.6": lambda dice, count: correlated(dice, count, 0.6),
    "AR(1), rho 0.7": lambda dice, count: correlated(dice, count, 0.7),
    "spikes": with_spikes,
    "spikes on AR(1), rho 0.5": lambda dice, count: with_spikes(dice, count, 0.5),
    "skewed": skewed,
    "heavy tails": heavy,
}
MAIN = ("independent", "AR(1), rho 0.5")


def interval(successes: int, trials: int) -> str:
    """Write a rate with its exact interval of 95 %."""
    low, high = stats.binomtest(successes, trials).proportion_ci(method="exact")
    return f"{successes / trials:6.2%} ({low:.2%} … {high:.2%})"


def dices(series: int, seed: int) -> Iterator[Generator]:
    """Yield a generator for each series."""
    for number in range(series):
        yield np.random.default_rng((seed, number))


def false_alarms(series: int, console: Console) -> None:
    """Print how many series without a change are flagged."""
    table = Table(title=f"Flagged without a change, {series} series each", title_justify="left")
    table.add_column("noise", no_wrap=True)
    sizes = (20, 30, 50, 100, 200)
    for size in sizes:
        table.add_column(f"{size} points", justify="right", no_wrap=True)
    for name, noise in NOISES.items():
        row = []
        for size in sizes:
            flagged = sum(bool(detect(LEVEL + noise(dice, size)).changes) for dice in dices(series, size))
            row.append(interval(flagged, series))
        table.add_row(name, *row)
    console.print(table)


def steps_found(series: int, console: Console) -> None:
    """Print how often a step is found within three points, and how often exactly one change is reported."""
    table = Table(title=f"One step, anywhere in the middle 60 %, {series} series each", title_justify="left")
    for heading in ("noise", "points", "step", "found within 3 points", "at the very point", "found, and nothing else"):
        table.add_column(heading, justify="left" if heading == "noise" else "right", no_wrap=True)
    cases = [(name, 50, step) for name in MAIN for step in (1.5, 2.0, 3.0, 4.0, 5.0)]
    cases += [(name, size, 3.0) for name in MAIN for size in (20, 30, 100, 200)]
    cases += [(name, 50, 3.0) for name in NOISES if name not in MAIN]
    for name, size, step in cases:
        near = exact = alone = 0
        for dice in dices(series, 1):
            place = int(dice.integers(size // 5, size - size // 5 + 1))
            values = LEVEL + NOISES[name](dice, size)
            values[place:] += step
            found = [change.index - place for change in detect(values).changes]
            near += any(abs(distance) <= 3 for distance in found)
            exact += 0 in found
            alone += len(found) == 1 and abs(found[0]) <= 3
        rates = (interval(near, series), f"{exact / series:.0%}", f"{alone / series:.1%}")
        table.add_row(name, str(size), f"{step:g} sigma", *rates)
    console.print(table)


def bumps_found(series: int, console: Console) -> None:
    """Print how often a level that comes back is found at both ends."""
    table = Table(title=f"A level that comes back, 100 points, {series} series each", title_justify="left")
    for heading in ("noise", "length", "step", "both ends within 3 points"):
        table.add_column(heading, justify="left" if heading == "noise" else "right", no_wrap=True)
    for name in MAIN:
        for length, step in ((5, 3.0), (10, 3.0), (20, 3.0), (5, 5.0), (10, 5.0)):
            found = 0
            for dice in dices(series, 2):
                values = LEVEL + NOISES[name](dice, 100)
                values[40 : 40 + length] += step
                places = [change.index for change in detect(values).changes]
                found += all(any(abs(place - end) <= 3 for place in places) for end in (40, 40 + length))
            table.add_row(name, str(length), f"{step:g} sigma", interval(found, series))
    console.print(table)


def delays(series: int, console: Console) -> None:
    """Print how many runs after a step it takes to report it, if the test is made after every run."""
    series = max(100, series // 4)  # each is tested up to thirty times
    table = Table(title=f"Runs until a step after 40 runs is reported, {series} series each", title_justify="left")
    for heading in ("noise", "step", "median", "90 %", "reported after 5", "after 10", "after 20"):
        table.add_column(heading, justify="left" if heading == "noise" else "right", no_wrap=True)
    longest = 30
    for name in MAIN:
        for step in (3.0, 5.0, 10.0):
            waits = np.array([_delay(LEVEL + NOISES[name](dice, 40 + longest), step) for dice in dices(series, 3)])
            row = [f"{np.quantile(waits, q, method='higher'):g}" for q in (0.5, 0.9)]
            row += [f"{(waits <= wait).mean():.0%}" for wait in (5, 10, 20)]
            table.add_row(name, f"{step:g} sigma", *row)
    console.print(table)


def _delay(values: Array, step: float) -> float:
    values[40:] += step
    for count in range(41, len(values) + 1):
        if any(abs(change.index - 40) <= 3 for change in detect(values[:count]).changes):
            return float(count - 40)
    return np.inf


def calibrate(console: Console) -> None:
    """Print critical values: quantiles at rho 0.5, the worst that is promised, smoothed over the number of points."""
    ones, twos = [], []
    for size in change_points.SIZES:
        series = 8000 if size <= 100 else 4000 if size <= 200 else 2000
        gains = np.empty((series, 2))
        for number, dice in enumerate(dices(series, 4)):
            model = Model(clipped(correlated(dice, size, 0.5)), floor=0.0)
            gains[number] = model.best_one([]).statistic, model.best_two([]).statistic
        one = float(np.quantile(gains[:, 0], 1.0 - TARGET_ONE))
        rest = np.sort(gains[gains[:, 0] < one, 1])
        two = float(rest[-round((TARGET - TARGET_ONE) * series) - 1])
        ones.append(one)
        twos.append(two)
        console.print(f"{size} points, {series} series: one {one:.2f}, two {two:.2f} (now {critical(size):.2f})")
    logarithms = np.log(change_points.SIZES)
    for name, values in (("CRITICAL_ONE", ones), ("CRITICAL_TWO", twos)):
        smooth = np.polynomial.Polynomial.fit(logarithms, values, 3)(logarithms)
        console.print(f"{name} = ({', '.join(f'{value:.1f}' for value in smooth)})")


TABLES = {"alarms": false_alarms, "steps": steps_found, "bumps": bumps_found, "delays": delays}


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=2000, help="simulated series of each kind")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="default: all")
    parser.add_argument("--calibrate", action="store_true", help="find the critical values instead")
    options = parser.parse_args()
    console = Console(width=160, highlight=False)
    if options.calibrate:
        calibrate(console)
        return
    for name in options.tables:
        TABLES[name](options.series, console)


if __name__ == "__main__":
    main()
