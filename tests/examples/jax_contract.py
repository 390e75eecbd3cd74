"""Checks that need JAX: test_jax_port.py runs them in the environment of the port, with the threads of PORT_THREADS."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pytest

from ice3_probe.contract import ICE_ADJUST, Case, Cell, IceAdjustOptions, UnknownComponent, Unsupported
from ice3_probe.ports import Port, load_port

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = {field.name for field in ICE_ADJUST if field.is_output}
THREADS = int(os.environ["PORT_THREADS"])


@pytest.fixture
def port() -> Port:
    return load_port(os.environ["PORT"])


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return Cell("jax_port", "float64", "cpu", threads=THREADS, cache=tmp_path, settings={})


def make_case(component: str = "ice_adjust", **options: Any) -> Case:
    return Case(component, (2, 1, 3), 50.0, asdict(replace(IceAdjustOptions(), **options)))


def aligned(shape: tuple[int, ...], value: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return an array that JAX could use without a copy."""
    memory = np.empty(int(np.prod(shape)) + 8)
    first = -memory.ctypes.data % 64 // 8
    array = memory[first : first + int(np.prod(shape))].reshape(shape)
    array[...] = value
    return array


def test_it_runs_in_as_many_threads_as_were_asked_for(port: Port, cell: Cell) -> None:
    port.create(make_case(), cell)
    program = jax.jit(jax.numpy.exp).lower(jax.numpy.ones((64, 64, 64))).compile().as_text()
    parts = re.findall(r'outer_dimension_partitions":\["(\d+)"', program)  # XLA gives one to each thread
    assert [int(number) for number in parts] == ([] if THREADS == 1 else [THREADS])


def test_it_computes_from_what_was_loaded(port: Port, cell: Cell) -> None:
    case = make_case()
    fields = {field.name: aligned(field.shape(case.domain), 1.0) for field in ICE_ADJUST if field.is_input}
    fields["th"] *= 300.0
    fields["pabs"] *= 1e5
    component = port.create(case, cell)
    component.load(fields)
    results = []
    for _ in range(2):
        component.reset()
        component.run()
        results.append(dict(component.read()))
        for name in fields:
            fields[name] *= 2.0
    assert set(results[0]) == OUTPUTS
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def test_outputs_follow_the_options(port: Port, cell: Cell) -> None:
    assert port.create(make_case(), cell).outputs == OUTPUTS
    assert port.create(make_case(OCOMPUTE_SRC=False), cell).outputs == OUTPUTS - {"srcs"}


@pytest.mark.parametrize(
    ("option", "value"),
    [("LSIGMAS", False), ("LOCND2", True), ("CSUBG_MF_PDF", "BIGA"), ("CCONDENS", "CB"), ("KRR", 7)],
)
def test_an_option_that_it_lacks_is_named(port: Port, cell: Cell, option: str, value: Any) -> None:
    with pytest.raises(Unsupported, match=f"^Option {option} = {value!r} is not supported: use "):
        port.create(make_case(**{option: value}), cell)


def test_an_option_without_effect_is_not_refused(port: Port, cell: Cell) -> None:
    port.create(make_case(LSUBG_COND=False, LSIGMAS=False, CSUBG_MF_PDF="BIGA"), cell)


def test_another_component_is_refused(port: Port, cell: Cell) -> None:
    with pytest.raises(UnknownComponent, match="no component 'rain_ice': it has ice_adjust"):
        port.create(make_case("rain_ice"), cell)
