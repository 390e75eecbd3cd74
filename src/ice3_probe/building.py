"""The compile pass: every component is created and run once, side by side, and the time that takes."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING

from ice3_probe import device
from ice3_probe.cases import SMALLEST, instance_of, refused
from ice3_probe.components import COMPONENTS, component_of
from ice3_probe.contract import Unsupported
from ice3_probe.messages import Benchmark, Built, Failure
from ice3_probe.ports import PortError, load_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ice3_probe.contract import Cell
    from ice3_probe.messages import Job


def build_all(job: Job, started: Callable[[str], None]) -> Iterator[Built | Failure]:
    """Build every component of a job, several at once; each is told when it is built.

    What is timed is built on the first domain that it is timed on, since some ports compile for each shape. Variants,
    parts and chains come after the components whose compiled stencils they share.

    Parameters
    ----------
    started
        Called with the components that are being built.
    """
    first = {benchmark.component: benchmark for benchmark in reversed(job.benchmarks)}
    names = [*first, *(name for name in job.checked if name not in first)]
    order = list(COMPONENTS)
    names.sort(key=lambda name: order.index(component_of(name).name))
    waiting = [first.get(name) or Benchmark(name, name, SMALLEST, "rich") for name in names]
    own = [one for one in waiting if ":" not in one.component and not component_of(one.component).links]
    for group in (own, [one for one in waiting if one not in own]):
        if group:
            started(", ".join(one.component for one in group))
            workers = min(len(group), os.cpu_count() or 1)
            with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
                builds = [pool.submit(_build, (job.port, job.cell, one)) for one in group]
                for build in as_completed(builds):  # as they come: who waits sees that something happens
                    yield build.result()


def _build(work: tuple[str, Cell, Benchmark]) -> Built | Failure:
    where, cell, benchmark = work
    try:
        port = load_port(where)
        before = _files(cell.cache)
        instance = instance_of(port, cell, benchmark)
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
        return Failure(refused(where, benchmark.component, error))
    after = _files(cell.cache)
    cached = getattr(instance.runnable, "cached", bool(after) and after == before)
    return Built(benchmark.component, benchmark.domain, seconds, bool(cached))


def _files(folder: Path) -> dict[str, int]:
    """Return the files below a folder and when each was written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
