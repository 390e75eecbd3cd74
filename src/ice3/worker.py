"""A process that measures blocks of calls on request: ``python -m ice3.worker``, one JSON object a line.

Two of them, one for each revision, take turns when revisions are compared. The first process only imports and waits;
each ``start`` forks one that serves the following requests until ``end``, so that a restart costs no import. A process
is the unit of replication: rounds of one process are not independent.

Requests, each answered by one object (``error`` in it says what went wrong):

    load        component: build or load its stencils, for all processes -> protocol, benchmarks
    start       fork a process                                           -> protocol
    prepare     component, domain, mix, extra: build and warm up         -> extra (share of a call that is added)
    run         rounds                                                   -> cpu_ns, wall_ns, switches
    memory      component, domain, mix, dump: peak of one call           -> bytes
    end         end the forked process                                   -> protocol
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3.atmosphere import synthetic_atmosphere
from ice3.components import BENCHMARKS, add_build_options, build_from, create
from ice3.fields import from_arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3.compilation import Build
    from ice3.fields import Shape, State

PROTOCOL = 1
TIMESTEP = 50.0  # s
_SLICE = 8  # columns in a row of the extra work


class Case:
    """A component on a synthetic atmosphere, ready to be called again and again from the same state."""

    def __init__(self, build: Build, component: str, domain: Shape, mix: str, seed: int = 1) -> None:
        self.component = create(component, domain, build)
        atmosphere = synthetic_atmosphere(domain, precision=build.precision, seed=seed, timestep=TIMESTEP, mix=mix)
        self.state: State = from_arrays(self.component.fields, atmosphere, domain, build)
        self._pristine = {
            field.name: self.state[field.name].copy() for field in self.component.fields if field.intent == "inout"
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
        return min(measure(self, None, rounds)["cpu_ns"])


def measure(case: Case, extra: Case | None, rounds: int) -> dict[str, list[int]]:
    """Time calls of ``case``, each followed by one of ``extra``: CPU and wall time and involuntary switches of each."""
    result: dict[str, list[int]] = {"cpu_ns": [], "wall_ns": [], "switches": []}
    for _ in range(rounds):
        case.restore()
        if extra:
            extra.restore()
        switches, wall, cpu = _switches(), time.perf_counter_ns(), time.process_time_ns()
        case.call()
        if extra:
            extra.call()
        result["cpu_ns"].append(time.process_time_ns() - cpu)
        result["wall_ns"].append(time.perf_counter_ns() - wall)
        result["switches"].append(_switches() - switches)
    return result


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def extra_work(build: Build, component: str, domain: Shape, mix: str, share: float, whole: int) -> tuple[Case, float]:
    """Make a case on fewer columns whose call costs about ``share`` of ``whole`` ns; return it and its true share."""
    columns = max(_SLICE, round(share * domain[0] * domain[1] / _SLICE) * _SLICE)
    case, cost = None, 0
    for _ in range(4):
        case = Case(build, component, (_SLICE, columns // _SLICE, domain[2]), mix)
        cost = case.cost(30)
        wanted = max(_SLICE, round(columns * share * whole / cost / _SLICE) * _SLICE)
        if wanted == columns:
            break
        columns = wanted
    assert case is not None  # noqa: S101 (the loop ran)
    return case, cost / whole


class Server:
    """Answers the requests of one forked process."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.case: Case | None = None
        self.extra: Case | None = None

    def prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Build the component and its atmosphere, and call it until it has settled."""
        self.case = self.extra = None
        domain: Shape = tuple(request["domain"])
        self.case = Case(self.build, request["component"], domain, request["mix"])
        whole, share = self.case.cost(3), 0.0
        if request.get("extra"):
            whole = self.case.cost(20)
            self.extra, share = extra_work(
                self.build, request["component"], domain, request["mix"], request["extra"], whole
            )
        return {"extra": share}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Time a block of calls, after one that is not counted."""
        if self.case is None:
            raise ValueError("Nothing is prepared.")
        measure(self.case, self.extra, 1)
        return measure(self.case, self.extra, request["rounds"])

    def memory(self, request: dict[str, Any]) -> dict[str, Any]:
        """Trace the fields and one call with memray; return the peak."""
        import memray  # noqa: PLC0415 (only this request needs it)

        domain: Shape = tuple(request["domain"])
        Case(self.build, request["component"], domain, request["mix"]).call()  # loads what stays
        dump = Path(request["dump"])
        dump.unlink(missing_ok=True)
        atmosphere = synthetic_atmosphere(domain, precision=self.build.precision, seed=1, mix=request["mix"])
        component = create(request["component"], domain, self.build)
        with memray.Tracker(dump):
            component(from_arrays(component.fields, atmosphere, domain, self.build), TIMESTEP)
        with memray.FileReader(dump) as reader:
            peak = reader.metadata.peak_memory
        dump.unlink()
        return {"bytes": peak}


def _serve(build: Build, answer: Callable[[dict[str, Any]], None]) -> None:
    server = Server(build)
    while line := sys.stdin.readline():
        request = json.loads(line)
        if request["do"] == "end":
            return
        try:
            answer(getattr(server, request["do"])(request))
        except Exception as error:  # noqa: BLE001 (whatever it is, the other side must hear of it)
            answer({"error": f"{type(error).__name__}: {error}"})


def _load(build: Build, component: str) -> dict[str, Any]:
    if component not in BENCHMARKS:
        return {"error": f"There is no benchmark of '{component}': there are {', '.join(BENCHMARKS)}."}
    try:
        create(component, (2, 2, 3), build)
    except Exception as error:  # noqa: BLE001 (whatever it is, the other side must hear of it)
        return {"error": f"{type(error).__name__}: {error}"}
    return {"protocol": PROTOCOL, "benchmarks": BENCHMARKS}


def main(arguments: list[str] | None = None) -> int:
    """Serve requests until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m ice3.worker", description="Measure blocks of calls on request.")
    add_build_options(parser)
    build = build_from(parser.parse_args(arguments))
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not mix with the answers

    def answer(value: dict[str, Any]) -> None:
        channel.write(json.dumps(value) + "\n")
        channel.flush()

    while line := sys.stdin.readline():
        request = json.loads(line)
        if request["do"] == "load":
            answer(_load(build, request["component"]))
            continue
        child = os.fork()
        if child == 0:
            answer({"protocol": PROTOCOL})
            _serve(build, answer)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        answer({"protocol": PROTOCOL} if code == 0 else {"error": f"The process ended with code {code}."})
    return 0


if __name__ == "__main__":
    sys.exit(main())
