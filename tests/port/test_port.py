"""The port behind the contract: every component can be created, loaded, reset, run and read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.port.matrix import SOME

from ice3_gt4py.port import create
from ice3_probe.atmosphere import synthetic_atmosphere
from ice3_probe.components import component_of
from ice3_probe.contract import Case, UnknownComponent, Unsupported, active

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_probe.contract import Cell

DOMAIN = (3, 2, 8)
COMPONENTS = (
    "ice_adjust", "ice_adjust:adjusted_state", "ice_adjust:modular", "rain_ice", "rain_ice:fluxes",
    "rain_ice:sedimentation", "rain_ice:tendencies", "microphysics",
)  # fmt: skip
COMPLETE = ("ice_adjust:adjusted_state", "rain_ice:fluxes")
"""Those that produce every output."""


def case_of(component: str, **options: Any) -> Case:
    return Case(component, DOMAIN, 50.0, {**component_of(component).options(), **options})


def atmosphere() -> dict[str, Any]:
    fields = {name: np.ascontiguousarray(array) for name, array in synthetic_atmosphere(DOMAIN).items()}
    for array in fields.values():
        array.flags.writeable = False
    return fields


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_reset_restores_what_was_loaded(make_cell: Callable[..., Cell], component: str, precision: str) -> None:
    runnable = create(case_of(component), make_cell("numpy", precision))
    runnable.load(atmosphere())
    results = []
    for _ in range(2):
        runnable.reset()
        runnable.run()
        results.append({name: array.copy() for name, array in runnable.read().items()})
    first, second = results
    assert first.keys() == runnable.outputs
    for name, array in first.items():
        assert array.dtype == np.dtype(precision)
        assert np.isfinite(array).all(), name
        np.testing.assert_array_equal(array, second[name])


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_outputs_are_those_of_the_component(make_cell: Callable[..., Cell], component: str) -> None:
    case = case_of(component)
    runnable = create(case, make_cell("numpy"))
    fields = active(component_of(component).fields, case.options)
    outputs = {field.name for field in fields if field.is_output}
    optional = {name for name in outputs if name.startswith(("out_", "fpr_"))}
    assert runnable.outputs == (outputs if component in COMPLETE else outputs - optional)
    assert not runnable.ignores
    assert not runnable.device_input


@pytest.mark.parametrize("backend", SOME)
def test_results_are_read_without_a_copy_and_inputs_are_copied(make_cell: Callable[..., Cell], backend: str) -> None:
    runnable = create(case_of("ice_adjust"), make_cell(backend))
    given = atmosphere()
    runnable.load(given)
    runnable.reset()
    runnable.run()
    first, second = runnable.read(), runnable.read()
    for name, array in first.items():
        assert np.shares_memory(array, second[name])
        assert name not in given or not np.shares_memory(array, given[name])
    updated = [field for field in component_of("ice_adjust").fields if field.intent == "inout"]
    assert runnable.reset_bytes == len(updated) * 8 * np.prod(DOMAIN)


def test_the_second_time_everything_is_cached(make_cell: Callable[..., Cell], tmp_path: Path) -> None:
    cell = make_cell("numpy", cache=tmp_path)
    assert not create(case_of("ice_adjust"), cell).cached
    assert create(case_of("ice_adjust"), cell).cached
    assert not create(case_of("ice_adjust:adjusted_state"), cell).cached
    assert not create(case_of("ice_adjust"), replace(cell, precision="float32")).cached


def test_an_unknown_component_lists_the_known_ones(make_cell: Callable[..., Cell]) -> None:
    with pytest.raises(UnknownComponent, match=r"'rain_ice:slow': it has ice_adjust, .*rain_ice:fluxes"):
        create(replace(case_of("rain_ice"), component="rain_ice:slow"), make_cell("numpy"))


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_unsupported_option_is_named(make_cell: Callable[..., Cell], component: str) -> None:
    with pytest.raises(Unsupported, match="Option LOCND2 = True is not supported: use False") as error:
        create(case_of(component, LOCND2=True), make_cell("numpy"))
    assert (error.value.option, error.value.value) == ("LOCND2", True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda fields: fields.pop("rv"), r"Missing input field\(s\): rv"),
        (lambda fields: fields.update(rv=np.zeros((2, 2, 2))), r"Field 'rv' has shape \(2, 2, 2\): expected"),
    ],
)
def test_a_wrong_input_is_named(
    make_cell: Callable[..., Cell], spoil: Callable[[dict[str, Any]], object], message: str
) -> None:
    fields = atmosphere()
    spoil(fields)
    with pytest.raises(ValueError, match=message):
        create(case_of("ice_adjust"), make_cell("numpy")).load(fields)
