"""The compile pass: every component is created and run once, and the time that takes, piece by piece."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import time
import traceback
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from ice3_probe import device
from ice3_probe.cases import SMALLEST, instance_of, refused
from ice3_probe.components import COMPONENTS, component_of
from ice3_probe.contract import Unsupported
from ice3_probe.messages import Benchmark, Building, Built, Failure, PieceBuilt
from ice3_probe.ports import Port, PortError, load_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from ice3_probe.contract import Case, Cell, Runnable
    from ice3_probe.messages import Job

    Tell = Callable[[Building | PieceBuilt], None]


def build_all(job: Job, tell: Tell, load: Callable[[str], Port] = load_port) -> Iterator[Built | Failure]:
    """Build every component of a job; each is told when it is built.

    What is timed is built on the first domain that it is timed on, since some ports compile for each shape. Variants,
    parts and chains come after the components whose compiled stencils they share. Several at once are built in
    processes of their own. If there is nothing to build side by side, this process builds, and imports the port once.

    Parameters
    ----------
    tell
        Called with what begins to be built, and with each piece that is built.
    load
        Imports the port, where this process builds.
    """
    first = {benchmark.component: benchmark for benchmark in reversed(job.benchmarks)}
    names = [*first, *(name for name in job.checked if name not in first)]
    order = list(COMPONENTS)
    names.sort(key=lambda name: order.index(component_of(name).name))
    waiting = [first.get(name) or Benchmark(name, name, SMALLEST, "rich") for name in names]
    own = [one for one in waiting if ":" not in one.component and not component_of(one.component).links]
    groups = own, [one for one in waiting if one not in own]
    workers = min(max(map(len, groups)), os.cpu_count() or 1)
    if workers > 1:
        yield from _side_by_side(job, groups, workers, tell)
        return
    port = load(job.port)
    for one in (*own, *groups[1]):
        yield _build(port, job.cell, one, tell)


def _side_by_side(job: Job, groups: tuple[list[Benchmark], ...], most: int, tell: Tell) -> Iterator[Built | Failure]:
    """Build the components of each group in at most so many processes, which are kept from one group to the next."""
    processes: dict[Connection, BaseProcess] = {}
    try:
        for group in groups:
            waiting, busy = list(group), dict[Connection, Benchmark]()
            while waiting or busy:
                idle = [one for one in processes if one not in busy]
                while waiting and (idle or len(processes) < most):
                    worker = idle.pop() if idle else _started(job, processes)
                    busy[worker] = waiting.pop(0)
                    worker.send(busy[worker])
                for worker in [one for one in wait(list(busy)) if isinstance(one, Connection)]:
                    message = _received(worker, processes[worker], busy[worker], job.port)
                    if isinstance(message, Building | PieceBuilt):
                        tell(message)
                        continue
                    del busy[worker]
                    yield message
    finally:
        for worker, process in processes.items():
            worker.close()
            process.terminate()
            process.join()


def _started(job: Job, processes: dict[Connection, BaseProcess]) -> Connection:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    processes[ours] = process = context.Process(target=_serve, args=(theirs, job.port, job.cell))
    process.start()
    theirs.close()
    return ours


def _received(
    worker: Connection, process: BaseProcess, benchmark: Benchmark, port: str
) -> Building | PieceBuilt | Built | Failure:
    """Return what a process says; raises what it could not handle."""
    try:
        message = worker.recv()
    except EOFError:
        process.join()
        code = process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return Failure(f"Port {port}: the process that built '{benchmark.component}' {how}.")
    if isinstance(message, Exception):
        raise message
    assert isinstance(message, Building | PieceBuilt | Built | Failure)  # noqa: S101 (_serve sends nothing else)
    return message


def _serve(connection: Connection, where: str, cell: Cell) -> None:
    """Build the components that are asked for, until nobody asks any more."""
    while True:
        try:
            benchmark = connection.recv()
        except EOFError:
            return
        try:
            connection.send(_build(load_port(where), cell, benchmark, connection.send))
        except PortError as error:
            connection.send(Failure(str(error), usage=error.usage))
        except Exception as error:  # noqa: BLE001 (the process that asks deals with it)
            traceback.print_exc()
            connection.send(error)


def _build(port: Port, cell: Cell, benchmark: Benchmark, tell: Tell) -> Built | Failure:
    tell(Building(benchmark.component))
    try:
        before = _files(cell.cache)
        instance = instance_of(telling(port, tell), cell, benchmark)
        start = time.perf_counter()
        instance.reset()
        instance.run_checked()
        if cell.device == "gpu":
            device.synchronise()
        seconds = instance.created_seconds + time.perf_counter() - start
        instance.read()
    except PortError as error:
        return Failure(str(error), usage=error.usage)
    except Unsupported as error:
        return Failure(refused(port.where, benchmark.component, error))
    after = _files(cell.cache)
    cached = getattr(instance.runnable, "cached", bool(after) and after == before)
    return Built(benchmark.component, benchmark.domain, seconds, bool(cached))


def telling(port: Port, tell: Tell) -> Port:
    """Return a port that tells the pieces that it builds, if its ``create`` takes the argument ``building``."""
    if "building" not in inspect.signature(port.create).parameters:
        return port
    made: Callable[..., Runnable] = port.create

    def create(case: Case, cell: Cell) -> Runnable:
        @contextmanager
        def building(piece: str) -> Iterator[None]:
            tell(Building(case.component, piece))
            start = time.perf_counter()
            yield
            tell(PieceBuilt(case.component, piece, time.perf_counter() - start))

        return made(case, cell, building=building)

    return replace(port, create=create)


def _files(folder: Path) -> dict[str, int]:
    """Return the files below a folder and when each was written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
