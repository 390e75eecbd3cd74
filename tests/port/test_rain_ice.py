"""Physics of RainIce and of the chain: options, conservation, independent columns, packing."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.port.invariants import SPECIES, Fields, assert_invariants
from tests.port.matrix import VECTORISING

from ice3_gt4py import constants
from ice3_gt4py.compilation import freeze
from ice3_gt4py.externals import KINDS, externals
from ice3_gt4py.ice_adjust import IceAdjust
from ice3_gt4py.microphysics import Microphysics
from ice3_gt4py.packed import _OF_KINDS, Packed
from ice3_gt4py.parameters import FALLING
from ice3_gt4py.rain_ice import RainIce
from ice3_gt4py.sedimentation import Sedimentation
from ice3_gt4py.slabs import Slabs
from ice3_gt4py.stencils.activity import activity
from ice3_gt4py.stencils.microphysics import microphysics
from ice3_gt4py.storages import from_arrays
from ice3_gt4py.supported import RAIN_ICE as SUPPORTED
from ice3_gt4py.tendencies import Tendencies
from ice3_probe.atmosphere import synthetic_atmosphere
from ice3_probe.contract import RainIceOptions, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Shape

TIMESTEP = 50.0


# Options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", sorted(SUPPORTED))
@pytest.mark.parametrize("component", [RainIce, Sedimentation, Tendencies])
def test_an_unsupported_option_is_named(
    make_build: Callable[..., Build], component: type[RainIce | Sedimentation | Tendencies], option: str
) -> None:
    value = SUPPORTED[option][0]
    other: Any = (not value) if isinstance(value, bool) else (7 if isinstance(value, int) else "OLD")
    with pytest.raises(Unsupported, match=rf"Option {option} = .* is not supported: use "):
        component((2, 2, 4), make_build("numpy"), RainIceOptions(**{option: other}))


def test_without_warm_processes_no_rain_forms_or_evaporates(make_build: Callable[..., Build]) -> None:
    build = make_build("numpy")
    domain = (4, 3, 30)
    component = Tendencies(domain, build, RainIceOptions(LWARM=False))
    state = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    component(state)
    assert not np.any([state[name] for name in ("rcautr", "rcaccr", "rrevav")])
    assert np.any(state["rvdeps"])


# Invariants -------------------------------------------------------------------------------------------------------


def step(build: Build, options: RainIceOptions | None = None, *, before: Fields | None = None) -> tuple[Fields, Fields]:
    """Advance a small atmosphere; return its fields before and after."""
    before = before or synthetic_atmosphere((7, 5, 30), precision=build.precision, seed=3)
    domain = before["tht"].shape
    component = RainIce(domain, build, options, fluxes=True)
    state = from_arrays(component.fields, before, domain, build)
    component(state, TIMESTEP)
    return before, state


@settings(deadline=None, max_examples=10)
@given(
    seed=st.integers(0, 2**31),
    precision=st.sampled_from(["float64", "float32"]),
    mix=st.sampled_from(["rich", "typical"]),
)
def test_water_and_enthalpy_are_conserved(
    make_build: Callable[..., Build], seed: int, precision: str, mix: str
) -> None:
    """Tolerance: 100 units of rounding of the precision, relative to the water and heat of the point or column."""
    before = synthetic_atmosphere((7, 5, 30), precision=precision, seed=seed, mix=mix)
    before, after = step(make_build("numpy", precision), before=before)
    before, after = ({name: np.asarray(v, np.float64) for name, v in state.items()} for state in (before, after))
    assert_invariants(before, after, float(np.finfo(precision).eps))


@pytest.mark.parametrize(
    "options", [{"XMRSTEP": 5e-5}, {"XTSTEP_TS": 10.0}, {"LSEDIC": False}, {"LWARM": False}], ids=str
)
def test_every_option_conserves_water_and_enthalpy(make_build: Callable[..., Build], options: dict[str, Any]) -> None:
    assert_invariants(*step(make_build("numpy"), RainIceOptions(**options)), 2.3e-16)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_nothing_happens_in_dry_air(make_build: Callable[..., Build], precision: str) -> None:
    before = synthetic_atmosphere((3, 2, 30), precision=precision)
    for name in (*SPECIES, "rvt", "rct", "rrt", "rit", "rst", "rgt", "cit"):
        before[name] = np.zeros_like(before[name])
    before, after = step(make_build("numpy", precision), before=before)
    for name in (*SPECIES, "ths"):
        np.testing.assert_array_equal(after[name], before[name])
    for name in ("cit", "evap3d", "inprc", "inprr", "inprs", "inprg", "fpr_r", "fpr_s"):
        assert not after[name].any(), name


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**31))
def test_columns_are_independent(make_build: Callable[..., Build], seed: int) -> None:
    before = synthetic_atmosphere((6, 4, 30), seed=seed)
    order = np.random.default_rng(seed).permutation(6)
    shuffled = {name: array[order] for name, array in before.items()}
    (_, after), (_, moved) = step(make_build("numpy"), before=before), step(make_build("numpy"), before=shuffled)
    for name in (*SPECIES, "ths", "cit", "inprr", "inprs"):
        np.testing.assert_allclose(moved[name], after[name][order], rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize(
    ("name", "value", "threads"),
    [
        ("ice3_gt4py.falling.COLUMNS", 16, 1),
        ("ice3_gt4py.falling.DENSE", 2.0, 1),
        ("ice3_gt4py.falling.DENSE", 0.0, 2),
        ("ice3_gt4py.falling.CHUNK", 100, 2),
        ("ice3_gt4py.points.ROWS", 1, 1),
        ("ice3_gt4py.points.CHUNK", 100, 1),
        ("ice3_gt4py.points.CHUNK", 100, 2),
        ("ice3_gt4py.compilation.Build.packs", False, 1),
        ("ice3_gt4py.slabs.SLAB", 14, 1),
    ],
)
def test_how_columns_and_points_are_taken_together_does_not_matter(
    make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch, name: str, value: int, threads: int
) -> None:
    _, after = step(make_build("numpy"))
    if name.startswith("ice3_gt4py.slabs"):
        monkeypatch.setattr("ice3_gt4py.compilation.Build.packs", False)
    monkeypatch.setattr(name, value)
    monkeypatch.setattr("ice3_gt4py.compilation.Build.python_threads", threads)
    _, other = step(replace(make_build("numpy"), row=48))
    for field in (*SPECIES, "ths", "cit", "evap3d", "inprr", "inprs", "fpr_s"):
        np.testing.assert_array_equal(other[field], after[field], err_msg=field)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("droplets", [True, False])
def test_columns_in_which_something_falls_are_found(
    make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch, precision: str, droplets: bool
) -> None:
    """Those that hold the least content that falls, the least deficit, or a zero whose sign the others would change."""
    monkeypatch.setattr("ice3_gt4py.falling.DENSE", 2.0)  # what is not found is not computed
    build, domain, options = make_build("numpy", precision), (64, 1, 8), RainIceOptions(LSEDIC=droplets)
    before = synthetic_atmosphere(domain, precision=precision)
    sources = ("rcs", "rrs", "ris", "rss", "rgs")
    for column, name in enumerate(sources):
        before[name] = np.zeros(domain, precision)
        before[name][1 + column, 0, 2] = -float(np.finfo(precision).tiny)
        before[name][11 + column, 0, 3] = 1.1 * FALLING[name[1]] / TIMESTEP
        before[name][21 + column, 0, 4] = -0.0
        before[name][31 + column, 0, 5] = 0.9 * FALLING[name[1]] / TIMESTEP
    component = Sedimentation(domain, build, options)
    with monkeypatch.context() as without:
        without.setattr("ice3_gt4py.compilation.Build.packs", False)
        everywhere = Sedimentation(domain, build, options)
    assert isinstance(component._organisation, Packed)
    assert isinstance(everywhere._organisation, Slabs)
    states = [from_arrays(component.fields, before, domain, build) for _ in range(2)]
    component(states[0], TIMESTEP)
    everywhere(states[1], TIMESTEP)
    for field in component.fields:
        one, other = (state[field.name] for state in states)
        np.testing.assert_array_equal(one, other, err_msg=field.name)
        np.testing.assert_array_equal(np.signbit(one), np.signbit(other), err_msg=field.name)
    for column, name in enumerate(sources):
        falls = name != "rcs" or droplets
        assert (states[0][name][1 + column, 0, 2] == 0.0) == falls
        if name != "rcs":  # droplets fall so slowly that float32 does not show it
            assert states[0][name][11 + column, 0, 3] < before[name][11 + column, 0, 3]


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_clear_air_is_computed_from_saturation_on(make_build: Callable[..., Build], precision: str) -> None:
    """With its margin of 0.1 %, no point is missed at which ice could nucleate; few are taken in vain above 195 K."""
    build, t = make_build("numpy", precision), np.linspace(160.0, 272.0, 2001)
    stencil = build.stencil(activity, externals(RainIceOptions(), build))
    saturation = np.exp(constants.ALPI - constants.BETAI / t - constants.GAMI * np.log(t))
    vapour = constants.RD / constants.RV * saturation / (5e4 - saturation)
    fields = {name: np.zeros((t.size, 1, 1), precision) for name in stencil.field_info}
    fields |= {"exn": np.ones_like(fields["exn"]), "pabs": np.full_like(fields["pabs"], 5e4)}
    fields["tht"][:, 0, 0] = t
    for factor, kind, where in ((0.9991, KINDS["CLEAR"], t > 0.0), (0.985, KINDS["IDLE"], t > 195.0)):
        fields["rvt"][:, 0, 0] = fields["rvs"][:, 0, 0] = factor * vapour
        stencil(**fields)
        np.testing.assert_array_equal(fields["kind"][where], kind)


def test_a_kind_of_points_needs_no_other_processes(
    make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stencils of each kind give to the last bit what that of all processes gives, packed or not."""
    build, domain = make_build("numpy"), (12, 10, 30)
    packed = RainIce(domain, build)
    with monkeypatch.context() as without:
        without.setattr("ice3_gt4py.packed._OF_KINDS", dict.fromkeys(_OF_KINDS, microphysics))
        mixed = RainIce(domain, build)
        without.setattr("ice3_gt4py.compilation.Build.packs", False)
        slabs = RainIce(domain, build)
    assert isinstance(packed.organisation, Packed)
    assert isinstance(mixed.organisation, Packed)
    assert isinstance(slabs.organisation, Slabs)
    before = synthetic_atmosphere(domain, seed=4)
    before["rrs"][:2, :, 5] = -1e-9  # a deficit falls, too
    before["rrs"][0, :, 6:] = 0.0
    before["sigs"][3:6] = 5e-3  # so much that cloud water autoconverts where there is none
    states = [from_arrays(packed.fields, before, domain, build) for _ in range(3)]
    for component, state in zip((packed, slabs, mixed), states, strict=True):
        component(state, TIMESTEP)
    for field in packed.fields:
        for state in states[1:]:
            np.testing.assert_array_equal(states[0][field.name], state[field.name], err_msg=field.name)


def test_points_are_packed_into_two_shapes(make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch) -> None:
    """GridTools keeps temporaries for every shape that it meets, for ever."""
    shapes = set()

    def noting(stencil: Any, origin: dict[str, tuple[int, ...]], shape: Shape) -> Callable[..., None]:
        if not type(stencil).__name__.startswith("activity"):
            shapes.add(shape)
        return freeze(stencil, origin, shape)

    monkeypatch.setattr("ice3_gt4py.points.freeze", noting)
    for mix in ("rich", "typical", "sparse"):
        build, domain = replace(make_build("numpy"), row=48), (20, 14, 30)
        component = RainIce(domain, build)
        state = from_arrays(component.fields, synthetic_atmosphere(domain, mix=mix), domain, build)
        for _ in range(2):
            component(state, TIMESTEP)
    assert shapes == {(48, 1, 3), (48, 1, 1)}


def test_idle_points_are_left_alone_and_others_are_not(make_build: Callable[..., Build]) -> None:
    """A clear point is computed if ice can nucleate there or a source needs repair; its crystals are forgotten."""
    build, domain = make_build("numpy"), (6, 1, 3)
    before = {name: np.ascontiguousarray(array) for name, array in synthetic_atmosphere(domain).items()}
    for name in ("rct", "rrt", "rit", "rst", "rgt", "rcs", "rrs", "ris", "rss", "rgs"):
        before[name] = np.zeros(domain)
    before["cit"] = np.full(domain, 7.0)
    before["tht"] = np.full(domain, 250.0) / before["exn"]
    before["rvt"] = np.full(domain, 1e-5)  # dry: no nucleation
    before["rvs"] = before["rvt"] / TIMESTEP
    before["rvt"][1] = 5e-3  # supersaturated
    before["rrs"][2] = -1e-9
    before["rvs"][3], before["rrs"][3] = -1e-9, 2e-9
    before["rct"][4], before["rcs"][4] = 1e-4, 1e-4 / TIMESTEP
    _, after = step(build, before=before)
    changed = {name: (after[name] != before[name]).any(axis=(1, 2)) for name in (*SPECIES, "ths")}
    assert changed["ris"][1]
    assert after["cit"][1].max() > 0.0
    assert changed["rrs"][2]
    assert changed["rvs"][3]
    assert changed["rcs"][4]
    for name, where in changed.items():
        assert not where[0], name
        assert not where[5], name
    assert not after["cit"][[0, 2, 3, 5]].any()


def test_without_active_points_rain_ice_is_its_sedimentation(make_build: Callable[..., Build]) -> None:
    """What falls into air without hydrometeors stays what it is: the state is dry, the sources are not."""
    build, domain = make_build("numpy"), (5, 4, 30)
    before = synthetic_atmosphere(domain)
    for name in ("rvt", "rct", "rrt", "rit", "rst", "rgt", "cit"):
        before[name] = np.zeros(domain)
    _, after = step(build, before=before)
    part = Sedimentation(domain, build)
    fallen = from_arrays(part.fields, before, domain, build)
    part(fallen, TIMESTEP)
    for name in ("rcs", "rrs", "ris", "rss", "rgs", "inprc", "inprr", "inprs", "inprg"):
        np.testing.assert_allclose(after[name], fallen[name], rtol=1e-13, atol=1e-22, err_msg=name)
    assert fallen["inprr"].any()


def test_the_chain_is_the_components_one_after_the_other(make_build: Callable[..., Build]) -> None:
    build, domain = make_build("numpy"), (5, 4, 30)
    before = synthetic_atmosphere(domain)
    chain = Microphysics(domain, build)
    chained = from_arrays(chain.fields, before, domain, build)
    chain(chained, TIMESTEP)

    adjustment = IceAdjust(domain, build)
    adjusted = from_arrays(adjustment.fields, before, domain, build)
    adjustment(adjusted, TIMESTEP)
    sources = {name: adjusted[name] for name in ("ths", "rvs", "rcs", "ris")}
    state = {f"{name[:2]}t": source * TIMESTEP for name, source in sources.items()}
    _, after = step(build, before={**before, **sources, **state})
    for name in (*SPECIES, "ths", "cit", "inprr", "evap3d"):
        np.testing.assert_array_equal(chained[name], after[name])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: state.pop("dzz"), "Missing field 'dzz'"),
        (lambda state: state.update(sea=state["sea"][:1]), "Field 'sea' has shape"),
        (lambda state: state.update(rrs=state["rrs"].astype(np.float32)), "Field 'rrs' is float32"),
    ],
)
def test_a_bad_field_is_named(
    make_build: Callable[..., Build], spoil: Callable[[Fields], object], message: str
) -> None:
    build, domain = make_build("numpy"), (2, 2, 8)
    component = RainIce(domain, build)
    state = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    spoil(state)
    with pytest.raises(ValueError, match=message):
        component(state, TIMESTEP)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize("horizontal", [(7, 5), (35, 1), (1, 35)], ids=str)
def test_fields_may_lie_in_any_order(
    make_build: Callable[..., Build], horizontal: tuple[int, int], order: tuple[int, ...]
) -> None:
    """Also where one dimension has a single point, and strides do not tell the order."""
    build = make_build("numpy")
    before, after = step(build)
    domain = (*horizontal, 30)
    component = RainIce(domain, build, fluxes=True)
    shaped = {name: field.reshape(*horizontal, *field.shape[2:]) for name, field in before.items()}
    state = from_arrays(component.fields, shaped, domain, build)
    for name, field in state.items():
        there = [axis for axis in order if axis < field.ndim]
        state[name] = field.transpose(there).copy().transpose(np.argsort(there))
    component(state, TIMESTEP)
    for name, field in state.items():
        np.testing.assert_array_equal(field.reshape(after[name].shape), after[name], err_msg=name)


@pytest.mark.compiled
@pytest.mark.parametrize("order", ["F", "C"])
def test_threads_and_layouts_change_no_bit(
    make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch, order: Literal["F", "C"]
) -> None:
    monkeypatch.setattr("ice3_gt4py.points.CHUNK", 8000)  # so that there is work for all threads
    build, domain = replace(make_build(VECTORISING[0]), row=48), (20, 12, 30)
    component = RainIce(domain, build, fluxes=True)
    before = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    after = {name: field.copy(order="F") for name, field in before.items()}
    component(after, TIMESTEP)
    for threads in (2, 3):
        shared = RainIce(domain, replace(build, threads=threads), fluxes=True)
        for _ in range(2):
            state = {name: field.copy(order=order) for name, field in before.items()}
            shared(state, TIMESTEP)
            for name, field in after.items():
                np.testing.assert_array_equal(state[name], field, err_msg=name)


def test_calls_of_one_component_do_not_disturb_each_other(make_build: Callable[..., Build]) -> None:
    build, domain = make_build("numpy"), (7, 5, 30)
    component = RainIce(domain, build)
    before = [synthetic_atmosphere(domain, seed=seed) for seed in range(3)]
    states = [[from_arrays(component.fields, one, domain, build) for one in before] for _ in range(2)]
    for state in states[0]:
        component(state, TIMESTEP)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda state: component(state, TIMESTEP), states[1]))
    finally:
        sys.setswitchinterval(interval)
    for one, other in zip(*states, strict=True):
        for name, field in one.items():
            np.testing.assert_array_equal(other[name], field, err_msg=name)


@pytest.mark.compiled
def test_fields_may_be_parts_of_larger_arrays(make_build: Callable[..., Build]) -> None:
    """They then have gaps, and packing works on copies."""
    build, domain = make_build(VECTORISING[0]), (7, 5, 30)
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
