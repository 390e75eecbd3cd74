"""Accuracy of a port's components against reference data sets."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ice3_probe.components import component_of
from ice3_probe.computed import case_on, compute
from ice3_probe.contract import Unsupported
from ice3_probe.data_sets import load
from ice3_probe.errors import at_quantile, cell_errors
from ice3_probe.messages import Checked, FieldError
from ice3_probe.norms import FAR, lacking, norm_of
from ice3_probe.reference import DATA, DataSetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ice3_probe.computed import Computed
    from ice3_probe.contract import Cell
    from ice3_probe.messages import Job
    from ice3_probe.norms import Norm, Tolerance
    from ice3_probe.ports import Port
    from ice3_probe.reference import Array, DataSet

    Mask = NDArray[np.bool_]


def checks_of(job: Job) -> Iterator[tuple[DataSet, str]]:
    """Yield every data set of a job with each component that is checked on it, always in the same order.

    Raises
    ------
    DataSetError
        If a data set cannot be used.
    """
    paths = [Path(path) for path in job.data_sets] or sorted(DATA.glob("*.nc"))
    for path in (*paths, *map(Path, job.data)):
        data = load(path, Path(job.namelist) if job.namelist else None)
        names = [name for name in job.checked if component_of(name).name == data.component]
        if not names and job.data_sets:
            raise DataSetError(
                f"{data.name} holds {data.component}, which is not checked here: 'components' of the backend, or "
                f"--components, names {', '.join(job.checked)}."
            )
        for name in names:
            yield data, name


def kept_file(folder: Path, number: int) -> Path:
    """File that keeps what the port computed in a check, by its number among ``checks_of``."""
    return folder / f"{number}.npz"


def check_all(job: Job, port: Port, started: Callable[[str], None], keep: Path | None = None) -> Iterator[Checked]:
    """Check every component of a job on the data sets that belong to it.

    Parameters
    ----------
    started
        Called with what is being checked.
    keep
        Folder that takes what the port computed; it must exist.

    Raises
    ------
    DataSetError
        If a data set cannot be used.
    PortError
        If the port fails or breaks the contract.
    """
    for number, (data, name) in enumerate(checks_of(job)):
        started(f"{name} on {data.name}")
        yield check(data, port, job.cell, name, job.profile, kept_file(keep, number) if keep else None)


def check(
    data: DataSet, port: Port, cell: Cell, component: str, profile: str = "production", keep: Path | None = None
) -> Checked:
    """Run a component on the inputs of a data set and compare its outputs.

    Parameters
    ----------
    component
        Component, part or variant; it must be of the data set's kind.
    profile
        ``production`` or ``strict``: the tolerances of float64.
    keep
        File that takes what the port computed.

    Raises
    ------
    DataSetError
        If an input is missing or not finite, or a reference is not.
    PortError
        If the port fails or breaks the contract.
    """
    try:
        computed = compute(data, port, case_on(data, component), cell)
    except Unsupported as error:
        return Checked(data.name, component, unsupported=str(error))
    if keep is not None:
        computed.save(keep)
    errors = tuple(compared.error for compared in compare_all(data, computed, cell.precision, profile))
    return Checked(
        data.name,
        component,
        errors,
        not_produced=computed.not_produced,
        not_compared=tuple(sorted(computed.outputs.keys() - {error.field for error in errors})),
        left_out=int(computed.left_out.sum()),
        remarks=data.remarks,
        lacking=lacking(data, cell.precision),
    )


@dataclass(frozen=True)
class Compared:
    """An output and what it is compared with.

    Attributes
    ----------
    excluded
        Cells that are not compared.
    """

    got: Array
    norm: Norm
    excluded: Mask
    error: FieldError


def compare_all(data: DataSet, computed: Computed, precision: str, profile: str) -> list[Compared]:
    """Compare the outputs with the reference, as far as the data set has one and any cell is left to compare.

    Raises
    ------
    DataSetError
        If a reference is of another shape, or is not finite in a cell that is compared.
    """
    found = []
    for field, got in computed.outputs.items():
        norm = norm_of(data, field, precision, profile)
        if norm is None:
            continue
        if got.shape != norm.reference.shape:
            raise DataSetError(
                f"In {data.name}, the reference of '{field}' has shape {norm.reference.shape}: expected {got.shape}."
            )
        excluded = norm.excluded | (computed.left_out if got.ndim == 2 else computed.left_out.any(axis=1))
        if excluded.all():
            continue
        data.require_finite(f"the reference of '{field}'", np.where(excluded, 0.0, norm.reference))
        error = compare(field, got, norm.reference, norm.scale, norm.tolerance, excluded)
        found.append(Compared(got, norm, excluded, error))
    return found


def compare(field: str, got: Array, wanted: Array, scale: Array, tolerance: Tolerance, excluded: Mask) -> FieldError:
    """Compare one output in the norm of ``cell_errors``; at least one cell must be left."""
    error = cell_errors(got, wanted, scale, excluded)
    worst = np.unravel_index(int(error.argmax()), error.shape)
    maximum = float(error[worst])
    left, broken = error[~excluded], False
    if tolerance.far is not None:
        near = left[left <= FAR]
        broken, left = left.size - near.size > tolerance.far, near
    shown = tolerance.limits[0]
    for limit in reversed(tolerance.limits):
        if at_quantile(left, limit.quantile) > limit.value:
            shown, broken = limit, True
    measured = at_quantile(left, shown.quantile) if np.isfinite(maximum) else maximum
    return FieldError(
        field=field,
        error=min(measured, sys.float_info.max),  # JSON has no infinity
        maximum=min(maximum, sys.float_info.max),
        tolerance=shown.value,
        column=int(worst[0]),
        level=int(worst[1]) if len(worst) > 1 else 0,
        passed=bool(np.isfinite(maximum) and not broken),
    )
