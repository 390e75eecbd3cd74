"""The benchmarks: each component on each domain of the cell, timed or traced by whichever pass runs them.

A component is created and loaded inside the test, so that the memory pass counts its fields. On a GPU several instances
take turns, so that no run finds its fields in the device's cache. Runs are timed twice there: by the host, with the
device synchronised, and by events on the device. A pass of its own checks the accuracy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ice3_probe import device, energy
from ice3_probe.cases import case_of, fields_of, inputs_of, instances_of, load_everything
from ice3_probe.messages import Remark, Timed
from ice3_probe.performance.memory import DEVICE_BYTES, RESET_BYTES
from ice3_probe.ports import Instance
from ice3_probe.timing import Loop, remarks
from ice3_probe.triad import triad

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from ice3_probe.channel import Channel
    from ice3_probe.contract import Cell, Runnable
    from ice3_probe.messages import Benchmark, Rounds
    from ice3_probe.ports import Arrays, Port

MAX_ROUNDS = 500


@pytest.fixture
def loaded(case: Benchmark, cell: Cell, port: Port, *, alone: bool) -> None:
    """Make a component's inputs and load the modules that it needs, for forked processes too if they can have them."""
    if cell.device == "cpu":
        if not alone:
            load_everything(port, cell, case)
        fields_of(case)


@pytest.mark.usefixtures("loaded")
def test_component(
    case: Benchmark,
    cell: Cell,
    port: Port,
    channel: Channel,
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
) -> None:
    """Time a component, or run it once so that the memory pass sees what it allocates."""
    if benchmark.disabled:
        _trace(case, cell, port, request, benchmark)
        return
    instances = instances_of(port, cell, case)
    loop = Loop(instances, synchronise=device.synchronise) if cell.device == "gpu" else Loop(instances)
    before = () if cell.device == "gpu" else (triad(cell.threads),)
    warm_up = loop.run(max(int(request.config.getoption("benchmark_warmup_iterations")), 1))
    late = loop.late() if cell.device == "cpu" else 0.0  # the device was waited for: its results are there
    rounds = round(1e9 * float(request.config.getoption("benchmark_max_time")) / max(min(warm_up.wall_ns), 1))
    rounds = min(max(rounds, int(request.config.getoption("benchmark_min_rounds"))), MAX_ROUNDS)
    benchmark.pedantic(loop.round, setup=loop.prepare, rounds=rounds)  # type: ignore[no-untyped-call]
    timed = loop.take()
    loop.instance.require_finite(case.name)
    if cell.device == "gpu":
        message = _on_device(case, instances, loop, timed)
    else:
        message = _timed(case, instances[0], timed, triads=(*before, triad(cell.threads)))
    joules, no_energy = energy.measured(loop, cell.device, min(timed.wall_ns))
    channel.send(replace(message, joules=joules, no_energy=no_energy))
    if instances[0].remark:
        channel.send(Remark(case.name, instances[0].remark))
    for said in remarks(late, timed, instances[0].bytes_moved(), cell.threads, cell.device):
        channel.send(Remark(case.name, said, marks=True))
    instances[0].require_inputs_unchanged()


def _trace(
    case: Benchmark, cell: Cell, port: Port, request: pytest.FixtureRequest, benchmark: BenchmarkFixture
) -> None:
    """Create, load and run once; on a GPU with the device's memory pool watched."""
    last: list[Instance] = []

    def once(inputs: Callable[[Runnable], Arrays]) -> None:
        instance = Instance(port, case_of(case), cell, inputs)
        instance.reset()
        instance.run()
        last[:] = [instance]

    if cell.device == "gpu":
        once(inputs_of(cell, case))  # compiles and loads
        given = inputs_of(cell, case)(last[0].runnable)  # the probe's own arrays do not count
        request.node.stash[DEVICE_BYTES] = device.peak_memory(lambda: once(lambda _runnable: given))
    else:
        benchmark.pedantic(once, args=(inputs_of(cell, case),))  # type: ignore[no-untyped-call]
    request.node.stash[RESET_BYTES] = last[0].reset_bytes


def _timed(case: Benchmark, instance: Instance, rounds: Rounds, **others: Any) -> Timed:  # noqa: ANN401
    return Timed(case.name, rounds, instance.bytes_moved(), **others)


def _on_device(case: Benchmark, instances: list[Instance], loop: Loop, rounds: Rounds) -> Timed:
    """Time further runs by events on the device, and the copies to the device and back."""
    clock = device.KernelClock()

    def run() -> None:
        loop.instance.run()  # the one whose turn it is by now

    kernel_ns = [clock.time(run, loop.prepare) for _ in rounds.wall_ns]
    instance = instances[0]
    shapes = {field.name: field.shape(case.domain) for field in instance.moved}
    order = getattr(instance.runnable, "device_layout", "C")
    arrays = {name: device.empty(shape, instance.cell.precision, order) for name, shape in shapes.items()}
    inputs = [arrays[field.name] for field in instance.moved if field.is_input]
    outputs = [arrays[field.name] for field in instance.moved if field.is_output]
    to_device, back = device.transfer_times(inputs, outputs)
    return _timed(
        case,
        instance,
        rounds,
        kernel_ns=tuple(kernel_ns),
        transfer_in_ns=tuple(to_device),
        transfer_out_ns=tuple(back),
    )
