"""RainIce where a compiler builds it; apart from its other tests, so that both run at the same time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ice3_gt4py.accuracy import check_file
from ice3_gt4py.atmosphere import synthetic_atmosphere
from ice3_gt4py.fields import from_arrays
from ice3_gt4py.rain_ice import RainIce

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_gt4py.compilation import Build

DATA = Path(__file__).parents[1] / "data"
WHOLE_CALL, RATES = DATA / "rain_ice_lite.nc", DATA / "ice4_tendencies_lite.nc"
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("gt:cpu_kfirst", "dace:cpu")]
TIMESTEP = 50.0
pytestmark = pytest.mark.compiled


@pytest.mark.parametrize("backend", ["gt:cpu_ifirst", *OTHERS])
def test_float64_agrees_with_the_fortran(make_build: Callable[..., Build], backend: str) -> None:
    result = check_file(WHOLE_CALL, make_build(backend), "strict")
    assert result.passed, result


@pytest.mark.parametrize("backend", OTHERS)
def test_every_initial_rate_agrees_with_the_fortran(make_build: Callable[..., Build], backend: str) -> None:
    result = check_file(RATES, make_build(backend), "strict")
    assert result.passed, result


def test_float32_is_within_the_errors_of_the_fortran_in_float32(make_build: Callable[..., Build]) -> None:
    result = check_file(WHOLE_CALL, make_build("gt:cpu_ifirst", "float32", "production"))
    assert result.passed, result
    assert max(field.maximum for field in result.fields) > 1e-9, "not computed in float32"


@pytest.mark.slow  # and what the accuracy pass of every bench session checks
def test_the_production_profile_is_within_its_tolerance(make_build: Callable[..., Build]) -> None:
    assert check_file(WHOLE_CALL, make_build("gt:cpu_ifirst", profile="production")).passed


def test_fields_may_be_parts_of_larger_arrays(
    make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose columns are not one row; the slabs are then rows."""
    monkeypatch.setattr("ice3_gt4py.rain_ice.SLAB", 14)
    build, domain = make_build("gt:cpu_ifirst"), (7, 5, 30)
    component = RainIce(domain, build, fluxes=True)
    state = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    around, parts = {}, {}
    for name, field in state.items():
        around[name] = np.full((9, 8, *field.shape[2:]), np.nan, order="F")
        parts[name] = around[name][1:8, 1:6]
        parts[name][...] = field
    component(state, TIMESTEP)
    component(parts, TIMESTEP)
    for name, field in state.items():
        np.testing.assert_array_equal(parts[name], field)
        assert np.isnan(around[name]).sum() == around[name].size - field.size
