"""A process that measures blocks of calls on request: ``python worker.py``, one JSON object a line.

Two of them take turns when revisions are compared, one for each: the same worker, with the components of the tree
that PYTHONPATH names. The first process imports and makes the atmospheres. Each ``start`` forks one that serves the
following requests until ``end``: it loads the stencils, at another place in memory each time, has components and fields
of its own, and costs no import. A process is the unit of replication: rounds of one process are not independent.

Requests, each answered by one object (``error`` in it says what went wrong):

    load        component, domain, mix: make its atmosphere, for all processes -> benchmarks
    start       fork a process
    memory      component, domain, mix, dump: peak of one call                 -> bytes
    prepare     component, domain, mix, extra, calls: create and warm up       -> ns of a call, extra, calls
                (``extra``: share of a call to add, and the one added; ``calls``: those of ``Extra`` that add it)
    run         rounds                                                         -> cpu_ns, wall_ns, switches
    count       component, domain, mix, shim, times: call it in the function ``collected`` of the library ``shim``
    end         end the forked process
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import math
import mmap
import os
import random
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py.atmosphere import synthetic_atmosphere
from ice3_gt4py.components import BENCHMARKS, add_build_options, build_from, create
from ice3_gt4py.fields import from_arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.components import Component
    from ice3_gt4py.fields import Shape, State

    Atmosphere = dict[str, NDArray[Any]]

TIMESTEP = 50.0  # s
_SETTLING = 20  # calls
_WARM = 20_000_000  # ns; the first call of a block is counted where a call is longer, for it costs hardly more


class Case:
    """A component on an atmosphere, ready to be called again and again from the same state."""

    def __init__(self, component: Component, atmosphere: Atmosphere, build: Build) -> None:
        self.component = component
        self.state: State = from_arrays(component.fields, atmosphere, component.domain, build)
        self._pristine = {
            field.name: self.state[field.name].copy() for field in component.fields if field.intent == "inout"
        }

    def restore(self) -> None:
        """Undo what calls did to the state."""
        for name, array in self._pristine.items():
            self.state[name][...] = array

    def call(self) -> None:
        """Call the component once."""
        self.component(self.state, TIMESTEP)

    def cost(self, rounds: int) -> int:
        """Return the shortest CPU time of a call, ns."""
        return min(measure(self, Extra(), rounds)["cpu_ns"])


class Extra:
    """Work of known cost to add to a call: calls of ``exp`` on a hundred points, which the first-level cache holds."""

    def __init__(self) -> None:
        self.calls = 0
        self._points = np.linspace(-1.0, 1.0, 100)
        self._result = np.empty_like(self._points)

    def call(self) -> None:
        """Do the work."""
        for _ in range(self.calls):
            np.exp(self._points, out=self._result)

    def cost(self) -> float:
        """Return the CPU time of one of its calls, ns: the shortest mean of a thousand."""
        calls, self.calls = self.calls, 1000
        shortest = math.inf
        for _ in range(10):
            start = time.process_time_ns()
            self.call()
            shortest = min(shortest, time.process_time_ns() - start)
        mean, self.calls = shortest / self.calls, calls
        return mean


def measure(case: Case, extra: Extra, rounds: int) -> dict[str, list[int]]:
    """Time calls of ``case``, each with the extra work: CPU and wall time and involuntary switches of each."""
    result: dict[str, list[int]] = {"cpu_ns": [], "wall_ns": [], "switches": []}
    for _ in range(rounds):
        case.restore()
        switches, wall, cpu = _switches(), time.perf_counter_ns(), time.process_time_ns()
        case.call()
        extra.call()
        result["cpu_ns"].append(time.process_time_ns() - cpu)
        result["wall_ns"].append(time.perf_counter_ns() - wall)
        result["switches"].append(_switches() - switches)
    return result


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


class Server:
    """Answers requests, in the first process and in those forked from it.

    Parameters
    ----------
    build
        Backend, precision, compiler arguments and cache.
    """

    def __init__(self, build: Build) -> None:
        self.build = build
        self.case: Case | None = None
        self.extra = Extra()
        self._warm = 0
        self.padding: tuple[mmap.mmap, bytearray] = mmap.mmap(-1, 1), bytearray()
        self._atmospheres: dict[tuple[Shape, str], Atmosphere] = {}

    def shift(self) -> None:
        """Let what is loaded and allocated from now on lie elsewhere in memory, as after a start of the program."""
        chance = random.SystemRandom()  # forks would share the state of another generator
        self.padding = mmap.mmap(-1, chance.randrange(1, 2**14) * mmap.PAGESIZE), bytearray(chance.randrange(2**20))

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make the atmosphere of a benchmark; raises ValueError where there is no such benchmark."""
        if request["component"] not in BENCHMARKS:
            raise ValueError(f"There is no benchmark '{request['component']}': there are {', '.join(BENCHMARKS)}.")
        self._atmosphere(request)
        return {"benchmarks": BENCHMARKS}

    def prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Create the component and its fields, and call it until it has settled."""
        self.case, self.extra = None, Extra()
        self.case = self._create(request)
        nanoseconds = self.case.cost(1)
        self._warm = int(nanoseconds < _WARM)
        if self._warm:
            nanoseconds = self.case.cost(2)  # the first call also loads
        if not request.get("extra"):
            return {"ns": nanoseconds}
        whole, one = self.case.cost(20), self.extra.cost()
        self.extra.calls = request.get("calls") or max(1, round(request["extra"] * whole / one))
        return {"ns": nanoseconds, "extra": self.extra.calls * one / whole, "calls": self.extra.calls}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Time a block of calls, after one that is not counted."""
        if self.case is None:
            raise ValueError("Nothing is prepared.")
        measure(self.case, self.extra, self._warm)
        return measure(self.case, self.extra, request["rounds"])

    def memory(self, request: dict[str, Any]) -> dict[str, Any]:
        """Trace the fields and one call with memray; return the peak."""
        import memray  # noqa: PLC0415 (only this request needs it)

        # Loads what stays; on another domain, for GridTools keeps temporaries and hands them out again by size.
        self._create({**request, "domain": (2, 2, 3)}).call()
        dump = Path(request["dump"])
        dump.unlink(missing_ok=True)
        atmosphere = self._atmosphere(request)
        component = create(request["component"], tuple(request["domain"]), self.build)
        with memray.Tracker(dump):
            component(from_arrays(component.fields, atmosphere, component.domain, self.build), TIMESTEP)
        with memray.FileReader(dump) as reader:
            peak = reader.metadata.peak_memory
        dump.unlink()
        return {"bytes": peak}

    def count(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call the component inside the C function ``collected``, as valgrind wants it, once it has settled."""
        gc.disable()
        case = self._create(request)
        collected = ctypes.CDLL(request["shim"]).collected
        call = ctypes.CFUNCTYPE(None)(case.call)
        for _ in range(_SETTLING):  # until Python has specialised the code
            case.restore()
            case.call()
        for _ in range(request["times"]):
            case.restore()
            collected(call)
        return {}

    def _create(self, request: dict[str, Any]) -> Case:
        component = create(request["component"], tuple(request["domain"]), self.build)
        return Case(component, self._atmosphere(request), self.build)

    def _atmosphere(self, request: dict[str, Any]) -> Atmosphere:
        domain: Shape = tuple(request["domain"])
        key = (domain, request["mix"])
        if key not in self._atmospheres:
            self._atmospheres[key] = synthetic_atmosphere(
                domain, precision=self.build.precision, seed=1, timestep=TIMESTEP, mix=request["mix"]
            )
        return self._atmospheres[key]


def _serve(server: Server, answer: Callable[[dict[str, Any]], None]) -> bool:
    """Answer requests until ``end`` (True) or the end of the input; ``start`` has them answered by a fork."""
    while line := sys.stdin.readline():
        request = json.loads(line)
        if request["do"] == "end":
            return True
        if request["do"] == "start":
            answer(_fork(server, answer))
            continue
        try:
            answer(getattr(server, request["do"])(request))
        except Exception as error:  # noqa: BLE001 (whatever it is, the other side must hear of it)
            answer({"error": f"{type(error).__name__}: {error}"})
    return False


def _fork(server: Server, answer: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Let a new process answer the requests until ``end``; return what is to be said of its end."""
    gc.collect()
    gc.freeze()  # what the new process inherits is not touched again by its collector
    child = os.fork()
    if child == 0:
        gc.disable()
        server.shift()
        answer({})
        _serve(server, answer)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return {"error": f"The process ended with code {code}."} if code else {}


def main(arguments: list[str] | None = None) -> int:
    """Serve requests until the input ends."""
    parser = argparse.ArgumentParser(prog="python worker.py", description="Measure blocks of calls on request.")
    add_build_options(parser)
    build = build_from(parser.parse_args(arguments))
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not mix with the answers

    def answer(value: dict[str, Any]) -> None:
        channel.write(json.dumps(value) + "\n")
        channel.flush()

    server = Server(build)
    while _serve(server, answer):
        answer({})  # an ``end`` without a forked process: that one ended by itself
    return 0


if __name__ == "__main__":
    sys.exit(main())
