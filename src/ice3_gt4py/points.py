"""The microphysics at the points that have something to do, packed by their kind (PHYEX: ICE4_PACK)."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.packing import Layout
    from ice3_gt4py.threads import Threads
    from ice3_probe.contract import Shape

CHUNK = 2**16
"""Points that a thread looks through at a time: what is known of them takes little memory beside the fields."""
SHARE = 48
"""About one of so many points is packed at a time, or a row of them, so that the buffers are small, too."""
ROWS = 24
"""Most rows of a buffer: enough that a call costs little beside its points."""
PARTS = 4
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


@dataclass(frozen=True)
class _Call:
    """What a call is about: the memory of its fields and how they lie in it, and its scalars."""

    memory: Mapping[str, NDArray[Any]]
    layout: Layout
    scalars: Mapping[str, Any]


@dataclass(frozen=True)
class _Workspace:
    """Memory of a thread: packed points, and the kinds of a chunk."""

    buffers: Buffers
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
        Each takes chunk after chunk of the points, and packs those of each kind.

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
        threads: Threads,
    ) -> None:
        points = math.prod(domain)
        self.stencils, self._threads = stencils, threads
        self._order: Literal["F", "C"] = "F" if build.layout == "i-first" else "C"
        self._row = min(build.row, lanes(points))
        rows = max(1, min(ROWS, points // SHARE // self._row // threads.number))
        whole, part = ((self._row, 1, number) for number in (rows, max(1, rows // PARTS)))
        self._whole, self._part, self._size = whole, part, math.prod(whole)
        self._workspaces = [
            _Workspace(Buffers(FIELDS, self._size, build.dtype), aligned_zeros((min(CHUNK, points),), build.dtype))
            for _ in range(threads.number)
        ]
        self._tables = table_arguments(whole, build)
        self._find = build.stencil(activity, externals)
        self.read = {kind: _accessed(stencil, "READ") for kind, stencil in stencils.items()}
        self.written = {kind: _accessed(stencil, "WRITE") for kind, stencil in stencils.items()}

    def run(self, arguments: Mapping[str, Any]) -> None:
        """Advance the fields in place; the arguments are those of the stencils, and may be more."""
        fields = {name: arguments[name] for name in FIELDS}
        scalars = {name: arguments[name] for name in SCALARS}
        with_layout(partial(self._take, scalars), fields, _OUTPUTS, self._order)

    def _take(self, scalars: Mapping[str, Any], state: Mapping[str, NDArray[Any]], layout: Layout) -> None:
        call = _Call({name: layout.flat(state[name]) for name in FIELDS}, layout, scalars)
        self._threads.share(partial(self._take_chunks, call), range(0, call.memory["tht"].size, CHUNK))

    def _take_chunks(self, call: _Call, thread: int, chunks: Iterator[int]) -> None:
        workspace = self._workspaces[thread]
        waiting = dict.fromkeys(self.stencils, np.empty(0, np.intp))
        for begin in chunks:
            kinds = self._kinds(
                {name: values[begin : begin + CHUNK] for name, values in call.memory.items()}, workspace
            )
            for kind in self.stencils:
                points = np.concatenate([waiting[kind], begin + np.flatnonzero(kinds == KINDS[kind])])
                full = points.size // self._size * self._size
                self._advance(kind, points[:full], self._whole, call, workspace)
                waiting[kind] = points[full:]
        for kind, points in waiting.items():
            self._advance(kind, points, self._part, call, workspace)

    def _kinds(self, chunk: Mapping[str, NDArray[Any]], workspace: _Workspace) -> NDArray[np.int8]:
        kinds = workspace.kinds[: chunk["tht"].size]
        fields = {name: chunk[name] for name in (*_STATE, "evap3d")} | {"kind": kinds}
        find = freeze(self._find, dict.fromkeys(fields, (0, 0, 0)), (kinds.size, 1, 1))
        find(**{name: values.reshape(-1, 1, 1) for name, values in fields.items()})
        return kinds.astype(np.int8)

    def _advance(self, kind: str, points: NDArray[np.intp], shape: Shape, call: _Call, workspace: _Workspace) -> None:
        """Advance points of a kind, packed into ``shape``: few shapes, since GridTools keeps temporaries for each."""
        if not points.size:
            return
        size, buffers = math.prod(shape), workspace.buffers
        stencil = freeze(self.stencils[kind], _ORIGIN, shape)
        fields = buffers.fields(call.layout, shape)
        for first in range(0, points.size, size):
            packed = filled(points[first : first + size], size)
            buffers.gather(call.memory, self.read[kind], packed)
            stencil(**fields, **self._tables, **call.scalars)
            buffers.scatter(call.memory, self.written[kind], packed)


def _accessed(stencil: Any, access: Literal["READ", "WRITE"]) -> tuple[str, ...]:  # noqa: ANN401
    """Names of the fields of a stencil that it reads, or writes."""
    info = stencil.field_info
    return tuple(name for name in FIELDS if name in info and access in info[name].access.name)
