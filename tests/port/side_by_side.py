"""Whether Python's lock is free while something is called."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def other_threads_run_during(call: Callable[[], object]) -> bool:
    """Say whether a thread that waits for Python's lock gets it before the call is over, in one of many calls."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # no thread is made to release the lock
    try:
        return any(_another_runs_during(call) for _ in range(50))  # it may wake too late, but not every time
    finally:
        sys.setswitchinterval(interval)


def _another_runs_during(call: Callable[[], object]) -> bool:
    order: list[str] = []
    begin = threading.Lock()
    begin.acquire()

    def note() -> None:
        with begin:
            order.append("other")

    other = threading.Thread(target=note)
    other.start()
    begin.release()
    call()
    order.append("call")
    other.join()
    return order[0] == "other"
