"""Which benchmarks the arguments for pytest select: asked of pytest itself, before anything is built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ice3_bench.cell.passes import STABILISING_FLAGS, fail, run_performance_tests
from ice3_probe import messages

if TYPE_CHECKING:
    from ice3_bench.cell.workplace import Workplace

HARMLESS = re.compile(r"--benchmark-(max-time|min-time)=\d+(\.\d+)?|--benchmark-min-rounds=[1-9]\d*")
"""Arguments that select nothing and cannot be wrong: pytest need not be asked."""


def selected(place: Workplace) -> tuple[messages.Benchmark, ...]:
    """Return the benchmarks of a workplace that its arguments for pytest select.

    Raises
    ------
    UsageError
        If pytest refuses the arguments, or they select nothing.
    PassError
        If pytest itself fails.
    """
    if all(HARMLESS.fullmatch(argument) for argument in place.pytest_args):
        return place.benchmarks
    answers = run_performance_tests(place, "select", [*STABILISING_FLAGS, "--collect-only", "--quiet"])
    collected = answers.of(messages.Collected)
    if answers.code or not collected:
        raise fail(place, "select", answers.code)
    return tuple(one for one in place.benchmarks if one.name in collected[-1].names)
