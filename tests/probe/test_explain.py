"""Why the physics of a port differs: mistakes are planted in a port, and must be found and named."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy_ice3 import Scheme

from ice3_probe.accuracy import check, compare_all, kept_file
from ice3_probe.components import COMPONENTS
from ice3_probe.computed import Computed, case_on
from ice3_probe.contract import Case, Cell
from ice3_probe.explain.conditions import conditions
from ice3_probe.explain.deciding import deciding
from ice3_probe.explain.diagnosis import Trials, adjusted, diagnose, planted
from ice3_probe.explain.explanation import explain, explain_all
from ice3_probe.explain.mistakes import MISTAKES
from ice3_probe.explain.order import STEPS, in_order
from ice3_probe.explain.patterns import best_pattern
from ice3_probe.explain.sample import Sample
from ice3_probe.messages import Deciding, Diagnosis, Explained, Job
from ice3_probe.ports import Port
from ice3_probe.reference import DATA, DataSet
from ice3_probe.reference import load as read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

VARIANTS = Path(__file__).parents[1] / "data" / "variants"
CANONICAL = DATA / "ice_adjust_lite.nc"
NAMES = {mistake.name: mistake for mistake in MISTAKES}
SHOWN_ELSEWHERE = {"same-vapour-twice": "adj_cb02_T", "statistical-threshold": "adj_gaus_S"}
"""Mistakes that the canonical data set does not show, and a variant that does.

Three mistakes of the specification's list are not among those planted, since no data set can show or define them:

* Another table of the second-order moment: any table would be another mistake. Without it, only ``srcs`` differs, and
  that is said.
* Contents above the threshold added to what earlier steps left: a data set is one step, and the accuracy pass refuses
  a port whose second run gives another result.
* The digit zero for the letter O of CFRAC_ICE_ADJUST: what a port does with a letter that it does not know is its own.
"""


load = cache(read)


class Mistaken:
    """IceAdjust by the NumPy implementation, with mistakes and noise."""

    ignores: frozenset[str] = frozenset()

    def __init__(self, data: DataSet, case: Case, cell: Cell, mistakes: Iterable[str], noise: float) -> None:
        self.outputs = frozenset(field.name for field in COMPONENTS["ice_adjust"].outputs)
        self.results: dict[str, NDArray[Any]] = {}
        self.computed = adjusted(data, case.options, planted([NAMES[name] for name in mistakes]))
        self.dtype, self.noise = np.dtype(cell.precision), noise

    def load(self, fields: Mapping[str, NDArray[np.float64]]) -> None:
        pass

    def reset(self) -> None:
        pass

    def run(self) -> None:
        random = np.random.default_rng(1)
        for name, values in self.computed.items():
            noisy = values * (1.0 + self.noise * random.standard_normal(values.shape))
            self.results[name] = noisy[:, None].astype(self.dtype)

    def read(self) -> dict[str, NDArray[Any]]:
        return self.results


def make_cell(precision: Any = "float64") -> Cell:
    return Cell("mistaken", precision, "cpu", threads=1, cache=Path("unused"), settings={})


def sample_of(
    path: Path,
    folder: Path,
    *mistakes: str,
    precision: str = "float64",
    noise: float = 0.0,
    profile: str = "production",
) -> Sample:
    """Run a port with mistakes on a data set as the accuracy pass does, and take up what it kept."""
    data, cell, kept = load(path), make_cell(precision), kept_file(folder, 0)
    port = Port("mistaken", lambda case, cell: Mistaken(data, case, cell, mistakes, noise))
    check(data, port, cell, "ice_adjust", profile, kept)
    case = case_on(data, "ice_adjust")
    return Sample(data, case, tuple(compare_all(data, Computed.read(kept, case), precision, profile)))


def named(diagnosis: Diagnosis) -> set[str]:
    return {mistake.name for mistake in diagnosis.mistakes}


# --- Known mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_each_mistake_is_named_and_no_other(name: str, tmp_path: Path) -> None:
    path = VARIANTS / f"{SHOWN_ELSEWHERE[name]}.nc" if name in SHOWN_ELSEWHERE else CANONICAL
    sample = sample_of(path, tmp_path, name)
    assert sample.wrong, "the data set does not show it"
    diagnosis = diagnose("ice_adjust", [sample])
    assert named(diagnosis) == {name}
    assert (diagnosis.outputs_after, diagnosis.wrong_after, diagnosis.alternatives) == (0, 0.0, ())
    assert diagnosis.outputs_before == len(sample.wrong)


@pytest.mark.parametrize("name", SHOWN_ELSEWHERE)
def test_mistakes_said_to_show_elsewhere_do_not_show_on_the_canonical_data(name: str, tmp_path: Path) -> None:
    assert not sample_of(CANONICAL, tmp_path, name).wrong


def test_the_guide_counts_the_mistakes() -> None:
    guide = Path(__file__).parents[2] / "docs" / "ports.md"
    assert f"{len(MISTAKES)} known mistakes" in guide.read_text(encoding="utf-8")
    assert len(NAMES) == len(MISTAKES)


@pytest.mark.parametrize(
    "names",
    [
        ("saturation-constant", "ice-triangle-area"),
        ("liquid-for-ice", "no-weight"),
        ("liquid-for-ice", "ice-fraction-cut"),  # of one law
        ("saturation-constant", "triple-point"),  # everywhere, both
        ("saturation-constant", "liquid-for-ice", "no-weight", "liquid-triangle-cube"),
    ],
)
def test_mistakes_made_together_are_all_named(names: tuple[str, ...], tmp_path: Path) -> None:
    diagnosis = diagnose("ice_adjust", [sample_of(CANONICAL, tmp_path, *names)])
    assert named(diagnosis) == set(names)
    assert diagnosis.outputs_after == 0


@pytest.mark.parametrize("name", ["ice-fraction-cut", "ice-triangle-cube"])
def test_a_mistake_is_named_in_float32_too(name: str, tmp_path: Path) -> None:
    """The second one makes contents so large that their rounding exceeds the tolerance of right contents."""
    diagnosis = diagnose("ice_adjust", [sample_of(CANONICAL, tmp_path, name, precision="float32")])
    assert (named(diagnosis), diagnosis.outputs_after) == ({name}, 0)


def test_mistakes_that_the_data_cannot_tell_apart_are_said(tmp_path: Path) -> None:
    """Both change the heating only, by less than float32 resolves."""
    diagnosis = diagnose("ice_adjust", [sample_of(CANONICAL, tmp_path, "heat-capacity-refreshed", precision="float32")])
    told = named(diagnosis) | {mistake.name for mistake in diagnosis.alternatives}
    assert told == {"heat-capacity-refreshed", "latent-heats-refreshed"}


@pytest.mark.parametrize("noise", [1e-8, 1e-3])
def test_noise_is_explained_by_no_mistake(noise: float, tmp_path: Path) -> None:
    diagnosis = diagnose("ice_adjust", [sample_of(CANONICAL, tmp_path, noise=noise)])
    assert (named(diagnosis), diagnosis.tried) == (set(), len(MISTAKES))
    assert diagnosis.outputs_after == diagnosis.outputs_before == 14


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_agree_with_nothing(value: float, tmp_path: Path) -> None:
    scheme = replace(Scheme(), amplification=lambda q1: np.full_like(q1, value))
    fit = Trials([sample_of(CANONICAL, tmp_path)])._compare(scheme)
    assert (fit.outputs, fit.wrong > 0.0) == (1, True)


def test_the_part_that_a_mistake_explains_is_said(tmp_path: Path) -> None:
    sample = sample_of(CANONICAL, tmp_path, "liquid-for-ice")
    broken = next(one for one in sample.compared if one.error.field == "hlc_hrc")
    cloudy = broken.got > 0.0
    broken.got[cloudy] *= 1.5
    outputs = {one.error.field: one.got for one in sample.compared}
    computed = Computed(sample.case, outputs, np.zeros(sample.data.shape, dtype=bool))
    compared = compare_all(sample.data, computed, "float64", "production")
    diagnosis = diagnose("ice_adjust", [replace(sample, compared=tuple(compared))])
    assert named(diagnosis) == {"liquid-for-ice"}
    assert (diagnosis.outputs_before, diagnosis.outputs_after) == (13, 1)
    assert 0.0 < diagnosis.wrong_after < 0.1 * diagnosis.wrong_before


def test_a_mistake_that_makes_outputs_right_is_said_even_if_another_output_is_wrong_everywhere(tmp_path: Path) -> None:
    sample = sample_of(CANONICAL, tmp_path, "no-weight")
    outputs = {one.error.field: one.got for one in sample.compared}
    outputs["out_rv"] = outputs["out_rv"] * 1.001
    computed = Computed(sample.case, outputs, np.zeros(sample.data.shape, dtype=bool))
    compared = compare_all(sample.data, computed, "float64", "production")
    diagnosis = diagnose("ice_adjust", [replace(sample, compared=tuple(compared))])
    assert named(diagnosis) == {"no-weight"}
    assert diagnosis.outputs_after == 1 < diagnosis.outputs_before


def test_data_that_the_numpy_implementation_cannot_do_are_named(tmp_path: Path) -> None:
    sample = sample_of(CANONICAL, tmp_path, "no-weight")
    case = replace(sample.case, options={**sample.case.options, "CSUBG_MF_PDF": "BIGA"})
    diagnosis = diagnose("ice_adjust", [replace(sample, case=case)])
    (reason,) = diagnosis.not_tried
    assert (diagnosis.tried, reason.partition(": ")[0]) == (0, "ice_adjust_lite.nc")
    assert "CSUBG_MF_PDF = 'BIGA'" in reason


def test_data_that_disagree_with_the_numpy_implementation_are_named(tmp_path: Path) -> None:
    """As those of another version of the scheme: the mistakes would be compared with a wrong right form."""
    sample = sample_of(CANONICAL, tmp_path, "no-weight")
    case = replace(sample.case, options={**sample.case.options, "CLAMBDA3": "NONE"})
    (reason,) = diagnose("ice_adjust", [replace(sample, case=case)]).not_tried
    assert "itself differs from the reference in 'srcs'" in reason


# --- Where, in which order, with which option -------------------------------------------------------------------------


def test_the_order_of_the_schemes_has_every_output() -> None:
    assert set(STEPS) == set(COMPONENTS)
    for component, steps in STEPS.items():
        listed = [field for _, outputs in steps for field in outputs]
        assert sorted(listed) == sorted(field.name for field in COMPONENTS[component].outputs), component


@pytest.mark.parametrize(
    ("mistake", "first", "condition"),
    [
        ("no-weight", "cldfr", "where mass-flux cloud has a weight"),
        ("ice-triangle-area", "hli_hcf", "with ice in the mass-flux cloud"),
        ("liquid-for-ice", "cldfr", "with cloud liquid or ice"),
    ],
)
def test_the_first_wrong_output_and_where_it_is_wrong(mistake: str, first: str, condition: str, tmp_path: Path) -> None:
    sample = sample_of(CANONICAL, tmp_path, mistake)
    explained = explain(sample)
    assert [one.field for one in explained.wrong] == in_order("ice_adjust", sample.wrong)
    one = explained.wrong[0]
    assert one.field == first
    assert condition in one.condition
    assert one.recall > 0.98
    assert one.levels is not None
    assert 0 <= one.levels[0] <= one.levels[1] < 60
    assert 180.0 < one.temperatures[0] <= one.temperatures[1] < 320.0
    assert explained.compared == 14


def test_the_share_is_that_of_the_cells_beyond_the_tolerance(tmp_path: Path) -> None:
    sample = sample_of(CANONICAL, tmp_path, "ice-triangle-area")
    one = explain(sample).wrong[0]
    right, wrong = (
        adjusted(sample.data, sample.case.options, planted(made))["hli_hcf"]
        for made in ((), [NAMES["ice-triangle-area"]])
    )
    differ = np.abs(wrong - right) > 1e-10
    assert one.share == differ.mean() > 0.0
    levels = np.flatnonzero(differ.any(axis=0))
    assert one.levels == (levels[0], levels[-1])


def rain_ice(change: Callable[[DataSet, dict[str, NDArray[Any]]], None], file: str = "rain_ice_lite.nc") -> Sample:
    """A port of RainIce, or of a part of it, that is right but for a change."""
    data = load(DATA / file)
    case = case_on(data, data.component)
    prefix = {"rain_ice:tendencies": "pr"}.get(data.component, "out")
    outputs = {}
    for field in COMPONENTS[data.component].outputs:
        name = f"pr_{field.name.upper()}" if prefix == "pr" else f"out_{field.name}"
        if name in data.variables:
            outputs[field.name] = data.variables[name].copy()
    change(data, outputs)
    computed = Computed(case, outputs, np.zeros(data.shape, dtype=bool))
    return Sample(data, case, tuple(compare_all(data, computed, "float64", "production")))


def test_rain_ice_is_located_as_well() -> None:
    def change(data: DataSet, outputs: dict[str, NDArray[Any]]) -> None:
        graupel = data["in_rgt"] > 1e-15
        outputs["rgs"][graupel] *= 1.01
        outputs["fpr_g"][graupel] *= 1.01

    explained = explain(rain_ice(change))
    assert [(one.field, one.step) for one in explained.wrong] == [
        ("fpr_g", "sedimentation"),
        ("rgs", "sum of all processes"),
    ]
    assert {one.condition for one in explained.wrong} == {"with graupel"}


@pytest.mark.parametrize(
    ("file", "field", "step", "condition"),
    [
        ("ice4_sedimentation_lite.nc", "fpr_s", "fall of snow", ""),  # it falls through layers that had none
        ("ice4_tendencies_lite.nc", "riaggs", "slow cold processes", "with snow"),
    ],
)
def test_parts_are_located_as_well(file: str, field: str, step: str, condition: str) -> None:
    def change(_data: DataSet, outputs: dict[str, NDArray[Any]]) -> None:
        outputs[field] *= 1.01

    (one,) = explain(rain_ice(change, file)).wrong
    assert (one.field, one.step) == (field, step)
    assert condition in one.condition
    assert 180.0 < one.temperatures[0] <= one.temperatures[1] < 320.0


def test_a_horizontal_output_is_located_by_its_lowest_level() -> None:
    def change(data: DataSet, outputs: dict[str, NDArray[Any]]) -> None:
        outputs["inprs"][data["in_rst"][:, -1] > 1e-15] *= 1.1

    (one,) = explain(rain_ice(change)).wrong
    assert (one.field, one.levels, one.recall) == ("inprs", None, 1.0)
    assert one.precision > 0.8
    assert one.condition == "with snow"


def test_the_option_that_decides_is_named(tmp_path: Path) -> None:
    paths = [CANONICAL, VARIANTS / "adj_cb02_T.nc", VARIANTS / "adj_mfpdf_none.nc"]
    samples = [sample_of(path, tmp_path, "liquid-triangle-area") for path in paths]
    (told,) = deciding("ice_adjust", samples)
    assert told == Deciding("ice_adjust", ("hlc_hcf",), "CSUBG_MF_PDF", ("'TRIANGLE'",), ("'NONE'",))


def test_data_sets_that_no_option_tells_apart_are_named(tmp_path: Path) -> None:
    wrong, right = sample_of(CANONICAL, tmp_path, "ice-triangle-area"), sample_of(CANONICAL, tmp_path)
    (told,) = deciding("ice_adjust", [wrong, right])
    assert (told.option, told.wrong_with, told.right_with) == ("", (CANONICAL.name,), (CANONICAL.name,))


# --- Patterns ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def met() -> dict[str, NDArray[np.bool_]]:
    return conditions(load(CANONICAL))


def test_a_pattern_of_two_conditions_is_found(met: dict[str, NDArray[np.bool_]]) -> None:
    wrong = met["with cloud ice"] & met["in mass-flux cloud"]
    pattern = best_pattern(wrong, np.ones_like(wrong), met)
    assert pattern is not None
    assert (pattern.condition, pattern.recall, pattern.precision) == ("with cloud ice and in mass-flux cloud", 1.0, 1.0)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("share", [0.002, 0.02, 0.3, 0.9])
def test_chance_is_not_a_pattern(met: dict[str, NDArray[np.bool_]], share: float, seed: int) -> None:
    wrong = np.random.default_rng(seed).random((32, 60)) < share
    assert wrong.any()
    assert best_pattern(wrong, np.ones_like(wrong), met) is None


def test_cells_that_were_not_compared_do_not_count(met: dict[str, NDArray[np.bool_]]) -> None:
    compared = met["with cloud ice"]
    assert best_pattern(compared, compared, met) is None, "all compared cells are wrong"


# --- The pass ---------------------------------------------------------------------------------------------------------


def explained_job(folder: Path, *mistakes: str) -> list[Any]:
    job = Job("mistaken", make_cell(), (), ("ice_adjust",), (str(CANONICAL),))
    sample_of(CANONICAL, folder, *mistakes)
    return list(explain_all(job, folder, lambda _what: None))


def test_the_pass_explains_every_check(tmp_path: Path) -> None:
    explained, diagnosis = explained_job(tmp_path, "no-amplification")
    assert isinstance(explained, Explained)
    assert [one.field for one in explained.wrong] == ["srcs"]
    assert named(diagnosis) == {"no-amplification"}


def test_nothing_is_said_of_a_port_that_is_right(tmp_path: Path) -> None:
    assert explained_job(tmp_path) == [Explained(CANONICAL.name, "ice_adjust", 14, ())]
