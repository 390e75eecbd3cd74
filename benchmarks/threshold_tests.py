"""Which of Bencher's tests suits one run's minimum CPU time? False alarms and slowdowns found, by simulation.

python benchmarks/threshold_tests.py              # about a minute

The minimum CPU time of a process varies by about 1 % between processes if the code is compiled and by 3 to 5 % for
numpy (measured on busy two-core machines), with slow runs now and then and a drift over hours: noise like that is drawn
here. The policy's least change (3 %) applies to every test. One process, and seeded: the figures repeat.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from ice3_bench.history.thresholds import boundary
from ice3_bench.settings.policy import Threshold

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_CHANGE = 0.03
LONGEST = 16
TESTS = {
    "percentage 10 %": Threshold(test="percentage", upper_boundary=0.10),
    "t_test 0.99": Threshold(test="t_test", upper_boundary=0.99),
    "t_test 0.999": Threshold(test="t_test", upper_boundary=0.999),
    "log_normal 0.999": Threshold(test="log_normal", upper_boundary=0.999),
    "iqr 3": Threshold(test="iqr", upper_boundary=3.0),
    "iqr 4": Threshold(test="iqr", upper_boundary=4.0),
    "iqr 5": Threshold(test="iqr", upper_boundary=5.0),
    "delta_iqr 3": Threshold(test="delta_iqr", upper_boundary=3.0),
}
NOISES = ("independent", "AR(1), rho 0.5", "skewed", "slow runs")


def noise(dice: Generator, kind: str, count: int) -> Array:
    """Return noise of standard deviation 1 (slow runs apart)."""
    normal = dice.standard_normal(count)
    if kind == "skewed":  # a gamma distribution: the shortest time has a floor and a tail
        return np.asarray((dice.gamma(2.0, size=count) - 2.0) / np.sqrt(2.0))
    if kind == "AR(1), rho 0.5":
        for t in range(1, count):
            normal[t] = 0.5 * normal[t - 1] + np.sqrt(0.75) * normal[t]
    if kind == "slow runs":  # among the history; the run under test is a good one
        normal[:-1] += 8.0 * (dice.random(count - 1) < 0.1)
    return normal


def alarmed(model: Threshold, history: Array, value: float) -> bool:
    """Tell whether the policy calls the value a violation."""
    found = boundary(model, history[::-1].tolist())
    return found.crossed(value) is not None and abs(value / (found.baseline or value) - 1.0) >= LEAST_CHANGE


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=4000, help="simulated series of each kind")
    options = parser.parse_args()
    console = Console(width=160, highlight=False)
    for sigma in (0.01, 0.03):
        title = f"Share of runs called slower, %: no change / +5 % / +10 %; spread {sigma:.0%}, {options.series} series"
        table = Table(title=title, title_justify="left")
        table.add_column("test", no_wrap=True)
        columns = [(kind, count) for kind in NOISES for count in (10, LONGEST)]
        for kind, count in columns:
            table.add_column(f"{kind}, {count} runs", justify="right")
        rates = np.zeros((len(TESTS), len(columns), 3))
        for column, (kind, count) in enumerate(columns):
            for number in range(options.series):
                dice = np.random.default_rng((column, number))
                values = 1.0 + sigma * noise(dice, kind, count + 1)
                for row, model in enumerate(TESTS.values()):
                    for case, slowdown in enumerate((0.0, 0.05, 0.10)):
                        rates[row, column, case] += alarmed(model, values[:-1], values[-1] + slowdown)
        for row, name in enumerate(TESTS):
            cells = [" / ".join(f"{100.0 * rate / options.series:.2g}" for rate in cell) for cell in rates[row]]
            table.add_row(name, *cells)
        console.print(table)


if __name__ == "__main__":
    main()
