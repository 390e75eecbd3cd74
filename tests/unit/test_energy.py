"""What becomes of the energy that the probe measured, or of the reason why it did not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ice3_bench.cell.passes import Answers
from ice3_bench.cell.records import timed_benchmarks, without_energy
from ice3_probe.messages import Benchmark, Rounds, Timed

NAMES = ("ice_adjust/x/float64/100x100x50", "rain_ice/x/float64/100x100x50/rich")
PLACE: Any = SimpleNamespace(
    benchmarks=[Benchmark(name, name.partition("/")[0], (100, 100, 50), "rich") for name in NAMES],
    cell=SimpleNamespace(backend=SimpleNamespace(device="cpu")),
    threads=1,
    found=(),
)
REASON = "there is no counter"


def answers(*timed: Timed) -> Answers:
    return Answers(0, list(timed))


def timed(name: str, joules: float | None, reason: str = "") -> Timed:
    return Timed(name, Rounds((1000, 1100), (1000, 1100), (0, 0)), 800, joules=joules, no_energy=reason)


def test_energy_is_a_measure_by_call_and_by_million_points() -> None:
    given = answers(timed(NAMES[0], 2.5), timed(NAMES[1], 0.0))
    first, second = timed_benchmarks(PLACE, given, 1e10)
    assert first.measures["energy"].value == 2.5
    assert first.measures["energy-per-mpoint"].value == pytest.approx(5.0)
    assert not {"energy", "energy-per-mpoint"} & second.measures.keys()  # less than the counter sees
    assert without_energy(given) == []


def test_why_there_is_no_energy_is_said_once() -> None:
    given = answers(timed(NAMES[0], None, REASON), timed(NAMES[1], None, REASON))
    assert all("energy" not in one.measures for one in timed_benchmarks(PLACE, given, 1e10))
    assert without_energy(given) == [f"Energy was not measured: {REASON}."]


def test_without_the_bandwidth_of_the_machine_there_is_no_fraction_of_it() -> None:
    (one, *_) = timed_benchmarks(PLACE, answers(timed(NAMES[0], None, REASON)), None)
    assert "bandwidth" not in one.measures
    assert "latency" in one.measures
