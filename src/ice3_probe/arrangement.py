"""Where the columns of an atmosphere stand: beside others of their kind, as in cloud systems, or anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLOPE = 5.0 / 3.0
"""The power of cloud fields along a line falls with the wave number to this power."""
RESOLUTION = 7.0
"""Wavelength in grid points at which a model has lost half of the power that the air has."""


def smooth_field(shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """Return a random field with the spectrum of clouds in a model; it is periodic, so copies of it fit together.

    Parameters
    ----------
    shape
        Points (i, j).
    seed
        The same seed gives the same field.

    Returns
    -------
    array
        Shape (i, j), without unit; only the order of its values means something.
    """
    noise = np.random.default_rng([seed, 1]).standard_normal(shape)  # other numbers than those of the columns
    wave = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])  # per grid point
    wave[0, 0] = np.inf  # the mean does not matter
    directions = sum(extent > 1 for extent in shape)  # in two, each wave number has waves on a whole circle
    power = wave ** -(SLOPE + directions - 1) * 0.5 ** np.minimum((RESOLUTION * wave) ** 2, 1000.0)
    field: NDArray[np.float64] = np.fft.irfft2(np.fft.rfft2(noise) * np.sqrt(power), s=shape)
    return field


def coherent(
    columns: dict[str, NDArray[Any]], shape: tuple[int, int], seed: int, by: tuple[NDArray[Any], ...]
) -> dict[str, NDArray[Any]]:
    """Move columns so that similar ones are neighbours: the first in order go where a smooth field is lowest.

    Parameters
    ----------
    columns
        Arrays of shape (i, j); a column keeps its values of all of them.
    seed
        Of the smooth field.
    by
        What the columns are ordered by: the first array, and the next ones where it is equal.
    """
    order = np.lexsort([key.ravel() for key in reversed(by)])
    places = np.argsort(smooth_field(shape, seed), axis=None, kind="stable")
    moved = {}
    for name, values in columns.items():
        moved[name] = np.empty_like(values)
        moved[name].flat[places] = values.flat[order]
    return moved
