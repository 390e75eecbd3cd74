"""The benchmarks: each component on each domain of the cell, timed or traced by whichever pass runs them.

A case allocates its fields inside the test, so that the memory pass counts them, and restores the fields that the
component overwrites before every round. On a GPU several sets of fields take turns, so that no call finds its fields in
the device's cache, and calls are timed twice: by the host, with the device synchronised, and by events on the device.
The components are checked for accuracy by a pass of its own.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ice3_gt4py import device
from ice3_gt4py.atmosphere import MIXES, synthetic_atmosphere
from ice3_gt4py.components import BENCHMARKS, bytes_per_call, create
from ice3_gt4py.fields import from_arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from ice3_bench.settings.matrix import Cell
    from ice3_gt4py.compilation import Build
    from ice3_gt4py.components import Component
    from ice3_gt4py.fields import Shape, State

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


@lru_cache(maxsize=len(MIXES))
def _atmosphere(domain: Shape, precision: str, mix: str) -> dict[str, Any]:
    """Make an atmosphere; those of a domain are kept, since 10 million points take half a minute."""
    return synthetic_atmosphere(domain, precision=precision, seed=1, timestep=TIMESTEP, mix=mix)


@pytest.fixture
def atmosphere(case: Case, build: Build) -> dict[str, Any]:
    return _atmosphere(case.domain, build.precision, case.mix)


@pytest.fixture
def pristine(case: Case, build: Build, atmosphere: dict[str, Any]) -> State:
    """Fields that a call overwrites, as they were; building the component here loads all modules."""
    component = create(case.component, case.domain, build)
    updated = [field for field in component.fields if field.intent == "inout"]
    return from_arrays(updated, atmosphere, case.domain, build)


class Fields:
    """The fields of a component, in as many sets as must take turns; all hold the same atmosphere at first."""

    def __init__(self, component: Component, atmosphere: dict[str, Any], pristine: State, build: Build) -> None:
        self._pristine = pristine
        sets = 1
        if build.on_device:
            sets = device.sets_to_rotate(bytes_per_call(component, build.dtype.itemsize), device.cache_bytes())
        self._sets = [from_arrays(component.fields, atmosphere, component.domain, build) for _ in range(sets)]
        self._current = 0

    @property
    def state(self) -> State:
        """The set whose turn it is."""
        return self._sets[self._current]

    def turn(self) -> None:
        """Undo what the last call did to its set, and pass on to the next one."""
        for name, initial in self._pristine.items():
            self.state[name][...] = initial
        self._current = (self._current + 1) % len(self._sets)


def test_component(
    case: Case,
    build: Build,
    atmosphere: dict[str, Any],
    pristine: State,
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    component = create(case.component, case.domain, build)
    if benchmark.disabled and build.on_device:
        record_property("device_bytes", device.peak_memory(lambda: _once(component, atmosphere, build)))
        return
    fields = Fields(component, atmosphere, pristine, build)
    cpu_ns: list[int] = []
    switches: list[int] = []

    def prepare() -> None:
        fields.turn()
        if build.on_device:
            device.synchronise()

    def call() -> None:
        involuntary = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        start = time.process_time_ns()
        component(fields.state, TIMESTEP)
        if build.on_device:
            device.synchronise()
        cpu_ns.append(time.process_time_ns() - start)
        switches.append(resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - involuntary)

    if benchmark.disabled:
        benchmark.pedantic(call, setup=prepare)  # type: ignore[no-untyped-call]
    else:
        best = _warm_up(call, prepare, int(request.config.getoption("benchmark_warmup_iterations")))
        rounds = round(float(request.config.getoption("benchmark_max_time")) / best)
        rounds = min(max(rounds, int(request.config.getoption("benchmark_min_rounds"))), MAX_ROUNDS)
        cpu_ns.clear()
        switches.clear()
        benchmark.pedantic(call, setup=prepare, rounds=rounds)  # type: ignore[no-untyped-call]
        benchmark.extra_info.update(
            benchmark=case.name,
            component=case.component,
            domain=case.domain,
            bytes=bytes_per_call(component, build.dtype.itemsize),
            cpu_ns=cpu_ns,
            switches=switches,
        )
        if build.on_device:
            benchmark.extra_info.update(_on_device(component, fields, rounds))
    _require_finite(component, fields.state, case)


def _once(component: Component, atmosphere: dict[str, Any], build: Build) -> None:
    """Allocate the fields and call the component."""
    state = from_arrays(component.fields, atmosphere, component.domain, build)
    component(state, TIMESTEP)


def _on_device(component: Component, fields: Fields, rounds: int) -> dict[str, list[int]]:
    """Times of further calls by events on the device, and of the copies to the device and back, all in ns."""
    clock = device.KernelClock()
    kernel_ns = [clock.time(lambda: component(fields.state, TIMESTEP), fields.turn) for _ in range(rounds)]
    inputs = [fields.state[field.name] for field in component.fields if field.intent != "out"]
    outputs = [fields.state[field.name] for field in component.fields if field.intent != "in"]
    to_device, back = device.transfer_times(inputs, outputs)
    return {"kernel_ns": kernel_ns, "transfer_in_ns": to_device, "transfer_out_ns": back}


def _require_finite(component: Component, state: State, case: Case) -> None:
    for field in component.fields:
        if field.intent != "in":
            finite = np.isfinite(state[field.name]).all()
            assert finite, f"'{field.name}' is not finite after a call on {case.name}"


def _warm_up(call: Any, prepare: Any, iterations: int) -> float:
    """Call a few times, until caches and clock frequency have settled; return the shortest time in seconds."""
    best = float("inf")
    for _ in range(max(iterations, 1)):
        prepare()
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best
