"""What a report says of the accuracy of each benchmark: that of its own component, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ice3_bench.cell.environment import Environment
from ice3_bench.cell.passes import Answers
from ice3_bench.cell.probe import benchmarks_of
from ice3_bench.cell.records import add_accuracy, not_compared, timed_benchmarks
from ice3_bench.cell.workplace import Workplace
from ice3_bench.history.checks import Change, change
from ice3_bench.report import Benchmark, FieldError
from ice3_bench.show.tables import results_table
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings


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
        ("microphysics", FOUND),  # what is between its right links can be wrong
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
        console.print(results_table(report, {}))
    (line,) = (line for line in captured.get().splitlines() if component in line)
    assert line.count("not checked") == 2  # the error, and the history


def test_what_was_compared_with_nothing_is_said() -> None:
    right = messages.FieldError("rvs", 1e-15, 1e-15, 1e-12, 0, 0, passed=True)
    checked = [
        messages.Checked("one", "ice_adjust", (right,), not_compared=("cldfr", "sigs")),
        messages.Checked("two", "ice_adjust", (right,), not_compared=("sigs", "ths")),
        messages.Checked("three", "ice_adjust", unsupported="LRED = F."),
        messages.Checked("one", "rain_ice", unsupported="CSEDIM = 'STAT' is not done."),
        messages.Checked("one", "rain_ice:fluxes", (), not_compared=("rvs",)),
    ]
    asked = ("ice_adjust", "rain_ice", "rain_ice:fluxes", "microphysics")
    assert not_compared(asked, checked) == [
        "ice_adjust: 1 output is in no data set and not checked: sigs.",
        "rain_ice: its accuracy is not checked, CSEDIM = 'STAT' is not done.",
        "rain_ice:fluxes: its accuracy is not checked, there is no reference data for it.",
        "microphysics: its accuracy is not checked, there is no reference data for it.",
    ]


# --- Clocks that say little -------------------------------------------------------------------------------------------


def timed(tmp_path: Path, settings: Settings, cpu_ns: tuple[int, ...]) -> Benchmark:
    """Return the benchmark of a cell whose rounds took these times by the CPU clock."""
    cell = settings.cell("numpy", "float64")
    benchmarks = benchmarks_of(cell, [(8, 8, 16)], ("ice_adjust",))
    environment = Environment(tmp_path / "python", {})
    place = Workplace(
        tmp_path, tmp_path, tmp_path, cell, settings, environment, tmp_path, tmp_path, threads=1, benchmarks=benchmarks
    )
    rounds = messages.Rounds((1000,) * len(cpu_ns), cpu_ns, (0,) * len(cpu_ns))
    answers = Answers(0, [messages.Timed(benchmarks[0].name, rounds, 1000)])
    (found,) = timed_benchmarks(place, answers, 1e10)
    return found


@pytest.mark.parametrize("times", [(500,), (500, 500), (500, 500, 500, 500)])
def test_a_single_round_and_equal_times_are_a_result(
    tmp_path: Path, settings: Settings, make_report: Callable[..., Report], times: tuple[int, ...]
) -> None:
    one = timed(tmp_path, settings, times)
    latency = one.measures["latency"]
    assert (one.error, latency.value, latency.upper_value, one.spread) == (None, 500.0, 500.0, 0.0)
    assert change(one, one) == Change(0.0, 0.0)
    report = make_report(benchmarks=[one])
    console = Console(width=200)
    with console.capture() as captured:
        console.print(results_table(report, {one.name: report}))
    assert "+0.0 ± 0.0 %" in captured.get()


def test_a_clock_that_sees_no_time_fails_the_benchmark_and_nothing_else(
    tmp_path: Path, settings: Settings, make_report: Callable[..., Report]
) -> None:
    one = timed(tmp_path, settings, (0, 500, 500))
    assert one.error is not None
    assert "--domain" in one.error
    assert "latency" not in one.measures
    report = make_report(benchmarks=[one])
    console = Console(width=200)
    with console.capture() as captured:
        console.print(results_table(report, {one.name: report}))
    assert "failed" in captured.get()
