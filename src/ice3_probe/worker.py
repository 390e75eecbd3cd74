"""A process that measures blocks of runs on request, for the comparison of two revisions.

Two of them take turns, one for each revision: the same worker, with the port of the tree that PYTHONPATH names. The
first process imports the port and makes the atmospheres. Each ``Start`` forks one that serves the following requests
until ``End``. It loads what is compiled, at another place in memory each time, has components and fields of its own,
and costs no import. A process is the unit of replication: rounds of one process are not independent.
"""

from __future__ import annotations

import ctypes
import gc
import math
import mmap
import os
import random
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe.building import telling
from ice3_probe.cases import instance_of, load_everything, weather
from ice3_probe.code import loaded_modules
from ice3_probe.messages import (
    Code,
    CountInstructions,
    DescribeCode,
    Done,
    End,
    Failure,
    Load,
    MeasureBlock,
    MeasureMemory,
    Message,
    Peak,
    Prepare,
    Prepared,
    Remark,
    Rounds,
    Start,
    decode,
)
from ice3_probe.ports import PortError
from ice3_probe.timing import Loop, remarks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.channel import Channel
    from ice3_probe.contract import Cell
    from ice3_probe.messages import Answer, Benchmark
    from ice3_probe.ports import Port

_SETTLING = 20
"""runs after which Python has specialised the code"""
_LONG = 20_000_000
"""nanoseconds of a run above which the first one of a block counts: longer runs need no warm-up"""


class Extra:
    """Work of known cost to add to a run: calls of ``exp`` on a hundred points, which the first-level cache holds."""

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


class Server:
    """Answers requests, in the first process and in those forked from it."""

    def __init__(self, port: Port, cell: Cell, channel: Channel) -> None:
        self.port, self.cell, self.channel = port, cell, channel
        self.loop: Loop | None = None
        self.extra = Extra()
        self._warm = 0
        self.padding: tuple[mmap.mmap, bytearray] = mmap.mmap(-1, 1), bytearray()

    def shift(self) -> None:
        """Move what is loaded and allocated from now on elsewhere in memory, as a restart of the program would."""
        chance = random.SystemRandom()  # forks would share the state of another generator
        self.padding = mmap.mmap(-1, chance.randrange(1, 2**14) * mmap.PAGESIZE), bytearray(chance.randrange(2**20))

    def answer(self, request: Message) -> Answer:
        """Do what is asked; whatever goes wrong becomes a Failure."""
        work: dict[type[Any], Callable[[Any], Answer]] = {
            Load: self.load,
            Prepare: self.prepare,
            MeasureBlock: self.block,
            MeasureMemory: self.memory,
            CountInstructions: self.count,
            DescribeCode: self.describe,
        }
        if type(request) not in work:
            return Failure(f"A worker cannot answer {type(request).__name__}.")
        try:
            return work[type(request)](request)
        except PortError as error:
            return Failure(str(error), usage=error.usage)
        except Exception as error:  # noqa: BLE001 (whatever it is, the other side must hear of it)
            traceback.print_exc()
            return Failure(f"{type(error).__name__}: {error}")

    def load(self, request: Load) -> Done:
        """Make the atmosphere of a benchmark."""
        weather(request.benchmark.domain, request.benchmark.mix, request.benchmark.arrangement)
        return Done()

    def prepare(self, request: Prepare) -> Prepared:
        """Create the component, load its inputs, and run it until it has settled."""
        self.loop, self.extra = None, Extra()
        loop = self._loop(request.benchmark)
        rounds = loop.run(1)
        self._warm = int(rounds.cpu_ns[0] < _LONG)
        if self._warm:
            rounds = loop.run(2)  # the first run also loads
        for said in remarks(loop.late(), rounds, loop.instance.bytes_moved(), self.cell.threads, self.cell.device):
            self.channel.send(Remark(request.benchmark.name, said, marks=True))
        self.loop, nanoseconds = loop, min(rounds.cpu_ns)
        if nanoseconds <= 0:
            raise ValueError("A run takes no time by the clock of this machine: choose a larger domain.")
        if not request.extra:
            return Prepared(nanoseconds)
        whole, one = max(min(loop.run(20).cpu_ns), 1), max(self.extra.cost(), 1e-3)
        self.extra.calls = request.calls or max(1, round(request.extra * whole / one))
        return Prepared(nanoseconds, self.extra.calls * one / whole, self.extra.calls)

    def block(self, request: MeasureBlock) -> Rounds:
        """Time a block of runs, after one that does not count."""
        if self.loop is None:
            raise ValueError("Nothing is prepared.")
        self.loop.run(self._warm)
        return self.loop.run(request.rounds)

    def memory(self, request: MeasureMemory) -> Peak:
        """Trace the fields and one run with memray; return the peak."""
        import memray  # noqa: PLC0415 (only this request needs it)

        benchmark, dump = request.benchmark, Path(request.dump)
        load_everything(self.port, self.cell, benchmark)
        dump.unlink(missing_ok=True)
        weather(benchmark.domain, benchmark.mix, benchmark.arrangement)
        with memray.Tracker(dump):
            instance = instance_of(self.port, self.cell, benchmark)
            instance.reset()
            instance.run_checked()
        with memray.FileReader(dump) as reader:
            peak = reader.metadata.peak_memory
        dump.unlink()
        return Peak(benchmark.name, peak - instance.reset_bytes)

    def describe(self, request: DescribeCode) -> Code:
        """Run the component once and say what code that was; nothing of a port that does not tell what it generated."""
        instance = instance_of(self.port, self.cell, request.benchmark)
        generated = str(getattr(instance.runnable, "generated", ""))
        if not generated:
            return Code("", {})
        instance.reset()
        instance.run_checked()  # what it imports on the way counts
        return Code(generated, loaded_modules([Path(folder) for folder in request.folders]))

    def count(self, request: CountInstructions) -> Done:
        """Run the component inside the C function ``collected``, as valgrind wants it, once it has settled."""
        gc.disable()
        loop = self._loop(request.benchmark)
        collected = ctypes.CDLL(request.shim).collected
        loop.run(_SETTLING)
        call = ctypes.CFUNCTYPE(None)(loop.instance.run)
        for _ in range(request.times):
            loop.prepare()
            collected(call)
        return Done()

    def _loop(self, benchmark: Benchmark) -> Loop:
        return Loop([instance_of(self.port, self.cell, benchmark)], extra=self.extra.call)


def serve(port: Port, cell: Cell, channel: Channel) -> None:
    """Answer the requests on standard input, one a line, until it ends."""
    server = Server(telling(port, channel.send), cell, channel)
    while _serve(server):
        channel.send(Done())  # an ``End`` without a forked process: that one ended by itself


def _serve(server: Server) -> bool:
    """Answer requests until ``End`` (True) or the end of the input; ``Start`` has them answered by a fork."""
    while line := sys.stdin.readline():
        request = decode(line)
        if isinstance(request, End):
            return True
        server.channel.send(_fork(server) if isinstance(request, Start) else server.answer(request))
    return False


def _fork(server: Server) -> Answer:
    """Let a new process answer the requests until ``End``; return a message on its end."""
    gc.collect()
    gc.freeze()  # the new process's collector must not touch what it inherits
    child = os.fork()
    if child == 0:
        gc.disable()
        server.shift()
        server.channel.send(Done())
        _serve(server)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return Failure(f"The process ended with code {code}.") if code else Done()
