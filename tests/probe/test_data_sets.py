"""Data sets that cannot be used, and outputs that are not finite."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np
import pytest

from ice3_probe.accuracy import check, compare
from ice3_probe.norms import Limit, Tolerance
from ice3_probe.ports import load_port
from ice3_probe.reference import DATA, DataSetError, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_probe.contract import Cell

    Change = Callable[[dict[str, Any], dict[str, Any]], object]

LITE = DATA / "ice_adjust_lite.nc"


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
