"""Fixtures of the physics' tests."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_gt4py.compilation import Build

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2]
DATA = PROJECT / "tests/data"


@pytest.fixture(scope="session")
def stencil_cache(worker_id: str) -> Path:
    """One cache for each process: GT4Py does not lock it."""
    return PROJECT / ".cache/stencils/tests" / worker_id


@pytest.fixture(scope="session")
def make_build(stencil_cache: Path) -> Callable[..., Build]:
    """Make a build of a backend in a profile of pyproject.toml."""
    table = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ice3-bench"]
    own = {backend["name"]: backend.get("compile-args", []) for backend in table["backends"]}

    def make(backend: str, precision: str = "float64", profile: str = "strict") -> Build:
        return Build(backend, precision, (*table["profiles"][profile], *own[backend]), stencil_cache)

    return make
