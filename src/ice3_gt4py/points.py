"""The microphysics at the points that have something to do, packed by their kind (PHYEX: ICE4_PACK)."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ice3_gt4py.compilation import freeze
from ice3_gt4py.externals import KINDS
from ice3_gt4py.falling import TIMES
from ice3_gt4py.lookup import table_arguments
from ice3_gt4py.packing import Buffers, filled, lanes, with_layout
from ice3_gt4py.stencils.activity import activity
from ice3_gt4py.storages import aligned_zeros

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.packing import Layout, Workers
    from ice3_probe.contract import Shape

CHUNK = 2**18
"""Points that are looked through at a time: what is known of them takes little memory beside the fields."""
SHARE = 32
"""About one of so many points is packed at a time, or a row of them, so that the buffers are small, too."""
ROWS = 32
"""Most rows of a buffer: enough that a call costs little beside its points."""
THREAD_ROWS = 16
"""Least rows of each of many threads, which share the rows of a buffer."""
PARTS = 8
"""What is left of the points in the end is packed into buffers of so many times fewer rows."""
_STATE = (
    "exn", "rhodref", "pabs", "tht", "rvt", "rct", "rrt", "rit", "rst", "rgt", "sigs", "cit", "rvs", "rcs", "rrs",
    "ris", "rss", "rgs",
)  # fmt: skip
_OUTPUTS = ("ths", "rvs", "rcs", "rrs", "ris", "rss", "rgs", "cit", "evap3d")
FIELDS = (*_STATE, "exnref", "ths", "evap3d")
SCALARS = (*TIMES, "interval_between", "evaluations")
"""Arguments of the stencils, besides the lookup tables; some need fewer."""
_ORIGIN: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((*FIELDS, "columns"), (0, 0, 0)),
    "level": (0,),
    "tables": (0,),
}


class ActivePoints:
    """A stencil for each kind of points on those that have something to do, packed into rows of vectors.

    Parameters
    ----------
    stencils
        What computes a point, by the kind of the point.
    externals
        Externals of the stencils.
    workers
        Threads that copy the points, as many as compute.

    Attributes
    ----------
    read, written
        Fields that the stencil of a kind reads and writes: others are not copied.
    """

    def __init__(
        self,
        domain: Shape,
        build: Build,
        stencils: dict[str, Any],
        externals: Mapping[str, Any],
        workers: Workers,
    ) -> None:
        points, threads = math.prod(domain), workers.number
        self.stencils, self._workers = stencils, workers
        self._order: Literal["F", "C"] = "F" if build.layout == "i-first" else "C"
        self._row = min(build.row, lanes(points))
        rows = max(1, min(max(ROWS // threads, THREAD_ROWS), points // SHARE // self._row // threads))
        whole, part = ((self._row, threads, number) for number in (rows, max(1, rows // PARTS)))
        self._whole, self._part, self._size = whole, part, math.prod(whole)
        self._buffers = Buffers(FIELDS, self._size, build.dtype, workers)
        self._tables = table_arguments(whole, build)
        self._kind = aligned_zeros((min(CHUNK, points),), build.dtype)
        self._find = build.stencil(activity, externals)
        self.read = {kind: _accessed(stencil, "READ") for kind, stencil in stencils.items()}
        self.written = {kind: _accessed(stencil, "WRITE") for kind, stencil in stencils.items()}

    def run(self, arguments: Mapping[str, Any]) -> None:
        """Advance the fields in place; the arguments are those of the stencils, and may be more."""
        fields = {name: arguments[name] for name in FIELDS}
        scalars = {name: arguments[name] for name in SCALARS}
        with_layout(partial(self._take, scalars), fields, _OUTPUTS, self._order)

    def _take(self, scalars: Mapping[str, Any], state: Mapping[str, NDArray[Any]], layout: Layout) -> None:
        memory = {name: layout.flat(state[name]) for name in FIELDS}
        waiting = dict.fromkeys(self.stencils, np.empty(0, np.intp))
        for begin in range(0, memory["tht"].size, CHUNK):
            kinds = self._kinds({name: values[begin : begin + CHUNK] for name, values in memory.items()})
            for kind in self.stencils:
                points = np.concatenate([waiting[kind], begin + np.flatnonzero(kinds == KINDS[kind])])
                full = points.size // self._size * self._size
                self._advance(kind, points[:full], self._whole, memory, layout, scalars)
                waiting[kind] = points[full:]
        for kind, points in waiting.items():
            self._advance(kind, points, self._part, memory, layout, scalars)

    def _kinds(self, chunk: Mapping[str, NDArray[Any]]) -> NDArray[np.int8]:
        kinds = self._kind[: chunk["tht"].size]
        fields = {name: chunk[name] for name in (*_STATE, "evap3d")} | {"kind": kinds}
        find = freeze(self._find, dict.fromkeys(fields, (0, 0, 0)), (kinds.size, 1, 1))
        find(**{name: values.reshape(-1, 1, 1) for name, values in fields.items()})
        return kinds.astype(np.int8)

    def _advance(
        self,
        kind: str,
        points: NDArray[np.intp],
        shape: Shape,
        memory: Mapping[str, NDArray[Any]],
        layout: Layout,
        scalars: Mapping[str, Any],
    ) -> None:
        """Advance points of a kind, packed into ``shape``: few shapes, since GridTools keeps temporaries for each."""
        if not points.size:
            return
        size = math.prod(shape)
        read, written = self.read[kind], self.written[kind]
        stencil = freeze(self.stencils[kind], _ORIGIN, shape)
        buffers = self._buffers.fields(layout, shape)
        for first in range(0, points.size, size):
            packed = filled(points[first : first + size], size)
            self._buffers.gather(memory, read, packed)
            stencil(**buffers, **self._tables, **scalars)
            self._buffers.scatter(memory, written, packed)


def _accessed(stencil: Any, access: Literal["READ", "WRITE"]) -> tuple[str, ...]:  # noqa: ANN401
    """Names of the fields of a stencil that it reads, or writes."""
    info = stencil.field_info
    return tuple(name for name in FIELDS if name in info and access in info[name].access.name)
