"""What a report says of the accuracy of each benchmark: its own component's, or that of a chain's links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ice3_bench.cell.records import add_accuracy
from ice3_bench.report import Benchmark, FieldError
from ice3_bench.show.tables import results_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.report import Report


def benchmark(component: str) -> Benchmark:
    return Benchmark(name=f"{component}/x/float64/4x4x20", component=component, domain=(4, 4, 20))


def entry(component: str, error: float, field: str = "rvs") -> FieldError:
    passed = error <= 1e-12
    return FieldError(data_set="one", component=component, field=field, error=error, tolerance=1e-12, passed=passed)


FOUND = [
    entry("ice_adjust", 1e-15),
    entry("ice_adjust:modular", 2e-15),
    entry("rain_ice", 1e-3),
    entry("rain_ice", 1e-2, "rcs"),
    entry("rain_ice:tendencies", 1.0),
]


@pytest.mark.parametrize(
    ("component", "found", "error", "wrong"),
    [
        ("ice_adjust", FOUND, 1e-15, 0),
        ("ice_adjust:modular", FOUND, 2e-15, 0),
        ("rain_ice", FOUND, 1e-2, 2),
        ("rain_ice:tendencies", FOUND, 1.0, 1),
        ("microphysics", FOUND, 1e-2, 2),  # that of its links, not of a part of one
        ("microphysics", FOUND[:1], 1e-15, 0),
        ("microphysics", [*FOUND, entry("microphysics", 1e-14)], 1e-14, 0),
    ],
)
def test_a_benchmark_has_the_error_of_its_component(
    component: str, found: list[FieldError], error: float, wrong: int
) -> None:
    one = benchmark(component)
    add_accuracy([one], found, count_wrong=True)
    assert (one.measures["accuracy"].value, one.measures["wrong-outputs"].value) == (error, wrong)


@pytest.mark.parametrize(
    ("component", "found"),
    [
        ("ice_adjust:other", FOUND),
        ("ice_adjust", FOUND[2:]),
        ("rain_ice:sedimentation", FOUND),
        ("microphysics", FOUND[4:]),
        ("microphysics", []),
    ],
)
def test_what_was_not_compared_has_no_error_of_others(
    component: str, found: list[FieldError], make_report: Callable[..., Report]
) -> None:
    one = benchmark(component)
    add_accuracy([one], found, count_wrong=True)
    assert not one.measures
    report = make_report(accuracy=[], benchmarks=[one])
    console = Console(width=200)
    with console.capture() as captured:
        console.print(results_table(report, None))
    (line,) = (line for line in captured.get().splitlines() if component in line)
    assert line.count("not checked") == 2  # the error, and the history
