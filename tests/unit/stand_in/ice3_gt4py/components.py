from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3_gt4py.fields import Field

if TYPE_CHECKING:
    from ice3_gt4py.compilation import Build

KEPT: list[bytearray] = []
BENCHMARKS: dict[str, tuple[str, ...]] = {"alpha": (), "beta": ()}


class Component:
    fields = (Field("x", "inout"), Field("y", "out"))

    def __init__(self, name: str, domain: tuple[int, int, int]) -> None:
        self.name, self.domain = name, domain

    def __call__(self, state: dict[str, Any], _timestep: float) -> None:
        misbehaviour = os.environ.get("STAND_IN", "")
        if misbehaviour == "hang":
            time.sleep(600)
        if misbehaviour in ("killed", f"killed-{self.name}"):
            os.kill(os.getpid(), 9)
        if misbehaviour == "hang-traced" and "PYTHONMALLOC" in os.environ:
            time.sleep(600)
        if misbehaviour == "killed-when-traced" and "PYTHONMALLOC" in os.environ:
            os.kill(os.getpid(), 9)
        if misbehaviour == "keeps" and not KEPT:  # as GridTools keeps the temporaries of the first call
            KEPT.append(bytearray(10_000_000))
        if misbehaviour == f"fail-{self.name}":
            raise ValueError("it rains upwards")
        state["x"] *= 2.0
        state["y"][...] = state["x"] if misbehaviour != f"nan-{self.name}" else float("nan")


def create(name: str, domain: tuple[int, int, int], _build: Build) -> Component:
    return Component(name, domain)


def bytes_per_call(component: Component, itemsize: int) -> int:
    i, j, k = component.domain
    return 3 * itemsize * i * j * k


if __name__ == "__main__":
    if os.environ.get("STAND_IN") == "hang-compile":
        time.sleep(600)
    if os.environ.get("STAND_IN") == "no-compiler":
        print("Backend 'x' needs a C++20 compiler and none is on PATH", file=sys.stderr)
        sys.exit(2)
    if os.environ.get("STAND_IN") == "compile-crash":
        print("error: template depth exceeded\nStencil 'x' could not be compiled")
        sys.exit(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path)
    options, _ = parser.parse_known_args()
    options.output.write_text(json.dumps([{"component": "alpha", "seconds": 0.1, "cached": True}]))
