"""Energy of a run: of the processor packages by RAPL, of a GPU by NVML. Counters also see what else runs there."""

from __future__ import annotations

import ctypes
import re
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.timing import Loop

POWERCAP = Path("/sys/class/powercap")
NVML = "libnvidia-ml.so.1"
LEAST_NS = 2_000_000_000
"""Nanoseconds of runs that are measured together: counters advance in steps of up to a tenth of a second."""


class NoCounterError(Exception):
    """There is no counter that may be read; the message says why."""


class Counter(Protocol):
    """Measures the energy that some work takes."""

    def spent(self, work: Callable[[], None]) -> float:
        """Do the work; return the energy, J."""


class Packages:
    """The counters of all processor packages, in Linux's powercap.

    Raises
    ------
    NoCounterError
        If there is none, or it may not be read.
    """

    def __init__(self, root: Path = POWERCAP) -> None:
        zones = sorted(zone for zone in root.glob("intel-rapl:*") if re.fullmatch(r"intel-rapl:\d+", zone.name))
        try:
            self._zones = [zone for zone in zones if (zone / "name").read_text(encoding="ascii").startswith("package")]
            self._ranges = [_integer(zone / "max_energy_range_uj") for zone in self._zones]
            self._read()
        except (OSError, ValueError) as error:
            raise NoCounterError(f"the counters in {root} cannot be read ({error})") from error
        if not self._zones:
            raise NoCounterError(f"{root} has no counter of a processor package")

    def spent(self, work: Callable[[], None]) -> float:
        """Do the work, which must not take minutes: counters start again at zero; return the energy, J."""
        before = self._read()
        work()
        counts = zip(before, self._read(), self._ranges, strict=True)
        return 1e-6 * sum((end - start) % (most + 1) for start, end, most in counts)

    def _read(self) -> list[int]:
        return [_integer(zone / "energy_uj") for zone in self._zones]


def _integer(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


class Gpu:
    """The counter of a GPU, in NVIDIA's management library.

    Raises
    ------
    NoCounterError
        If the library or the counter is missing.
    """

    def __init__(self, bus_id: str) -> None:
        try:
            self._library = ctypes.CDLL(NVML)
        except OSError as error:
            raise NoCounterError(f"{NVML} cannot be loaded ({error})") from error
        self._device = ctypes.c_void_p()
        self._call("nvmlInit_v2")
        self._call("nvmlDeviceGetHandleByPciBusId_v2", bus_id.encode(), ctypes.byref(self._device))
        self._millijoules()

    def spent(self, work: Callable[[], None]) -> float:
        """Do the work, which waits for the device; return the energy, J."""
        before = self._millijoules()
        work()
        return 1e-3 * (self._millijoules() - before)

    def _millijoules(self) -> int:
        count = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetTotalEnergyConsumption", self._device, ctypes.byref(count))
        return count.value

    def _call(self, function: str, *arguments: object) -> None:
        code = getattr(self._library, function)(*arguments)
        if code != 0:
            raise NoCounterError(f"{function} of {NVML} failed with code {code}")


def counter_of(device: str) -> Counter:
    """Return the counter of what runs the cells of a device, ``cpu`` or ``gpu``; raises NoCounterError."""
    if device == "cpu":
        return Packages()
    import cupy  # noqa: PLC0415

    return Gpu(cupy.cuda.Device().pci_bus_id)


def per_call(loop: Loop, counter: Counter, shortest_ns: int) -> float:
    """Return the energy of a call, J: that of runs with their preparation, less that of the preparations alone.

    Parameters
    ----------
    shortest_ns
        Duration of a call.
    """
    calls = ceil(LEAST_NS / max(shortest_ns, 1000))

    def prepare() -> None:
        for _ in range(calls):
            loop.prepare()

    both = counter.spent(lambda: _discard(loop.run(calls)))
    return max(both - counter.spent(prepare), 0.0) / calls


def _discard(_rounds: object) -> None:
    pass


def measured(loop: Loop, device: str, shortest_ns: int) -> tuple[float | None, str]:
    """Return the energy of a call, J, or None and why it cannot be measured."""
    try:
        return per_call(loop, counter_of(device), shortest_ns), ""
    except NoCounterError as error:
        return None, str(error)
