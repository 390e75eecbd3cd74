"""Reference data sets: inputs of a component, and what the Fortran (PHYEX) made of them.

A data set is a netCDF file with arrays (column, level), or (column,) at the surface; prefixes ``in_`` for inputs,
``out_`` for outputs and ``pr_`` for process rates; the attributes ``dt`` (time step, s), ``config`` (PHYEX's namelists
as JSON) and ``level_order`` (whether level 0 is the model top or the ground). Cells whose variable ``sensitive`` is
not zero are left out: round-off alone moves their outputs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DATA = Path(__file__).parent / "data"
"""Folder of the data sets that come with the probe: 32 columns, one file for each component and part."""
_NOT_STORED = "all_zero_outputs_not_stored"


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
    """

    name: str
    timestep: float
    config: dict[str, Any]
    krr: int
    variables: dict[str, Array]
    zeros: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Array:
        if name not in self.variables:
            raise DataSetError(f"{self.name} has no variable '{name}'.")
        return self.variables[name]

    @property
    def component(self) -> str:
        """Name of the component that it belongs to.

        Raises
        ------
        DataSetError
            If that cannot be told.
        """
        if "in_rc_mf" in self.variables:
            return "ice_adjust"
        if "in_dzz" in self.variables:
            return "rain_ice" if "in_rvt" in self.variables else "rain_ice:sedimentation"
        if any(name.startswith("pr_") for name in (*self.variables, *self.zeros)):
            return "rain_ice:tendencies"
        raise DataSetError(
            f"{self.name} belongs to no known component: it has neither in_rc_mf (IceAdjust), nor in_dzz (RainIce; its "
            "sedimentation if there is no in_rvt), nor pr_* (its tendencies)."
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and levels, those of the potential temperature."""
        columns, levels = self["in_th" if "in_th" in self.variables else "in_tht"].shape
        return columns, levels

    @property
    def sensitive(self) -> NDArray[np.bool_]:
        """Cells (column, level) that are left out."""
        return np.asarray(self.variables.get("sensitive", np.zeros(self.shape)) != 0.0)

    def reference(self, name: str) -> Array | None:
        """Return the output ``name`` of the file, also one that is zero everywhere; None if the file lacks it."""
        if name in self.variables:
            return self.variables[name]
        return np.zeros(self.shape) if name in self.zeros else None

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
                if not name.startswith(("f32_", "spread_"))
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
    zeros = frozenset(filter(None, str(attributes.get(_NOT_STORED, "")).split(",")))
    _require_usable(path.name, variables)
    if "top" not in str(attributes.get("level_order", "top")):
        variables = {name: array[:, ::-1] if array.ndim == 2 else array for name, array in variables.items()}
    return DataSet(path.name, timestep, config, krr, variables, zeros)


def _require_usable(name: str, variables: dict[str, Array]) -> None:
    """Raise DataSetError, naming the variable, if one has a wrong shape."""
    thermometer = next((one for one in ("in_th", "in_tht") if one in variables), None)
    if thermometer is None:
        raise DataSetError(f"{name} has neither in_th nor in_tht: it is not a reference data set.")
    shape = variables[thermometer].shape
    if len(shape) != 2:
        raise DataSetError(f"'{thermometer}' of {name} has shape {shape}: expected (column, level).")
    compared = [one for one in variables if one.startswith(("in_", "out_", "pr_")) or one == "sensitive"]
    for one in compared:
        if variables[one].shape not in (shape, shape[:1]):
            raise DataSetError(f"'{one}' of {name} has shape {variables[one].shape}: expected {shape} or {shape[:1]}.")
    if "sensitive" in compared:
        sensitive = variables["sensitive"]
        if sensitive.shape != shape or not np.isfinite(sensitive).all():
            raise DataSetError(f"'sensitive' of {name} is not finite everywhere, or not of shape {shape}.")
