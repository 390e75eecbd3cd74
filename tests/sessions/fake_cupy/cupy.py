"""Plays CuPy to the probe: arrays are NumPy's, and times are what a device might say, not measured."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import numpy as np

KERNEL_MS = 0.008192
PEAK = 123456


class ndarray(np.ndarray):  # noqa: N801 (CuPy's name)
    def get(self, out: Any = None) -> Any:
        if out is None:
            return np.asarray(self)
        out[...] = self
        return out

    def set(self, host: Any) -> None:
        self[...] = host


def asarray(values: Any, dtype: Any = None, order: str = "C") -> Any:
    return np.array(values, dtype=dtype, order=order).view(ndarray)  # type: ignore[call-overload]


array = asarray


def ones(size: int) -> Any:
    return np.ones(min(size, 1000)).view(ndarray)


def zeros(size: int) -> Any:
    return np.zeros(min(size, 1000)).view(ndarray)


def empty(shape: Any, dtype: Any = "f8", order: Any = "C") -> Any:
    return np.zeros(shape, dtype, order=order).view(ndarray)


def tile(values: Any, repeats: Any) -> Any:
    return np.tile(values, repeats)


def copyto(target: Any, source: Any) -> None:
    target[...] = source


class RawKernel:
    def __init__(self, source: str, name: str) -> None:
        pass

    def __call__(self, grid: Any, block: Any, arguments: Any) -> None:
        pass


class _Event:
    done = False

    def record(self) -> None:
        pass

    def synchronize(self) -> None:
        pass


class _Device:
    id = 0
    pci_bus_id = "0000:01:00.0"

    def __init__(self, _number: int = 0) -> None:
        pass

    def synchronize(self) -> None:
        pass


class _Hook:
    def __enter__(self) -> Any:
        self.malloc_postprocess(mem_size=PEAK)  # type: ignore[attr-defined]
        return self

    def __exit__(self, *_: object) -> None:
        pass


class CUDARuntimeError(RuntimeError):
    pass


cuda = SimpleNamespace(
    Event=_Event,
    Device=_Device,
    MemoryHook=_Hook,
    get_elapsed_time=lambda _start, _end: KERNEL_MS,
    runtime=SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        runtimeGetVersion=lambda: 13000,
        memGetInfo=lambda: (2**33, 80 * 10**9),
        getDeviceProperties=lambda _number: {"l2CacheSize": 1000},
        getDeviceCount=lambda: int(os.environ.get("CUDA_DEVICES", "1")),
    ),
)
