"""Packing: selected points or columns of the fields, copied into dense buffers for a stencil, and copied back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py.storages import aligned_zeros

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import DTypeLike, NDArray

    from ice3_probe.contract import Shape

    Indices = NDArray[np.intp]

LANES = 16
"""Rows are filled up to a multiple of this, so that every vector is whole and begins at a cache line."""


class Layout:
    """How all fields of a domain lie in memory.

    Attributes
    ----------
    order
        Dimensions, from the one whose neighbours lie farthest apart to the one whose neighbours follow each other.
    steps
        Distance in memory from a point to the next one along i, j and k, in elements.
    """

    def __init__(self, shape: Shape, order: tuple[int, ...]) -> None:
        self.order = order
        steps, step = [0, 0, 0], 1
        for axis in reversed(order):
            steps[axis] = step
            step *= shape[axis]
        self.steps = tuple(steps)
        self._back = tuple(order.index(axis) for axis in range(3))

    @classmethod
    def of(cls, fields: Iterable[NDArray[Any]]) -> Layout | None:
        """Return the layout that all fields (i, j, k) share, or None if they differ or have gaps."""
        first, *others = fields
        order = tuple(int(axis) for axis in np.argsort([-stride for stride in first.strides], kind="stable"))
        same = all(field.transpose(order).flags.c_contiguous for field in (first, *others))
        return cls(first.shape, order) if same else None

    def flat(self, field: NDArray[Any]) -> NDArray[Any]:
        """Return the memory of a field (i, j, k), one-dimensional; nothing is copied."""
        return field.transpose(self.order).reshape(-1)

    def shaped(self, memory: NDArray[Any], shape: Shape) -> NDArray[Any]:
        """Return the first elements of ``memory`` as a field of that shape; nothing is copied."""
        size = int(np.prod(shape))
        ordered = memory[:size].reshape([shape[axis] for axis in self.order])
        return ordered.transpose(self._back)


class Buffers:
    """Memory for packed fields, allocated once.

    Parameters
    ----------
    names
        Fields of the buffers.
    size
        Points that each holds.
    """

    def __init__(self, names: Iterable[str], size: int, dtype: DTypeLike) -> None:
        self._memory = {name: aligned_zeros((size,), np.dtype(dtype)) for name in names}

    def gather(
        self, layout: Layout, fields: Mapping[str, NDArray[Any]], names: Iterable[str], indices: Indices
    ) -> None:
        """Copy the points at ``indices`` of the fields' memory into the buffers."""
        for name in names:
            # "clip": the others check the indices, in a copy.
            np.take(layout.flat(fields[name]), indices, out=self._memory[name][: indices.size], mode="clip")

    def scatter(
        self, layout: Layout, fields: Mapping[str, NDArray[Any]], names: Iterable[str], indices: Indices
    ) -> None:
        """Copy the buffers to the points at ``indices`` of the fields' memory."""
        for name in names:
            layout.flat(fields[name])[indices] = self._memory[name][: indices.size]

    def fields(self, layout: Layout, shape: Shape) -> dict[str, NDArray[Any]]:
        """Return the buffers as fields of that shape, laid out as the fields that they are copied from."""
        return {name: layout.shaped(memory, shape) for name, memory in self._memory.items()}


def lanes(number: int) -> int:
    """Return ``number`` points or columns rounded up to whole vectors."""
    return -(-number // LANES) * LANES


def filled(indices: Indices, size: int) -> Indices:
    """Repeat the last index up to a size: what is computed twice is the same, and is written twice."""
    return np.concatenate([indices, np.full(size - indices.size, indices[-1])]) if indices.size < size else indices
