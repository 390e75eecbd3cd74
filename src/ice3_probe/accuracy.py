"""Accuracy of a port's components against reference data sets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe.components import component_of
from ice3_probe.contract import Case, Unsupported
from ice3_probe.device import to_device
from ice3_probe.messages import Checked, FieldError
from ice3_probe.norms import norm_of
from ice3_probe.options import from_phyex
from ice3_probe.ports import Instance, on_device
from ice3_probe.reference import DATA, DataSet, DataSetError, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ice3_probe.contract import Cell, Runnable
    from ice3_probe.messages import Job
    from ice3_probe.norms import Norm, Tolerance
    from ice3_probe.ports import Port
    from ice3_probe.reference import Array

    Mask = NDArray[np.bool_]


def check_all(job: Job, port: Port, started: Callable[[str], None]) -> Iterator[Checked]:
    """Check every component of a job on the data sets that belong to it.

    Parameters
    ----------
    started
        Called with what is being checked.

    Raises
    ------
    DataSetError
        If a data set cannot be used.
    PortError
        If the port fails or breaks the contract.
    """
    paths = [Path(path) for path in job.data_sets] or sorted(DATA.glob("*.nc"))
    for path in paths:
        data = load(path)
        names = [name for name in job.checked if component_of(name).name == data.component]
        if not names and job.data_sets:
            raise DataSetError(
                f"{data.name} holds {data.component}, which this cell does not have: 'components' of its backend names "
                f"{', '.join(job.checked)}."
            )
        for name in names:
            started(f"{name} on {data.name}")
            yield check(data, port, job.cell, name, job.profile)


def check(data: DataSet, port: Port, cell: Cell, component: str, profile: str = "production") -> Checked:
    """Run a component on the inputs of a data set and compare its outputs.

    Parameters
    ----------
    component
        Component or variant; it must be of the data set's kind.
    profile
        ``production`` or ``strict``: the tolerances of float64.

    Raises
    ------
    DataSetError
        If an input is missing or not finite, or a reference is not.
    PortError
        If the port fails or breaks the contract.
    """
    try:
        case = _case(data, component)
        instance = Instance(port, case, cell, lambda runnable: _inputs(data, case, cell, runnable))
    except Unsupported as error:
        return Checked(data.name, component, unsupported=str(error))
    outputs = {name: array[:, 0].astype(np.float64) for name, array in instance.run_twice().items()}
    instance.require_inputs_unchanged()
    left_out = _left_out(data, instance)
    results = []
    for field in instance.fields:
        norm = norm_of(data, field.name, outputs, cell.precision, profile) if field.name in outputs else None
        if norm is not None:
            results += _judge(data, field.name, outputs[field.name], norm, left_out)
    return Checked(
        data.name,
        component,
        tuple(results),
        not_produced=instance.not_produced,
        left_out=int(left_out.sum()),
    )


def _case(data: DataSet, component: str) -> Case:
    columns, levels = data.shape
    options: dict[str, Any] = {}
    try:
        for kind in component_of(component).kinds:
            options.update(vars(from_phyex(kind, data.config, data.krr)))
    except ValueError as error:
        raise DataSetError(f"The options of {data.name} are not usable: {error}") from error
    return Case(component, (columns, 1, levels), data.timestep, options)


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


def _judge(data: DataSet, field: str, got: Array, norm: Norm, left_out: Mask) -> list[FieldError]:
    """Compare an output with the reference, if any cell is left to compare.

    Raises
    ------
    DataSetError
        If the reference is of another shape, or is not finite in a cell that is compared.
    """
    if got.shape != norm.reference.shape:
        raise DataSetError(
            f"In {data.name}, the reference of '{field}' has shape {norm.reference.shape}: expected {got.shape}."
        )
    ignored = left_out if got.ndim == 2 else left_out.any(axis=1)
    excluded = norm.excluded | ignored
    if excluded.all():
        return []
    data.require_finite(f"the reference of '{field}'", np.where(excluded, 0.0, norm.reference))
    return [compare(field, got, norm.reference, norm.scale, norm.tolerance, excluded)]


def compare(field: str, got: Array, wanted: Array, scale: Array, tolerance: Tolerance, excluded: Mask) -> FieldError:
    """Compare one output in the norm |got - wanted| / scale.

    A value that is not finite where the reference is finite has an infinite error.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(got - wanted)
        error = np.where(difference == 0.0, 0.0, difference / np.maximum(scale, np.finfo(np.float64).tiny))
    error = np.where(np.isfinite(got), error, np.inf)
    error = np.where(excluded | ~np.isfinite(wanted), 0.0, error)
    worst = np.unravel_index(int(error.argmax()), error.shape)
    maximum = float(error[worst])
    measured = maximum  # also if it is infinite: between infinities there are no quantiles
    if tolerance.quantile < 1.0 and np.isfinite(maximum):
        measured = float(np.quantile(error, tolerance.quantile))
    passed = measured <= tolerance.value and (tolerance.maximum is None or maximum <= tolerance.maximum)
    return FieldError(
        field=field,
        error=min(measured, sys.float_info.max),  # JSON has no infinity
        maximum=min(maximum, sys.float_info.max),
        tolerance=tolerance.value,
        column=int(worst[0]),
        level=int(worst[1]) if len(worst) > 1 else 0,
        passed=bool(passed and np.isfinite(maximum)),
    )
