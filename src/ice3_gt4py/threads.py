"""Python threads that share work: compiled stencils and copies run side by side in them."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Part = TypeVar("Part")


class Threads:
    """Threads that share work, among them the one that calls.

    Parameters
    ----------
    number
        How many.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._others = ThreadPoolExecutor(number - 1) if number > 1 else None

    def share(self, work: Callable[[int, Iterator[Part]], object], parts: Iterable[Part]) -> None:
        """Call ``work`` in every thread, and return when all have ended; if one fails, the others take no more parts.

        Parameters
        ----------
        work
            Takes the number of the thread and the parts: from this iterator each thread takes the next part when it is
            done with the last one. What is done with one part must not touch what is done with another.
        parts
            A range, for example: threads may not take parts of a generator at the same time.
        """
        remaining = iter(parts)
        if self._others is None:
            work(0, remaining)
            return

        def run(number: int) -> None:
            try:
                work(number, remaining)
            except BaseException:
                deque(remaining, maxlen=0)  # the others end after the parts that they have
                raise

        running: list[Future[None]] = []
        try:
            running.extend(self._others.submit(run, number) for number in range(1, self.number))
            run(0)
        finally:
            wait(running)
        for other in running:
            other.result()
