"""dwarf-p-ice3's netCDF copies of PHYEX's data, in the blocked layout and in that of its decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np

from ice3_probe.phyex.blocks import Content, require_usable
from ice3_probe.phyex.layout import ICE_ADJUST, RAIN_ICE
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from pathlib import Path

    from ice3_probe.phyex.layout import Item, Layout
    from ice3_probe.reference import Array

STATE = {"ZRS": ICE_ADJUST, "PRT": RAIN_ICE}
"""The record that tells whose states a file holds."""
_LEVELS = ("nflevg", "k")
_SPECIES = ("krr", "krr1", "specy")
_MISREAD = ("ZINDEP_OUT", "PFPR_OUT")
"""Records of RAIN_ICE that the decoder reads wrongly."""
OLD = b"CDF"
"""What netCDF files before version 4 begin with."""


def layout_of(path: Path) -> Layout | None:
    """Return whose states a netCDF-4 file holds; None if it is not one of dwarf's.

    Raises
    ------
    DataSetError
        If it cannot be read.
    """
    try:
        with h5netcdf.File(path) as file:
            return next((STATE[name] for name in STATE if name in file.variables), None)
    except (OSError, KeyError, RuntimeError) as error:
        raise DataSetError(f"{path} cannot be read as netCDF-4: {error}.") from error


def read_netcdf(path: Path, layout: Layout) -> Content:
    """Read a netCDF copy.

    Raises
    ------
    DataSetError
        If an input is missing, not finite or absurdly large, or if a variable has unknown dimensions or a wrong shape.
    """
    arrays: dict[str, Array] = {}
    remarks, single = [], False
    try:
        with h5netcdf.File(path) as file:
            timestep = float(np.ravel(file.attrs["PTSTEP"])[0]) if "PTSTEP" in file.attrs else None
            for item in (item for item in layout.items if any(item.variables)):
                name = next((one for one in (item.name, item.alias) if one in file.variables), None)
                if name is None:
                    if item.is_input:
                        raise DataSetError(f"{path} lacks the variable {item.name}.")
                    continue
                variable = file.variables[name]
                if item.name in _MISREAD and "Specy" in file.dimensions:
                    remarks.append(f"{item.name} is not compared: dwarf-p-ice3's decoder reads it wrongly.")
                    continue
                single |= variable.dtype.itemsize == 4
                _take(path, item, variable, arrays)
            if "ZSIGQSAT" in file.variables:
                arrays["in_sigqsat"] = np.ravel(np.asarray(file.variables["ZSIGQSAT"][...], np.float64))
    except (OSError, KeyError, RuntimeError) as error:
        raise DataSetError(f"{path} cannot be read as netCDF-4: {error}.") from error
    _require_shapes(path, layout, arrays)
    return Content(layout, arrays, single, timestep, tuple(remarks))


def _take(path: Path, item: Item, variable: Any, arrays: dict[str, Array]) -> None:  # noqa: ANN401 (h5netcdf's)
    """Read a variable; levels come first, then the columns: all its other dimensions, in their order."""
    names = [name.lower() for name in variable.dimensions]
    species = [axis for axis, name in enumerate(names) if name in _SPECIES]
    levels = [axis for axis, name in enumerate(names) if name in _LEVELS]
    several, deep = len(item.variables) > 1, item.dims == "ijk"
    if len(species) != several or len(levels) != deep or not 1 <= len(names) - len(species) - len(levels) <= 2:
        raise DataSetError(f"{item.name} of {path} has the dimensions {', '.join(variable.dimensions)}: not known.")
    columns = [axis for axis in range(len(names)) if axis not in (*species, *levels)]
    values = np.transpose(variable[...], [*species, *levels, *columns])
    lead = len(species) + len(levels)
    values = values.reshape(*values.shape[:lead], -1)
    surplus = len(values) - len(item.variables) if several else 0  # the decoder has sources of th, which are NaN
    if surplus not in (0, 1):
        raise DataSetError(f"{item.name} of {path} has {len(values)} species: expected {len(item.variables)}.")
    for number, name in enumerate(item.variables):
        if name:
            arrays[name] = np.ascontiguousarray(values[number + surplus] if several else values, np.float64)
            if item.is_input:
                require_usable(f"{item.name} of {path}", arrays[name].reshape(-1, arrays[name].shape[-1]))


def _require_shapes(path: Path, layout: Layout, arrays: dict[str, Array]) -> None:
    shape = arrays["in_exn"].shape
    for item in layout.items:
        for name in item.variables:
            expected = shape if item.dims == "ijk" else shape[1:]
            if name in arrays and arrays[name].shape != expected:
                raise DataSetError(
                    f"{item.name} of {path} has (levels, columns) = {arrays[name].shape}: expected {expected}."
                )
