"""The GPU: every use of CuPy, which is imported inside the functions because only GPU cells have it."""

from __future__ import annotations

import subprocess
import time
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe.contract import Unavailable
from ice3_probe.messages import Device

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ice3_probe.fields import Shape

CACHES = 4
"""Size of what is touched between two calls on one set of fields, in L2 caches."""
HELD_NS = 500_000
"""Nanoseconds by which the device is held up at first, so that the host can issue a whole call meanwhile."""
LONGEST_HELD_NS = 64 * HELD_NS
BLOCK = 128
"""Largest extent of the block of columns that weather on the device repeats."""

HOLD = r"""
extern "C" __global__ void hold(unsigned long long nanoseconds) {
    unsigned long long start, now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
    do {
        asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    } while (now - start < nanoseconds);
}
"""
"""Source of the kernel that holds the device."""


class LaunchError(RuntimeError):
    """The device ran out of work within a call, so that its time is not that of kernels alone."""


def sets_to_rotate(set_bytes: int, cache_bytes: int) -> int:
    """Return how many sets of fields must take turns so that a call finds none of its fields in the cache."""
    return 1 + max(1, ceil(CACHES * cache_bytes / set_bytes))


def cache_bytes() -> int:
    """Size of the L2 cache."""
    import cupy  # noqa: PLC0415

    return int(cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["l2CacheSize"])


def synchronise() -> None:
    """Wait until the device has done all its work."""
    import cupy  # noqa: PLC0415

    cupy.cuda.Device().synchronize()


class KernelClock:
    """Measures how long the device works on a call, by CUDA events.

    An idle device passes the first event at once, so the time between two events would include the launch of the first
    kernel. A kernel that only waits therefore precedes the first event, and the host issues the call meanwhile. If the
    device has not passed the first event by then, the host was in time.
    """

    def __init__(self) -> None:
        import cupy  # noqa: PLC0415

        self._hold = cupy.RawKernel(HOLD, "hold")
        self._events = cupy.cuda.Event(), cupy.cuda.Event()
        self._elapsed = cupy.cuda.get_elapsed_time
        self._held = HELD_NS

    def time(self, call: Callable[[], None], prepare: Callable[[], None]) -> int:
        """Nanoseconds of one ``call`` on the device; ``prepare`` is called before it, once for each attempt.

        Raises
        ------
        LaunchError
            If the call waits for the device itself, so that its kernels cannot follow each other without gaps.
        """
        start, end = self._events
        while True:
            prepare()
            self._hold((1,), (1,), (np.uint64(self._held),))
            start.record()
            call()
            end.record()
            in_time = not start.done
            end.synchronize()
            if in_time:
                return round(1e6 * float(self._elapsed(start, end)))
            if self._held >= LONGEST_HELD_NS:
                raise LaunchError(
                    f"The host did not issue the call within {self._held / 1e6:.0f} ms: does the port wait for the "
                    "device? In a GPU cell, run() must only enqueue."
                )
            self._held *= 2


def copy_bandwidth(megabytes: int = 2048, repeats: int = 20) -> float:
    """Bytes that the device reads and writes per second when it copies ``megabytes`` (the best of ``repeats``).

    If less than four times as much memory is free, a quarter of the free memory is copied.
    """
    import cupy  # noqa: PLC0415

    free, _ = cupy.cuda.runtime.memGetInfo()
    size = min(megabytes * 2**20, free // 4) // 8
    source, target = cupy.ones(size), cupy.zeros(size)
    clock = KernelClock()
    times = [clock.time(lambda: cupy.copyto(target, source), synchronise) for _ in range(repeats)]
    return 2e9 * float(source.nbytes) / min(times)


def peak_memory(call: Callable[[], None]) -> int:
    """Most bytes that ``call`` had from CuPy's memory pool at a time, besides what was in use before."""
    import cupy  # noqa: PLC0415

    class Peak(cupy.cuda.MemoryHook):  # type: ignore[misc]
        name = "peak"

        def __init__(self) -> None:
            self.used = self.most = 0

        def malloc_postprocess(self, **event: Any) -> None:  # noqa: ANN401
            self.used += event["mem_size"]
            self.most = max(self.most, self.used)

        def free_postprocess(self, **event: Any) -> None:  # noqa: ANN401
            self.used -= event["mem_size"]

    with Peak() as peak:
        call()
        synchronise()
    return int(peak.most)


def transfer_times(inputs: list[Any], outputs: list[Any], repeats: int = 10) -> tuple[list[int], list[int]]:
    """Nanoseconds to copy arrays to the device and back, one value for each repeat.

    The host's memory is page-locked and in the order of the arrays, which is the fastest way on this machine.
    """
    import cupyx  # noqa: PLC0415

    sent = [(array, cupyx.empty_like_pinned(array)) for array in inputs]
    fetched = [(array, cupyx.empty_like_pinned(array)) for array in outputs]
    for array, host in sent:
        array.get(out=host)
    to_device, back = [], []
    for _ in range(repeats):
        synchronise()
        start = time.perf_counter_ns()
        for array, host in sent:
            array.set(host)
        synchronise()
        to_device.append(time.perf_counter_ns() - start)
        start = time.perf_counter_ns()
        for array, host in fetched:
            array.get(out=host)
        back.append(time.perf_counter_ns() - start)
    return to_device, back


def empty(shape: tuple[int, ...], precision: str, order: str) -> Any:  # noqa: ANN401
    """Return an uninitialised array on the device."""
    import cupy  # noqa: PLC0415

    return cupy.empty(shape, precision, order=order)


def to_device(arrays: Mapping[str, NDArray[np.float64]], precision: str, order: str) -> dict[str, Any]:
    """Copy arrays to the device, converted to ``precision`` and in memory order ``order``."""
    import cupy  # noqa: PLC0415

    return {name: cupy.asarray(array.astype(precision), order=order) for name, array in arrays.items()}


def tiled_weather(
    weather: Callable[[Shape], Mapping[str, NDArray[np.float64]]],
    domain: Shape,
    precision: str,
    order: str,
) -> dict[str, Any]:
    """Make the weather of ``domain`` on the device: a block of columns made by the host, repeated.

    Ten million points would cost the host minutes. The blocks are as equal as the domain allows, and coherent weather
    is periodic: cloud systems go on from one block into the next, and the mix has its share of dry columns.

    Parameters
    ----------
    weather
        Makes the block: domain -> arrays by name.
    precision, order
        dtype and memory order of the arrays on the device.
    """
    import cupy  # noqa: PLC0415

    i, j, k = domain
    repeats = (-(-i // BLOCK), -(-j // BLOCK))
    block = (-(-i // repeats[0]), -(-j // repeats[1]), k)
    fields = {}
    for name, array in weather(block).items():
        part = cupy.asarray(array.astype(precision))
        whole = cupy.tile(part, (*repeats, 1)[: array.ndim])[:i, :j]
        fields[name] = cupy.array(whole, order=order)
    return fields


def queried_while_copying(columns: str, copies: int = 1000) -> str:
    """Return nvidia-smi's line about the device, asked while it copies: clocks of an idle device say nothing.

    Raises
    ------
    Unavailable
        If nvidia-smi is missing or fails.
    """
    import cupy  # noqa: PLC0415

    source, target = cupy.ones(2**27), cupy.zeros(2**27)
    for _ in range(copies):
        cupy.copyto(target, source)
    command = ["nvidia-smi", f"--id={cupy.cuda.Device().pci_bus_id}", f"--query-gpu={columns}"]
    try:
        shown = subprocess.run([*command, "--format=csv,noheader,nounits"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(
            f"nvidia-smi could not describe the device ({error}): it comes with NVIDIA's driver and must be on PATH, "
            "because results of different devices must not be mixed."
        ) from error
    synchronise()
    return shown.stdout.strip()


def describe(columns: str) -> Device:
    """Describe the device: CUDA runtime, sizes, copy bandwidth, and ``columns`` of nvidia-smi while it copies.

    Raises
    ------
    Unavailable
        If nvidia-smi is missing or fails.
    """
    import cupy  # noqa: PLC0415

    version = cupy.cuda.runtime.runtimeGetVersion()
    return Device(
        runtime=f"{version // 1000}.{version % 1000 // 10}",
        cache_bytes=cache_bytes(),
        memory_bytes=int(cupy.cuda.runtime.memGetInfo()[1]),
        copy_bytes_per_second=copy_bandwidth(),
        smi=queried_while_copying(columns),
    )
