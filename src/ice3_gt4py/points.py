"""The microphysics at the points that have something to do, packed (PHYEX: ICE4_PACK), or at every point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ice3_gt4py.compilation import freeze
from ice3_gt4py.lookup import table_arguments
from ice3_gt4py.packing import Buffers, Layout, filled, lanes
from ice3_gt4py.stencils.activity import activity
from ice3_gt4py.storages import aligned_zeros

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Shape

ROWS = 64
"""Rows of a buffer: enough that a call costs little beside its points."""
KINDS = {"IDLE": 0.0, "LIQUID": 1.0, "ICE": 2.0, "MIXED": 3.0}
"""Kinds of points, as the stencil ``activity`` writes them."""
_STATE = (
    "exn", "rhodref", "pabs", "tht", "rvt", "rct", "rrt", "rit", "rst", "rgt", "sigs", "cit", "rvs", "rcs", "rrs",
    "ris", "rss", "rgs",
)  # fmt: skip
_INPUTS = (*_STATE, "exnref", "ths")
_OUTPUTS = ("ths", "rvs", "rcs", "rrs", "ris", "rss", "rgs", "cit", "evap3d")
_FIELDS = (*_INPUTS, "evap3d")
_ORIGIN: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((*_FIELDS, "columns"), (0, 0, 0)),
    "level": (0,),
    "tables": (0,),
}


class EveryPoint:
    """A stencil of the microphysics on the whole domain: it skips idle points itself.

    Parameters
    ----------
    stencil
        What computes a point.
    """

    def __init__(self, domain: Shape, build: Build, stencil: Any, _externals: Mapping[str, Any]) -> None:  # noqa: ANN401
        self._run = freeze(stencil, _ORIGIN, domain)
        self._tables = table_arguments(domain, build)

    def __call__(self, state: Mapping[str, Any], scalars: Mapping[str, Any]) -> None:
        """Advance ``state`` in place."""
        self._run(**{name: state[name] for name in _FIELDS}, **self._tables, **scalars)


class ActivePoints:
    """The same on the points that have something to do, packed into rows of vectors.

    Parameters
    ----------
    stencil
        What computes a point.
    externals
        Externals of the stencils.
    """

    def __init__(self, domain: Shape, build: Build, stencil: Any, externals: Mapping[str, Any]) -> None:  # noqa: ANN401
        points = int(np.prod(domain))
        self._domain, self._stencil = domain, stencil
        self._order: Literal["F", "C"] = "F" if build.layout == "i-first" else "C"
        self._row = min(build.row, lanes(points))
        rows = min(ROWS, -(-points // self._row))
        self._buffers = Buffers(_FIELDS, rows * self._row, build.dtype)
        self._size = rows * self._row
        self._tables = table_arguments((self._row, 1, rows), build)
        self._kind = aligned_zeros((points,), build.dtype)
        origin = dict.fromkeys((*_STATE, "evap3d", "kind"), (0, 0, 0))
        self._find = freeze(build.stencil(activity, {**externals, **KINDS}), origin, domain)

    def __call__(self, state: Mapping[str, NDArray[Any]], scalars: Mapping[str, Any]) -> None:
        """Advance ``state`` in place."""
        layout = Layout.of(state[name] for name in _FIELDS)
        if layout is None:  # copies lie in memory alike
            copies = {name: state[name].copy(order=self._order) for name in _FIELDS}
            self(copies, scalars)
            for name in _OUTPUTS:
                state[name][...] = copies[name]
            return
        kind = layout.shaped(self._kind, self._domain)
        self._find(**{name: state[name] for name in (*_STATE, "evap3d")}, kind=kind)
        for name, code in KINDS.items():
            if name == "IDLE":
                continue
            points = np.flatnonzero(self._kind == code)
            for begin in range(0, points.size, self._size):
                self._run(points[begin : begin + self._size], state, layout, scalars)

    def _run(
        self,
        points: NDArray[np.intp],
        state: Mapping[str, NDArray[Any]],
        layout: Layout,
        scalars: Mapping[str, Any],
    ) -> None:
        row = min(self._row, lanes(points.size))
        rows = -(-points.size // row)
        points = filled(points, row * rows)
        self._buffers.gather(layout, state, _INPUTS, points)
        fields = self._buffers.fields(layout, (row, 1, rows))
        freeze(self._stencil, _ORIGIN, (row, 1, rows))(**fields, **self._tables, **scalars)
        self._buffers.scatter(layout, state, _OUTPUTS, points)
