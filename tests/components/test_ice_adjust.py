from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice3_gt4py.accuracy import DataSet, DataSetError, Tolerance, check_data_set, check_file, compare, load, main
from ice3_gt4py.atmosphere import synthetic_atmosphere
from ice3_gt4py.compilation import Build
from ice3_gt4py.fields import from_arrays
from ice3_gt4py.ice_adjust import IceAdjust, IceAdjustConfig, ice_threshold_law

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[dict[str, Any], dict[str, Any]], object]

LITE = Path(__file__).parents[1] / "data/ice_adjust_lite.nc"
VECTORS: dict[str, Any] = json.loads(LITE.with_name("ice_adjust_vectors.json").read_text(encoding="utf-8"))
"""20 points chosen by hand for the branches of the scheme, and the Fortran's outputs under 7 sets of options."""
VARIANTS = sorted(LITE.parent.glob("variants/adj_*.nc"))
ICE_LAW = ice_threshold_law(IceAdjustConfig())
DEBUG = pytest.param("debug", marks=pytest.mark.filterwarnings("ignore::RuntimeWarning"))  # computes branches not taken
COMPILED = [
    pytest.param(backend, marks=pytest.mark.compiled) for backend in ("gt:cpu_ifirst", "gt:cpu_kfirst", "dace:cpu")
]


@pytest.mark.parametrize("backend", [DEBUG, "numpy", *COMPILED])
def test_float64_agrees_with_the_fortran_to_round_off(make_build: Callable[..., Build], backend: str) -> None:
    result = check_file(LITE, make_build(backend), "strict")
    assert result.passed, result
    assert len(result.fields) == 14


@pytest.mark.parametrize("options", VECTORS["outputs"])
def test_every_branch_of_every_option_agrees_with_the_fortran(make_build: Callable[..., Build], options: str) -> None:
    levels = 2  # the same point in each
    named = dict(option.split("=") for option in options.split(",")) if options != "canonical" else {}
    config = {name: word == "T" if name.startswith("L") else word for name, word in named.items()}
    points = {name: [point[name] for point in VECTORS["points"]] for name in VECTORS["points"][0] if name != "note"}
    columns = {f"in_{name}": values for name, values in points.items()}
    for name, values in VECTORS["outputs"][options].items():
        columns[f"out_pout_{name[4:]}" if name.startswith("out_") else f"out_{name}"] = values
    variables = {name: np.repeat(np.array(values)[:, None], levels, axis=1) for name, values in columns.items()}
    variables["in_sigqsat"] = np.array(points["sigqsat"])
    data = DataSet(options, VECTORS["tstep"], {"NEBN": config}, 6, True, variables)
    result = check_data_set(data, make_build("numpy"), "strict")
    assert len(result.fields) == 14
    assert result.passed, [field for field in result.fields if not field.passed]


ONLY_HERE = ("adj_condborn", "adj_lambda3_none")  # the other options are also those of single points, above
SOME = [pytest.param(path, marks=[] if path.stem in ONLY_HERE else pytest.mark.slow) for path in VARIANTS]


@pytest.mark.parametrize("path", SOME, ids=lambda path: path.stem)
def test_whole_columns_agree_under_other_options(make_build: Callable[..., Build], path: Path) -> None:
    result = check_file(path, make_build("numpy"), "strict")
    assert result.passed, result
    assert load(path).config != load(LITE).config


def test_the_variants_are_there() -> None:
    names = ["cb02_T", "condborn", "gaus_S", "lambda3_none", "mfpdf_none", "nosubg"]
    assert [path.stem for path in VARIANTS] == [f"adj_{name}" for name in names]


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
    for config, fields in ((IceAdjustConfig(), before), (IceAdjustConfig(**options), changed)):
        component = IceAdjust(domain, build, config)
        results.append(from_arrays(component.fields, fields, domain, build))
        component(results[-1], 50.0)
    for field in component.fields:
        if field.intent != "in" and field.name in results[0]:
            got, wanted = (result[field.name][..., :-1] for result in results)  # the lowest layer counts 0.8 times
            np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-16)


def test_without_an_ice_fraction_all_condensate_is_liquid(make_build: Callable[..., Build]) -> None:
    build, domain = make_build("numpy"), (7, 5, 30)
    component = IceAdjust(domain, build, IceAdjustConfig(CFRAC_ICE_ADJUST="N"), adjusted_state=True)
    before = synthetic_atmosphere(domain)
    before["rc_mf"][...] = before["ri_mf"][...] = before["cf_mf"][...] = 0.0
    state = from_arrays(component.fields, before, domain, build)
    component(state, 50.0)
    assert before["ri"].max() > 1e-6
    assert np.abs(state["out_ri"]).max() < 1e-18
    assert state["out_rc"].max() > 1e-6


@pytest.mark.parametrize("backend", [DEBUG, "numpy", pytest.param("gt:cpu_ifirst", marks=pytest.mark.compiled)])
def test_float32_is_within_its_quantiles(make_build: Callable[..., Build], backend: str) -> None:
    result = check_file(LITE, make_build(backend, "float32", "production"))
    assert result.passed, result
    assert max(field.maximum for field in result.fields) > 1e-9, "not computed in float32"


@pytest.mark.compiled
@pytest.mark.slow  # and what the accuracy pass of every bench session checks
def test_the_production_profile_is_within_its_tolerance(make_build: Callable[..., Build]) -> None:
    assert check_file(LITE, make_build("gt:cpu_ifirst", profile="production")).passed


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
        ("LSUBG_COND", "F"),
        ("LCONDBORN", 1),
        ("XCRIAUTC", "1e-3"),
        ("XCRIAUTI", float("nan")),
    ],
)
def test_an_unsupported_option_is_named(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"Option {option} = .* not supported .* supported are"):
        IceAdjustConfig(**{option: value})  # type: ignore[arg-type]


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
    before, after, _ = adjust(make_build("numpy"), IceAdjustConfig(**options))
    assert_conserved(before, after)


Fields = dict[str, Any]


def adjust(build: Build, config: IceAdjustConfig | None = None, seed: int = 0) -> tuple[Fields, Fields, IceAdjust]:
    """Adjust a small atmosphere; return its fields before and after."""
    domain = (7, 5, 30)
    component = IceAdjust(domain, build, config)
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
    """Whose columns are not one row, as those of ``from_arrays`` are, and do not begin with a cache line."""
    build, domain = make_build("gt:cpu_ifirst"), (5, 4, 20)
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


def test_an_unknown_backend_or_precision_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="gt:cpu_ifirst"):
        Build("gt:tpu")
    with pytest.raises(ValueError, match="float32, float64"):
        Build("numpy", "float16")


def test_the_field_table_counts_the_words_of_the_specification(make_build: Callable[..., Build]) -> None:
    component = IceAdjust((2, 2, 4), make_build("numpy"))
    words = sum(2 if field.intent == "inout" else 1 for field in component.fields if field.dims == "ijk")
    assert words == 30


@pytest.mark.parametrize("constant", ["LVTT", "CI", "BETAW", "ALPI", "CPD"])
def test_a_wrong_constant_is_caught(
    make_build: Callable[..., Build], constant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ice3_gt4py import constants  # noqa: PLC0415

    monkeypatch.setattr(constants, constant, getattr(constants, constant) * (1 + 1e-6))
    assert not check_file(LITE, make_build("numpy"), "production").passed


def test_a_file_that_is_no_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="cannot be read"):
        load(tmp_path / "missing.nc")
    truncated = tmp_path / "truncated.nc"
    truncated.write_bytes(LITE.read_bytes()[:20000])
    with pytest.raises(DataSetError, match=r"truncated\.nc cannot be read"):
        load(truncated)


def changed(tmp_path: Path, change: Change) -> Path:
    """Copy the data set after a change of its variables and attributes."""
    with h5netcdf.File(LITE) as file:
        variables = {name: np.asarray(variable[...], dtype=float) for name, variable in file.variables.items()}
        attributes = dict(file.attrs)
    change(variables, attributes)
    path = tmp_path / "own.nc"
    with h5netcdf.File(path, "w") as file:
        file.attrs.update(attributes)
        for size in {size for array in variables.values() for size in array.shape}:
            file.dimensions[f"d{size}"] = size
        for name, array in variables.items():
            file.create_variable(name, tuple(f"d{size}" for size in array.shape), "f8", data=array)
    return path


def nan(name: str) -> Change:
    return lambda variables, _: variables[name].__setitem__((3, 7), np.nan)


def attribute(name: str, value: object) -> Change:
    return lambda _, attributes: attributes.__setitem__(name, value)


def reshaped(name: str, shape: tuple[int, ...]) -> Change:
    return lambda variables, _: variables.__setitem__(name, np.ones(shape))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (nan("in_rv"), "In own.nc, 'in_rv' is not finite at (column, level) = (3, 7)"),
        (nan("out_rvs"), "In own.nc, the reference of 'rvs' is not finite at (column, level) = (3, 7)"),
        (nan("sensitive"), "'sensitive' of own.nc is not finite everywhere"),
        (attribute("dt", "soon"), "attribute dt or krr of"),
        (attribute("dt", 0.0), "is 0.0: a time step is a positive number"),
        (attribute("config", "[1, 2]"), "The options are no mapping of namelists (PARAM_ICEN, NEBN): [1, 2]"),
        (attribute("config", "{"), "is not JSON"),
        (attribute("config", '{"NEBN": {"LSUBG_COND": "F"}}'), "Option LSUBG_COND = 'F' is not supported"),
        (reshaped("in_th", (2, 3, 4)), "'in_th' of own.nc has shape (2, 3, 4): not (column, level)"),
        (reshaped("in_rv", (32, 61)), "'in_rv' of own.nc has shape (32, 61): not (32, 60) or (32,)"),
        (reshaped("out_rcs", (31, 60)), "'out_rcs' of own.nc has shape (31, 60)"),
    ],
)
def test_what_is_wrong_with_a_data_set_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Change, message: str
) -> None:
    path = changed(tmp_path, change)
    assert main(["--file", str(path), "--backend", "numpy", "--precision", "float64"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("quantile", [1.0, 0.9999, 0.99])
def test_an_output_that_is_not_finite_never_passes(value: float, quantile: float) -> None:
    wanted = np.ones((32, 60))
    got = wanted.copy()
    got[5, 6] = value
    result = compare(got, wanted, wanted, Tolerance(1e-8, quantile), np.zeros(wanted.shape, dtype=bool))
    assert not result.passed
    assert (result.column, result.level) == (5, 6)
    assert np.isfinite([result.error, result.maximum]).all()  # as JSON wants it
    assert result.error > 1e300
