"""The bandwidth of the machine's memory: STREAM's triad, by the clock of the benchmark that it is measured beside."""

from __future__ import annotations

import mmap
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

MEGABYTES = 128
"""Size of the three arrays of all threads together."""
REPEATS = 5
"""The fastest counts, as the shortest time of a benchmark does."""
BLOCK = 8192
"""Elements of which a product is kept in the cache, so that memory sees each array once."""
FACTOR = 3.0


def triad(threads: int) -> float:
    """Measure a = b + s c, bytes per second (24 bytes per element); takes a fifth of a second.

    The clock is that of latencies: CPU time with one thread, wall time with several.
    """
    size = MEGABYTES * 2**20 // 24 // threads
    sets = [_arrays(size) for _ in range(threads)]
    times = []
    if threads == 1:
        for _ in range(REPEATS):
            start = time.process_time_ns()
            _work(sets[0])
            times.append(time.process_time_ns() - start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(REPEATS):
                start = time.perf_counter_ns()
                list(pool.map(_work, sets))
                times.append(time.perf_counter_ns() - start)
    return 24e9 * size * threads / max(min(times), 1)


def _work(arrays: Arrays) -> None:
    """Compute the triad once."""
    a, b, c = arrays
    product = np.empty(BLOCK)
    for start in range(0, a.size, BLOCK):
        part = slice(start, min(start + BLOCK, a.size))
        view = product[: part.stop - start]
        np.multiply(c[part], FACTOR, out=view)
        np.add(b[part], view, out=a[part])


def _arrays(size: int) -> Arrays:
    """Make the arrays outside of the heap, so that a port's fields lie where they would lie without them."""
    a, b, c = (np.frombuffer(mmap.mmap(-1, 8 * size), dtype=np.float64) for _ in range(3))
    a[:], b[:], c[:] = 0.0, 1.0, 2.0
    return a, b, c
