from __future__ import annotations

import json
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice3_gt4py import constants
from ice3_gt4py.accuracy import check_file, main
from ice3_gt4py.atmosphere import synthetic_atmosphere
from ice3_gt4py.components import create
from ice3_gt4py.fields import from_arrays
from ice3_gt4py.parameters import Parameters
from ice3_gt4py.rain_ice import SUPPORTED, ProcessRates, RainIce, RainIceConfig
from ice3_gt4py.tables import build_tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_gt4py.compilation import Build

DATA = Path(__file__).parents[1] / "data"
WHOLE_CALL, RATES = DATA / "rain_ice_lite.nc", DATA / "ice4_tendencies_lite.nc"
VARIANTS = sorted(DATA.glob("variants/ri_*.nc"))
TIMESTEP = 50.0
SPECIES = ("rvs", "rcs", "rrs", "ris", "rss", "rgs")
Fields = dict[str, Any]


# Against the Fortran ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["debug", "numpy"])
def test_float64_agrees_with_the_fortran(make_build: Callable[..., Build], backend: str) -> None:
    result = check_file(WHOLE_CALL, make_build(backend), "strict")
    assert result.passed, result
    assert len(result.fields) == 18


def test_every_initial_rate_agrees_with_the_fortran(make_build: Callable[..., Build]) -> None:
    result = check_file(RATES, make_build("numpy"), "strict")
    assert result.passed, result
    assert len(result.fields) == 32


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: str(path.stem))
def test_other_options_agree_with_the_fortran(make_build: Callable[..., Build], path: Path) -> None:
    result = check_file(path, make_build("numpy"), "strict")
    assert result.passed, result


def test_the_variants_are_there() -> None:
    assert [path.stem for path in VARIANTS] == ["ri_deposc", "ri_mrstep", "ri_nosedic", "ri_tstep10"]


def test_float32_is_within_the_errors_of_the_fortran_in_float32(make_build: Callable[..., Build]) -> None:
    result = check_file(WHOLE_CALL, make_build("numpy", "float32", "production"))
    assert result.passed, result
    assert max(field.maximum for field in result.fields) > 1e-9, "not computed in float32"


SLOW = pytest.mark.slow
WRONG = [
    "FIAGGS",
    "RCFRI",
    *(pytest.param(n, marks=SLOW) for n in ("FCACCR", "X1DEPS", "CRIMSS", "FSEDR", "MNU0", "HON")),
]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_process_constant_is_noticed(
    make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    right = Parameters()
    wrong = replace(right, **{name: getattr(right, name) * 1.001})
    monkeypatch.setattr("ice3_gt4py.rain_ice.Parameters", lambda: wrong)
    assert not check_file(WHOLE_CALL, make_build("numpy"), "production").passed


def test_the_command_checks_both_kinds(capsys: pytest.CaptureFixture[str], stencil_cache: Path) -> None:
    files = [f"--file={path}" for path in (WHOLE_CALL, RATES)]
    common = ["--backend=numpy", "--precision=float64", f"--cache={stencil_cache}", "--profile=strict"]
    assert main([*common, *files, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert [result["component"] for result in results] == ["rain_ice", "process_rates"]


# Parameters and tables --------------------------------------------------------------------------------------------

SPLIT = {"LBC_LAND": ("XLBC", 0), "LBC_SEA": ("XLBC", 1), "FSEDC_LAND": ("XFSEDC", 0), "FSEDC_SEA": ("XFSEDC", 1)}
LOCAL = {"RADIUS_LAND": 3.0, "RADIUS_SEA": 0.892979511569249, "EXFCDRYG": -3.16}  # not in PHYEX's modules


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    modules = json.loads((DATA / "parameters_reference.json").read_text(encoding="utf-8"))
    return {**modules["RAIN_ICE_DESCRN"], **modules["RAIN_ICE_PARAMN"]}


@pytest.mark.parametrize("name", [field.name for field in dataclass_fields(Parameters)])
def test_a_parameter_has_its_value_in_the_fortran(reference: dict[str, Any], name: str) -> None:
    if name in SPLIT:
        key, index = SPLIT[name]
        wanted = reference[key][index]
    elif name in LOCAL:
        wanted = LOCAL[name]
    else:
        wanted = reference[name if name.startswith("X") else f"X{name}"]
    assert getattr(Parameters(), name) == pytest.approx(wanted, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize(
    ("table", "key", "tolerance"),
    [
        ("rim1", "XGAMINC_RIM1", 2e-15),
        ("rim2", "XGAMINC_RIM2", 2e-15),
        ("rim4", "XGAMINC_RIM4", 2e-15),
        ("rs_small", "XKER_RACCSS", 0.0),
        ("rs_all", "XKER_RACCS", 0.0),
        ("sr_large", "XKER_SACCRG", 0.0),
        ("sg", "XKER_SDRYG", 0.0),
        ("rg", "XKER_RDRYG", 0.0),
    ],
)
def test_a_table_has_its_values_in_the_fortran(
    reference: dict[str, Any], table: str, key: str, tolerance: float
) -> None:
    np.testing.assert_allclose(getattr(build_tables(), table), np.array(reference[key]), rtol=tolerance, atol=0.0)


# Options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", sorted(SUPPORTED))
def test_an_unsupported_option_is_named(option: str) -> None:
    value = SUPPORTED[option][0]
    other: Any = (not value) if isinstance(value, bool) else (7 if isinstance(value, int) else "OLD")
    with pytest.raises(ValueError, match=rf"Option {option} = .* not supported by RainIce: supported are"):
        RainIceConfig(**{option: other})


@pytest.mark.parametrize("option", ["XTSTEP_TS", "XMRSTEP", "NMAXITER_MICRO"])
def test_a_negative_limit_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match=f"Option {option}"):
        RainIceConfig(**{option: -1})  # type: ignore[arg-type]


def test_without_warm_processes_no_rain_forms_or_evaporates(make_build: Callable[..., Build]) -> None:
    build = make_build("numpy")
    domain = (4, 3, 30)
    component = ProcessRates(domain, build, RainIceConfig(LWARM=False))
    state = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    component(state)
    assert not np.any([state[name] for name in ("rcautr", "rcaccr", "rrevav")])
    assert np.any(state["rvdeps"])


# Invariants -------------------------------------------------------------------------------------------------------


def step(
    build: Build, config: RainIceConfig | None = None, *, before: Fields | None = None, top_first: bool = True
) -> tuple[Fields, Fields]:
    """Advance a small atmosphere; return its fields before and after."""
    before = before or synthetic_atmosphere((7, 5, 30), precision=build.precision, seed=3)
    domain = before["tht"].shape
    component = RainIce(domain, build, config, fluxes=True, top_first=top_first)
    state = from_arrays(component.fields, before, domain, build)
    component(state, TIMESTEP)
    return before, state


def assert_invariants(before: Fields, after: Fields, unit: float) -> None:
    mass = before["rhodref"] * before["dzz"]
    change = {name: after[name] - before[name] for name in (*SPECIES, "ths")}
    # Water: what a column loses reaches the ground.
    lost = -np.sum([(mass * change[name]).sum(axis=2) for name in SPECIES], axis=0)
    ground = constants.RHOLW * np.sum([after[name] for name in ("inprc", "inprr", "inprs", "inprg")], axis=0)
    content = np.sum([(mass * np.abs(before[name])).sum(axis=2) for name in SPECIES], axis=0)
    assert np.all(np.abs(lost - ground) <= 100 * unit * content)
    # Water and enthalpy of a point: only the fluxes change its total; conversions of phase heat it.
    fallen = {}
    for letter in "crisg":
        flux = after[f"fpr_{letter}"]
        arriving = np.concatenate([np.zeros_like(flux[:, :, :1]), flux[:, :, :-1]], axis=2)
        fallen[f"r{letter}s"] = (arriving - flux) / mass
    converted = {name: change[name] - fallen.get(name, 0.0) for name in SPECIES}
    scale = np.sum([np.abs(before[name]) + np.abs(fallen.get(name, 0.0)) for name in SPECIES], axis=0)
    assert np.all(np.abs(np.sum(list(converted.values()), axis=0)) <= 100 * unit * scale)
    t = before["tht"] * before["exn"]
    capacity = constants.CPD + constants.CPV * before["rvt"] + constants.CL * (before["rct"] + before["rrt"])
    capacity = (capacity + constants.CI * (before["rit"] + before["rst"] + before["rgt"])) * before["exnref"]
    liquid = (constants.LVTT + (constants.CPV - constants.CL) * (t - constants.TT)) / capacity
    solid = (constants.LSTT + (constants.CPV - constants.CI) * (t - constants.TT)) / capacity
    heating = liquid * (converted["rcs"] + converted["rrs"])
    heating = heating + solid * (converted["ris"] + converted["rss"] + converted["rgs"])
    assert np.all(np.abs(change["ths"] - heating) <= 100 * unit * (np.abs(before["ths"]) + solid * scale))
    # Nothing is negative.
    for name in SPECIES[1:]:
        assert after[name].min() >= 0.0, name
    assert after["rvs"].min() >= -unit * np.abs(before["rvs"]).max()
    for name in ("cit", "evap3d", "inprc", "inprr", "inprs", "inprg"):
        assert after[name].min() >= 0.0, name


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
    assert_invariants(*step(make_build("numpy"), RainIceConfig(**options)), 2.3e-16)


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


def test_either_storage_order_gives_the_same(make_build: Callable[..., Build]) -> None:
    before, after = step(make_build("numpy"))
    flipped = {name: array[:, :, ::-1] if array.ndim == 3 else array for name, array in before.items()}
    _, upwards = step(make_build("numpy"), before=flipped, top_first=False)
    for name in (*SPECIES, "ths", "cit", "fpr_r", "fpr_i"):
        np.testing.assert_allclose(upwards[name][:, :, ::-1], after[name], rtol=1e-13, atol=1e-22)
    np.testing.assert_allclose(upwards["inprr"], after["inprr"], rtol=1e-13)


def test_slabs_of_columns_do_not_change_the_result(
    make_build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, after = step(make_build("numpy"))
    monkeypatch.setattr("ice3_gt4py.rain_ice.SLAB", 14)
    _, slabbed = step(make_build("numpy"))
    for name in (*SPECIES, "ths", "cit", "inprr", "fpr_s"):
        np.testing.assert_allclose(slabbed[name], after[name], rtol=1e-13, atol=1e-22)


def test_the_chain_is_the_components_one_after_the_other(make_build: Callable[..., Build]) -> None:
    build, domain = make_build("numpy"), (5, 4, 30)
    before = synthetic_atmosphere(domain)
    chain = create("microphysics", domain, build)
    chained = from_arrays(chain.fields, before, domain, build)
    chain(chained, TIMESTEP)

    adjustment = create("ice_adjust", domain, build)
    adjusted = from_arrays(adjustment.fields, before, domain, build)
    adjustment(adjusted, TIMESTEP)
    sources = {name: adjusted[name] for name in ("ths", "rvs", "rcs", "ris")}
    state = {f"{name[:2]}t": source * TIMESTEP for name, source in sources.items()}
    _, after = step(build, before={**before, **sources, **state})
    for name in (*SPECIES, "ths", "cit", "inprr", "evap3d"):
        np.testing.assert_array_equal(chained[name], after[name])


@pytest.mark.parametrize("name", ["ice_adjust", "rain_ice", "microphysics"])
def test_the_synthetic_atmosphere_feeds_every_component(make_build: Callable[..., Build], name: str) -> None:
    fields = synthetic_atmosphere((2, 2, 8))
    component = create(name, (2, 2, 8), make_build("numpy"))
    assert {field.name for field in component.fields if field.intent != "out"} <= set(fields)


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
