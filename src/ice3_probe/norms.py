"""How errors are measured and what they are held to: scale, tolerance and excluded cells of each output.

An error is divided by what rounding acts on: the largest of the reference and of the amounts that it is a difference
of. Float64 is held to a maximum outside the cells that rounding decides. Float32 is held to twice the error of the
Fortran's own single precision on the same data. docs/adr/0018 has the reasons and the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ice3_probe.errors import at_quantile, cell_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ice3_probe.reference import Array, DataSet

    Mask = NDArray[np.bool_]

FAR = 1e-3
"""Error above which rounding decided a cell, in float32: such cells are counted, the quantiles are of the others."""


@dataclass(frozen=True)
class Limit:
    """The largest error allowed at a quantile of the cells; at 1, the maximum."""

    value: float
    quantile: float = 1.0


@dataclass(frozen=True)
class Tolerance:
    """What an output is held to, in the norm of its component.

    Attributes
    ----------
    limits
        All of them hold; the first one is what is shown.
    far
        Most cells whose error may exceed ``FAR`` (``None``: not limited).
    """

    limits: tuple[Limit, ...]
    far: int | None = None

    @property
    def value(self) -> float:
        """Error above which a cell is wrong."""
        return self.limits[0].value


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


def norm_of(data: DataSet, field: str, precision: str, profile: str) -> Norm | None:
    """Return how the output ``field`` of a data set is compared; None if the data set does not hold it.

    Parameters
    ----------
    precision
        float32 or float64.
    profile
        ``production`` or ``strict``: the tolerances of float64.
    """
    reference = data.reference(field)
    if reference is None:
        return None
    scale = scale_of(data, field, reference)
    excluded = data.decided_by_rounding(precision) if reference.ndim == 2 else np.zeros(reference.shape, dtype=bool)
    if data.component == "rain_ice:tendencies":
        excluded = excluded | (data["in_compute"] == 0)
    if field in data.undefined:
        excluded = excluded | data.undefined[field]
    if precision == "float32" or data.single:
        tolerance = _float32(data, field, reference, scale, excluded)
    else:
        tolerance = _float64(data, field, profile)
    return Norm(reference, scale, tolerance, excluded)


# --- What outputs are held to -----------------------------------------------------------------------------------------

QUANTILES = (0.99, 0.999)
FALL, HEAT = ("fpr_", "inp", "indep"), ("ths", "out_th", "tht")
LEAST = {FALL: (5e-5, 3e-4), HEAT: (2.4e-7, 1e-6), (): (1e-5, 3e-4)}
"""Smallest limits in float32 at the two quantiles. Fall speeds differ so much if powers are computed as exp(a log x),
where the Fortran has x**a; temperatures by four units of rounding. The worst of a few hundred cells is chance."""
_NARROW = Tolerance((Limit(1e-4, 0.99), Limit(1e-2, 0.999)))
_WIDE = Tolerance((Limit(1e-3, 0.99), Limit(1e-1, 0.999)))
FIXED = {
    "ice_adjust": _NARROW,
    "rain_ice": _WIDE,
    "rain_ice:sedimentation": _NARROW,
    "rain_ice:tendencies": _NARROW,
    "microphysics": _WIDE,
}
"""What float32 is held to on data without a single-precision reference: more than twice the Fortran's error on any of
our data sets. In thin layers and near the melting point that is 4e-4 at the quantile 0.99."""


def lacking(data: DataSet, precision: str) -> str:
    """Say what a data set lacks that its outputs could be held to, and what they are held to instead."""
    if precision == "float32":
        first, second = FIXED[data.component].limits
        instead = f"fixed limits, {first.value:g} for 99 % and {second.value:g} for 99.9 % of the cells"
        return "" if data.has_single else f"no single-precision reference (f32_*): {instead}"
    return "" if data.has_mask else "no mask of the cells that rounding decides (sensitive): 0.1 % of them may be wrong"


def _float32(data: DataSet, field: str, reference: Array, scale: Array, excluded: Mask) -> Tolerance:
    """Return twice the errors of the Fortran's own single precision, if the data have it."""
    single = data.reference(field, single=True)
    if single is None or excluded.all():
        return FIXED[data.component]
    errors = cell_errors(single, reference, scale, excluded)[~excluded]
    near = errors[errors <= FAR]
    least = next(values for names, values in LEAST.items() if not names or field.startswith(names))
    own = [2.0 * at_quantile(near, quantile) for quantile in QUANTILES]
    limits = (Limit(max(pair), quantile) for *pair, quantile in zip(own, least, QUANTILES, strict=True))
    return Tolerance(tuple(limits), far=2 + 2 * (errors.size - near.size))


def _float64(data: DataSet, field: str, profile: str) -> Tolerance:
    """Return the tolerance in float64; without a mask, a thousandth of the cells is forgiven."""
    value = 1e-12 if profile == "strict" and data.component == "ice_adjust" else 5e-11
    return Tolerance((Limit(1e-8 if field == "cit" else value, 1.0 if data.has_mask else 0.999),))


# --- What errors are divided by ---------------------------------------------------------------------------------------

SPECIES = ("rv", "rc", "rr", "ri", "rs", "rg")
FLOOR = 1e-6
"""Content below which errors are absolute, kg kg-1: less than 1e-16 is a residue of rounding."""
EXCHANGED = ("rv", "rc", "ri")
"""Species among which the adjustment divides the water: each is a difference of all three."""


def scale_of(data: DataSet, field: str, reference: Array) -> Array:
    """Return what the errors of an output are divided by, in its shape."""
    size = np.abs(reference)
    species = field[4:] if field.startswith("out_") else field[:2]
    amount: Array | float = 1.0  # of fractions
    if data.component == "rain_ice:tendencies":
        amount = float(size.max())
    elif field.startswith((*FALL, "evap")):  # what falls or evaporates is no difference of amounts
        amount = 1e-6 * float(size.max())
    elif field == "cit":
        amount = np.maximum(data["in_cit"], 1e-3)  # m-3
    elif field in HEAT:
        amount = data[_state(data, "th")] / (data.timestep if field == "ths" else 1.0)
    elif field in ("hlc_hrc", "hli_hri"):
        amount = data["in_rc_mf" if field == "hlc_hrc" else "in_ri_mf"]
        if data.config.get("NEBN", {}).get("CCONDENS") == "GAUS":
            amount = np.maximum(amount, 2.0 * data["in_sigs"])
    elif species in SPECIES:
        amount = _water(data, species, source=field == f"{species}s")
    return np.asarray(np.maximum(size, amount))


def _water(data: DataSet, species: str, *, source: bool) -> Array:
    """Return what the content of a species is a difference of, kg kg-1; kg kg-1 s-1 if it is a source."""
    if species in EXCHANGED and data.component in ("ice_adjust", "microphysics"):
        state = np.sum([data[f"in_{one}"] for one in EXCHANGED], axis=0)
    else:
        state = np.abs(data.variables.get(_state(data, species), np.zeros(data.shape)))
    state = np.maximum(state, FLOOR)
    return np.asarray(np.maximum(state / data.timestep, np.abs(data[f"in_{species}s"])) if source else state)


def _state(data: DataSet, name: str) -> str:
    """Name of an input of the state: PHYEX's RainIce adds a t."""
    return f"in_{name}" if f"in_{name}" in data.variables else f"in_{name}t"
