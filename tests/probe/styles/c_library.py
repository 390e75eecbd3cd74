"""A port in C: compiled into the cache when it is created, and called through ctypes."""

from __future__ import annotations

import ctypes
import subprocess
from typing import Any

import numpy as np

from ice3_probe.contract import ICE_ADJUST, UnknownComponent, Unsupported

SOURCE = """
void adjust(long points, REAL timestep, const REAL *rv, const REAL *rc, REAL *rvs, REAL *cldfr)
{
    for (long n = 0; n < points; n++) {
        rvs[n] += (rv[n] - rc[n]) / timestep;
        cldfr[n] = rc[n] > 0;
    }
}
"""
KINDS = {"float32": ("float", ctypes.c_float), "float64": ("double", ctypes.c_double)}


class Library:
    outputs = frozenset({"rvs", "cldfr"})
    ignores = frozenset(field.name for field in ICE_ADJUST if field.is_input) - {"rv", "rc", "rvs"}

    def __init__(self, case: Any, cell: Any) -> None:
        self.case, self.cell = case, cell
        real, self.number = KINDS[cell.precision]
        library = cell.cache / f"adjust_{cell.precision}.so"
        self.cached = library.exists()
        if not self.cached:
            cell.cache.mkdir(parents=True, exist_ok=True)
            command = ["cc", "-O2", "-shared", "-fPIC", f"-DREAL={real}", "-xc", "-", "-o", str(library)]
            subprocess.run(command, input=SOURCE, text=True, check=True)
        self.adjust = ctypes.CDLL(str(library)).adjust
        pointer = np.ctypeslib.ndpointer(np.dtype(cell.precision), 3, flags="C")
        self.adjust.argtypes = [ctypes.c_long, self.number, *4 * [pointer]]

    def load(self, fields: Any) -> None:
        self.rv, self.rc, self.start = (fields[name].astype(self.cell.precision) for name in ("rv", "rc", "rvs"))
        self.rvs, self.cldfr = np.empty_like(self.rv), np.empty_like(self.rv)

    def reset(self) -> None:
        self.rvs[...] = self.start

    def run(self) -> None:
        self.adjust(self.rv.size, self.case.timestep, self.rv, self.rc, self.rvs, self.cldfr)

    def read(self) -> dict[str, Any]:
        return {"rvs": self.rvs, "cldfr": self.cldfr}


def create(case: Any, cell: Any) -> Library:
    if case.component != "ice_adjust":
        raise UnknownComponent(case.component, ("ice_adjust",))
    if case.options["CCONDENS"] != "CB02":
        raise Unsupported("CCONDENS", case.options["CCONDENS"], ("CB02",))
    return Library(case, cell)
