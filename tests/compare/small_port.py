"""A port of the contract with known cost and errors, written into the repositories of the tests.

The tests edit WORK, ERRORS and GENERATED. The variable HANG names where it waits for ever, after it has made the file
HANGING.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np

from ice3_probe import contract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

WORK = {"ice_adjust": 40, "ice_adjust:beta": 40}
"""Passes over the fields in one run."""
ERRORS = {"rvs": 1e-15, "rcs": 1e-15}
"""Relative error of each output."""
GENERATED = ""
"""Digest of its generated code."""
LATE = 0.0
"""Seconds that the first read after a run takes."""

DATA = Path(contract.__file__).with_name("data") / "ice_adjust_lite.nc"
CHECKED = (32, 1, 60)


def wait(where: str) -> None:
    if os.environ.get("HANG") == where:
        Path(os.environ["HANGING"]).touch()
        time.sleep(600)


def aligned(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return an array at a multiple of 64 bytes: NumPy needs more instructions for others."""
    size = int(np.prod(shape))
    memory = np.empty(size + 8)
    start = -memory.ctypes.data % 64 // 8
    return memory[start : start + size].reshape(shape)


class Component:
    outputs = frozenset(ERRORS)
    ignores: frozenset[str] = frozenset()
    generated = GENERATED

    def __init__(self, case: contract.Case) -> None:
        self.name, self.domain = case.component, case.domain
        if self.name == "ice_adjust:broken":
            raise RuntimeError("no template fits")

    def load(self, fields: Mapping[str, NDArray[np.float64]]) -> None:
        self.loaded = {name: fields[name].copy() for name in ERRORS}
        self.results = {name: aligned(array.shape) for name, array in self.loaded.items()}

    def reset(self) -> None:
        for name, array in self.loaded.items():
            self.results[name][...] = array

    def run(self) -> None:
        self.ready = False
        wait("accuracy" if self.domain == CHECKED else "run")
        if self.name == "ice_adjust:crashing":
            os._exit(7)
        for _ in range(WORK[self.name]):
            for array in self.results.values():
                np.multiply(array, 1.0, out=array)

    def read(self) -> Mapping[str, NDArray[Any]]:
        if LATE and not self.ready:
            time.sleep(LATE)
        self.ready = True
        if self.domain == CHECKED:
            with h5netcdf.File(DATA) as file:
                for name, error in ERRORS.items():
                    reference = np.asarray(file.variables[f"out_{name}"][...])
                    self.results[name][:, 0] = reference * (1.0 + error)
        return self.results


def create(case: contract.Case, cell: contract.Cell) -> Component:  # noqa: ARG001
    if case.component not in WORK:
        raise contract.UnknownComponent(case.component, tuple(WORK))
    return Component(case)
