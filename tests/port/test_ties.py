"""Where rounding would decide: used-up species, the landing at 0 degC, the place of a column, many steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.port.invariants import SPECIES
from tests.port.matrix import COMPILED, PROJECT, VECTORISING
from tests.port.states import run, uniform

from ice3_gt4py.ice_adjust import IceAdjust
from ice3_gt4py.microphysics import Microphysics
from ice3_gt4py.rain_ice import RainIce
from ice3_gt4py.storages import from_arrays
from ice3_probe.atmosphere import synthetic_atmosphere
from ice3_probe.computed import case_on, compute
from ice3_probe.contract import IceAdjustOptions, RainIceOptions
from ice3_probe.reference import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Cell
    from ice3_probe.ports import Port

MELTING_POINT = PROJECT / "tests/data/melting_point.nc"
SLOWLY = [pytest.mark.compiled, pytest.mark.slow]
TIMESTEP = 50.0


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["numpy", pytest.param(COMPILED[0], marks=SLOWLY)])
def test_species_are_used_up_as_in_the_fortran_in_float64(
    port: Port, make_cell: Callable[..., Cell], backend: str, precision: str
) -> None:
    """The points are those that residues of used-up species moved by more than 1 % of their turnover in float32."""
    data = load(MELTING_POINT)
    cell = make_cell(backend, precision, "strict" if precision == "float64" else "production")
    outputs = compute(data, port, case_on(data, "rain_ice:fluxes"), cell).outputs
    turnover = np.max([np.abs(data[f"out_{name}"] - data[f"in_{name}"]) for name in SPECIES], axis=0)
    error = np.max([np.abs(outputs[name] - data[f"out_{name}"]) for name in SPECIES], axis=0) / turnover
    assert error.max() <= (1e-3 if precision == "float32" else 1e-9)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_rain_that_grows_from_nothing_to_the_largest_change_freezes_in_one_way(
    make_build: Callable[..., Build], precision: str
) -> None:
    """Rain falls into ice at -59 degC: with XMRSTEP what freezes at once is as large as the largest change."""
    build, domain = make_build("numpy", precision), (300, 1, 2)
    of_air = {"exn": 0.8, "exnref": 0.8, "rhodref": 0.7, "pabs": 45000.0, "dzz": 500.0, "tht": 268.0, "cit": 1000.0}
    before = uniform(domain, TIMESTEP, **of_air, rvt=1.45e-5, rit=1.77e-5, rst=1.1e-7, sigs=4e-7)
    few = np.arange(domain[0]) * np.finfo(build.dtype).eps  # some units of rounding
    before["rrs"] += (1e-5 * (1.0 + few))[:, None, None]
    after = run(RainIce(domain, build, RainIceOptions(XMRSTEP=5e-5)), before, TIMESTEP)
    assert np.all(after["rgs"] > 1e-6)
    for name in (*SPECIES, "ths"):
        first = np.broadcast_to(after[name][:1], domain)
        np.testing.assert_allclose(after[name], first, rtol=1e4 * few[1], err_msg=name)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_intervals_end_at_one_time_whatever_was_used_up_in_them(
    make_build: Callable[..., Build], precision: str
) -> None:
    """Crystals come at +4 degC and melt when the processes are evaluated: those of the last third of the step stay."""
    build, domain, timestep = make_build("numpy", precision), (300, 1, 2), 37.0
    of_air = {"exn": 0.95, "exnref": 0.95, "pabs": 85000.0, "dzz": 500.0, "tht": 292.0, "rvt": 0.007}
    before = uniform(domain, timestep, **of_air, sigs=4e-7, rit=1e-5)
    before["rct"] += np.linspace(1e-6, 5e-5, domain[0])[:, None, None]  # used up at any time
    before["ris"] += 1e-7
    before["rcs"] += before["rct"] / timestep - 8e-6
    after = run(RainIce(domain, build, RainIceOptions(XTSTEP_TS=12.0)), before, timestep)
    np.testing.assert_allclose(after["ris"], np.broadcast_to(after["ris"][:1], domain), rtol=1e-3)
    assert after["ris"].min() > 1e-8


def test_without_subgrid_condensation_a_residue_is_not_a_cloud(make_build: Callable[..., Build]) -> None:
    build, domain = make_build("numpy", "float32"), (40, 5, 30)
    before = synthetic_atmosphere(domain, precision="float32", seed=1)
    before["rv"] = 0.5 * before["rv"]  # all evaporates
    before |= {f"{name}s": (before[name] / np.float32(TIMESTEP)) for name in ("th", "rv", "rc", "ri")}
    component = IceAdjust(domain, build, IceAdjustOptions(LSUBG_COND=False))
    after = from_arrays(component.fields, before, domain, build)
    component(after, TIMESTEP)
    condensate = (after["rcs"] + after["ris"]) * TIMESTEP
    had = before["rc"] + before["ri"]
    gone = (had > 0.0) & (condensate <= 4e-7 * had)
    assert gone.sum() > 100
    assert not after["cldfr"][gone].any()
    assert np.all(after["cldfr"][condensate > 1e-6 * had + 2e-12] == 1.0)


@pytest.mark.parametrize(
    "backend",
    [
        "numpy",
        pytest.param(VECTORISING[0], marks=pytest.mark.compiled),
        pytest.param(COMPILED[-1], marks=SLOWLY),
    ],
)
def test_in_the_strict_profile_neither_threads_nor_places_change_a_bit(
    make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """In the production profile places do: the last columns of a row are computed without vectors."""
    monkeypatch.setattr("ice3_gt4py.points.CHUNK", 500)  # so that there is work for all threads
    domain = (23, 5, 20)
    before = synthetic_atmosphere(domain, seed=6)
    build = make_build(backend)
    results = []
    for threads, shift in ((1, 0), (2, 0), (3, 0), (1, 3), (2, 3)):
        component = RainIce(domain, replace(build, threads=threads), fluxes=True)
        shifted = {name: np.roll(array, shift, axis=0) for name, array in before.items()}
        state = from_arrays(component.fields, shifted, domain, component.build)
        component(state, TIMESTEP)
        results.append({field.name: np.roll(state[field.name], -shift, axis=0) for field in component.fields})
    for other in results[1:]:
        for name, array in results[0].items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_what_condenses_and_evaporates_in_every_step_loses_no_water_in_float32(
    make_build: Callable[..., Build],
) -> None:
    """The mass-flux cloud condenses a little vapour in each step. Its rounding alone would add up to 5e-6."""
    build, domain = make_build("numpy", "float32"), (20, 5, 30)
    component = IceAdjust(domain, build)
    state = from_arrays(component.fields, synthetic_atmosphere(domain, precision="float32", seed=2), domain, build)

    def water() -> Any:
        return sum(np.asarray(state[name], np.float64) for name in ("rvs", "rcs", "ris"))

    first = water()
    for _ in range(100):
        for name in ("th", "rv", "rc", "ri"):
            state[name][...] = state[f"{name}s"] * build.dtype.type(TIMESTEP)
        component(state, TIMESTEP)
    assert (np.abs(water() - first) / first).max() <= 5e-7


@pytest.mark.compiled
@pytest.mark.slow
@pytest.mark.parametrize(("precision", "drift"), [("float32", 3e-6), ("float64", 1e-14)])
def test_five_hundred_steps_keep_the_water(make_build: Callable[..., Build], precision: str, drift: float) -> None:
    """Every step starts from the sources of the one before; what falls to the ground is counted."""
    build, domain = make_build(COMPILED[0], precision, "production"), (8, 8, 30)
    component = Microphysics(domain, build)
    state = from_arrays(component.fields, synthetic_atmosphere(domain, precision=precision, seed=2), domain, build)
    mass = np.asarray(state["rhodref"], np.float64) * state["dzz"]

    def water() -> Any:
        held = np.sum([np.asarray(state[name], np.float64) for name in SPECIES], axis=0)
        return (mass * held).sum(axis=2) * TIMESTEP

    first, ground = water(), np.zeros(domain[:2])
    for _ in range(500):
        for name in ("th", "rv", "rc", "rr", "ri", "rs", "rg"):
            state[name][...] = state[f"{name}s"] * build.dtype.type(TIMESTEP)
        component(state, TIMESTEP)
        ground += 1e3 * TIMESTEP * np.sum([np.asarray(state[f"inpr{x}"], np.float64) for x in "crsg"], axis=0)
    assert [name for name, array in state.items() if not np.isfinite(array).all()] == []
    assert (np.abs(water() + ground - first) / first).max() <= drift
    assert ground.max() > 0.0
