"""A port that meets the contract without physics, and misbehaves as the variable FAKE_PORT says.

Its only output, ``rvs``, is right on the reference data, whose answers it looks up.
"""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np

import ice3_probe
from ice3_probe.contract import ICE_ADJUST, RAIN_ICE, Unavailable, UnknownComponent, Unsupported, active

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_probe.contract import Case, Cell

COMPONENTS = {"ice_adjust": ICE_ADJUST, "rain_ice": RAIN_ICE}
REFERENCE = (32, 1, 60)
"""Domain of the reference data."""
SMALLEST = (2, 2, 3)
"""Domain on which the probe loads what stays in memory."""
POOL = ThreadPoolExecutor(1)
"""Its thread starts with the first run, as those of a framework do; a fork does not have it."""
LIKED = 2
"""Runs until it misbehaves: the compile pass makes one."""
KEPT: list[bytearray] = []


class Fake:
    """Returns twice the water vapour."""

    def __init__(self, case: Case, cell: Cell, misbehaviour: str) -> None:
        self.outputs = frozenset({"rvs"})
        self.ignores = frozenset[str]()
        self.case, self.cell, self.misbehaviour = case, cell, misbehaviour
        self.runs = 0
        self.cached = misbehaviour != "cold"
        self.answer: Any = None
        if case.domain == REFERENCE:
            with h5netcdf.File(Path(ice3_probe.__file__).parent / "data" / f"{case.component}_lite.nc") as file:
                order = str(dict(file.attrs).get("level_order", "top"))
                answer = np.asarray(file.variables["out_rvs"][...])
                self.answer = (answer if "top" in order else answer[:, ::-1])[:, None, :]
        elif misbehaviour == "compile-crash":
            raise ValueError("template depth exceeded")

    def load(self, fields: Mapping[str, Any]) -> None:
        names = [field.name for field in active(COMPONENTS[self.case.component], self.case.options) if field.is_input]
        self.given = {name: np.array(fields[name], dtype=self.cell.precision) for name in names}

    def reset(self) -> None:
        self.state = self.given["rvs"].copy()

    def run(self) -> None:
        self.runs += 1
        self._misbehave()
        self.state *= 2.0
        if self.answer is not None:
            self.state[...] = self.answer
            if self.misbehaviour == "wrong-physics":
                self.state[7, 0, 42] += 0.05

    def read(self) -> Mapping[str, Any]:
        return {"rvs": self.state}

    def _misbehave(self) -> None:  # noqa: C901, PLR0912 (a list)
        name, traced, what = self.case.component, "PYTHONMALLOC" in os.environ, self.misbehaviour
        if self.answer is not None:
            if what == "accuracy-crash":
                raise ValueError("no such variable")
            if what == "accuracy-leaves":
                os._exit(0)
            if what == "hang-accuracy":
                time.sleep(600)
            return
        if what == "threads":
            POOL.submit(time.process_time).result(timeout=5)
        if self.case.domain == SMALLEST:
            return
        if what == "hang-compile" or (what == "hang-traced" and traced):
            time.sleep(600)
        if what == "killed-when-traced" and traced:
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "keeps" and traced and not KEPT:  # as GridTools keeps the temporaries of the first call
            KEPT.append(bytearray(10_000_000))
        if self.runs < LIKED:
            return
        if what == "hang":
            time.sleep(600)
        if what in ("killed", f"killed-{name}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if what == f"leaves-{name}":
            os._exit(0)
        if what == f"fail-{name}":
            raise ValueError("it rains upwards")
        if what == f"nan-{name}":
            self.state[...] = np.nan


def create(case: Case, cell: Cell) -> Fake:
    misbehaviour = os.environ.get("FAKE_PORT", "")
    if misbehaviour == "prints":
        print('{"version": 1, "kind": "Done"}')
    if misbehaviour == "no-compiler":
        raise Unavailable("Backend 'fake' needs a compiler and none is on PATH.")
    if misbehaviour == "unsupported" and case.domain == REFERENCE:
        raise Unsupported("CSUBG_RC_RR_ACCR", "NONE")
    if case.component not in COMPONENTS:
        raise UnknownComponent(case.component, tuple(COMPONENTS))
    return Fake(case, cell, misbehaviour)
