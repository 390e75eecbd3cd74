"""The example port in NumPy meets the contract and the reference data, at both precisions."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from ice3_probe.accuracy import check
from ice3_probe.contract import ICE_ADJUST, Case, Cell, IceAdjustOptions, UnknownComponent, Unsupported
from ice3_probe.ports import Port, load_port
from ice3_probe.reference import DATA, load

ROOT = Path(__file__).parents[2]
PORT = ROOT / "examples" / "numpy_port"
DATA_SETS = [DATA / "ice_adjust_lite.nc", *sorted((ROOT / "tests/data/variants").glob("adj_*.nc"))]
OUTPUTS = {field.name for field in ICE_ADJUST if field.is_output}


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Port:
    monkeypatch.syspath_prepend(str(PORT / "src"))
    return load_port(str(PORT / "port.py"))


def make_cell(precision: Literal["float32", "float64"] = "float64") -> Cell:
    return Cell("numpy_port", precision, "cpu", threads=1, cache=Path("unused"), settings={})


def make_case(component: str = "ice_adjust", **options: Any) -> Case:
    return Case(component, (2, 1, 3), 50.0, asdict(replace(IceAdjustOptions(), **options)))


@pytest.mark.parametrize("path", DATA_SETS, ids=lambda path: path.stem)
def test_float64_agrees_with_the_fortran(port: Port, path: Path) -> None:
    checked = check(load(path), port, make_cell(), "ice_adjust", "strict")
    assert {error.field for error in checked.fields} == OUTPUTS
    assert [error for error in checked.fields if not error.maximum <= 1e-12] == []


@pytest.mark.parametrize("path", DATA_SETS, ids=lambda path: path.stem)
def test_float32_is_within_its_tolerances(port: Port, path: Path) -> None:
    checked = check(load(path), port, make_cell("float32"), "ice_adjust")
    assert {error.field for error in checked.fields} == OUTPUTS
    # All or nothing: 0 or 1, and what rounding leaves of an evaporated cloud counts as cloud.
    flips = {"cldfr", "srcs"} if path.stem == "adj_nosubg" else set()
    assert [error for error in checked.fields if not error.passed and error.field not in flips] == []
    assert max(error.maximum for error in checked.fields) > 1e-9, "not computed in float32"


def test_it_computes_from_what_was_loaded(port: Port) -> None:
    case = make_case()
    fields = {field.name: np.ones(field.shape(case.domain)) for field in ICE_ADJUST if field.is_input}
    fields["th"] *= 300.0
    fields["pabs"] *= 1e5
    component = port.create(case, make_cell())
    component.load(fields)
    results = []
    for _ in range(2):
        component.reset()
        component.run()
        results.append(dict(component.read()))
        fields["th"] *= 2.0  # load() has copied it
    assert set(results[0]) == OUTPUTS
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def test_outputs_follow_the_options(port: Port) -> None:
    assert port.create(make_case(), make_cell()).outputs == OUTPUTS
    assert port.create(make_case(OCOMPUTE_SRC=False), make_cell()).outputs == OUTPUTS - {"srcs"}


@pytest.mark.parametrize(
    ("option", "value"),
    [("LSIGMAS", False), ("LOCND2", True), ("CSUBG_MF_PDF", "BIGA"), ("CCONDENS", "CB"), ("KRR", 7)],
)
def test_an_option_that_it_lacks_is_named(port: Port, option: str, value: Any) -> None:
    with pytest.raises(Unsupported, match=f"^Option {option} = {value!r} is not supported: use "):
        port.create(make_case(**{option: value}), make_cell())


def test_an_option_without_effect_is_not_refused(port: Port) -> None:
    port.create(make_case(LSUBG_COND=False, LSIGMAS=False, CSUBG_MF_PDF="BIGA"), make_cell())


def test_another_component_is_refused(port: Port) -> None:
    with pytest.raises(UnknownComponent, match="no component 'rain_ice': it has ice_adjust"):
        port.create(make_case("rain_ice"), make_cell())
