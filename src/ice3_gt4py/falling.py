"""How the species of RainIce fall, each in the columns that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ice3_gt4py import constants
from ice3_gt4py.compilation import freeze
from ice3_gt4py.packing import Buffers, filled, lanes, with_layout
from ice3_gt4py.parameters import SMALLEST, Parameters
from ice3_gt4py.stencils.sedimentation import fall_by_power_law, fall_of_droplets, fall_of_ice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.packing import Layout
    from ice3_probe.contract import RainIceOptions, Shape

RATES = ("inprc", "inprr", "inprs", "inprg")
"""Rates at the ground."""
COLUMNS = 1024
"""Columns that are packed together: in memory, the points of a level then follow each other for long."""
SHARE = 8
"""At most one of so many columns is packed at a time, so that the buffers are small beside the fields."""
_SMALLEST_ICE = 1.0e-7
"""Smallest mixing ratio of cloud ice that falls."""
_MARGIN = 0.999
"""Levels are chosen by contents a little below the smallest one that falls, so that rounding does not matter."""
_COLUMN = ("rhodref", "dzz")
_SOURCES = {"rcs", "rrs", "ris", "rss", "rgs"}


@dataclass(frozen=True)
class _Species:
    """What falls: its source, rate at the ground, fluxes, the smallest content that does, and how it is computed.

    ``inputs`` and ``surface`` are fields (i, j, k) and (i, j) that only its stencil needs.
    """

    source: str
    rate: str
    fpr: str
    smallest: float
    stencil: Any
    law: Mapping[str, Any]
    inputs: tuple[str, ...] = ()
    surface: tuple[str, ...] = ()


class Falling:
    """The sedimentation on packed columns: a stencil for each kind of fall speed, each species where it is, and below.

    Parameters
    ----------
    fluxes
        Whether those through the bottom of every layer are written, too.
    """

    def __init__(
        self, domain: Shape, build: Build, options: RainIceOptions, externals: Mapping[str, Any], *, fluxes: bool
    ) -> None:
        self._scalar, self._fluxes = build.dtype.type, fluxes
        self._order: Literal["F", "C"] = "F" if build.layout == "i-first" else "C"
        power_law = build.stencil(fall_by_power_law, externals)
        rain, snow, graupel = (
            _Species(f"r{x}s", f"inpr{x}", f"fpr_{x}", SMALLEST[x], power_law, _law(x, build)) for x in "rsg"
        )
        ice = _Species("ris", "inprs", "fpr_i", _SMALLEST_ICE, build.stencil(fall_of_ice, externals), {})
        self._species = [rain, ice, snow, graupel]
        if options.LSEDIC:
            stencil = build.stencil(fall_of_droplets, externals)
            droplets = _Species("rcs", "inprc", "fpr_c", SMALLEST["c"], stencil, {}, ("pabs", "tht"), ("sea", "town"))
            self._species.append(droplets)
        self._row = lanes(min(COLUMNS, -(-domain[0] * domain[1] // SHARE)))
        names = {"source", "fpr"} if fluxes else {"source"}
        names = names.union(_COLUMN, *(species.inputs for species in self._species))
        self._buffers = Buffers(sorted(names), self._row * domain[2], build.dtype)
        self._surface = {name: np.zeros((self._row, 1), build.dtype) for name in ("flux", "sea", "town")}

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Let the species of ``state`` fall for ``timestep`` seconds."""
        changed = [*RATES, *(species.source for species in self._species)]
        changed += [f"fpr_{x}" for x in "crisg"] if self._fluxes else []
        inputs = {name for species in self._species for name in (*_COLUMN, *species.inputs, *species.surface)}
        fields = {name: state[name] for name in (*changed, *sorted(inputs))}
        for name in changed:
            if name not in _SOURCES:
                fields[name][...] = 0.0
        with_layout(partial(self._fall, timestep), fields, changed, self._order)
        for name in RATES:
            state[name][...] *= self._scalar(1.0 / constants.RHOLW)

    def _fall(self, timestep: float, fields: Mapping[str, NDArray[Any]], layout: Layout) -> None:
        times = {"tstep": self._scalar(timestep), "over_tstep": self._scalar(1.0 / timestep)}
        for species in self._species:
            own = {"source": species.source, "fpr": species.fpr}
            names = (*_COLUMN, *species.inputs, *(own if self._fluxes else ("source",)))
            memory = {name: layout.flat(fields[own.get(name, name)]) for name in names}
            holds = fields[species.source] > self._scalar(_MARGIN * species.smallest / timestep)
            for i, j, first in _packs(holds, self._row):
                flux = self._sweep(species, memory, fields, layout, i, j, first, times)
                fields[species.rate][i, j] += flux[: i.size]

    def _sweep(
        self,
        species: _Species,
        memory: Mapping[str, NDArray[Any]],
        fields: Mapping[str, NDArray[Any]],
        layout: Layout,
        i: NDArray[np.intp],
        j: NDArray[np.intp],
        first: int,
        times: Mapping[str, Any],
    ) -> NDArray[Any]:
        """Let a species fall in columns (i, j) from level ``first`` on; return its flux at the ground (kg m-2 s-1)."""
        size, levels = lanes(i.size), fields[species.source].shape[2] - first
        i, j = filled(i, size), filled(j, size)
        points = layout.columns(i, j, first)
        self._buffers.gather(memory, (*_COLUMN, *species.inputs, "source"), points)
        for name in species.surface:
            self._surface[name][:size, 0] = fields[name][i, j]
        surface = {name: self._surface[name][:size] for name in ("flux", *species.surface)}
        columns = self._buffers.fields(layout, (size, 1, levels))
        origin: dict[str, tuple[int, ...]] = dict.fromkeys((*columns, "fpr"), (0, 0, 0)) | dict.fromkeys(
            surface, (0, 0)
        )
        sweep = freeze(species.stencil, origin, (size, 1, levels))
        sweep(**{"fpr": None, **columns}, **surface, **species.law, **times)
        self._buffers.scatter(memory, ("source", "fpr") if self._fluxes else ("source",), points)
        return surface["flux"][:, 0]


def _law(species: str, build: Build) -> dict[str, Any]:
    """Return the fall speed of rain, snow or graupel: v = coefficient content^(exponent - 1) rho^(exponent - 1.4)."""
    parameters = Parameters()
    name = species.upper()
    values = {
        "coefficient": getattr(parameters, f"FSED{name}"),
        "exponent": getattr(parameters, f"EXSED{name}"),
        "smallest": SMALLEST[species],
    }
    return {key: build.dtype.type(value) for key, value in values.items()}


def _packs(holds: NDArray[np.bool_], size: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], int]]:
    """Yield columns (i, j) that hold something, and the highest level of them that does."""
    j, i = np.nonzero(np.transpose(holds.any(axis=2)))  # in the order of memory, if i is first
    for begin in range(0, i.size, size):
        chosen = i[begin : begin + size], j[begin : begin + size]
        yield *chosen, int(np.flatnonzero(holds[chosen].any(axis=0))[0])
