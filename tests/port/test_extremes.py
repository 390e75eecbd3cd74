"""States at the ends of their ranges: nothing divides by zero, and budgets are closed."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.port.invariants import Fields, assert_nothing_negative, imbalances
from tests.port.matrix import COMPILED, PYTHON
from tests.port.states import WATER, run, uniform, with_sources

from ice3_gt4py.ice_adjust import IceAdjust
from ice3_gt4py.rain_ice import RainIce
from ice3_gt4py.tendencies import Tendencies
from ice3_probe.atmosphere import synthetic_atmosphere
from ice3_probe.contract import IceAdjustOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_gt4py.compilation import Build

LIMITS = {
    "float32": {"water of a column": 3e-7, "water": 4e-6, "heat": 7e-7},
    "float64": {"water of a column": 1e-15, "water": 6e-15, "heat": 1.7e-15},
}
"""Largest errors of the budgets, relative to what a point or a column holds."""
BACKENDS = ["numpy", *(pytest.param(name, marks=[pytest.mark.compiled, pytest.mark.slow]) for name in COMPILED)]
MEETING = {"float32": float(np.float32(273.16)), "float64": 273.15999999999997}
"""Temperature at which the saturation pressures over ice and water are equal to the last bit, K."""
FREEZING_IS_FREE = {"float32": 194.0466766357422, "float64": 194.04667614983407}
"""Temperature at which the latent heat of freezing, less what warms the water to 0 degC, is 0, K."""


STATES: dict[str, dict[str, Any]] = {
    "where the saturation pressures meet": {"tht": MEETING, "rvt": 4.01e-3, "rct": 1e-4},
    "the same with snow": {"tht": MEETING, "rvt": 4.01e-3, "rct": 1e-4, "rst": 1e-4},
    "where freezing takes no heat": {"tht": FREEZING_IS_FREE, "rvt": 1e-5, "rrt": 1e-4, "rst": 1e-3, "rgt": 1e-3},
    "where freezing takes no heat, with ice": {"tht": FREEZING_IS_FREE, "rvt": 1e-5, "rit": 1e-4, "rst": 1e-3},
    "in thin air": {"tht": 260.0, "pabs": 10.0, "rhodref": 0.01, "rvt": 1e-3, "rit": 1e-4, "rct": 1e-4},
    "where the cloud is hardly spread": {"rvt": 5e-3, "rct": 2e-3, "rrt": 1e-4, "sigs": 1e-38},
    "where the mass-flux cloud is hardly there": {"rvt": 5e-3, "rc_mf": 1e-38, "ri_mf": 1e-38, "cf_mf": 0.5},
}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("backend", PYTHON)
@pytest.mark.parametrize("state", STATES)
def test_no_component_divides_by_zero(
    make_build: Callable[..., Build], backend: str, precision: str, state: str
) -> None:
    """Backend debug raises a warning; backend numpy hides it, and NaN shows that there was one."""
    build, domain = make_build(backend, precision), (1, 1, 3)
    values = {name: value[precision] if isinstance(value, dict) else value for name, value in STATES[state].items()}
    fields = uniform(domain, 50.0, **values)
    components: list[Any] = [Tendencies(domain, build), IceAdjust(domain, build, adjusted_state=True)]
    components += [RainIce(domain, build), IceAdjust(domain, build, IceAdjustOptions(CCONDENS="GAUS"))]
    for component in components:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            after = run(component, fields, 50.0)
        assert [name for name, field in after.items() if not np.isfinite(field).all()] == []


DOMAIN = (5, 3, 8)


@pytest.fixture(scope="module")
def components(make_build: Callable[..., Build]) -> Callable[[str, str], tuple[RainIce, IceAdjust]]:
    """Make both components once for a backend and a precision."""

    @cache
    def make(backend: str, precision: str) -> tuple[RainIce, IceAdjust]:
        build = make_build(backend, precision)
        return RainIce(DOMAIN, build, fluxes=True), IceAdjust(DOMAIN, build, adjusted_state=True)

    return make


def extreme_state(
    precision: str, timestep: float, temperature: float | None, species: str, largest: float, seed: int
) -> Fields:
    """Make fields that are hot, cold or at a threshold; dry, very wet, or hold one species."""
    random = np.random.default_rng(seed)
    fields = synthetic_atmosphere(DOMAIN, precision=precision, seed=seed)
    fields = {name: np.asarray(field, precision) for name, field in fields.items()}
    if temperature is not None:
        fields["tht"] = (temperature / fields["exn"]).astype(precision)
    for letter in WATER:
        content = largest * random.random(DOMAIN) if letter in species else np.zeros(DOMAIN)
        fields[f"r{letter}t"] = content.astype(precision)
    # A deviation beyond the water there is would have autoconversion draw on absent droplets, as in the Fortran.
    fields["sigs"] = (largest * random.random(DOMAIN)).astype(precision)
    fields["cit"] = np.where(fields["rit"] > 0.0, fields["cit"], 0.0).astype(precision)
    return with_sources(fields, timestep)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None, max_examples=60)
@given(
    precision=st.sampled_from(["float32", "float64"]),
    timestep=st.sampled_from([1.0, 600.0]),
    temperature=st.sampled_from([180.0, 194.05, 238.16, 271.16, 273.16, 320.0, None]),
    species=st.sampled_from(["", *WATER, WATER]),
    largest=st.sampled_from([1e-18, 1e-9, 1e-4, 5e-2]),
    seed=st.integers(0, 2**31),
)
def test_extreme_states_stay_finite_and_their_budgets_closed(
    components: Callable[[str, str], tuple[RainIce, IceAdjust]],
    backend: str,
    precision: str,
    timestep: float,
    temperature: float | None,
    species: str,
    largest: float,
    seed: int,
) -> None:
    before = extreme_state(precision, timestep, temperature, species, largest, seed)
    after, adjusted = (run(component, before, timestep) for component in components(backend, precision))
    for state in (after, adjusted):
        assert [name for name, field in state.items() if not np.isfinite(field).all()] == []
    before, after, adjusted = (
        {name: np.asarray(field, np.float64) for name, field in state.items()} for state in (before, after, adjusted)
    )
    unit = float(np.finfo(precision).eps)
    assert_nothing_negative(before, after, unit)
    for budget, error in imbalances(before, after, least=1e-12 / timestep).items():
        assert error <= LIMITS[precision][budget], budget
    held = sum(before[name].max() for name in ("rvs", "rcs", "ris"))
    assert min(adjusted[name].min() for name in ("rvs", "rcs", "ris")) >= -unit * held
    assert min(adjusted[name].min() for name in ("hlc_hrc", "hli_hri", "cldfr")) >= 0.0
    water = [state["rvs"] + state["rcs"] + state["ris"] for state in (before, adjusted)]
    np.testing.assert_allclose(water[1], water[0], rtol=4 * unit, atol=1e-12 / timestep * unit)
