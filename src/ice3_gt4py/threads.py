"""Python threads that share work: compiled stencils and copies run side by side in them."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ice3_gt4py.extension import extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ice3_gt4py.compilation import Build

Part = TypeVar("Part")


class Barrier(Protocol):
    """What threads meet at: ``threading.Barrier``, or that of ``cpp/ice3_barrier.hpp``, at which they do not sleep."""

    def wait(self) -> object:
        """Wait until all threads are here; raise BrokenBarrierError if one will not come."""

    def abort(self) -> None:
        """Say that this thread will not come."""


@dataclass(frozen=True)
class Step(Generic[Part]):
    """Work that is done part by part.

    Parameters
    ----------
    work
        Takes the number of the thread and the parts: from this iterator each thread takes the next part when it is done
        with the last one. What is done with one part must not touch what is done with another.
    parts
        A range, for example: threads may not take parts of a generator at the same time.
    """

    work: Callable[[int, Iterator[Part]], object]
    parts: Iterable[Part]


@dataclass(frozen=True)
class _Call:
    """What threads share: work and the parts that remain, step by step, and where they meet."""

    steps: list[tuple[Callable[[int, Iterator[Any]], object], Iterator[Any]]]
    barrier: Barrier
    given_up: threading.Event = field(default_factory=threading.Event)

    def take_part(self, number: int) -> None:
        """Work as thread ``number``, and meet the others after each step."""
        try:
            for work, parts in self.steps:
                work(number, parts)
                self.barrier.wait()
        except BaseException:
            self.give_up()
            raise

    def join(self, number: int) -> None:
        """Take part, but not when the call is already over."""
        if not self.given_up.is_set():
            self.take_part(number)

    def give_up(self) -> None:
        """Leave no parts to the others, and let none of them wait."""
        self.given_up.set()
        for _, parts in self.steps:
            deque(parts, maxlen=0)
        self.barrier.abort()


class Threads:
    """Threads that share work, among them the one that calls.

    Parameters
    ----------
    number
        How many.
    barrier
        Makes what so many threads meet at.
    """

    def __init__(self, number: int, barrier: Callable[[int], Barrier] = threading.Barrier) -> None:
        self.number = number
        self._barrier = barrier
        self._pools: dict[int, ThreadPoolExecutor] = {}

    @classmethod
    def of(cls, build: Build) -> Threads:
        """Return the threads that share packed points.

        Raises
        ------
        CompilationError
            If the compiler fails.
        NotCachedError
            If something would have to be compiled and ``build.cached_only`` is set.
        """
        if build.python_threads > 1 and build.compiler:
            return cls(build.python_threads, extension("packing", build).Barrier)
        return cls(build.python_threads)

    def share(self, *steps: Step[Any]) -> None:
        """Do the work of the steps in all threads, each step when all have ended the one before.

        If a thread fails, the others take no more parts, and its error is raised when they have ended. Only one call
        may be under way.
        """
        call = _Call([(step.work, iter(step.parts)) for step in steps], self._barrier(self.number))
        if self.number == 1:
            call.take_part(0)
            return
        running: list[Future[None]] = []
        try:
            running.extend(self._others().submit(call.join, number) for number in range(1, self.number))
            call.take_part(0)
        except threading.BrokenBarrierError as broken:
            wait(running)
            raise _first_error(running) or broken from None
        except BaseException:
            call.give_up()  # it may be that not all of them were told to join
            wait(running)
            raise
        finally:
            running.clear()  # an error leads here, and would keep itself alive

    def _others(self) -> ThreadPoolExecutor:
        """Return the threads of this process: in a fork, those of its parent do not run."""
        process = os.getpid()
        if process not in self._pools:
            self._pools = {process: ThreadPoolExecutor(self.number - 1)}
        return self._pools[process]


def _first_error(running: Iterable[Future[None]]) -> BaseException | None:
    """Return the error of the thread that failed: those that waited for it have others."""
    errors = [error for other in running if (error := other.exception())]
    return next((error for error in errors if not isinstance(error, threading.BrokenBarrierError)), None)
