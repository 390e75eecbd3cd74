"""Reference data sets: inputs of a component, and what the Fortran (PHYEX) made of them.

A data set is a netCDF file with arrays (column, level), or (column,) at the surface; prefixes ``in_`` for inputs,
``out_`` for outputs and ``pr_`` for process rates, with ``f32_`` before them what the Fortran made in single precision;
the attributes ``dt`` (time step, s), ``config`` (PHYEX's namelists as JSON), ``level_order`` (whether level 0 is the
model top or the ground) and perhaps ``component``. Outputs that are zero everywhere may be listed in
``all_zero_outputs_not_stored`` instead. Cells whose variable ``sensitive`` is not zero are left out, in float32 also
those of ``f32_sensitive``: rounding alone moves their outputs.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np

from ice3_probe.components import COMPONENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ice3_probe.fields import Field

    Array = NDArray[np.float64]

DATA = Path(__file__).parent / "data"
"""Folder of the data sets that come with the probe: 32 columns, one file for each component and part."""
NOT_STORED = "all_zero_outputs_not_stored"
SINGLE = "f32_"
SENSITIVE = "sensitive"
_CHECKED = ("in_", "out_", "pr_", SINGLE)


class DataSetError(ValueError):
    """A data set that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class DataSet:
    """A reference data set in memory, level 0 at the model top.

    Attributes
    ----------
    config
        PHYEX's namelists.
    krr
        Number of water species.
    zeros
        Outputs that are zero everywhere and therefore not stored.
    declared
        Component that the file names; empty if it names none.
    undefined
        Cells in which the reference of an output says nothing, by output.
    single
        Whether the reference was computed or stored in single precision.
    remarks
        What a user must know of the data, in sentences.
    """

    name: str
    timestep: float
    config: dict[str, Any]
    krr: int
    variables: dict[str, Array]
    zeros: frozenset[str] = frozenset()
    declared: str = ""
    undefined: dict[str, NDArray[np.bool_]] = dataclasses.field(default_factory=dict)
    single: bool = False
    remarks: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Array:
        if name not in self.variables:
            raise DataSetError(f"{self.name} has no variable '{name}'.")
        return self.variables[name]

    @cached_property
    def component(self) -> str:
        """Name of the component that it belongs to: the one that it names, or the one whose fields it has.

        Raises
        ------
        DataSetError
            If that cannot be told.
        """
        if self.declared in COMPONENTS:
            return self.declared
        if self.declared:
            raise DataSetError(
                f"{self.name} is of component '{self.declared}', which is not known: there are {', '.join(COMPONENTS)}."
            )
        names = {*self.variables, *self.zeros}

        def surplus(component: str) -> int:
            """Fields of a component that are there, less those that are not."""
            table = COMPONENTS[component].fields
            wanted = [f"in_{field.name}" for field in table if field.is_input]
            wanted += [reference_name(component, field.name) for field in table if field.is_output]
            return sum(1 if name in names else -1 for name in wanted)

        best = max(COMPONENTS, key=surplus)
        if surplus(best) <= 0:
            raise DataSetError(
                f"{self.name} belongs to no known component: it has less than half of the fields (in_*, out_*, pr_*) "
                f"of {', '.join(COMPONENTS)}. Name one in its attribute 'component' if it is meant so."
            )
        return best

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and levels, those of the potential temperature."""
        columns, levels = self["in_th" if "in_th" in self.variables else "in_tht"].shape
        return columns, levels

    @property
    def has_mask(self) -> bool:
        """Whether it says which cells rounding decides."""
        return SENSITIVE in self.variables

    @property
    def has_single(self) -> bool:
        """Whether it holds what the Fortran made in single precision."""
        return any(name.startswith((f"{SINGLE}out_", f"{SINGLE}pr_")) for name in (*self.variables, *self.zeros))

    def decided_by_rounding(self, precision: str) -> NDArray[np.bool_]:
        """Cells (column, level) that are left out in a precision."""
        names = (SENSITIVE, SINGLE + SENSITIVE) if precision == "float32" else (SENSITIVE,)
        masks = [self.variables[name] != 0.0 for name in names if name in self.variables]
        return np.asarray(np.logical_or.reduce([np.zeros(self.shape, dtype=bool), *masks]))

    def reference(self, field: str, *, single: bool = False) -> Array | None:
        """Return what the Fortran made of an output, also if that is zero everywhere; None if the file lacks it.

        Parameters
        ----------
        single
            Whether to return the result of its single precision.
        """
        name = f"{SINGLE if single else ''}{reference_name(self.component, field)}"
        if name in self.variables:
            return self.variables[name]
        if name not in self.zeros:
            return None
        return np.zeros(self.shape[: len(self._output(field).dims) - 1])

    def _output(self, name: str) -> Field:
        return next(one for one in COMPONENTS[self.component].outputs if one.name == name)

    def input(self, name: str, axes: int) -> Array | None:
        """Return the input ``name`` with ``axes`` axes; None if the file lacks it.

        Raises
        ------
        DataSetError
            If it has another number of axes, or is not finite.
        """
        values = self.variables.get(f"in_{name}")
        if values is None:
            return None
        if values.ndim != axes:
            raise DataSetError(f"'in_{name}' of {self.name} has shape {values.shape}: expected {axes} axes.")
        self.require_finite(f"'in_{name}'", values)
        return values

    def require_finite(self, what: str, values: Array) -> None:
        """Raise DataSetError, naming the cell, if a value is not finite."""
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            cell = tuple(map(int, bad[0]))
            raise DataSetError(f"In {self.name}, {what} is not finite at (column, level) = {cell}.")


def reference_name(component: str, field: str) -> str:
    """Name of the variable that holds the reference of an output."""
    if component == "rain_ice:tendencies":
        return f"pr_{field.upper()}"
    if field == "evap3d":  # PHYEX clears it in points that end before others of their block, unless blocks are points
        return "out_evap3d_npromicro1"
    return f"out_pout_{field[4:]}" if field.startswith("out_") else f"out_{field}"


def load(path: Path) -> DataSet:
    """Read a data set.

    Raises
    ------
    DataSetError
        If the file is missing, not netCDF, truncated or without ``dt`` and ``config``, or if a variable has a wrong
        shape.
    """
    try:
        with h5netcdf.File(path) as file:
            attributes = dict(file.attrs)
            variables = {
                name: np.asarray(variable[...], dtype=np.float64)
                for name, variable in file.variables.items()
                if name.startswith(_CHECKED) or name == SENSITIVE
            }
    except (OSError, KeyError, RuntimeError) as error:
        raise DataSetError(f"{path} cannot be read as netCDF-4: {error}.") from error
    missing = [name for name in ("dt", "config") if name not in attributes]
    if missing:
        raise DataSetError(f"{path} has no attribute {' and '.join(missing)}: it is not a reference data set.")
    try:
        config = json.loads(attributes["config"])
        timestep, krr = float(attributes["dt"]), int(attributes.get("krr", 6))
    except json.JSONDecodeError as error:
        raise DataSetError(f"The attribute config of {path} is not JSON: {error}.") from error
    except (TypeError, ValueError) as error:
        raise DataSetError(f"The attribute dt or krr of {path} is not a number: {error}.") from error
    if not (timestep > 0.0 and isfinite(timestep)):
        raise DataSetError(f"The attribute dt of {path} is {timestep}: a time step is a positive number of seconds.")
    zeros = frozenset(filter(None, str(attributes.get(NOT_STORED, "")).split(",")))
    _require_usable(path.name, variables)
    if "top" not in str(attributes.get("level_order", "top")):
        variables = {name: array[:, ::-1] if array.ndim == 2 else array for name, array in variables.items()}
    return DataSet(path.name, timestep, config, krr, variables, zeros, str(attributes.get("component", "")))


def _require_usable(name: str, variables: dict[str, Array]) -> None:
    """Raise DataSetError, naming the variable, if one has a wrong shape."""
    thermometer = next((one for one in ("in_th", "in_tht") if one in variables), None)
    if thermometer is None:
        raise DataSetError(f"{name} has neither in_th nor in_tht: it is not a reference data set.")
    shape = variables[thermometer].shape
    if len(shape) != 2:
        raise DataSetError(f"'{thermometer}' of {name} has shape {shape}: expected (column, level).")
    for one, values in variables.items():
        if values.shape not in (shape, shape[:1]):
            raise DataSetError(f"'{one}' of {name} has shape {values.shape}: expected {shape} or {shape[:1]}.")
    for one in {SENSITIVE, SINGLE + SENSITIVE} & variables.keys():
        if variables[one].shape != shape or not np.isfinite(variables[one]).all():
            raise DataSetError(f"'{one}' of {name} is not finite everywhere, or not of shape {shape}.")
