"""What finds points and copies them, with NumPy; ``cpp/packing.cpp`` does the same for compiled stencils.

Fields and buffers are of one dtype. Except those of ``highest``, they are one-dimensional and without gaps.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from ice3_gt4py.extension import extension

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build

    Fields = Sequence[NDArray[Any]]
    """The memory of fields, or of buffers for them."""
    Points = NDArray[np.intp]
    """Places in a field; nothing checks that they lie in it."""


class Copies(Protocol):
    """The functions of this module, or those of ``cpp/packing.cpp``."""

    def gather(self, fields: Fields, buffers: Fields, points: Points, first: int) -> None:
        """See the function of this module."""

    def scatter(self, fields: Fields, buffers: Fields, points: Points, first: int) -> None:
        """See the function of this module."""

    def packer(
        self,
        points: Sequence[Points],
        numbers: NDArray[np.intp],
        fields: Sequence[Fields],
        buffers: Sequence[Fields],
    ) -> Callable[[NDArray[Any], int, int], int]:
        """See the function of this module."""

    def highest(self, fields: Fields, limits: Sequence[float], first: int, last: int, levels: NDArray[np.intp]) -> None:
        """See the function of this module."""


def copies_for(build: Build) -> Copies:
    """Return the functions for the stencils of a build: compiled if they are compiled.

    Raises
    ------
    CompilationError
        If the compiler fails.
    NotCachedError
        If they would have to be compiled and ``build.cached_only`` is set.
    """
    return cast("Copies", extension("packing", build) if build.compiler else sys.modules[__name__])


def gather(fields: Fields, buffers: Fields, points: Points, first: int) -> None:
    """Copy the points of every field into its buffer, from place ``first`` on."""
    places = slice(first, first + points.size)
    for field, buffer in zip(fields, buffers, strict=True):
        # "clip" saves the copy in which the other modes check the points.
        field.take(points, out=buffer[places], mode="clip")


def scatter(fields: Fields, buffers: Fields, points: Points, first: int) -> None:
    """Copy every buffer, from place ``first`` on, to the points of its field."""
    places = slice(first, first + points.size)
    for field, buffer in zip(fields, buffers, strict=True):
        field[points] = buffer[places]


def packer(
    points: Sequence[Points],
    numbers: NDArray[np.intp],
    fields: Sequence[Fields],
    buffers: Sequence[Fields],
) -> Callable[[NDArray[Any], int, int], int]:
    """Return a function that copies neighbouring points into the buffers of their kinds, until those of one are full.

    Parameters
    ----------
    points
        For each kind, 1, 2, 3 and 4, the places of the points that its buffers hold; others are added.
    numbers
        How many points the buffers of each kind hold: when the function is called, none are full. It changes them.
    fields, buffers
        For each kind, what is copied, and into what.

    Returns
    -------
    A function of three arguments: the kinds of neighbouring points, 0 (left alone) to 4; the one where it begins to
    look; and the place of their first in the fields. It returns where it has ended: behind the last of them, unless
    buffers are full.
    """

    def pack(kinds: NDArray[Any], start: int, begin: int) -> int:
        found = [start + np.flatnonzero(kinds[start:] == kind) for kind in range(1, len(points) + 1)]
        rooms = [places.size - number for places, number in zip(points, numbers, strict=True)]
        ends = [int(of[room - 1]) + 1 for of, room in zip(found, rooms, strict=True) if of.size >= room]
        end = min(ends, default=kinds.size)
        for kind, of in enumerate(found):
            added, number = begin + of[of < end], numbers[kind]
            points[kind][number : number + added.size] = added
            gather(fields[kind], buffers[kind], added, number)
            numbers[kind] += added.size
        return end

    return pack


def highest(fields: Fields, limits: Sequence[float], first: int, last: int, levels: NDArray[np.intp]) -> None:
    """Find in every column the highest level at which a field exceeds its limit, or is not a positive number.

    Read as unsigned integers, positive numbers keep their order, and negative ones, -0.0 and NaN exceed them all: one
    comparison is enough.

    Parameters
    ----------
    fields
        One to five of shape (column, k), with the same strides, whatever they are; level 0 is the highest.
    limits
        Of each field; positive.
    first, last
        Levels from ``first`` on and before ``last`` are looked at.
    levels
        For each column, the highest level that has been found so far, or more than any level. It is changed.
    """
    if first == last:
        return
    exceeds = np.zeros((levels.size, last - first), bool)
    for field, limit in zip(fields, limits, strict=True):
        bits = f"u{field.itemsize}"
        exceeds |= field[:, first:last].view(bits) > field.dtype.type(limit).view(bits)
    found = exceeds.any(axis=1)
    levels[found] = np.minimum(levels[found], first + exceeds[found].argmax(axis=1))
