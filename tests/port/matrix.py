"""The CPU backends of the matrix, as parameters of tests."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
TABLE: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ice3-bench"]
BACKENDS: dict[str, dict[str, Any]] = {backend["id"]: backend for backend in TABLE["backends"] if "port" not in backend}
"""Backends of our port by id."""

PYTHON = [name for name, backend in BACKENDS.items() if "compiler" not in backend]
"""Backends without a compiler."""
COMPILED = [name for name, backend in BACKENDS.items() if backend.get("compiler") == "cxx"]
"""Backends of the C++ compiler; the first is the one that tests use if one suffices."""
VECTORISING = [name for name in COMPILED if BACKENDS[name]["settings"].get("layout") == "i-first"]
"""Those whose calls take the horizontal plane as one row."""
GPU = [name for name, backend in BACKENDS.items() if backend["device"] == "gpu"]

# Some of them also compute the branches that are not taken.
_PYTHON = [pytest.param(name, marks=pytest.mark.filterwarnings("ignore::RuntimeWarning")) for name in PYTHON]
_FIRST = pytest.param(COMPILED[0], marks=pytest.mark.compiled)
_KINDS = {tuple(BACKENDS[name].get("requirements", ())): name for name in reversed(COMPILED)}
EVERY = [
    *_PYTHON,
    *(
        pytest.param(name, marks=[pytest.mark.compiled, *([] if name in _KINDS.values() else [pytest.mark.slow])])
        for name in COMPILED
    ),
]
"""Every CPU backend; of compiled ones with the same requirements, all but the first are slow."""
SOME = [*_PYTHON, _FIRST]
"""The backends without a compiler, and the first with one."""
SOME_SLOWLY = [*_PYTHON, pytest.param(COMPILED[0], marks=[pytest.mark.compiled, pytest.mark.slow])]
"""The same, for what takes long to compile and is not measured by default."""
OTHERS = [pytest.param(name, marks=[pytest.mark.compiled, pytest.mark.slow]) for name in COMPILED[1:]]
"""The other compiled ones: they take long."""
