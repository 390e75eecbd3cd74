"""Python threads that share work: compiled stencils and copies run side by side in them."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
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
        self._others = ThreadPoolExecutor(number - 1) if number > 1 else None

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

        If one fails, the others take no more parts, and its error is raised when they have ended.
        """
        remaining = [(step.work, iter(step.parts)) for step in steps]
        if self._others is None:
            for work, parts in remaining:
                work(0, parts)
            return
        barrier = self._barrier(self.number)

        def run(number: int) -> None:
            try:
                for work, parts in remaining:
                    work(number, parts)
                    barrier.wait()
            except BaseException:
                for _, parts in remaining:
                    deque(parts, maxlen=0)
                barrier.abort()
                raise

        running: list[Future[None]] = []
        try:
            running.extend(self._others.submit(run, number) for number in range(1, self.number))
            run(0)
        except threading.BrokenBarrierError:
            wait(running)
            errors = [error for other in running if (error := other.exception())]
            raise next(error for error in errors if not isinstance(error, threading.BrokenBarrierError)) from None
        except BaseException:
            barrier.abort()  # it may be that not all of them run
            wait(running)
            raise
