"""What a timing says of the machine: others at work, and memory that does not hold its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell import busy as module
from ice3_bench.cell.busy import above_triad, busy, steady
from ice3_bench.cell.machine import cache_bytes
from ice3_bench.report import Metric, Rounds
from ice3_bench.show.remarks import doubts, marks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report


@pytest.mark.parametrize(
    ("wall", "cpu", "preempted", "threads", "told"),
    [
        (100, 100, 0, 1, None),
        (105, 100, 10, 1, None),
        (360, 100, 8, 1, "wall time 3.6 times the CPU time, 80% of the rounds preempted"),
        (120, 100, 0, 1, None),  # a clock that takes its time, or a port that waits
        (120, 100, 5, 1, "wall time 1.2 times the CPU time, 50% of the rounds preempted"),
        (200, 100, 0, 1, "wall time 2.0 times the CPU time, 0% of the rounds preempted"),  # a hypervisor
        (200, 0, 0, 1, None),
        (100, 200, 10, 2, None),
        (150, 200, 0, 2, None),
    ],
)
def test_rounds_that_waited_show_a_busy_machine(
    wall: int, cpu: int, preempted: int, threads: int, told: str | None
) -> None:
    switches = [1] * preempted + [0] * (10 - preempted)
    assert busy(Rounds(wall_ns=[wall] * 10, cpu_ns=[cpu] * 10, switches=switches), threads) == told


def test_with_several_threads_the_shortest_wall_time_is_what_others_are_compared_with() -> None:
    rounds = Rounds(wall_ns=[100, *[150] * 9], cpu_ns=[200] * 10, switches=[1] * 10)
    assert busy(rounds, 2) == "wall time 1.5 times the shortest, 100% of the rounds preempted"
    assert busy(rounds.model_copy(update={"switches": [0] * 10}), 2) is None


def test_the_triad_must_hold_its_speed() -> None:
    assert steady([9e9, 10e9]) == (10e9, "")
    assert steady([]) == (None, "")
    bandwidth, why = steady([1.2e9, 9.9e9])
    assert bandwidth is None
    assert "1.2 and then 9.9 GB/s" in why


def test_more_than_the_triad_comes_with_a_sentence(
    make_report: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = make_report().benchmarks
    monkeypatch.setattr(module, "cache_bytes", lambda: 32 * 10**6)
    assert above_triad(one, 10**6) == ""
    one.measures["bandwidth"] = Metric(value=2.31)
    assert (
        above_triad(one, 10**6) == "231% of the triad: its 1.0 MB of fields stay in the cache of 32.0 MB, not in memory"
    )
    assert (
        above_triad(one, 10**8) == "231% of the triad: memory was faster during the benchmark than before and after it"
    )
    on_device = one.model_copy(update={"clock": "kernel"})
    assert above_triad(on_device, 10**6).startswith("231% of the copies: the device's cache holds a part")
    monkeypatch.setattr(module, "cache_bytes", lambda: None)
    assert "stay in the cache, not" in above_triad(one, 10**8)


def test_the_largest_cache_is_found(tmp_path: Path) -> None:
    assert cache_bytes(tmp_path) is None
    for number, text in enumerate(("48K\n", "2048K\n", "32M\n", "?")):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(text, encoding="utf-8")
    assert cache_bytes(tmp_path) == 32 * 2**20


def test_one_sentence_names_all_benchmarks_that_met_a_busy_machine(make_report: Callable[..., Report]) -> None:
    report = make_report()
    (one,) = report.benchmarks
    assert marks(report, one) == doubts(report) == []
    one.busy = "wall time 3.6 times the CPU time, 80% of the rounds preempted"
    name = "ice_adjust/gt_cpu_ifirst/float64/8x8x16"
    report.benchmarks = [one, one.model_copy(update={"name": name, "domain": (8, 8, 16)})]
    assert marks(report, one) == ["busy machine"]
    (said,) = doubts(report)
    assert said.startswith(
        "The machine was busy while timing ice_adjust 50x50x60 (wall time 3.6 times the CPU time, 80%"
    )
    assert "ice_adjust 8x8x16 (" in said
    assert one.rounds is not None
    longer = one.rounds.model_copy(update={"wall_ns": [9.0 * time for time in one.rounds.wall_ns]})
    worst = one.model_copy(update={"name": name, "domain": (8, 8, 16), "rounds": longer})
    report.benchmarks = [one, one, worst, one, one]
    (said,) = doubts(report)
    assert said.startswith(
        "The machine was busy while timing 5 of 5 benchmarks, which are marked; the worst is ice_adjust 8"
    )
    assert said.count("wall time") == 1
