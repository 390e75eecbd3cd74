"""What a port computes on a reference data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe.components import component_of
from ice3_probe.contract import Case
from ice3_probe.device import to_device
from ice3_probe.fields import active, unproduced
from ice3_probe.options import from_phyex
from ice3_probe.ports import Instance, on_device
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ice3_probe.contract import Cell, Runnable
    from ice3_probe.ports import Port
    from ice3_probe.reference import Array, DataSet

    Mask = NDArray[np.bool_]

_LEFT_OUT = "left_out"


@dataclass(frozen=True)
class Computed:
    """What a port computed on a data set.

    Attributes
    ----------
    outputs
        Float64, shape (column, level) or (column,).
    left_out
        Cells (column, level) in which an input that the port ignores is not zero.
    """

    case: Case
    outputs: dict[str, Array]
    left_out: Mask

    @property
    def not_produced(self) -> tuple[str, ...]:
        """Outputs of the component that the port does not produce."""
        return unproduced(active(component_of(self.case.component).fields, self.case.options), self.outputs)

    def save(self, path: Path) -> None:
        """Write it to a file, from which ``read`` takes it."""
        arrays: dict[str, Any] = {**self.outputs, _LEFT_OUT: self.left_out}
        np.savez(path, **arrays)

    @classmethod
    def read(cls, path: Path, case: Case) -> Computed:
        """Read what was computed for a case."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        left_out = arrays.pop(_LEFT_OUT)
        return cls(case, arrays, left_out)


def case_on(data: DataSet, component: str) -> Case:
    """Return the case of a component on a data set: its domain is (column, 1, level).

    Raises
    ------
    DataSetError
        If the options of the data set cannot be used.
    """
    columns, levels = data.shape
    options: dict[str, Any] = {}
    try:
        for kind in component_of(component).kinds:
            options.update(vars(from_phyex(kind, data.config, data.krr)))
    except ValueError as error:
        raise DataSetError(f"The options of {data.name} are not usable: {error}") from error
    return Case(component, (columns, 1, levels), data.timestep, options)


def compute(data: DataSet, port: Port, case: Case, cell: Cell) -> Computed:
    """Run a component on the inputs of a data set.

    Raises
    ------
    DataSetError
        If an input is missing or not finite.
    PortError
        If the port fails or breaks the contract.
    Unsupported
        If the port does not implement an option.
    """
    instance = Instance(port, case, cell, lambda runnable: _inputs(data, case, cell, runnable))
    outputs = {name: array[:, 0].astype(np.float64) for name, array in instance.run_twice().items()}
    instance.require_inputs_unchanged()
    return Computed(case, outputs, _left_out(data, instance))


def _inputs(data: DataSet, case: Case, cell: Cell, runnable: Runnable) -> dict[str, Any]:
    """Return the inputs, shape (column, 1[, level]), float64 in C order; on the device if the port wants them there."""
    columns = case.domain[0]
    arrays = {}
    for field in component_of(case.component).inputs:
        values = data.input(field.name, len(field.dims) - 1)
        if values is not None:
            arrays[field.name] = np.ascontiguousarray(values).reshape(columns, 1, *values.shape[1:]).copy()
    if on_device(cell, runnable):
        return to_device(arrays, cell.precision, getattr(runnable, "device_layout", "C"))
    return arrays


def _left_out(data: DataSet, instance: Instance) -> Mask:
    """Return the cells (column, level) in which an input that the port ignores is not zero."""
    left_out = np.zeros(data.shape, dtype=bool)
    for name in instance.ignores:
        values = data.variables.get(f"in_{name}")
        if values is not None:
            left_out |= (values != 0.0) if values.ndim == 2 else (values != 0.0)[:, None]
    return left_out
