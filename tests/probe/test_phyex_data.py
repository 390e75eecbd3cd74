"""PHYEX's samples: what they hold, how they are replicated, and how a port is checked and timed on them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np
import pytest
from tests.probe.phyex_files import block_records, made_up, write_records

from ice3_probe.accuracy import check
from ice3_probe.cases import case_of, fields_of
from ice3_probe.components import component_of
from ice3_probe.contract import Cell
from ice3_probe.data_sets import load
from ice3_probe.messages import Benchmark
from ice3_probe.phyex.layout import ICE_ADJUST, LAYOUTS, RAIN_ICE
from ice3_probe.phyex.mapping import active_points
from ice3_probe.phyex.replication import interpolated, replicated
from ice3_probe.ports import load_port
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ice3_probe.phyex.layout import Layout

SAMPLES = Path(__file__).parents[1] / "data" / "phyex"
STATISTICS = json.loads((SAMPLES / "statistics.json").read_text())
READER = json.loads((SAMPLES / "phyex_reader.json").read_text())
NUMPY_PORT = str(Path(__file__).parents[2] / "examples" / "numpy_port" / "port.py")
BY_NAME = {layout.component: layout for layout in LAYOUTS}


def values_of(component: str, variable: str) -> tuple[str, int | None]:
    """Return the record that a variable comes from, and its species."""
    for item in BY_NAME[component].items:
        if variable in item.variables:
            return item.name, item.variables.index(variable) if len(item.variables) > 1 else None
    return "", None


@pytest.mark.parametrize("component", sorted(BY_NAME))
def test_the_netcdf_samples_hold_what_an_independent_reader_found(component: str) -> None:
    data = load(SAMPLES / f"{component}.nc")
    assert (data.component, data.shape, data.timestep) == (component, (64, 60), 50.0)
    compared = 0
    for variable, values in data.variables.items():
        record, species = values_of(component, variable)
        for place, value in STATISTICS[component]["fields"].get(record, {}).get("probes", ()):
            if species is None or place[-1] == species:
                assert values[tuple(place[: values.ndim])] == value, variable
                compared += 1
    assert compared > 60


@pytest.mark.parametrize("component", sorted(BY_NAME))
def test_a_block_holds_the_same_numbers_as_the_netcdf_copy(component: str) -> None:
    block, copy = load(SAMPLES / component), load(SAMPLES / f"{component}.nc")
    assert block.variables.keys() == copy.variables.keys()
    for name, values in block.variables.items():
        np.testing.assert_array_equal(values, copy[name][32:], err_msg=name)


def test_the_share_of_active_points_is_that_of_llmicro() -> None:
    data = load(SAMPLES / "rain_ice.nc")
    assert active_points(data).mean() == STATISTICS["rain_ice"]["fields"]["LLMICRO"]["mean"]


@pytest.mark.parametrize("component", sorted(BY_NAME))
def test_columns_and_levels_are_made_as_phyexs_own_reader_makes_them(component: str) -> None:
    """PHYEX reads 00000001.dat, which is the only file of the samples here."""
    data = load(SAMPLES / component)
    compared = 0
    for result in READER[component]["results"]:
        nproma, blocks, levels = result["nproma"], result["ngpblks"], result["nflevg"]
        for variable, given in data.variables.items():
            record, species = values_of(component, variable)
            if given.ndim < 2 or record not in result["fields"]:
                continue
            made = replicated(interpolated(given, given.shape[1] if levels < 0 else levels), nproma * blocks)
            for place, value in result["fields"][record]["probes"]:
                if species is None or place[1] == species:
                    assert made[place[0] * nproma + place[-1], place[-2]] == value, (variable, result["nflevg"])
                    compared += 1
    assert compared > 80


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", ["ice_adjust", "ice_adjust.nc"])
def test_a_port_is_checked_on_the_samples(tmp_path: Path, precision: Any, name: str) -> None:
    cell = Cell("numpy_port", precision, "cpu", 1, tmp_path, {})
    checked = check(load(SAMPLES / name), load_port(NUMPY_PORT), cell, "ice_adjust")
    assert checked.passed
    defined = {"rvs", "rcs", "ris", "srcs", "cldfr", "hlc_hrc", "hlc_hcf", "hli_hri", "hli_hcf"}
    assert {field.field for field in checked.fields} == defined
    assert "ths" in checked.not_compared
    assert any("No namelist" in remark for remark in checked.remarks)


def test_a_wrong_reference_is_found(tmp_path: Path) -> None:
    data = load(SAMPLES / "ice_adjust")
    data.variables["out_cldfr"] = data["out_cldfr"] + 0.01
    cell = Cell("numpy_port", "float64", "cpu", 1, tmp_path, {})
    checked = check(data, load_port(NUMPY_PORT), cell, "ice_adjust")
    assert [field.field for field in checked.fields if not field.passed] == ["cldfr"]


def test_evaporation_is_compared_where_phyex_kept_it() -> None:
    data = load(SAMPLES / "rain_ice.nc")
    left_out = data.undefined["evap3d"]
    reference = data.reference("evap3d")
    assert reference is not None
    assert np.count_nonzero(~left_out) == np.count_nonzero(reference) == 640


def test_a_benchmark_on_data_has_their_options_and_as_many_columns_as_asked_for(tmp_path: Path) -> None:
    write_records(tmp_path / "0.dat", block_records(RAIN_ICE, made_up(RAIN_ICE, 4, 3)))
    (tmp_path / "options").write_text("&NAM_PARAM_ICEN XMRSTEP=5.E-5 /\n")
    benchmark = Benchmark("name", "rain_ice:fluxes", (10, 1, 3), "rich", data=str(tmp_path))
    case, fields = case_of(benchmark), fields_of(benchmark)
    assert (case.component, case.domain, case.options["XMRSTEP"]) == ("rain_ice:fluxes", (10, 1, 3), 5e-5)
    assert fields.keys() == {field.name for field in component_of("rain_ice").inputs}
    given = load(tmp_path)
    np.testing.assert_array_equal(fields["rct"][:, 0], given["in_rct"][np.arange(10) % 4])
    assert fields["sea"].shape == (10, 1)
    assert all(array.flags.c_contiguous for array in fields.values())


# --- netCDF files of other shapes -------------------------------------------------------------------------------------

Arrays = dict[str, "NDArray[Any]"]


def decoded(layout: Layout, values: Arrays) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
    """Return variables as dwarf-p-ice3's decoder writes them: sources of ICE_ADJUST begin with th, which is NaN."""
    found = {}
    for item in layout.items:
        array = values[item.name]
        if layout is ICE_ADJUST and item.name in ("PRS", "PRS_OUT"):
            array = np.concatenate([np.full_like(array[..., :1], np.nan), array], axis=2)
        found[item.name] = (("IJ", "K", "Specy")[: array.ndim], array)
    return found


def blocked(layout: Layout, values: Arrays) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
    """Return variables in blocks of two columns."""
    found = {}
    for item in layout.items:
        array = values[item.name].reshape(-1, 2, *values[item.name].shape[1:])
        krr = "krr1" if item.name == "ZRS" else "krr"
        names = ("ngpblks", "nproma", "nflevg", krr)[: array.ndim]
        order = {2: (0, 1), 3: (0, 2, 1), 4: (0, 3, 2, 1)}[array.ndim]
        found[item.name] = (tuple(names[axis] for axis in order), array.transpose(order))
    return found


def write_netcdf(path: Path, variables: dict[str, tuple[tuple[str, ...], NDArray[Any]]], kind: str = "f8") -> Path:
    with h5netcdf.File(path, "w") as file:
        for names, array in variables.values():
            for name, size in zip(names, array.shape, strict=True):
                if name not in file.dimensions:
                    file.dimensions[name] = size
        for name, (names, array) in variables.items():
            file.create_variable(name, names, kind, data=array.astype(kind))
    return path


@pytest.mark.parametrize("kind", ["f8", "f4"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("arranged", [decoded, blocked])
def test_both_layouts_of_dwarf_are_read(
    tmp_path: Path, arranged: Callable[..., Any], layout: Layout, kind: str
) -> None:
    values = made_up(layout, 4, 3)
    values["PSIGS"][0, 0] = 0.0
    wanted = load(write_records(tmp_path / "block", block_records(layout, values, real=int(kind[1]))))
    data = load(write_netcdf(tmp_path / "any.name", arranged(layout, values), kind))
    misread = {"out_indep", *(f"out_fpr_{one}" for one in "crisg")} if arranged is decoded else set()
    assert data.variables.keys() == wanted.variables.keys() - misread
    assert data.single == (kind == "f4")
    for name, array in data.variables.items():
        np.testing.assert_array_equal(array, wanted[name], err_msg=name)


def test_names_of_older_copies_and_missing_outputs_are_accepted(tmp_path: Path) -> None:
    variables = blocked(RAIN_ICE, made_up(RAIN_ICE, 4, 3))
    variables["PINPRC_OUT"] = variables.pop("ZINPRC_OUT")
    for name in ("LLMICRO", "PEXNREF2", "PCIT_OUT"):
        del variables[name]
    data = load(write_netcdf(tmp_path / "a.nc", variables))
    assert data.reference("inprc") is not None
    assert data.reference("cit") is None


def nan(variables: dict[str, Any]) -> None:
    names, array = variables["PRT"]
    array = array.copy()
    array[1, 2, 0, 1] = np.nan
    variables["PRT"] = (names, array)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda variables: variables.pop("PTHT"), "a.nc lacks the variable PTHT."),
        (lambda variables: variables.update(PTHT=variables["PSEA"]), "PTHT of"),
        (lambda variables: variables.update(PSEA=variables["PTHT"]), "has the dimensions ngpblks, nflevg, nproma"),
        (nan, "a.nc is nan at (column, level) = (3, 0)"),
    ],
)
def test_what_is_wrong_with_a_copy_is_said(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    variables = blocked(RAIN_ICE, made_up(RAIN_ICE, 4, 3))
    change(variables)
    with pytest.raises(DataSetError, match=re.escape(message)):
        load(write_netcdf(tmp_path / "a.nc", variables))


def test_old_netcdf_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    path.write_bytes(b"CDF\x01" + bytes(100))
    with pytest.raises(DataSetError, match="before version 4: convert it with nccopy"):
        load(path)
