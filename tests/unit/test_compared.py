"""What a report is compared with, and what is said if it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ice3_bench.history.store import History
from ice3_bench.report import Commit
from ice3_bench.show.compared import compared_with, differences
from ice3_bench.show.remarks import remarks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Benchmark, Report

    Make = Callable[..., Report]

DAY = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def like(benchmark: Benchmark, name: str) -> Benchmark:
    return benchmark.model_copy(update={"name": name, "component": name.partition("/")[0]})


def test_each_benchmark_is_compared_with_the_last_run_that_timed_it(make_report: Make, tmp_path: Path) -> None:
    """A run of some benchmarks takes nothing from the next one of all."""
    (adjust,) = make_report().benchmarks
    rain = like(adjust, "rain_ice/gt_cpu_ifirst/float64/50x50x60/rich")
    full = make_report(benchmarks=[adjust, rain], created=DAY, commit=Commit(hash=f"{1:040x}", branch="main"))
    part = make_report(
        benchmarks=[adjust],
        lacking=[rain.name],
        created=DAY.replace(day=5),
        commit=Commit(hash=f"{2:040x}", branch="main"),
    )
    now = make_report(benchmarks=[adjust, rain], created=DAY.replace(day=6))
    with History(tmp_path / "history.db") as history:
        for report in (full, part, now):
            history.add(report)
        found = history.previous_of_each(now)
        assert history.previous_of_each(full) == {}
    assert {name: run.id for name, run in found.items()} == {adjust.name: part.id, rain.name: full.id}
    assert compared_with(now, found, None) == [
        "ice_adjust 50x50x60: compared with the run of 2026-05-05 12:30 UTC (0000000000).",
        "rain_ice 50x50x60 rich: compared with the run of 2026-05-04 12:30 UTC (0000000000).",
    ]
    assert compared_with(part, {adjust.name: full}, None) == [
        "Compared with the run of 2026-05-04 12:30 UTC (0000000000)."
    ]


def test_a_partial_run_says_that_it_is_one(make_report: Make) -> None:
    report = make_report(lacking=["a", "b"])
    assert "A partial run: 1 benchmark was measured, and 2 of those of the cell in the matrix not." in remarks(report)
    assert not any("partial" in said for said in remarks(make_report()))


def test_other_versions_are_said(make_report: Make) -> None:
    before, now = make_report(created=DAY), make_report()
    now.software.packages = {**now.software.packages, "gt4py": "9.9"}
    (said,) = compared_with(now, {now.benchmarks[0].name: before}, None)
    assert said.endswith("(0123456789), which had other versions: gt4py 1.2.3 -> 9.9.")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"threads": 2}, ["threads 1 -> 2"]),
        (
            {"environment": {"OMP_NUM_THREADS": "2", "CXX": "clang++"}},
            ["OMP_NUM_THREADS 1 -> 2", "CXX none -> clang++"],
        ),
        ({"compile_args": ["-O2", "-g"]}, ["compiler arguments -O3 -> -O2"]),
        ({"compile_args": ["-O3", "-g", "-flto"]}, ["compiler arguments none -> -flto"]),
        ({"compile_args": ["-g", "-O3"]}, ["order of the compiler arguments"]),
        ({"arrangement": "coherent"}, ["weather shuffled -> coherent"]),
        ({"data": {"ice_adjust": "ab"}}, ["data ice_adjust none -> ab"]),
        ({"threads": 2, "arrangement": "coherent"}, ["weather shuffled -> coherent", "threads 1 -> 2"]),
    ],
)
def test_what_differs_is_named_with_both_values(make_report: Make, changes: dict[str, object], told: list[str]) -> None:
    before = make_report(created=DAY)
    before.protocol = before.protocol.model_copy(
        update={"compile_args": ["-O3", "-g"], "environment": {"OMP_NUM_THREADS": "1"}}
    )
    now = make_report(protocol=before.protocol.model_copy(update=changes))
    assert differences(now, before) == told
    (said,) = compared_with(now, {}, before)
    assert said == (
        f"Not compared with the run of 2026-05-04 12:30 UTC (0123456789), since it differs: {'; '.join(told)}."
    )


def test_without_an_earlier_run_nothing_is_said(make_report: Make) -> None:
    assert compared_with(make_report(), {}, None) == []
