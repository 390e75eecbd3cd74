"""The sedimentation on the columns in which something falls, packed if they are few, from their highest level on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py.compilation import freeze
from ice3_gt4py.copies import copies_for
from ice3_gt4py.packing import Buffers, filled, lanes
from ice3_gt4py.parameters import FALLING
from ice3_gt4py.stencils.sedimentation import sedimentation
from ice3_gt4py.threads import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.packing import Layout
    from ice3_probe.contract import RainIceOptions, Shape

COLUMNS = 1024
"""Columns that are packed together: in memory, the points of a level then follow each other for long."""
SHARE = 32
"""At most one of so many columns is packed at a time, so that the buffers are small beside the fields."""
CHUNK = 2**16
"""About so many points of some levels are looked through at a time, enough that a call costs little beside them."""
DENSE = 0.5
"""Where so many of neighbouring columns hold something, all of them are computed where they are."""
_MARGIN = 0.999
"""Columns are chosen by contents a little below the smallest one that falls, so that rounding does not matter."""
TIMES = ("tstep", "over_tstep")
"""Scalars of the stencils."""
_SURROUNDINGS = ("rhodref", "pabs", "dzz", "tht")
_SOURCES = ("rcs", "rrs", "ris", "rss", "rgs")
_FLUXES = ("fpr_c", "fpr_r", "fpr_i", "fpr_s", "fpr_g")
_GROUND = ("sea", "town")
_RATES = ("inprc", "inprr", "inprs", "inprg")
_ORIGIN: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((*_SURROUNDINGS, *_SOURCES, *_FLUXES), (0, 0, 0)),
    **dict.fromkeys((*_GROUND, *_RATES, "flux_i"), (0, 0)),
}


@dataclass(frozen=True)
class _Call:
    """What a call is about: its fields in several views, how they lie in memory, the times."""

    memory: Mapping[str, NDArray[Any]]
    rows: Mapping[str, NDArray[Any]]
    surface: Mapping[str, NDArray[Any]]
    layout: Layout
    times: Mapping[str, Any]


@dataclass(frozen=True)
class _Workspace:
    """Memory of a thread: packed columns, the flux of crystals through a level, and where it found what falls."""

    buffers: Buffers
    flux_i: NDArray[Any]
    highest: NDArray[np.intp]


class Falling:
    """The sedimentation, built once for a domain and called with fields.

    Parameters
    ----------
    externals
        Externals of the stencil.
    threads
        How many take one block of neighbouring columns after another.
    fluxes
        Whether those through the bottom of every layer are written, too.

    Attributes
    ----------
    fields, changed
        Names of the fields that it needs, and of those that it changes.
    """

    def __init__(
        self,
        domain: Shape,
        build: Build,
        options: RainIceOptions,
        externals: Mapping[str, Any],
        threads: int,
        *,
        fluxes: bool,
    ) -> None:
        self._copies = copies_for(build)
        stencil = build.stencil(sedimentation, {**externals, "FLUXES": fluxes})
        self._stencil = cache(partial(freeze, stencil, _ORIGIN))
        self._falls = _SOURCES if options.LSEDIC else _SOURCES[1:]
        self._fluxes = _FLUXES if fluxes else ()
        self._copied_back = (*_SOURCES, *self._fluxes)
        self.changed = (*self._copied_back, *_RATES)
        self.fields = (*_SURROUNDINGS, *_GROUND, *self.changed)
        self._absent = dict.fromkeys(() if fluxes else _FLUXES)
        self._columns, self._levels = domain[0] * domain[1], domain[2]
        self._several = max(1, CHUNK // self._columns)
        self._row = lanes(min(COLUMNS, -(-self._columns // (SHARE * threads))))
        self._workspaces = [self._workspace(build.dtype) for _ in range(threads)]

    def _workspace(self, dtype: np.dtype[Any]) -> _Workspace:
        buffers = Buffers((*_SURROUNDINGS, *self._copied_back), self._row * self._levels, dtype)
        return _Workspace(buffers, np.zeros((self._row, 1), dtype), np.empty(self._columns, np.intp))

    def steps(
        self, arguments: Mapping[str, Any], fields: Mapping[str, NDArray[Any]], layout: Layout
    ) -> tuple[Step[int], ...]:
        """Return the steps that let the species fall in ``fields`` for a time step."""
        for name in (*_RATES, *self._fluxes):
            fields[name][...] = 0.0
        memory = {name: layout.flat(fields[name]) for name in (*_SURROUNDINGS, *self._copied_back)}
        rows = {name: layout.row(values) for name, values in memory.items()}
        surface = {name: layout.surface(fields[name]) for name in (*_GROUND, *_RATES)}
        call = _Call(memory, rows, surface, layout, {name: arguments[name] for name in TIMES})
        return (
            Step(partial(self._look, call), range(0, self._levels, self._several)),
            Step(partial(self._fall, call), range(0, self._columns, self._row)),
        )

    def _look(self, call: _Call, thread: int, levels: Iterator[int]) -> None:
        """Find the highest level at which something falls; what is negative falls, too, as in the reference."""
        fields = [call.rows[name][:, 0, :] for name in self._falls]
        limits = [_MARGIN * FALLING[name[1]] / float(call.times["tstep"]) for name in self._falls]
        highest = self._workspaces[thread].highest
        highest[:] = self._levels
        for first in levels:
            self._copies.highest(fields, limits, first, min(first + self._several, self._levels), highest)

    def _highest(self, columns: slice | NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the highest level at which something falls in columns; the number of levels where nothing does."""
        highest: NDArray[np.intp] = np.min([workspace.highest[columns] for workspace in self._workspaces], axis=0)
        return highest

    def _fall(self, call: _Call, thread: int, blocks: Iterator[int]) -> None:
        """Take blocks of neighbouring columns: where they are, or those that hold something, packed."""
        workspace, waiting = self._workspaces[thread], np.empty(0, np.intp)
        for begin in blocks:
            columns = slice(begin, begin + self._row)
            highest = self._highest(columns)
            some = np.flatnonzero(highest < self._levels)
            if some.size >= DENSE * highest.size:
                first = int(highest.min())
                chosen = {name: values[columns, :, first:] for name, values in call.rows.items()}
                chosen |= {name: values[columns] for name, values in call.surface.items()}
                self._sweep(chosen, call.times, workspace)
                continue
            waiting = np.concatenate([waiting, begin + some])
            if waiting.size >= self._row:
                self._pack(waiting[: self._row], call, workspace)
                waiting = waiting[self._row :]
        if waiting.size:
            self._pack(waiting, call, workspace)

    def _pack(self, columns: NDArray[np.intp], call: _Call, workspace: _Workspace) -> None:
        """Copy columns side by side, let everything fall there, and copy them back."""
        number, first = columns.size, int(self._highest(columns).min())
        columns = filled(columns, lanes(number))
        points, shape = call.layout.columns(columns, first), (columns.size, 1, self._levels - first)
        self._copies.gather(*self._copied((*_SURROUNDINGS, *_SOURCES), call, workspace), points, 0)
        packed = {name: values[columns] for name, values in call.surface.items()}
        self._sweep(workspace.buffers.fields(call.layout, shape) | packed, call.times, workspace)
        self._copies.scatter(*self._copied(self._copied_back, call, workspace), points, 0)
        for name in _RATES:
            call.surface[name][columns] = packed[name]

    def _copied(self, names: tuple[str, ...], call: _Call, workspace: _Workspace) -> tuple[list[Any], list[Any]]:
        """Return the memory of fields, and of their buffers."""
        return [call.memory[name] for name in names], workspace.buffers.of(names)

    def _sweep(self, fields: Mapping[str, NDArray[Any]], times: Mapping[str, Any], workspace: _Workspace) -> None:
        """Let everything fall in fields (column, 1, k) and (column, 1)."""
        shape = fields["rrs"].shape
        self._stencil(shape)(**fields, **self._absent, flux_i=workspace.flux_i[: shape[0]], **times)
