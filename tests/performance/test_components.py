"""The benchmarks: each component on each domain of the cell, timed or traced by whichever pass runs them.

A case allocates its fields inside the test, so that the memory pass counts them, and restores the fields that the
component overwrites before every round. The components are checked for accuracy by a pass of its own.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ice3.atmosphere import synthetic_atmosphere
from ice3.components import BENCHMARKS, bytes_per_call, create
from ice3.fields import from_arrays

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from ice3.compilation import Build
    from ice3.fields import Shape, State
    from ice3_bench.matrix import Cell

TIMESTEP = 50.0  # s, as in the reference data
MAX_ROUNDS = 500


@dataclass(frozen=True)
class Case:
    """One benchmark."""

    name: str
    component: str
    domain: Shape
    mix: str


def cases(cell: Cell, domain: Shape) -> list[Case]:
    """Every component on a domain; those whose cost depends on the weather, in each mix."""
    where = f"{cell.backend.id}/{cell.precision}/{'x'.join(map(str, domain))}"
    return [
        Case(f"{name}/{where}/{mix}" if mixes else f"{name}/{where}", name, domain, mix)
        for name, mixes in BENCHMARKS.items()
        for mix in mixes or ("rich",)
    ]


@pytest.fixture
def atmosphere(case: Case, build: Build) -> dict[str, Any]:
    return synthetic_atmosphere(case.domain, precision=build.precision, seed=1, timestep=TIMESTEP, mix=case.mix)


@pytest.fixture
def pristine(case: Case, build: Build, atmosphere: dict[str, Any]) -> State:
    """Initial fields in the backend's layout, to restore from; building the component here loads all modules."""
    component = create(case.component, case.domain, build)
    return from_arrays(component.fields, atmosphere, case.domain, build)


def test_component(
    case: Case, build: Build, pristine: State, benchmark: BenchmarkFixture, request: pytest.FixtureRequest
) -> None:
    component = create(case.component, case.domain, build)
    state = from_arrays(component.fields, pristine, case.domain, build)
    updated = [field.name for field in component.fields if field.intent == "inout"]
    written = [field.name for field in component.fields if field.intent != "in"]
    cpu_ns: list[int] = []
    switches: list[int] = []

    def restore() -> None:
        for name in updated:
            state[name][...] = pristine[name]

    def call() -> None:
        involuntary = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        start = time.process_time_ns()
        component(state, TIMESTEP)
        cpu_ns.append(time.process_time_ns() - start)
        switches.append(resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - involuntary)

    if benchmark.disabled:
        benchmark.pedantic(call, setup=restore)  # type: ignore[no-untyped-call]
    else:
        best = _warm_up(call, restore, int(request.config.getoption("benchmark_warmup_iterations")))
        rounds = round(float(request.config.getoption("benchmark_max_time")) / best)
        rounds = min(max(rounds, int(request.config.getoption("benchmark_min_rounds"))), MAX_ROUNDS)
        cpu_ns.clear()
        switches.clear()
        benchmark.pedantic(call, setup=restore, rounds=rounds)  # type: ignore[no-untyped-call]
        benchmark.extra_info.update(
            benchmark=case.name,
            component=case.component,
            domain=case.domain,
            bytes=bytes_per_call(component, build.dtype.itemsize),
            cpu_ns=cpu_ns,
            switches=switches,
        )
    for name in written:
        assert np.isfinite(state[name]).all(), f"'{name}' is not finite after a call on {case.name}"


def _warm_up(call: Any, restore: Any, iterations: int) -> float:
    """Call a few times, until caches and clock frequency have settled; return the shortest time in seconds."""
    best = float("inf")
    for _ in range(max(iterations, 1)):
        restore()
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best
