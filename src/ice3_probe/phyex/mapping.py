"""PHYEX's data as reference data sets: what the files lack is added, and what they do not define is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe.phyex.layout import EVAPORATION, SPECIES
from ice3_probe.reference import DataSet, DataSetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ice3_probe.phyex.blocks import Content
    from ice3_probe.reference import Array

TIMESTEP = 50.0
"""seconds, of PHYEX's test programs"""
SIGQSAT = 0.02
"""what PHYEX's test program gives ICE_ADJUST; the files do not hold it"""
LEAST = {"rc": 1e-20, "rr": 1e-20, "ri": 1e-20, "rs": 1e-15, "rg": 1e-15}
"""Contents above which RAIN_ICE computes a point, kg kg-1."""
_LOOKED_AT = 64
"""Columns that tell the time step."""


def data_set(name: str, content: Content, config: dict[str, Any], options: str) -> DataSet:
    """Make a reference data set of what PHYEX's files hold.

    Parameters
    ----------
    config
        PHYEX's namelists; what they do not set is as in its test programs.
    options
        Where the namelists come from, as a sentence.

    Raises
    ------
    DataSetError
        If the levels are upside down.
    """
    arrays, component = content.arrays, content.layout.component
    pressure = arrays["in_pabs"]
    upside_down = np.flatnonzero(pressure[-1] < pressure[0])
    if len(upside_down):
        column = int(upside_down[0])
        raise DataSetError(
            f"The levels of {name} are upside down: PPABSM of column {column} is {pressure[0, column]:.0f} Pa at the "
            f"first level and {pressure[-1, column]:.0f} Pa at the last, which must be the lowest one."
        )
    variables: dict[str, Array] = {variable: array.T for variable, array in arrays.items()}
    shape = variables["in_exn"].shape
    variables["in_exnref"] = variables["in_exn"]
    if component == "ice_adjust":
        variables.setdefault("in_sigqsat", np.broadcast_to(SIGQSAT, shape[:1]))
        variables["in_weight_mf_cloud"] = np.broadcast_to(0.0, shape)
    timestep, why = _timestep(content, config)
    remarks = [*content.remarks, options, f"Time step {timestep:g} s, {why}."]
    if content.single:
        remarks.append("Reals of 4 bytes: float64 is held to what float32 is.")
    undefined = {}
    if EVAPORATION in variables:
        undefined["evap3d"] = variables[EVAPORATION] == 0.0
        remarks.append("evap3d is compared where PHYEX's is not zero: it clears points that end before others.")
    return DataSet(
        name,
        timestep,
        config,
        SPECIES,
        variables,
        declared=component,
        undefined=undefined,
        single=content.single,
        remarks=tuple(remarks),
    )


def _timestep(content: Content, config: dict[str, Any]) -> tuple[float, str]:
    """Return the time step and how it is known."""
    given = content.timestep
    if given is not None and np.isfinite(given) and given > 0.0:
        return given, "as the file says"
    if "in_th" in content.arrays:  # PHYEX divides the state by the time step to get its sources
        part = np.s_[:, :: max(1, content.arrays["in_th"].shape[1] // _LOOKED_AT)]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = content.arrays["in_th"][part] / content.arrays["in_ths"][part]
        found = float(f"{np.median(ratio):.6g}")
        if np.isfinite(found) and found > 0.0 and np.allclose(ratio, found, rtol=1e-5, atol=0.0):
            return found, "the ratio of state and sources"
    step = next((group["TSTEP"] for group in config.values() if "TSTEP" in group), None)
    if isinstance(step, (int, float)) and step > 0.0:
        return float(step), "as the namelist says"
    return TIMESTEP, "that of PHYEX's test programs"


def active_points(data: DataSet) -> NDArray[np.bool_]:
    """Return the points (column, level) that RAIN_ICE computes: those with hydrometeors."""
    active = np.zeros(data.shape, dtype=bool)
    for species, least in LEAST.items():
        state = f"in_{species}" if f"in_{species}" in data.variables else f"in_{species}t"
        active |= data[state] > least
    return active
