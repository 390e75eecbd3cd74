"""The microphysics at the points that have something to do, packed by their kind (PHYEX: ICE4_PACK)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ice3_gt4py.compilation import freeze
from ice3_gt4py.copies import copies_for
from ice3_gt4py.externals import KINDS
from ice3_gt4py.falling import TIMES
from ice3_gt4py.lookup import table_arguments
from ice3_gt4py.packing import Buffers, lanes
from ice3_gt4py.stencils.activity import activity
from ice3_gt4py.storages import aligned_zeros
from ice3_gt4py.threads import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.copies import Points
    from ice3_gt4py.packing import Layout
    from ice3_probe.contract import Shape

CHUNK = 2**17
"""Bytes of a field that a thread looks through before it packs what it found, so that this is still in cache."""
LEAST_CHUNKS = 4
"""Chunks for each of several threads, so that all have work; they are then smaller."""
SHARE = 48
"""About one of so many points is packed at a time, or a row of them, so that the buffers are small, too."""
ROWS = 24
"""Most rows of a buffer: enough that a call costs little beside its points."""
THREAD_ROWS = 16
"""Most rows of a buffer if there is one for each of several threads."""
PARTS = 4
"""What is left of the points in the end is computed in parts of the buffers, with so many times fewer rows."""
_STATE = (
    "exn", "rhodref", "pabs", "tht", "rvt", "rct", "rrt", "rit", "rst", "rgt", "sigs", "cit", "rvs", "rcs", "rrs",
    "ris", "rss", "rgs",
)  # fmt: skip
FIELDS = (*_STATE, "exnref", "ths", "evap3d")
SCALARS = (*TIMES, "interval_between", "evaluations")
"""Arguments of the stencils, besides the lookup tables; some need fewer."""
_ORIGIN: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((*FIELDS, "columns", "kind"), (0, 0, 0)),
    "level": (0,),
    "tables": (0,),
}


@dataclass(frozen=True)
class _Call:
    """What a call is about: the memory of its fields, what of it is copied for each kind, the layout, the scalars."""

    memory: Mapping[str, NDArray[Any]]
    read: list[list[NDArray[Any]]]
    written: list[list[NDArray[Any]]]
    layout: Layout
    scalars: Mapping[str, Any]


@dataclass(frozen=True)
class _Packed:
    """Points of a kind that are packed, and wait until the buffers are full: their places, and what is copied."""

    buffers: Buffers
    read: list[NDArray[Any]]
    written: list[NDArray[Any]]
    points: Points
    _views: dict[tuple[Any, ...], dict[str, NDArray[Any]]] = field(init=False, default_factory=dict)

    def fields(self, layout: Layout, shape: Shape, first: int) -> dict[str, NDArray[Any]]:
        """Return the buffers from place ``first`` on as fields of that shape; they are kept for later calls."""
        key = (layout.order, shape, first)
        if key not in self._views:
            self._views[key] = self.buffers.fields(layout, shape, first)
        return self._views[key]


@dataclass(frozen=True)
class _Workspace:
    """Memory of a thread: packed points of each kind, their numbers, and the kinds of a chunk (point, 1, 1)."""

    packed: list[_Packed]
    numbers: NDArray[np.intp]
    kinds: NDArray[Any]


class ActivePoints:
    """A stencil for each kind of points on those that have something to do, packed into rows of vectors.

    Parameters
    ----------
    stencils
        What computes a point, by the kind of the point.
    externals
        Externals of the stencils.
    threads
        How many take chunk after chunk of the points, and pack those of each kind.

    Attributes
    ----------
    fields, changed
        Names of the fields that they need, and of those that they change.
    read, written
        Fields that the stencil of a kind reads and writes: others are not copied.
    """

    fields = FIELDS
    changed = ("ths", "rvs", "rcs", "rrs", "ris", "rss", "rgs", "cit", "evap3d")

    def __init__(
        self,
        domain: Shape,
        build: Build,
        stencils: dict[str, Any],
        externals: Mapping[str, Any],
        threads: int,
    ) -> None:
        points = math.prod(domain)
        self.stencils = {kind: stencils[kind] for kind in KINDS if kind != "IDLE"}
        self._advances = [cache(partial(freeze, stencil, _ORIGIN)) for stencil in self.stencils.values()]
        self._copies = copies_for(build)
        self._row = min(build.row, lanes(points))
        most = ROWS if threads == 1 else THREAD_ROWS
        rows = max(1, min(most, points // SHARE // self._row // threads))
        of_part = max(1, rows // PARTS)
        self._whole, self._part = ((self._row, 1, number) for number in (rows // of_part * of_part, of_part))
        chunks = LEAST_CHUNKS * threads if threads > 1 else 1
        self._chunk = max(1, min(CHUNK // build.dtype.itemsize, points // chunks))
        self._tables = table_arguments(self._whole, build)
        self._find = cache(partial(freeze, build.stencil(activity, externals), _ORIGIN))
        self.read = {kind: _accessed(stencil, "READ") for kind, stencil in self.stencils.items()}
        self.written = {kind: _accessed(stencil, "WRITE") for kind, stencil in self.stencils.items()}
        self._rest = [
            (kind, packer, first)
            for kind in reversed(range(len(self.stencils)))  # mixed points, which take longest, before the others
            for packer in range(threads)
            for first in range(0, math.prod(self._whole), math.prod(self._part))
        ]
        self._workspaces = [self._workspace(build.dtype) for _ in range(threads)]

    def _workspace(self, dtype: np.dtype[Any]) -> _Workspace:
        size = math.prod(self._whole)
        packed = []
        for kind, stencil in self.stencils.items():
            buffers = Buffers([name for name in FIELDS if name in stencil.field_info], size, dtype)
            read, written = buffers.of(self.read[kind]), buffers.of(self.written[kind])
            packed.append(_Packed(buffers, read, written, np.empty(size, np.intp)))
        return _Workspace(packed, np.zeros(len(packed), np.intp), aligned_zeros((self._chunk, 1, 1), dtype))

    def steps(
        self, arguments: Mapping[str, Any], fields: Mapping[str, NDArray[Any]], layout: Layout
    ) -> tuple[Step[Any], ...]:
        """Return the steps that advance ``fields``; the arguments are those of the stencils, and may be more."""
        memory = {name: layout.flat(fields[name]) for name in FIELDS}
        read, written = (
            [[memory[name] for name in names] for names in of_kinds.values()] for of_kinds in (self.read, self.written)
        )
        call = _Call(memory, read, written, layout, {name: arguments[name] for name in SCALARS})
        return (
            Step(partial(self._take_chunks, call), range(0, memory["tht"].size, self._chunk)),
            Step(partial(self._take_rest, call), self._rest),
        )

    def _take_chunks(self, call: _Call, thread: int, chunks: Iterator[int]) -> None:
        """Pack the points of chunks, and advance those of a kind when its buffers are full."""
        workspace = self._workspaces[thread]
        workspace.numbers[:] = 0
        points, buffers = [one.points for one in workspace.packed], [one.read for one in workspace.packed]
        pack = self._copies.packer(points, workspace.numbers, call.read, buffers)
        state = {name: call.memory[name].reshape(-1, 1, 1) for name in (*_STATE, "evap3d")}
        for begin in chunks:
            chunk = {name: values[begin : begin + self._chunk] for name, values in state.items()}
            kinds = self._kinds(chunk, workspace)
            start = 0
            while start < kinds.size:
                start = pack(kinds, start, begin)
                for full in np.flatnonzero(workspace.numbers == math.prod(self._whole)):
                    self._advance(workspace.packed[full], int(full), self._whole, 0, call)
                    workspace.numbers[full] = 0
        for kind in range(len(self.stencils)):
            self._fill(kind, call, workspace)

    def _take_rest(self, call: _Call, thread: int, rest: Iterator[tuple[int, int, int]]) -> None:  # noqa: ARG002
        """Advance what is left in the buffers of all threads, part by part, so that they end at the same time."""
        for kind, packer, first in rest:
            workspace = self._workspaces[packer]
            if first < workspace.numbers[kind]:
                self._advance(workspace.packed[kind], kind, self._part, first, call)

    def _kinds(self, state: dict[str, NDArray[Any]], workspace: _Workspace) -> NDArray[Any]:
        """Give the points of a chunk, fields (point, 1, 1), their kinds."""
        kinds = workspace.kinds[: len(state["tht"])]
        self._find(kinds.shape)(**state, kind=kinds)
        return kinds[:, 0, 0]

    def _fill(self, kind: int, call: _Call, workspace: _Workspace) -> None:
        """Repeat the last point up to a whole part: it is then computed, and written, more than once."""
        packed, number, part = workspace.packed[kind], int(workspace.numbers[kind]), math.prod(self._part)
        missing = packed.points[number : -(-number // part) * part]
        missing[:] = packed.points[number - 1]
        self._copies.gather(call.read[kind], packed.read, missing, number)

    def _advance(self, packed: _Packed, kind: int, shape: Shape, first: int, call: _Call) -> None:
        """Advance points from place ``first`` on, in ``shape``; few shapes: GridTools keeps temporaries for each."""
        advance = self._advances[kind](shape)
        advance(**packed.fields(call.layout, shape, first), **self._tables, **call.scalars)
        points = packed.points[first : first + math.prod(shape)]
        self._copies.scatter(call.written[kind], packed.written, points, first)


def _accessed(stencil: Any, access: Literal["READ", "WRITE"]) -> tuple[str, ...]:  # noqa: ANN401
    """Names of the fields of a stencil that it reads, or writes."""
    info = stencil.field_info
    return tuple(name for name in FIELDS if name in info and access in info[name].access.name)
