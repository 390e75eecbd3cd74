"""The components by name, and the command that builds their stencils: ``python -m ice3_gt4py.components``."""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ice3_gt4py.atmosphere import MIXES
from ice3_gt4py.compilation import Build, CompilationError, NotCachedError, ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_gt4py.fields import Field, Shape

COMPONENTS = {
    "ice_adjust": ("ice3_gt4py.ice_adjust", "IceAdjust"),
    "rain_ice": ("ice3_gt4py.rain_ice", "RainIce"),
    "microphysics": ("ice3_gt4py.microphysics", "Microphysics"),
    "process_rates": ("ice3_gt4py.rain_ice", "ProcessRates"),
}
"""Module and class by component name; imported on use, for importing GT4Py takes seconds."""

BENCHMARKS: dict[str, tuple[str, ...]] = {"ice_adjust": (), "rain_ice": MIXES, "microphysics": MIXES}
"""The components that are measured, each with the weather mixes that its cost depends on."""

STENCILS: tuple[tuple[tuple[str, dict[str, Any]], ...], ...] = (
    (("rain_ice", {}), ("process_rates", {}), ("ice_adjust", {}), ("ice_adjust", {"adjusted_state": True})),
    (("rain_ice", {"fluxes": True}), ("microphysics", {})),
)
"""What a bench session builds: the components as they are timed, and what the accuracy pass needs beside them.

Each group is built side by side, the slowest first; the second group shares stencils with the first."""


_SMALLEST = (2, 2, 3)
"""domain of the components that are created only to be built"""


class Component(Protocol):
    """What every component offers."""

    fields: tuple[Field, ...]
    domain: Shape

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Advance ``state`` in place by ``timestep`` seconds."""


def create(name: str, domain: Shape, build: Build, **options: Any) -> Component:  # noqa: ANN401
    """Create a component with its canonical configuration; ``options`` are keywords of the component.

    Raises
    ------
    ValueError
        If there is no component ``name``.
    CompilationError
        If a stencil does not compile.
    """
    if name not in COMPONENTS:
        raise ValueError(f"Unknown component '{name}': known are {', '.join(COMPONENTS)}.")
    module, attribute = COMPONENTS[name]
    component: Component = getattr(importlib.import_module(module), attribute)(domain, build, **options)
    return component


def bytes_per_call(component: Component, itemsize: int) -> int:
    """Bytes that a call must move at least: each field read or written once, both where it is updated."""
    words = 0
    for field in component.fields:
        points = 1
        for extent in field.shape(component.domain):
            points *= extent
        words += points * (2 if field.intent == "inout" else 1)
    return words * itemsize


def add_build_options(parser: argparse.ArgumentParser) -> None:
    """Add the options from which ``build_from`` makes a Build."""
    parser.add_argument("--backend", required=True, help="GT4Py name of the backend, such as gt:cpu_ifirst")
    parser.add_argument("--precision", required=True, help="float32 or float64")
    parser.add_argument("--compile-arg", action="append", default=[], help="argument for the C++ compiler; repeatable")
    parser.add_argument("--cache", type=Path, help="folder of the compiled stencils")


def build_from(options: argparse.Namespace) -> Build:
    """Make a Build from parsed options; raises ValueError for an unknown backend or precision."""
    return Build(options.backend, options.precision, tuple(options.compile_arg), options.cache)


def build_all(build: Build) -> list[dict[str, Any]]:
    """Load the stencils of a bench session, compiling those that are not in the cache side by side.

    Returns
    -------
    list of dict
        For each: ``component``, ``seconds`` and whether it was ``cached``.
    """
    records: list[dict[str, Any]] = []
    for group in STENCILS:
        missing = []
        for name, options in group:
            start = time.perf_counter()
            try:
                create(name, _SMALLEST, build.from_cache(), **options)
            except NotCachedError:
                missing.append((name, options))
            else:
                records.append(_record(name, options, time.perf_counter() - start, cached=True))
        if not missing:
            continue
        with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
            seconds = pool.map(_compile, [(name, options, build) for name, options in missing])
            for (name, options), taken in zip(missing, seconds, strict=True):
                records.append(_record(name, options, taken, cached=False))
    return records


def _compile(work: tuple[str, dict[str, Any], Build]) -> float:
    name, options, build = work
    start = time.perf_counter()
    create(name, _SMALLEST, build, **options)
    return time.perf_counter() - start


def _record(name: str, options: Mapping[str, Any], seconds: float, *, cached: bool) -> dict[str, Any]:
    return {"component": " with ".join([name, *options]), "seconds": seconds, "cached": cached}


def main(arguments: list[str] | None = None) -> int:
    """Build or load the stencils of every component.

    Exit code 1 when one does not compile, 2 when something is missing on this machine.
    """
    parser = argparse.ArgumentParser(
        prog="python -m ice3_gt4py.components", description="Build the stencils of a cell."
    )
    add_build_options(parser)
    parser.add_argument("--output", type=Path, help="JSON file for the build times")
    options = parser.parse_args(arguments)
    try:
        build = build_from(options)
        build.require_toolchain()
        records = build_all(build)
        for record in records:
            print("{component}: {seconds:.1f} s, cached: {cached}".format(**record))
    except (ToolchainError, CompilationError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, CompilationError) else 2
    if options.output:
        options.output.write_text(json.dumps(records), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
