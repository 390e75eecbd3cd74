"""Reference data sets: inputs of a situation, what jumps, and what is written; with a port in place of the Fortran."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np
import pytest

from ice3_probe.accuracy import check
from ice3_probe.components import COMPONENTS
from ice3_probe.contract import Case, Cell
from ice3_probe.making.make import make
from ice3_probe.making.noise import COPIES, jumping
from ice3_probe.making.options import as_namelists, chosen
from ice3_probe.making.situations import SITUATIONS, make_inputs
from ice3_probe.messages import Job, Recipe
from ice3_probe.ports import load_port
from ice3_probe.reference import DATA, DataSetError, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECIPE = Recipe("ice_adjust", "", situation="stress", columns=3, levels=6)
JUMPING = ("self.state[field.name] *= 2", "self.state[field.name] = np.sign(self.state['th'] - 300).astype(self.dtype)")


def job(port: str, tmp_path: Path) -> Job:
    cell = Cell("fake", "float64", "cpu", 1, tmp_path / "cache", {"compile-args": "-O2"})
    return Job(port, cell, (), ("ice_adjust",))


def made(recipe: Recipe, port: str, tmp_path: Path) -> Path:
    path = tmp_path / "made.nc"
    make(job(port, tmp_path), replace(recipe, path=str(path)), load_port(port), lambda _what: None)
    return path


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("component", ["ice_adjust", "rain_ice", "microphysics"])
def test_a_situation_has_the_inputs_of_every_component(situation: str, component: str) -> None:
    recipe = Recipe(component, "", situation=situation, columns=5, levels=12)
    fields = make_inputs(recipe)
    assert set(fields) == {field.name for field in COMPONENTS[component].inputs}
    for field in COMPONENTS[component].inputs:
        assert fields[field.name].shape == ((5, 12) if field.dims == "ijk" else (5,)), field.name
        assert np.isfinite(fields[field.name]).all(), field.name
        assert (fields[field.name] >= 0.0).all(), field.name
    assert (fields["rhodref"] > 0.0).all()
    again, other = make_inputs(recipe), make_inputs(replace(recipe, seed=2))
    assert all(np.array_equal(fields[name], again[name]) for name in fields)
    assert not np.array_equal(fields["ths"], other["ths"])


def test_what_is_written_is_read_as_it_was_computed(make_port: Callable[..., str], tmp_path: Path) -> None:
    port = make_port()
    path = made(replace(RECIPE, options={"CFRAC_ICE_ADJUST": "T"}, provenance="PHYEX 1, gfortran 2"), port, tmp_path)
    data = load(path)
    assert data.component == "ice_adjust"
    assert data.config["NEBN"]["CFRAC_ICE_ADJUST"] == "T"
    assert data.has_mask
    assert data.has_single
    single, reference = data.reference("rvs", single=True), data.reference("rvs")
    assert reference is not None
    assert single is not None
    assert np.array_equal(reference, 2.0 * data["in_rvs"])
    assert np.array_equal(single, 2.0 * data["in_rvs"].astype(np.float32))
    for precision in ("float32", "float64"):
        cell: Any = replace(job(port, tmp_path).cell, precision=precision)
        checked = check(data, load_port(port), cell, "ice_adjust", "strict")
        assert checked.passed
        assert checked.lacking == ""
    with h5netcdf.File(path) as file:
        assert file.attrs["source"].startswith("PHYEX 1, gfortran 2; ")
        assert "-O2" in file.attrs["source"]
        assert json.loads(file.attrs["recipe"])["situation"] == "stress"
        assert str(tmp_path) not in json.dumps(dict(file.attrs), default=str)


def test_inputs_and_options_of_a_data_set_can_be_taken(make_port: Callable[..., str], tmp_path: Path) -> None:
    path = made(replace(RECIPE, inputs=str(DATA / "ice_adjust_lite.nc")), make_port(), tmp_path)
    old, new = load(DATA / "ice_adjust_lite.nc"), load(path)
    assert np.array_equal(old["in_rv"], new["in_rv"])
    assert (old.config, old.timestep) == (new.config, new.timestep)


def test_outputs_that_are_zero_everywhere_are_listed_and_read(make_port: Callable[..., str], tmp_path: Path) -> None:
    path = made(RECIPE, make_port(("np.ones(field", "np.zeros(field")), tmp_path)
    data = load(path)
    assert "out_cldfr" in data.zeros
    assert "out_cldfr" not in data.variables
    for single in (False, True):
        zeros = data.reference("cldfr", single=single)
        assert zeros is not None
        assert zeros.shape == data.shape
        assert not zeros.any()


def test_a_cell_on_a_threshold_jumps_and_no_other(make_port: Callable[..., str], tmp_path: Path) -> None:
    port = load_port(make_port(JUMPING))
    fields = make_inputs(replace(RECIPE, columns=4, levels=5))
    fields["th"] = np.full((4, 5), 290.0)
    fields["th"][2, 3] = 300.0
    fields["th"][1, 1] = 300.0 * (1.0 + 1e-6)
    case = Case("ice_adjust", (4, 1, 5), 50.0, COMPONENTS["ice_adjust"].options())
    precision: Any
    for precision in ("float64", "float32"):
        cell = replace(job("", tmp_path).cell, precision=precision)
        mask = jumping(port, case, cell, fields, {"ths": np.ones((4, 5))}, seed=1)
        assert np.argwhere(mask).tolist() == [[2, 3]]
    assert COPIES == 200


def test_the_largest_change_has_noise_too(make_port: Callable[..., str], tmp_path: Path) -> None:
    kept = ("        self.fields = [", "        self.largest = case.options['XMRSTEP']\n        self.fields = [")
    seen = tmp_path / "seen"
    said = (
        "    def reset(self):\n",
        f"    def reset(self):\n        Path({str(seen)!r} + str(self.largest)).touch()\n",
    )
    named = ("import numpy as np\n", "import numpy as np\nfrom pathlib import Path\n")
    port = load_port(make_port(named, kept, said, ("np.ones(field", "self.largest * np.ones(field")))
    fields = make_inputs(replace(RECIPE, columns=4, levels=5))
    options = {**COMPONENTS["ice_adjust"].options(), "XMRSTEP": 5e-5}
    case = Case("ice_adjust", (4, 1, 5), 50.0, options)
    scale = {"cldfr": np.full((4, 5), 1e-30)}
    cell: Any = job("", tmp_path).cell
    assert jumping(port, case, cell, fields, scale, seed=1).all()
    moved = [float(path.name.removeprefix("seen")) for path in tmp_path.glob("seen*")]
    units = {round((one / 5e-5 - 1.0) / 2.0**-52) for one in moved}
    assert units == set(range(-5, 6))


def test_more_than_a_hundredth_of_jumps_must_be_accounted_for(make_port: Callable[..., str], tmp_path: Path) -> None:
    port = make_port(("np.ones(field.shape(self.domain), self.dtype)", "np.sin(1e15 * self.state['th'])"))
    with pytest.raises(DataSetError, match=r"Rounding decides \d+ of 18 cells in float64, more than 1 %: .*--ties"):
        made(RECIPE, port, tmp_path)
    data = load(made(replace(RECIPE, ties="a sine of noise"), port, tmp_path))
    assert data.decided_by_rounding("float64").any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"situation": "fog"}, "There is no situation 'fog': there are mild, stress"),
        ({"levels": 1}, "1 levels, seed 1 and 50.0 s cannot be used"),
        ({"timestep": float("nan")}, "cannot be used"),
        ({"options": {"LFOG": "true"}}, "ice_adjust has no option LFOG: it has KRR, "),
        ({"options": {"LCONDBORN": "perhaps"}}, "Option LCONDBORN=perhaps cannot be used: expected true or false"),
        ({"options": {"XCRIAUTC": "much"}}, "Option XCRIAUTC=much cannot be used: expected a number"),
        ({"component": "rain_ice"}, "has no component 'rain_ice': ice_adjust"),
        ({"inputs": "no.nc"}, "no.nc cannot be read"),
        ({"inputs": str(DATA / "rain_ice_lite.nc")}, "is of rain_ice, not of ice_adjust"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(
    make_port: Callable[..., str], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataSetError) as caught:
        made(replace(RECIPE, **change), make_port(), tmp_path)
    assert message in str(caught.value)


def test_a_fortran_that_gives_no_number_is_refused(make_port: Callable[..., str], tmp_path: Path) -> None:
    port = make_port(("np.ones(field.shape(self.domain), self.dtype)", "np.full_like(self.state['th'], np.nan)"))
    with pytest.raises(DataSetError, match=r"The Fortran's '\w+' in float64 is not finite at .* = \(0, 0\)"):
        made(RECIPE, port, tmp_path)


def test_options_stand_in_the_namelist_that_phyex_has_them_in() -> None:
    options = chosen("microphysics", {"LSUBG_COND": "F", "CSUBG_MF_PDF": "NONE", "XMRSTEP": "1e-5"}, full=False)
    assert as_namelists(options) == {
        "PARAM_ICEN": {"CSUBG_MF_PDF": "NONE", "XMRSTEP": 1e-5},
        "NEBN": {"LSUBG_COND": False},
    }
