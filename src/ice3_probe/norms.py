"""How errors are measured and what they are held to: scale, tolerance and excluded cells of each output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ice3_probe.reference import Array, DataSet

    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Tolerance:
    """What an output is held to, in the norm of its component.

    Attributes
    ----------
    value
        Largest error allowed at the quantile.
    quantile
        The errors' quantile that is compared with ``value``; 1 is the maximum.
    maximum
        Largest error allowed anywhere (``None``: not limited).
    """

    value: float
    quantile: float = 1.0
    maximum: float | None = None


@dataclass(frozen=True)
class Norm:
    """How one output is compared.

    Attributes
    ----------
    reference
        What the Fortran computed.
    scale
        Errors are divided by it.
    excluded
        Cells that are not compared.
    """

    reference: Array
    scale: Array
    tolerance: Tolerance
    excluded: Mask


def norm_of(
    data: DataSet, field: str, outputs: Mapping[str, NDArray[np.floating]], precision: str, profile: str
) -> Norm | None:
    """Return how the output ``field`` of a data set is compared; None if the data set does not hold it.

    Parameters
    ----------
    outputs
        What was computed, shape (column, level) or (column,): rounding decides about some cells.
    precision
        float32 or float64.
    profile
        ``production`` or ``strict``: the tolerances of float64.
    """
    of_component = {
        "ice_adjust": _ice_adjust,
        "rain_ice": _rain_ice,
        "rain_ice:sedimentation": _rain_ice,
        "rain_ice:tendencies": _tendencies,
    }
    return of_component[data.component](data, field, outputs, precision, profile)


# IceAdjust ------------------------------------------------------------------------------------------------------------


def _ice_adjust(
    data: DataSet, field: str, _outputs: Mapping[str, NDArray[np.floating]], precision: str, profile: str
) -> Norm | None:
    reference = data.reference(f"out_pout_{field[4:]}" if field.startswith("out_") else f"out_{field}")
    if reference is None:
        return None
    scale, tolerance = _ice_adjust_scale(data, field, reference), _ice_adjust_tolerance(field, precision, profile)
    return Norm(reference, scale, tolerance, data.sensitive)


def _ice_adjust_tolerance(field: str, precision: str, profile: str) -> Tolerance:
    if precision == "float32":
        if field in ("cldfr", "srcs"):
            return Tolerance(1e-4, quantile=0.999, maximum=1e-2)
        if field in ("ths", "out_th"):
            return Tolerance(1e-6)
        return Tolerance(1e-4 if field.startswith("hl") else 1e-5)
    return Tolerance(1e-12) if profile == "strict" else Tolerance(1e-10, quantile=0.9999)


def _ice_adjust_scale(data: DataSet, field: str, reference: Array) -> Array:
    """Scale of the errors of an output: the amounts of water and heat it is a difference of."""
    total = data["in_rv"] + data["in_rc"] + data["in_ri"]
    if field in ("rvs", "rcs", "ris"):
        return np.maximum(total / data.timestep, np.abs(data["in_rvs"]))
    if field in ("ths", "out_th"):
        return data["in_th"] / (data.timestep if field == "ths" else 1.0)
    if field.startswith("out_"):
        return total
    if field in ("hlc_hrc", "hli_hri"):
        content = np.maximum(data["in_rc_mf" if field == "hlc_hrc" else "in_ri_mf"], np.abs(reference))
        if data.config.get("NEBN", {}).get("CCONDENS") == "GAUS":
            content = np.maximum(content, 2.0 * data["in_sigs"])
        return content
    return np.ones_like(reference)


# RainIce --------------------------------------------------------------------------------------------------------------

_FLOAT32_RAIN_ICE = {
    "ths": 1.6e-7, "rvs": 1.8e-6, "rcs": 2e-5, "rrs": 8e-6, "ris": 1.5e-5, "rss": 2e-5, "rgs": 1.5e-5, "cit": 1.1e-4,
    "evap3d": 1e-4,
}  # fmt: skip
"""Largest error allowed at the quantile 0.99: twice that of PHYEX's own single-precision build."""


def _rain_ice(
    data: DataSet, field: str, outputs: Mapping[str, NDArray[np.floating]], precision: str, profile: str
) -> Norm | None:
    reference = data.reference("out_evap3d_npromicro1" if field == "evap3d" else f"out_{field}")
    if reference is None:
        return None
    excluded = data.sensitive if reference.ndim == 2 else np.zeros(reference.shape, dtype=bool)
    if field == "cit":
        # Rounding decides whether crystals are left when ice is used up.
        exhausted = data["out_ris"] * data.timestep <= 1e-15
        excluded = excluded | (exhausted & (reference != outputs["cit"]))
    elif field == "evap3d":  # the reference overwrites some evaporation by 0
        excluded = excluded | (reference == 0.0)
    if precision == "float32":
        tolerance = Tolerance(_FLOAT32_RAIN_ICE.get(field, 2e-5), quantile=0.99)
    else:
        tolerance = Tolerance(1e-10) if profile == "strict" else Tolerance(1e-8, quantile=0.9999)
    return Norm(reference, _rain_ice_scale(reference, field, data.timestep), tolerance, excluded)


def _rain_ice_scale(reference: Array, field: str, timestep: float) -> Array:
    """Relative to the reference; contents below 1e-16 kg kg-1 per step are rounding residues of exhausted species."""
    size = np.abs(reference)
    floor = 0.0
    if field in ("rvs", "rcs", "rrs", "ris", "rss", "rgs"):
        floor = 1e-6 / timestep
    elif field.startswith(("fpr", "inp", "evap")):
        floor = 1e-6 * float(size.max(initial=0.0))
    elif field == "cit":
        floor = 1e-3  # m-3
    return np.asarray(size + floor)


# Tendencies -----------------------------------------------------------------------------------------------------------


def _tendencies(
    data: DataSet, field: str, _outputs: Mapping[str, NDArray[np.floating]], precision: str, profile: str
) -> Norm | None:
    reference = data.reference(f"pr_{field.upper()}")
    if reference is None:
        return None
    if precision == "float32":
        tolerance = Tolerance(1e-4, quantile=0.99)
    else:
        tolerance = Tolerance(1e-11) if profile == "strict" else Tolerance(1e-8, quantile=0.9999)
    largest = np.full(reference.shape, np.abs(reference).max())
    return Norm(reference, largest, tolerance, data.sensitive | (data["in_compute"] == 0))
