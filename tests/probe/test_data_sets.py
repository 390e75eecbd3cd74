"""Data sets that cannot be used, and outputs that are not finite."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np
import pytest

from ice3_probe.accuracy import check, compare
from ice3_probe.errors import at_quantile, cell_errors
from ice3_probe.norms import FIXED, Limit, Tolerance, norm_of
from ice3_probe.ports import load_port
from ice3_probe.reference import DATA, DataSet, DataSetError, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.contract import Cell

    Change = Callable[[dict[str, Any], dict[str, Any]], object]

LITE = DATA / "ice_adjust_lite.nc"
TESTS = Path(__file__).parents[1] / "data"
MADE = sorted((TESTS / "variants").glob("*.nc"))


def test_a_file_that_is_not_a_data_set_is_named(tmp_path: Path) -> None:
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
        (attribute("config", "[1, 2]"), "The options are not a mapping of namelists (PARAM_ICEN, NEBN): [1, 2]"),
        (attribute("config", "{"), "is not JSON"),
        (attribute("config", '{"NEBN": {"LSUBG_COND": "F"}}'), "Option LSUBG_COND = 'F' is not usable"),
        (reshaped("in_th", (2, 3, 4)), "'in_th' of own.nc has shape (2, 3, 4): expected (column, level)"),
        (reshaped("in_rv", (32, 61)), "'in_rv' of own.nc has shape (32, 61): expected (32, 60) or (32,)"),
        (reshaped("out_rcs", (31, 60)), "'out_rcs' of own.nc has shape (31, 60)"),
    ],
)
def test_what_is_wrong_with_a_data_set_is_named(
    tmp_path: Path, cell: Cell, make_port: Callable[..., str], change: Change, message: str
) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(DataSetError, match=re.escape(message)):
        check(load(path), load_port(make_port()), cell, "ice_adjust")


def without(*beginnings: str) -> Change:
    def change(variables: dict[str, Any], _attributes: dict[str, Any]) -> None:
        for name in [name for name in variables if name.startswith(beginnings)]:
            del variables[name]

    return change


@pytest.mark.parametrize("name", ["in_rc_mf", "in_dzz", "in_rvt", "in_th", "out_rcs"])
@pytest.mark.parametrize("file", sorted(DATA.glob("*.nc")), ids=lambda path: path.stem)
def test_no_single_field_decides_what_a_data_set_is_of(file: Path, name: str) -> None:
    data = replace(load(file), declared="")
    left = {one: values for one, values in data.variables.items() if one != name}
    assert replace(data, variables=left).component == load(file).component


def test_a_component_that_a_file_names_is_believed_or_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, attribute("component", "fog"))
    with pytest.raises(DataSetError, match=r"own\.nc is of component 'fog', which is not known: there are rain_ice, "):
        _ = load(path).component
    assert load(changed(tmp_path, attribute("component", "ice_adjust"))).component == "ice_adjust"
    with pytest.raises(DataSetError, match=r"belongs to no known component: .* in its attribute 'component'"):
        _ = DataSet("own.nc", 50.0, {}, 6, {"in_th": np.ones((2, 3))}).component


def test_a_horizontal_output_that_is_zero_everywhere_has_no_levels() -> None:
    data = load(DATA / "rain_ice_lite.nc")
    left = {name: values for name, values in data.variables.items() if name != "out_inprc"}
    zeros = replace(data, variables=left, zeros=frozenset({"out_inprc"})).reference("inprc")
    assert zeros is not None
    assert zeros.shape == (32,)


@pytest.mark.parametrize(
    ("change", "precision", "told", "limits"),
    [
        (without("sensitive"), "float64", "no mask of the cells that rounding decides", (Limit(5e-11, 0.999),)),
        (without("f32_"), "float32", "no single-precision reference", FIXED["ice_adjust"].limits),
        (without(), "float64", "", (Limit(5e-11),)),
    ],
)
def test_what_a_data_set_lacks_is_said_and_other_limits_are_used(
    tmp_path: Path,
    cell: Cell,
    make_port: Callable[..., str],
    change: Change,
    precision: Any,
    told: str,
    limits: tuple[Limit, ...],
) -> None:
    data = load(changed(tmp_path, change))
    checked = check(data, load_port(make_port()), replace(cell, precision=precision), "ice_adjust")
    assert checked.lacking.startswith(told)
    assert bool(checked.lacking) == bool(told)
    norm = norm_of(data, "rvs", precision, "production")
    assert norm is not None
    assert norm.tolerance.limits == limits


def test_float32_is_held_to_twice_what_the_fortran_errs() -> None:
    data = load(DATA / "rain_ice_lite.nc")
    single, reference = data.reference("rss", single=True), data.reference("rss")
    assert reference is not None
    assert single is not None
    far = single.copy()
    far[:3] = 2.0 * reference[:3] + 1.0
    worse = replace(data, variables={**data.variables, "f32_out_rss": far})
    before, after = norm_of(data, "rss", "float32", "strict"), norm_of(worse, "rss", "float32", "strict")
    assert before is not None
    assert after is not None
    assert before.tolerance.far == 2
    assert after.tolerance.far == 2 + 2 * 180
    errors = cell_errors(single, reference, before.scale, before.excluded)[~before.excluded]
    assert before.tolerance.limits[0].value == max(2.0 * at_quantile(errors, 0.99), 1e-5)


@pytest.mark.parametrize(("wrong", "passed"), [(2, True), (3, False)])
def test_cells_that_rounding_decides_are_counted_in_float32(wrong: int, passed: bool) -> None:
    got, wanted = np.ones((10, 20)), np.ones((10, 20))
    got[0, :wrong] = 2.0
    tolerance = Tolerance((Limit(1e-5, 0.99), Limit(1e-4, 0.999)), far=2)
    result = compare("rv", got, wanted, wanted, tolerance, np.zeros(wanted.shape, dtype=bool))
    assert result.passed is passed
    got[5, 5] = 1.0005
    assert not compare("rv", got, wanted, wanted, tolerance, np.zeros(wanted.shape, dtype=bool)).passed


@pytest.mark.parametrize("file", [*DATA.glob("*_lite.nc"), *MADE], ids=lambda path: path.stem)
def test_every_data_set_says_where_it_comes_from_and_masks_little(file: Path) -> None:
    data = load(file)
    with h5netcdf.File(file) as stored:
        attributes = dict(stored.attrs)
    assert "PHYEX 53c26363" in attributes["source"]
    if data.declared:
        assert attributes["command"].startswith("invoke reference.make --phyex PHYEX")
        for precision in ("float64", "float32"):
            assert data.decided_by_rounding(precision).mean() <= 0.01 or attributes["ties"]


def test_the_data_of_the_tests_are_small() -> None:
    assert sum(path.stat().st_size for path in TESTS.rglob("*") if path.is_file()) < 8e6


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("quantile", [1.0, 0.9999, 0.99])
def test_an_output_that_is_not_finite_never_passes(value: float, quantile: float) -> None:
    wanted = np.ones((32, 60))
    got = wanted.copy()
    got[5, 6] = value
    tolerance = Tolerance((Limit(1e-8, quantile),))
    result = compare("rv", got, wanted, wanted, tolerance, np.zeros(wanted.shape, dtype=bool))
    assert not result.passed
    assert (result.column, result.level) == (5, 6)
    assert np.isfinite([result.error, result.maximum]).all()  # as JSON wants it
    assert result.error > 1e300
