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
"""Error of a cell that is decided by rounding, in float32."""


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
    excluded = data.sensitive if reference.ndim == 2 else np.zeros(reference.shape, dtype=bool)
    if data.component == "rain_ice:tendencies":
        excluded = excluded | (data["in_compute"] == 0)
    if field in data.undefined:
        excluded = excluded | data.undefined[field]
    if precision == "float32" or data.single:
        single = data.reference(field, single=True)
        tolerance = FIXED if single is None else twice(cell_errors(single, reference, scale, excluded)[~excluded])
    else:
        tolerance = double(data, field, profile)
    return Norm(reference, scale, tolerance, excluded)


# --- What outputs are held to -----------------------------------------------------------------------------------------

LEAST = 2.4e-7
"""Smallest limit in float32: four units of rounding, where the Fortran happens to have less."""
FIXED = Tolerance((Limit(1e-4, 0.99), Limit(1e-2, 0.999)))
"""What float32 is held to on data without a single-precision reference."""


def twice(errors: Array) -> Tolerance:
    """Return the tolerance in float32: twice the errors of the Fortran's own single precision."""
    limits = (Limit(max(2.0 * at_quantile(errors, quantile), LEAST), quantile) for quantile in (0.99, 0.999))
    return Tolerance(tuple(limits), far=2 + 2 * int(np.count_nonzero(errors > FAR)))


def double(data: DataSet, field: str, profile: str) -> Tolerance:
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
    elif field.startswith(("fpr_", "inp", "indep", "evap")):  # what falls or evaporates is no difference of amounts
        amount = 1e-6 * float(size.max())
    elif field == "cit":
        amount = np.maximum(data["in_cit"], 1e-3)  # m-3
    elif field in ("ths", "out_th", "tht"):
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
