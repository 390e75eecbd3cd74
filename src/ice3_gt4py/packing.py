"""Packing: how fields lie in memory, and dense buffers into which selected points are copied for a stencil."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py.storages import aligned_zeros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.copies import Points
    from ice3_probe.contract import Shape

LANES = 16
"""Rows are filled up to a multiple of this, so that every vector is whole and begins at a cache line."""


_LEVEL_BY_LEVEL = ((2, 1, 0), (2, 0, 1))
_COLUMN_BY_COLUMN = ((0, 1, 2), (1, 0, 2))
"""Orders of dimensions in which columns follow each other."""


class Layout:
    """How fields (i, j, k) lie in memory: in which order, without gaps, and with columns that follow each other.

    Parameters
    ----------
    domain
        Points (i, j, k).
    order
        Dimensions, from the one whose neighbours lie farthest apart to the one whose neighbours follow each other.
    """

    def __init__(self, domain: Shape, order: tuple[int, ...]) -> None:
        self.order = order
        self._back = tuple(order.index(axis) for axis in range(3))
        self._horizontal = tuple(axis for axis in order if axis != 2)
        self._number, self._levels = domain[0] * domain[1], domain[2]
        self._steps = (1, self._number) if order[0] == 2 else (self._levels, 1)

    @classmethod
    def of(cls, fields: Iterable[NDArray[Any]], *, level_by_level: bool) -> Layout | None:
        """Return the layout that all fields share, or None if they differ, have gaps or levels between columns.

        With ``level_by_level``, it is also None if columns do not lie side by side.
        """
        chosen = list(fields)
        for order in _LEVEL_BY_LEVEL if level_by_level else (*_LEVEL_BY_LEVEL, *_COLUMN_BY_COLUMN):
            if all(field.transpose(order).flags.c_contiguous for field in chosen):
                return cls(chosen[0].shape, order)
        return None

    def flat(self, field: NDArray[Any]) -> NDArray[Any]:
        """Return the memory of a field, one-dimensional; nothing is copied."""
        return field.transpose(self.order).reshape(-1)

    def shaped(self, memory: NDArray[Any], shape: Shape) -> NDArray[Any]:
        """Return the beginning of ``memory`` as a field that lies as the others; nothing is copied."""
        ordered = memory[: math.prod(shape)].reshape([shape[axis] for axis in self.order])
        return ordered.transpose(self._back)

    def row(self, memory: NDArray[Any]) -> NDArray[Any]:
        """Return the memory of a field as one row of columns (column, 1, k); nothing is copied."""
        return self.shaped(memory, (self._number, 1, self._levels))

    def follows(self, surface: NDArray[Any]) -> bool:
        """Say whether the columns of a field (i, j) follow each other as those of the fields with levels do."""
        return surface.transpose(self._horizontal).flags.c_contiguous

    def reordered(self, surface: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of a field (i, j) whose columns follow each other as those of the fields with levels do."""
        return surface.transpose(self._horizontal).copy(order="C").transpose(self._horizontal)

    def surface(self, field: NDArray[Any]) -> NDArray[Any]:
        """Return a field (i, j) as a row of columns (column, 1), if it ``follows``; nothing is copied."""
        return field.transpose(self._horizontal).reshape(-1, 1)

    def columns(self, numbers: Points, first: int) -> Points:
        """Return where the points of columns of ``row`` lie, from level ``first`` on, in the order of ``shaped``."""
        points = (numbers * self._steps[0])[:, None, None] + self._steps[1] * np.arange(first, self._levels)
        return points.transpose(self.order).reshape(-1)


class Buffers:
    """Memory for packed fields, allocated once.

    Parameters
    ----------
    names
        Fields of the buffers.
    size
        Points that each holds.
    """

    def __init__(self, names: Iterable[str], size: int, dtype: np.dtype[Any]) -> None:
        self._memory = {name: aligned_zeros((size,), dtype) for name in names}

    def of(self, names: Iterable[str]) -> list[NDArray[Any]]:
        """Return the memory of some of the fields, one-dimensional."""
        return [self._memory[name] for name in names]

    def fields(self, layout: Layout, shape: Shape, first: int = 0) -> dict[str, NDArray[Any]]:
        """Return what lies in the buffers from place ``first`` on as fields of that shape, which lie as all others."""
        return {name: layout.shaped(memory[first:], shape) for name, memory in self._memory.items()}


def lanes(number: int) -> int:
    """Round up to whole vectors."""
    return -(-number // LANES) * LANES


def filled(points: Points, size: int) -> Points:
    """Repeat the last point up to a size: it is then computed, and written, more than once."""
    missing = size - points.size
    return np.concatenate([points, np.full(missing, points[-1])]) if missing else points


def with_layout(
    call: Callable[[Mapping[str, NDArray[Any]], Layout], None],
    state: Mapping[str, NDArray[Any]],
    changed: Iterable[str],
    *,
    level_by_level: bool,
) -> None:
    """Call with fields that all lie alike, and their layout.

    What lies otherwise is copied, and copied back if it is ``changed``: all fields with levels, if not all lie alike
    or, with ``level_by_level``, columns do not lie side by side; and fields without levels that do not follow them.
    """
    levels = {name: field for name, field in state.items() if field.ndim == 3}
    copies: dict[str, NDArray[Any]] = {}
    layout = Layout.of(levels.values(), level_by_level=level_by_level)
    if layout is None:
        copies = {name: field.copy(order="F" if level_by_level else "C") for name, field in levels.items()}
        layout = Layout.of(copies.values(), level_by_level=level_by_level)
        assert layout is not None  # noqa: S101 (they were just made so)
    for name, field in state.items():
        if field.ndim == 2 and not layout.follows(field):
            copies[name] = layout.reordered(field)
    call({**state, **copies}, layout)
    for name in copies.keys() & set(changed):
        state[name][...] = copies[name]
