"""What is run: benchmarks turned into cases of the contract, with their inputs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ice3_probe import device
from ice3_probe.atmosphere import synthetic_atmosphere
from ice3_probe.components import component_of
from ice3_probe.computed import case_on
from ice3_probe.contract import Case
from ice3_probe.data_sets import load
from ice3_probe.messages import MIXES
from ice3_probe.phyex.replication import interpolated, replicated
from ice3_probe.ports import Instance, on_device

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.contract import Cell, Runnable, Shape, Unsupported
    from ice3_probe.messages import Arrangement, Benchmark
    from ice3_probe.ports import Arrays, Port

TIMESTEP = 50.0
"""seconds, as in the reference data"""
SEED = 1
SMALLEST = (2, 2, 3)
"""Domain of a component that is created only to load everything."""


def case_of(benchmark: Benchmark) -> Case:
    """Return the case of a benchmark: PHYEX's AROME options, or those of its data.

    Raises
    ------
    DataSetError
        If its data cannot be used.
    """
    if benchmark.data:
        return replace(_given(benchmark).case, component=benchmark.component)
    options = component_of(benchmark.component).options()
    return Case(benchmark.component, benchmark.domain, TIMESTEP, options)


def weather(domain: Shape, mix: str, arrangement: Arrangement) -> Arrays:
    """Return the synthetic atmosphere of a benchmark, float64 in C order.

    Those of the last domain are kept, at 0.2 GB for each million points and mix; the smallest one takes no place.
    """
    return (_weather.__wrapped__ if domain == SMALLEST else _weather)(domain, mix, arrangement)


@lru_cache(maxsize=len(MIXES))
def _weather(domain: Shape, mix: str, arrangement: Arrangement) -> Arrays:
    fields = synthetic_atmosphere(domain, seed=SEED, timestep=TIMESTEP, mix=mix, arrangement=arrangement)
    return {name: np.ascontiguousarray(array) for name, array in fields.items()}


@dataclass(frozen=True)
class Given:
    """A benchmark's data of PHYEX: its case, and its inputs in C order."""

    case: Case
    fields: Arrays


def _given(benchmark: Benchmark) -> Given:
    """Read a benchmark's data of PHYEX, on as many columns and levels as its domain has.

    The last one is kept; the smallest one takes no place.
    """
    read = _read.__wrapped__ if benchmark.domain == SMALLEST else _read
    return read(benchmark.data, benchmark.namelist, benchmark.domain)


@lru_cache(maxsize=1)
def _read(path: str, namelist: str, domain: Shape) -> Given:
    data = load(Path(path), Path(namelist) if namelist else None)
    i, j, k = domain
    fields = {}
    for field in component_of(data.component).inputs:
        values = data.input(field.name, len(field.dims) - 1)
        if values is not None:
            deep = interpolated(values, k) if field.dims == "ijk" else values
            fields[field.name] = replicated(deep, i * j).reshape(field.shape(domain))
    return Given(replace(case_on(data, data.component), domain=domain), fields)


def fields_of(benchmark: Benchmark) -> Arrays:
    """Return the inputs of a benchmark on the host, float64 in C order.

    Raises
    ------
    DataSetError
        If its data of PHYEX cannot be used.
    """
    if benchmark.data:
        return _given(benchmark).fields
    return weather(benchmark.domain, benchmark.mix, benchmark.arrangement)


def instance_of(port: Port, cell: Cell, benchmark: Benchmark) -> Instance:
    """Create a benchmark's component and load its inputs.

    Raises
    ------
    PortError
        If the port fails or breaks the contract.
    Unsupported
        If the port does not implement the canonical options.
    """
    return instances_of(port, cell, benchmark, least=1)[0]


def instances_of(port: Port, cell: Cell, benchmark: Benchmark, least: int | None = None) -> list[Instance]:
    """Create as many loaded instances as must take turns: one on a CPU, on a GPU enough to outgrow its cache.

    Parameters
    ----------
    least
        Number of instances on a GPU; None: as many as its cache requires.
    """
    case = case_of(benchmark)
    first = Instance(port, case, cell, inputs_of(cell, benchmark))
    if cell.device == "cpu":
        return [first]
    sets = least or device.sets_to_rotate(first.bytes_moved(), device.cache_bytes())
    return [first, *(Instance(port, case, cell, inputs_of(cell, benchmark)) for _ in range(sets - 1))]


def inputs_of(cell: Cell, benchmark: Benchmark) -> Callable[[Runnable], Arrays]:
    """Return what gives a benchmark's inputs to a runnable: on the host, or on the device in the order it names."""

    def inputs(runnable: Runnable) -> Arrays:
        if not on_device(cell, runnable):
            return fields_of(benchmark)
        order = getattr(runnable, "device_layout", "C")
        if benchmark.data:
            return device.to_device(fields_of(benchmark), cell.precision, order)
        return device.tiled_weather(
            lambda block: weather(block, benchmark.mix, benchmark.arrangement), benchmark.domain, cell.precision, order
        )

    return inputs


def load_everything(port: Port, cell: Cell, benchmark: Benchmark) -> None:
    """Run a component once on the smallest domain, so that everything that stays in memory is loaded.

    The domain differs from the benchmark's, because GridTools keeps temporaries and reuses them by size.
    """
    tiny = replace(benchmark, domain=SMALLEST)
    with suppress(Exception):  # a port may refuse so small a domain; what is then loaded later is counted
        instance = instance_of(port, cell, tiny)
        instance.reset()
        instance.run()
        instance.read()


def refused(where: str, component: str, error: Unsupported) -> str:
    """Say that a port refuses the options that every component is measured with."""
    return f"Port {where} does not run '{component}' with PHYEX's AROME options: {error}"
