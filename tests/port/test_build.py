"""What a build takes from the settings of a backend, and what is wrong with them."""

from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.port.matrix import BACKENDS, COMPILED, VECTORISING

from ice3_gt4py.compilation import Build, NotCachedError, SettingsError
from ice3_gt4py.dependencies import used_externals
from ice3_gt4py.storages import allocate
from ice3_probe.contract import ICE_ADJUST, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_probe.contract import Cell


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_settings_of_the_matrix_are_usable(make_cell: Callable[..., Cell], backend: str) -> None:
    cell = make_cell(backend)
    build = Build.from_cell(cell)
    assert build.backend == BACKENDS[backend]["settings"]["backend"]
    assert build.compiler == BACKENDS[backend].get("compiler")
    assert build.on_device == (cell.device == "gpu")
    assert bool(build.compile_args) == bool(cell.settings.get("compile-args"))


def test_compiler_arguments_are_those_of_a_shell(make_cell: Callable[..., Cell]) -> None:
    cell = make_cell(COMPILED[0])
    settings = {**cell.settings, "compile-args": "-g0 '-DNAME=two words'"}
    assert Build.from_cell(replace(cell, settings=settings)).compile_args == ("-g0", "-DNAME=two words")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "The key 'backend' is missing from the settings of the backend 'numpy'"),
        ({"backend": "numpy", "loop": "by-point"}, "Unknown key 'loop' in the settings of the backend 'numpy'"),
        (
            {"backend": "numpy", "loops": "fast"},
            "loops = 'fast' in .* is unknown: expected one of by-point, branch-free",
        ),
        ({"backend": "numpy", "compiler": "icpx"}, "compiler = 'icpx' in .* is unknown: expected one of cxx, nvcc"),
        ({"backend": "gt:tpu"}, "Unknown backend 'gt:tpu': GT4Py knows .*numpy"),
        ({"backend": "numpy", "compile-args": "-O2"}, "There are compile-args but no compiler"),
    ],
)
def test_a_wrong_setting_is_named(make_cell: Callable[..., Cell], settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        Build.from_cell(replace(make_cell("numpy"), settings=settings))
    assert "[[tool.ice3-bench.backends]] in pyproject.toml" in str(error.value)
    assert isinstance(error.value, Unavailable), "the harness must not blame the port's code"


def test_an_unknown_precision_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="float32, float64"):
        Build("numpy", "float16")


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_columns_follow_each_other_and_begin_with_a_cache_line(
    make_build: Callable[..., Build], precision: str
) -> None:
    build = make_build(VECTORISING[0], precision)
    for name, storage in allocate(ICE_ADJUST, (5, 3, 7), build).items():
        assert storage.dtype == np.dtype(precision)
        assert storage.strides[0] == storage.itemsize, name
        assert storage.flags.f_contiguous, name
        assert storage.ctypes.data % 64 == 0, name


def test_a_stencil_that_is_not_cached_leaves_no_precision_behind(
    make_cell: Callable[..., Cell], tmp_path: Path
) -> None:
    from ice3_gt4py.stencils.adjusted_state import adjusted_state  # noqa: PLC0415 (importing GT4Py takes seconds)

    before = dict(adjusted_state.__annotations__)
    for precision in ("float32", "float64"):
        build = Build.from_cell(make_cell("numpy", precision, cache=tmp_path))
        with pytest.raises(NotCachedError):
            build.from_cache().stencil(adjusted_state, {})
        assert adjusted_state.__annotations__ == before


def test_used_externals_and_precision_have_stencils_of_their_own(
    make_cell: Callable[..., Cell], tmp_path: Path
) -> None:
    from ice3_gt4py.stencils.sedimentation import deposition  # noqa: PLC0415

    def names(precision: str, **externals: float) -> set[str]:
        build = Build.from_cell(make_cell("numpy", precision, cache=tmp_path))
        return {type(build.stencil(deposition, {"OVER_RHOLW": 1e-3, **externals})).__name__}

    double = names("float64", VDEPOSC=0.02)
    assert names("float64", VDEPOSC=0.02, NO_NAME_IN_IT=1.0) == double
    assert len(double | names("float64", VDEPOSC=0.03) | names("float32", VDEPOSC=0.02)) == 3


def test_the_externals_of_functions_that_functions_call_are_used_too() -> None:
    from ice3_gt4py.stencils.activity import activity  # noqa: PLC0415
    from ice3_gt4py.stencils.sedimentation import sedimentation  # noqa: PLC0415

    assert {"DROPLETS", "FSEDI", "EXCSEDI"} <= used_externals(sedimentation)
    assert "DROPLETS" not in used_externals(activity)


def test_a_stencil_that_another_process_builds_is_waited_for(make_cell: Callable[..., Cell], tmp_path: Path) -> None:
    from ice3_gt4py.stencils.adjusted_state import adjusted_state  # noqa: PLC0415

    build = Build.from_cell(make_cell("numpy", cache=tmp_path))
    build.stencil(adjusted_state, {})
    (lock,) = tmp_path.glob("adjusted_state_*-numpy.lock")
    with ThreadPoolExecutor(1) as pool, lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = pool.submit(build.from_cache().stencil, adjusted_state, {})
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        fcntl.flock(file, fcntl.LOCK_UN)
        waiting.result(timeout=60)


def test_a_cache_that_cannot_be_written_is_read(make_cell: Callable[..., Cell], tmp_path: Path) -> None:
    from ice3_gt4py.stencils.adjusted_state import adjusted_state  # noqa: PLC0415

    build = Build.from_cell(make_cell("numpy", cache=tmp_path))
    build.stencil(adjusted_state, {})
    (lock,) = tmp_path.glob("*.lock")
    lock.unlink()
    lock.mkdir()  # cannot be opened, whoever runs the tests
    build.from_cache().stencil(adjusted_state, {})
