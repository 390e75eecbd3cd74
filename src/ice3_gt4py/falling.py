"""The sedimentation on packed columns: those in which something falls, from the highest level of it on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ice3_gt4py.compilation import freeze
from ice3_gt4py.packing import Buffers, filled, lanes, with_layout
from ice3_gt4py.parameters import SMALLEST
from ice3_gt4py.stencils.sedimentation import sedimentation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.packing import Layout
    from ice3_probe.contract import RainIceOptions, Shape

    Columns = tuple[NDArray[np.intp], NDArray[np.intp]]

COLUMNS = 1024
"""Columns that are packed together: in memory, the points of a level then follow each other for long."""
SHARE = 32
"""At most one of so many columns is packed at a time, so that the buffers are small beside the fields."""
_MARGIN = 0.999
"""Columns are chosen by contents a little below the smallest one that falls, so that rounding does not matter."""
TIMES = ("tstep", "over_tstep")
"""Scalars of the stencils."""
_SURROUNDINGS = ("rhodref", "pabs", "dzz", "tht")
_SOURCES = ("rcs", "rrs", "ris", "rss", "rgs")
_FLUXES = ("fpr_c", "fpr_r", "fpr_i", "fpr_s", "fpr_g")
_GROUND = ("sea", "town")
_RATES = ("inprc", "inprr", "inprs", "inprg")
_FLAT = (*_GROUND, *_RATES, "flux_i")


class Falling:
    """The sedimentation, built once for a domain and called with fields.

    Parameters
    ----------
    externals
        Externals of the stencil.
    fluxes
        Whether those through the bottom of every layer are written, too.
    """

    def __init__(
        self, domain: Shape, build: Build, options: RainIceOptions, externals: Mapping[str, Any], *, fluxes: bool
    ) -> None:
        self._scalar = build.dtype.type
        self._order: Literal["F", "C"] = "F" if build.layout == "i-first" else "C"
        self._stencil = build.stencil(sedimentation, {**externals, "FLUXES": fluxes})
        self._falls = _SOURCES if options.LSEDIC else _SOURCES[1:]
        self._changed = (*_SOURCES, *_FLUXES) if fluxes else _SOURCES
        self._absent = dict.fromkeys(() if fluxes else _FLUXES)
        self._row = lanes(min(COLUMNS, -(-domain[0] * domain[1] // SHARE)))
        self._buffers = Buffers((*_SURROUNDINGS, *self._changed), self._row * domain[2], build.dtype)
        self._flat = {name: np.zeros((self._row, 1), build.dtype) for name in _FLAT}

    def run(self, arguments: Mapping[str, Any]) -> None:
        """Let the species fall for a time step; the arguments are those of the stencil, and may be more."""
        for name in (*_RATES, *self._changed[len(_SOURCES) :]):
            arguments[name][...] = 0.0
        fields = {name: arguments[name] for name in (*_SURROUNDINGS, *self._changed, *_GROUND, *_RATES)}
        times = {name: arguments[name] for name in TIMES}
        with_layout(partial(self._fall, times), fields, (*self._changed, *_RATES), self._order)

    def _fall(self, times: Mapping[str, Any], fields: Mapping[str, NDArray[Any]], layout: Layout) -> None:
        timestep = float(times["tstep"])
        memory = {name: layout.flat(fields[name]) for name in (*_SURROUNDINGS, *self._changed)}
        holds = np.zeros_like(fields["rrs"], dtype=bool)
        for name in self._falls:
            source = fields[name]
            holds |= source > self._scalar(_MARGIN * SMALLEST[name[1]] / timestep)
            if source.min() < 0.0:  # what is missing falls, too, as in the reference
                holds |= source < 0.0
        for columns, first in _packs(holds, self._row):
            self._sweep(columns, first, fields, memory, layout, times)

    def _sweep(
        self,
        columns: Columns,
        first: int,
        fields: Mapping[str, NDArray[Any]],
        memory: Mapping[str, NDArray[Any]],
        layout: Layout,
        times: Mapping[str, Any],
    ) -> None:
        """Let everything fall in some columns, from level ``first`` on."""
        number, levels = columns[0].size, fields["rrs"].shape[2] - first
        i, j = (filled(axis, lanes(number)) for axis in columns)
        points, shape = layout.columns(i, j, first), (i.size, 1, levels)
        self._buffers.gather(memory, (*_SURROUNDINGS, *_SOURCES), points)
        flat = {name: values[: i.size] for name, values in self._flat.items()}
        for name in _GROUND:
            flat[name][:, 0] = fields[name][i, j]
        packed = self._buffers.fields(layout, shape)
        origin: dict[str, tuple[int, ...]] = dict.fromkeys((*packed, *_FLUXES), (0, 0, 0)) | dict.fromkeys(flat, (0, 0))
        freeze(self._stencil, origin, shape)(**packed, **self._absent, **flat, **times)
        self._buffers.scatter(memory, self._changed, points)
        for name in _RATES:
            fields[name][columns] = flat[name][:number, 0]


def _packs(holds: NDArray[np.bool_], size: int) -> Iterator[tuple[Columns, int]]:
    """Yield columns (i, j) that hold something, and the highest level of them that does."""
    j, i = np.nonzero(np.transpose(holds.any(axis=2)))  # in the order of memory, if i is first
    for begin in range(0, i.size, size):
        chosen = i[begin : begin + size], j[begin : begin + size]
        yield chosen, int(np.flatnonzero(holds[chosen].any(axis=0))[0])
