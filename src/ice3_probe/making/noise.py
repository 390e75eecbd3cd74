"""Which cells rounding decides: those that jump if the inputs are moved by a unit of rounding."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from ice3_probe.contract import Case
from ice3_probe.errors import cell_errors
from ice3_probe.ports import Instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ice3_probe.contract import Cell
    from ice3_probe.ports import Port

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

COPIES = 200
NOISE = {"float32": 6e-8, "float64": 2.0**-52}
"""A unit of rounding, relative to the input."""
JUMP = 2.0**14
"""An output that moves by more than this many times the noise has jumped: it does not follow its inputs."""
AT_ONCE = 1000
"""Most columns of a call: PHYEX looks for its fastest block on larger domains."""
MOVES = range(-5, 6)
"""Units of rounding by which XMRSTEP is moved, one after the other from call to call."""


def loaded(port: Port, case: Case, cell: Cell, inputs: Mapping[str, Array]) -> Instance:
    """Create a component and load it.

    Parameters
    ----------
    inputs
        Shape (column, level) or (column,).

    Raises
    ------
    PortError, Unsupported
        As of ``Instance``.
    """
    columns = case.domain[0]
    shaped = {name: values.reshape(columns, 1, *values.shape[1:]).copy() for name, values in inputs.items()}
    return Instance(port, case, cell, lambda _runnable: shaped)


def outputs_of(instance: Instance) -> dict[str, Array]:
    """Run a component once; return the outputs as float64, shape (column, level) or (column,)."""
    return {name: values[:, 0].astype(np.float64) for name, values in instance.result().items()}


def jumping(
    port: Port,
    case: Case,
    cell: Cell,
    inputs: Mapping[str, Array],
    scales: Mapping[str, Array],
    seed: int,
) -> Mask:
    """Return the cells (column, level) in which an output jumps in at least one of ``COPIES`` noisy copies.

    In each copy every value of the inputs is moved up, down or not at all, by a unit of rounding of the precision.
    XMRSTEP is moved by up to five, the same for all copies of a call: a species that grew to it from nothing changes by
    exactly as much when it freezes, whatever its inputs are.

    Parameters
    ----------
    scales
        What errors of the outputs are divided by; outputs that are not named, or are horizontal, do not count.
    seed
        Of the noise.
    """
    random = np.random.default_rng([seed, 2])
    noise, columns = NOISE[cell.precision], case.domain[0]
    plain = outputs_of(loaded(port, case, cell, inputs))
    compared = {name: scale for name, scale in scales.items() if name in plain and scale.ndim == 2}
    jumps = np.zeros((columns, case.domain[2]), dtype=bool)
    moves = cycle(MOVES)
    largest = float(case.options.get("XMRSTEP", 0.0))
    most = COPIES // len(MOVES) if largest else COPIES
    left = COPIES
    while left:
        copies = min(left, most, max(1, AT_ONCE // columns))
        left -= copies
        noisy = {}
        for name, values in inputs.items():
            repeated = np.tile(values, (copies, *(1 for _ in values.shape[1:])))
            noisy[name] = repeated * (1.0 + noise * random.integers(-1, 2, repeated.shape))
        options = case.options
        if largest:
            options = {**options, "XMRSTEP": largest * (1.0 + noise * next(moves))}
        many = Case(case.component, (columns * copies, 1, case.domain[2]), case.timestep, options)
        moved = outputs_of(loaded(port, many, cell, noisy))
        for name, scale in compared.items():
            for copy in moved[name].reshape(copies, *jumps.shape):
                jumps |= cell_errors(copy, plain[name], scale, np.zeros_like(jumps)) > JUMP * noise
    return jumps
