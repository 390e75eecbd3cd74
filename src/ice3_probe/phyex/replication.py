"""PHYEX's data on any number of columns and levels, as PHYEX's own programs make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def interpolated(values: NDArray[Any], levels: int) -> NDArray[Any]:
    """Interpolate an array (column, level) to another number of levels, linearly in the number of the level."""
    given = values.shape[1]
    if levels == given:
        return values
    place = 1.0 + np.arange(levels) / max(levels - 1, 1) * (given - 1)  # counted from 1, as PHYEX does
    above, below = np.floor(place), np.ceil(place)
    weight = np.where(above == below, 1.0, below - place)
    upper, lower = values[:, above.astype(int) - 1], values[:, below.astype(int) - 1]
    return np.asarray(weight * upper + (place - above) * lower)


def replicated(values: NDArray[Any], columns: int) -> NDArray[Any]:
    """Repeat an array (column, ...) until it has so many columns: column i is column i modulo those given."""
    return np.take(values, np.arange(columns) % len(values), axis=0)
