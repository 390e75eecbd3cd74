"""Physics of IceAdjust: options, conservation, bounds, independent columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.port.matrix import VECTORISING

from ice3_gt4py.autoconversion import ice_threshold_law
from ice3_gt4py.ice_adjust import IceAdjust
from ice3_gt4py.ice_adjust_modular import IceAdjustModular
from ice3_gt4py.storages import from_arrays
from ice3_probe.atmosphere import synthetic_atmosphere
from ice3_probe.contract import IceAdjustOptions, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_gt4py.compilation import Build

ICE_LAW = ice_threshold_law(IceAdjustOptions())


@pytest.mark.parametrize(
    ("options", "factors"),
    [
        ({"LSTATNW": True}, {"sigs": 2.0}),  # whose deviation counts once, not twice
        ({"LSTATNW": True, "LHGT_QS": True, "thickness": 30.0}, {"sigs": 2.0}),
        ({"LSTATNW": True, "LHGT_QS": True, "thickness": 40.0}, {"sigs": 2.0, "sigqsat": 0.75}),
        ({"LSTATNW": True, "LHGT_QS": True, "thickness": 99.0}, {"sigs": 2.0, "sigqsat": 1.0 / 1.5}),
        ({"LSTATNW": True, "LHGT_QS": True, "thickness": 1.0}, {"sigs": 2.0, "sigqsat": 2.0}),
        ({"LCRIAUTI": False, "XACRIAUTI": ICE_LAW[0], "XBCRIAUTI": ICE_LAW[1]}, {}),
    ],
    ids=str,
)
def test_options_without_a_reference_are_the_canonical_ones_on_other_fields(
    make_build: Callable[..., Build], options: dict[str, Any], factors: dict[str, float]
) -> None:
    build, domain = make_build("numpy"), (6, 1, 40)
    options, before = dict(options), synthetic_atmosphere(domain, seed=5)
    before["zz"] = np.broadcast_to(options.pop("thickness", 1.0) * np.arange(40.0, 0.0, -1.0), domain).copy()
    changed = before | {name: before[name] * factor for name, factor in factors.items()}
    results = []
    for config, fields in ((IceAdjustOptions(), before), (IceAdjustOptions(**options), changed)):
        component = IceAdjust(domain, build, config)
        results.append(from_arrays(component.fields, fields, domain, build))
        component(results[-1], 50.0)
    for field in component.fields:
        if field.intent != "in" and field.name in results[0]:
            got, wanted = (result[field.name][..., :-1] for result in results)  # the lowest layer counts 0.8 times
            np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-16)


def test_without_an_ice_fraction_all_condensate_is_liquid(make_build: Callable[..., Build]) -> None:
    build, domain = make_build("numpy"), (7, 5, 30)
    component = IceAdjust(domain, build, IceAdjustOptions(CFRAC_ICE_ADJUST="N"), adjusted_state=True)
    before = synthetic_atmosphere(domain)
    before["rc_mf"][...] = before["ri_mf"][...] = before["cf_mf"][...] = 0.0
    state = from_arrays(component.fields, before, domain, build)
    component(state, 50.0)
    assert before["ri"].max() > 1e-6
    assert np.abs(state["out_ri"]).max() < 1e-18
    assert state["out_rc"].max() > 1e-6


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("KRR", 7),
        ("CCONDENS", "CB01"),
        ("CLAMBDA3", "NO"),
        ("CFRAC_ICE_ADJUST", "0"),
        ("CSUBG_MF_PDF", "BIGA"),
        ("LSIGMAS", False),
        ("LOCND2", True),
    ],
)
def test_an_unsupported_option_is_named(make_build: Callable[..., Build], option: str, value: object) -> None:
    options = IceAdjustOptions(**{option: value})  # type: ignore[arg-type]
    with pytest.raises(Unsupported, match=rf"Option {option} = .* is not supported: use "):
        IceAdjust((2, 2, 4), make_build("numpy"), options)


@pytest.mark.parametrize(
    "options",
    [
        {"CCONDENS": "GAUS"},
        {"CFRAC_ICE_ADJUST": "T"},
        {"CFRAC_ICE_ADJUST": "O"},
        {"CFRAC_ICE_ADJUST": "N"},
        {"CSUBG_MF_PDF": "NONE"},
        {"CLAMBDA3": "NONE"},
        {"LCONDBORN": True},
        {"LSUBG_COND": False},
        {"LSTATNW": True},
        {"LSTATNW": True, "LHGT_QS": True},
        {"OCOMPUTE_SRC": False},
    ],
    ids=str,
)
def test_every_option_conserves_water_and_heat(make_build: Callable[..., Build], options: dict[str, Any]) -> None:
    before, after, _ = adjust(make_build("numpy"), IceAdjustOptions(**options))
    assert_conserved(before, after)


@pytest.mark.parametrize(
    "options",
    [{"CCONDENS": "GAUS"}, {"LSUBG_COND": False}, {"LSTATNW": True, "LHGT_QS": True}, {"OCOMPUTE_SRC": False}],
    ids=str,
)
def test_the_modular_adjustment_is_the_fused_one(make_build: Callable[..., Build], options: dict[str, Any]) -> None:
    build, domain = make_build("numpy"), (7, 5, 30)
    before = synthetic_atmosphere(domain)
    before["weight_mf_cloud"] += 0.1
    results = []
    for kind in (IceAdjust, IceAdjustModular):
        component = kind(domain, build, IceAdjustOptions(**options))
        results.append(from_arrays(component.fields, before, domain, build))
        component(results[-1], 50.0)
    fused, modular = results
    assert fused.keys() == modular.keys()
    for name, array in fused.items():
        np.testing.assert_allclose(modular[name], array, rtol=1e-12, atol=1e-18, err_msg=name)


Fields = dict[str, Any]


def adjust(build: Build, options: IceAdjustOptions | None = None, seed: int = 0) -> tuple[Fields, Fields, IceAdjust]:
    """Adjust a small atmosphere; return its fields before and after."""
    domain = (7, 5, 30)
    component = IceAdjust(domain, build, options)
    before = synthetic_atmosphere(domain, precision=build.precision, seed=seed)
    state = from_arrays(component.fields, before, domain, build)
    component(state, 50.0)
    return before, state, component


def assert_conserved(before: Fields, after: Fields, unit: float = 2.3e-16) -> None:
    water = [fields["rvs"] + fields["rcs"] + fields["ris"] for fields in (before, after)]
    np.testing.assert_allclose(water[1], water[0], rtol=8 * unit)
    t = before["th"] * before["exn"]
    lv, ls = 2.5008e6 + (1846.1 - 4218.0) * (t - 273.16), 2.8345e6 + (1846.1 - 2106.0) * (t - 273.16)
    cph = 1004.709 + 1846.1 * before["rv"] + 4218.0 * (before["rc"] + before["rr"])
    cph = cph + 2106.0 * (before["ri"] + before["rs"] + before["rg"])
    heat = [
        fields["ths"] - (lv * fields["rcs"] + ls * fields["ris"]) / (cph * before["exnref"])
        for fields in (before, after)
    ]
    np.testing.assert_allclose(heat[1], heat[0], rtol=1e-6)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31))
def test_invariants_on_random_atmospheres(make_build: Callable[..., Build], seed: int) -> None:
    before, after, _ = adjust(make_build("numpy"), seed=seed)
    assert_conserved(before, after)
    for name in ("cldfr", "srcs", "hlc_hcf", "hli_hcf"):
        assert after[name].min() >= 0.0
        assert after[name].max() <= 1.0
    for name in ("rcs", "ris", "hlc_hrc", "hli_hri"):
        assert after[name].min() >= 0.0
    assert (after["rvs"] >= -1e-15 * before["rvs"].max()).all()


def test_columns_are_independent(make_build: Callable[..., Build]) -> None:
    build, domain = make_build("numpy"), (6, 1, 20)
    fields = synthetic_atmosphere(domain)
    order = np.array([3, 1, 5, 0, 2, 4])
    component = IceAdjust(domain, build)
    first = from_arrays(component.fields, fields, domain, build)
    permuted = from_arrays(component.fields, {name: array[order] for name, array in fields.items()}, domain, build)
    component(first, 50.0)
    component(permuted, 50.0)
    np.testing.assert_allclose(permuted["rcs"], first["rcs"][order], rtol=1e-13)


@pytest.mark.compiled
def test_fields_may_be_parts_of_larger_arrays(make_build: Callable[..., Build]) -> None:
    """Unlike in ``from_arrays``, their columns are not one row and do not begin at a cache line."""
    build, domain = make_build(VECTORISING[0]), (5, 4, 20)
    component = IceAdjust(domain, build, adjusted_state=True)
    state = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    around, parts = {}, {}
    for name, field in state.items():
        around[name] = np.full((7, 7, *field.shape[2:]), np.nan, order="F")
        parts[name] = around[name][1:6, 1:5]
        parts[name][...] = field
    component(state, 50.0)
    component(parts, 50.0)
    for name, field in state.items():
        np.testing.assert_array_equal(parts[name], field)
        assert np.isnan(around[name]).sum() == around[name].size - field.size


def test_a_wrong_field_is_named(make_build: Callable[..., Build]) -> None:
    _, state, component = adjust(make_build("numpy"))
    with pytest.raises(ValueError, match="Missing field 'rv'"):
        component({name: field for name, field in state.items() if name != "rv"}, 50.0)
    with pytest.raises(ValueError, match=r"'rv' has shape \(2, 2, 2\)"):
        component(state | {"rv": np.zeros((2, 2, 2))}, 50.0)
    with pytest.raises(ValueError, match="'rv' is float32: expected float64"):
        component(state | {"rv": state["rv"].astype(np.float32)}, 50.0)


def test_the_field_table_counts_the_words_of_the_specification(make_build: Callable[..., Build]) -> None:
    component = IceAdjust((2, 2, 4), make_build("numpy"))
    words = sum(2 if field.intent == "inout" else 1 for field in component.fields if field.dims == "ijk")
    assert words == 30


@pytest.mark.compiled
@pytest.mark.parametrize(("backend", "order", "along"), [("gt_cpu_ifirst", "C", "i"), ("gt_cpu_kfirst", "F", "k")])
def test_fields_that_stencils_cannot_take_are_refused(
    make_build: Callable[..., Build], backend: str, order: Literal["C", "F"], along: str
) -> None:
    """Otherwise GridTools ends the process."""
    build, domain = make_build(backend), (4, 3, 30)
    component = IceAdjust(domain, build)
    state = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    state["ths"] = state["ths"].copy(order=order)
    with pytest.raises(ValueError, match=f"Field 'ths' has neighbours along {along} that are .* bytes apart"):
        component(state, 50.0)
    single = IceAdjust((1, 1, 1), build)
    first = {name: field[(slice(1),) * field.ndim] for name, field in state.items()}
    state = from_arrays(single.fields, first, (1, 1, 1), build)
    single({name: field.copy(order=order) for name, field in state.items()}, 50.0)
