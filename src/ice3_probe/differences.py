"""How two results of a port differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

REPEATABLE = {"float32": 1e-5, "float64": 1e-12}
"""Largest relative difference between two runs from one state: threads may add in another order."""


def difference(
    first: Mapping[str, NDArray[Any]], second: Mapping[str, NDArray[Any]], tolerance: float, share: float = 0.0
) -> str:
    """Name the first field in which two results differ, and by how much; empty if there is none.

    Parameters
    ----------
    tolerance
        Largest difference that counts as none, relative to the largest value of the field.
    share
        Share of a field's cells that may differ.
    """
    for name, array in first.items():
        if name not in second:
            continue
        with np.errstate(invalid="ignore"):
            same = (array == second[name]) | (np.isnan(array) & np.isnan(second[name]))
            moved = np.where(same, 0.0, np.abs(second[name].astype(np.float64) - array))
        moved[np.isnan(moved)] = np.inf
        largest = np.abs(array, where=np.isfinite(array), out=np.zeros(array.shape)).max(initial=0.0)
        if np.count_nonzero(moved > tolerance * largest) > share * moved.size:
            return f"'{name}' (largest difference {moved.max():.1e}, largest value {largest:.1e})"
    return ""
