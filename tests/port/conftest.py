"""Fixtures of the port's tests: cells of the matrix, and what is built with them."""

from __future__ import annotations

import platform
import shlex
from typing import TYPE_CHECKING, Literal

import pytest
from tests.port.matrix import BACKENDS, PROJECT, TABLE

from ice3_gt4py.compilation import Build
from ice3_probe.contract import Cell
from ice3_probe.ports import load_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_probe.ports import Port


@pytest.fixture(scope="session")
def stencil_cache() -> Path:
    """One cache for all processes, and for the next time: building takes much longer than testing."""
    return PROJECT / ".cache/stencils/tests"


@pytest.fixture(scope="session")
def make_cell(stencil_cache: Path) -> Callable[..., Cell]:
    """Make a cell of a backend's id, a precision and a profile of compiler arguments."""

    def make(
        backend: str,
        precision: Literal["float32", "float64"] = "float64",
        profile: str = "strict",
        cache: Path = stencil_cache,
    ) -> Cell:
        table = BACKENDS[backend]
        settings = dict(table["settings"])
        if "compiler" in table:
            flags = TABLE["flags"][table["compiler"]]
            of_machine = flags.get(platform.machine(), {}).get(profile, [])
            arguments = [*flags[profile], *of_machine, *table.get("compile-args", [])]
            settings |= {"compiler": table["compiler"], "compile-args": shlex.join(arguments)}
        return Cell(backend, precision, table["device"], TABLE["threads"], cache, settings)

    return make


@pytest.fixture(scope="session")
def make_build(make_cell: Callable[..., Cell]) -> Callable[..., Build]:
    """Make the build of a cell; arguments are those of ``make_cell``."""
    return lambda *arguments, **named: Build.from_cell(make_cell(*arguments, **named))


@pytest.fixture(scope="session")
def port() -> Port:
    return load_port("ice3_gt4py.port")
