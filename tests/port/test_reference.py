"""The components against the Fortran: the data sets of the probe, and those of other options."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.port.matrix import COMPILED, EVERY, OTHERS, PROJECT, SOME, SOME_SLOWLY, VECTORISING

from ice3_gt4py import constants
from ice3_gt4py.parameters import Parameters
from ice3_probe.accuracy import check
from ice3_probe.computed import case_on
from ice3_probe.data_sets import load
from ice3_probe.reference import DATA, DataSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_probe.contract import Cell
    from ice3_probe.messages import Checked
    from ice3_probe.ports import Port

    Check = Callable[..., Checked]

ADJUSTMENT, WHOLE_CALL, CHAIN, SEDIMENTATION, TENDENCIES = (
    DATA / f"{name}_lite.nc"
    for name in ("ice_adjust", "rain_ice", "microphysics", "ice4_sedimentation", "ice4_tendencies")
)
VARIANTS = sorted((PROJECT / "tests/data/variants").glob("*.nc"))
SAMPLES = [PROJECT / "tests/data/phyex" / name for name in ("ice_adjust", "rain_ice", "ice_adjust.nc", "rain_ice.nc")]
VECTORS: dict[str, Any] = json.loads((PROJECT / "tests/data/ice_adjust_vectors.json").read_text(encoding="utf-8"))
"""20 points chosen for the branches of the scheme, and the Fortran's outputs under 7 sets of options."""
SINGLE_PRECISION = ["numpy", pytest.param(VECTORISING[0], marks=[pytest.mark.compiled, pytest.mark.slow])]
COMPONENTS = {"ice_adjust": ADJUSTMENT, "rain_ice": WHOLE_CALL, "microphysics": CHAIN}
CHOSEN = {"ice_adjust:modular": ADJUSTMENT, "rain_ice:sedimentation": SEDIMENTATION, "rain_ice:tendencies": TENDENCIES}
"""Variants and parts that are timed if a user asks for it."""


@pytest.fixture
def accuracy(port: Port, make_cell: Callable[..., Cell]) -> Check:
    """Check a component on a data set; it must run, and give all outputs that it promises."""

    def checked(data: DataSet | Path, component: str, cell: tuple[str, ...], profile: str = "strict") -> Checked:
        data = data if isinstance(data, DataSet) else load(data)
        result = check(data, port, make_cell(*cell, profile=profile), component, profile)
        assert not result.unsupported
        assert result.left_out == 0
        return result

    return checked


def failed(result: Checked) -> list[Any]:
    return [field for field in result.fields if not field.passed]


# float64 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", EVERY)
def test_the_adjustment_agrees_to_round_off(accuracy: Check, backend: str) -> None:
    result = accuracy(ADJUSTMENT, "ice_adjust", (backend,))
    assert not failed(result)
    assert len(result.fields) == 10
    assert result.not_produced == ("out_rv", "out_rc", "out_ri", "out_th")


@pytest.mark.parametrize("backend", SOME)
def test_the_adjusted_state_agrees_to_round_off(accuracy: Check, backend: str) -> None:
    result = accuracy(ADJUSTMENT, "ice_adjust:adjusted_state", (backend,))
    assert not failed(result)
    assert len(result.fields) == 14
    assert not result.not_produced


@pytest.mark.parametrize("backend", [*SOME, *OTHERS])
def test_rain_ice_agrees(accuracy: Check, backend: str) -> None:
    result = accuracy(WHOLE_CALL, "rain_ice:fluxes", (backend,))
    assert not failed(result)
    assert len(result.fields) == 18
    assert not result.not_produced


def test_the_fluxes_are_not_produced_unless_asked_for(accuracy: Check) -> None:
    result = accuracy(WHOLE_CALL, "rain_ice", ("numpy",))
    assert not failed(result)
    assert result.not_produced == ("fpr_c", "fpr_r", "fpr_i", "fpr_s", "fpr_g")


@pytest.mark.parametrize("backend", ["numpy", *OTHERS])
def test_every_initial_rate_agrees(accuracy: Check, backend: str) -> None:
    result = accuracy(TENDENCIES, "rain_ice:tendencies", (backend,))
    assert not failed(result)
    assert len(result.fields) == 32


@pytest.mark.parametrize("backend", ["numpy", *OTHERS])
def test_the_chain_agrees_with_the_two_calls_of_the_fortran(accuracy: Check, backend: str) -> None:
    result = accuracy(CHAIN, "microphysics", (backend,))
    assert not failed(result)
    assert {"tht", "rvt", "cldfr", "rrs", "inprr"} <= {field.field for field in result.fields}


@pytest.mark.parametrize("backend", SOME_SLOWLY)
def test_the_modular_adjustment_agrees_as_the_fused_one_does(accuracy: Check, backend: str) -> None:
    result = accuracy(ADJUSTMENT, "ice_adjust:modular", (backend,))
    assert not failed(result)
    assert len(result.fields) == 10


@pytest.mark.parametrize("backend", SOME_SLOWLY)
def test_the_sedimentation_alone_agrees(accuracy: Check, backend: str) -> None:
    result = accuracy(SEDIMENTATION, "rain_ice:sedimentation", (backend,))
    assert not failed(result)
    assert {field.field for field in result.fields} == {
        *("rcs", "rrs", "ris", "rss", "rgs"),
        *("inprc", "inprr", "inprs", "inprg"),
    }
    assert max(field.maximum for field in result.fields) < 1e-11, "nothing but the sedimentation acts"


@pytest.mark.compiled
@pytest.mark.slow  # and what the accuracy pass of every bench session checks
@pytest.mark.parametrize("component", [*COMPONENTS, *CHOSEN])
def test_the_production_profile_is_within_its_tolerance(accuracy: Check, component: str) -> None:
    assert not failed(accuracy((COMPONENTS | CHOSEN)[component], component, (COMPILED[0],), "production"))


# Other options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", VECTORS["outputs"])
def test_every_branch_of_every_option_of_the_adjustment_agrees(accuracy: Check, options: str) -> None:
    levels = 2  # the same point in each
    named = dict(option.split("=") for option in options.split(",")) if options != "canonical" else {}
    config = {name: word == "T" if name.startswith("L") else word for name, word in named.items()}
    points = {name: [point[name] for point in VECTORS["points"]] for name in VECTORS["points"][0] if name != "note"}
    columns = {f"in_{name}": values for name, values in points.items()}
    for name, values in VECTORS["outputs"][options].items():
        columns[f"out_pout_{name[4:]}" if name.startswith("out_") else f"out_{name}"] = values
    variables = {name: np.repeat(np.array(values)[:, None], levels, axis=1) for name, values in columns.items()}
    variables["in_sigqsat"] = np.array(points["sigqsat"])
    data = DataSet(options, VECTORS["tstep"], {"NEBN": config}, 6, variables)
    result = accuracy(data, "ice_adjust:adjusted_state", ("numpy",))
    assert len(result.fields) == 14
    assert not failed(result)


OTHER_OPTIONS = (
    *("adj_cb02_T", "adj_condborn", "adj_frac_o", "adj_gaus_S", "adj_hgt_qs", "adj_hgt_thick", "adj_lambda3_none"),
    *("adj_mfpdf_none", "adj_nosubg", "adj_tails", "ri_deposc", "ri_forced", "ri_ground"),
    *("ri_mrstep", "ri_mrstep_stress", "ri_nosedic", "ri_tstep10", "ri_tstep_stress"),
)
OTHER_WEATHER = (
    *("adj_melting", "adj_stress", "adj_vapour", "ri_limits", "ri_melting", "ri_nuclei", "ri_stress", "ri_thin"),
)
QUICK = (
    *("adj_condborn", "adj_frac_o", "adj_hgt_qs", "adj_hgt_thick", "adj_tails", "ri_ground", "ri_mrstep"),
    *("ri_mrstep_stress", "ri_nosedic", "ri_tstep_stress", *OTHER_WEATHER),
)
"""The options of the others are also those of single points, above, or of these."""
SOME_VARIANTS = [
    pytest.param(path, marks=[] if path.stem in QUICK else pytest.mark.slow, id=path.stem) for path in VARIANTS
]


def component_in(path: Path) -> str:
    return {"ice_adjust": "ice_adjust:adjusted_state", "rain_ice": "rain_ice:fluxes"}[load(path).component]


@pytest.mark.parametrize("path", SOME_VARIANTS)
def test_whole_columns_agree_in_other_weather_and_under_other_options(accuracy: Check, path: Path) -> None:
    assert not failed(accuracy(path, component_in(path), ("numpy",)))


def test_the_variants_are_there() -> None:
    assert {path.stem for path in VARIANTS} == {*OTHER_OPTIONS, *OTHER_WEATHER}
    canonical = {
        load(path).component: case_on(load(path), load(path).component).options for path in COMPONENTS.values()
    }
    for path in VARIANTS:
        data = load(path)
        differs = case_on(data, data.component).options != canonical[data.component]
        assert differs == (path.stem in OTHER_OPTIONS), path.stem


@pytest.mark.parametrize("backend", EVERY)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_what_phyex_itself_wrote_agrees(accuracy: Check, sample: Path, backend: str) -> None:
    """A folder of blocks and a file of dwarf-p-ice3 of each component, with a few hundred columns."""
    result = accuracy(sample, load(sample).component, (backend,))
    assert len(result.fields) >= 9
    assert not failed(result)


# float32 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", SINGLE_PRECISION)
@pytest.mark.parametrize("component", COMPONENTS)
def test_float32_is_within_the_errors_of_the_fortran_in_float32(accuracy: Check, component: str, backend: str) -> None:
    result = accuracy(COMPONENTS[component], component, (backend, "float32"), "production")
    assert not failed(result)
    assert max(field.maximum for field in result.fields) > 1e-9, "not computed in float32"


@pytest.mark.parametrize("path", SOME_VARIANTS)
def test_other_weather_and_options_agree_in_float32_too(accuracy: Check, path: Path) -> None:
    assert not failed(accuracy(path, component_in(path), ("numpy", "float32"), "production"))


@pytest.mark.parametrize("component", CHOSEN)
def test_variants_and_parts_agree_in_float32_too(accuracy: Check, component: str) -> None:
    assert not failed(accuracy(CHOSEN[component], component, ("numpy", "float32"), "production"))


# Wrong physics --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", ["LVTT", "CI", "BETAW", "ALPI", "CPD"])
def test_a_wrong_constant_is_caught(accuracy: Check, monkeypatch: pytest.MonkeyPatch, constant: str) -> None:
    monkeypatch.setattr(constants, constant, getattr(constants, constant) * (1 + 1e-6))
    assert failed(accuracy(ADJUSTMENT, "ice_adjust", ("numpy",), "production"))


SLOW = pytest.mark.slow
WRONG = [
    "FIAGGS",
    "RCFRI",
    *(pytest.param(n, marks=SLOW) for n in ("FCACCR", "X1DEPS", "CRIMSS", "FSEDR", "MNU0", "HON")),
]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_process_constant_is_caught(accuracy: Check, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    right = Parameters()
    wrong = replace(right, **{name: getattr(right, name) * 1.001})
    monkeypatch.setattr("ice3_gt4py.externals.Parameters", lambda: wrong)
    assert failed(accuracy(WHOLE_CALL, "rain_ice", ("numpy",), "production"))
