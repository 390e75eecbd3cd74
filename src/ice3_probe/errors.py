"""The errors of an output's cells, and what a quantile of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_ROUNDING = 1e-6
"""Share of a cell by which (1 - 0.9) 10 may fall short of 1."""


def cell_errors(got: Array, wanted: Array, scale: Array, excluded: Mask) -> Array:
    """Return |got - wanted| / scale in every cell, zero in those that are excluded.

    A value that is not finite where the reference is finite has an infinite error.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(got - wanted)
        error = np.where(difference == 0.0, 0.0, difference / np.maximum(scale, np.finfo(np.float64).tiny))
    error = np.where(np.isfinite(got), error, np.inf)
    return np.where(excluded | ~np.isfinite(wanted), 0.0, error)


def at_quantile(errors: Array, quantile: float) -> float:
    """Return the largest error that is left when a share ``1 - quantile`` of the cells is forgiven.

    Parameters
    ----------
    errors
        Errors of the cells that are compared, in any order and shape.
    quantile
        From 0 (exclusive) to 1, the maximum.

    Returns
    -------
    float
        The (k+1)-th largest of the n errors, with k = floor((1 - quantile) n). It is always one of them: between two
        errors there is none. Without errors it is 0.
    """
    if errors.size == 0:
        return 0.0
    forgiven = int((1.0 - quantile) * errors.size + _ROUNDING)
    return float(np.partition(errors, -1 - forgiven, axis=None)[-1 - forgiven])
