"""How the species of RainIce fall: each below the highest level that holds it, or all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py import constants
from ice3_gt4py.compilation import freeze
from ice3_gt4py.parameters import SMALLEST, Parameters
from ice3_gt4py.stencils.sedimentation import fall_by_power_law, fall_of_droplets, fall_of_ice, sedimentation
from ice3_gt4py.storages import is_one_row
from ice3_probe.contract import SEDIMENTATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import RainIceOptions, Shape

RATES = ("inprc", "inprr", "inprs", "inprg")
"""Rates at the ground."""
SLAB = 256
"""Columns that a species falls in at a time: fewer have more levels without it, more cost fewer calls."""
_SMALLEST_ICE = 1.0e-7
"""Smallest mixing ratio of cloud ice that falls."""
_MARGIN = 0.999
"""Levels are chosen by contents a little below the smallest one that falls, so that rounding does not matter."""
_FLAT = {"flux", "sea", "town"}
"""Fields (i, j) of the stencils."""


def sedimentation_of(
    domain: Shape, build: Build, options: RainIceOptions, externals: Mapping[str, Any], *, fluxes: bool
) -> FallingTogether | FallingAlone:
    """Build the sedimentation in the form that suits the device; ``fluxes`` are those through every layer."""
    form = FallingTogether if build.on_device else FallingAlone
    return form(domain, build, options, externals, fluxes=fluxes)


class FallingTogether:
    """One stencil for all species on the whole domain: few kernels, for a GPU."""

    def __init__(
        self, domain: Shape, build: Build, _options: RainIceOptions, externals: Mapping[str, Any], *, fluxes: bool
    ) -> None:
        from gt4py import storage  # noqa: PLC0415 (importing GT4Py takes seconds)

        self._scalar = build.dtype.type
        self._flux_i = storage.zeros(domain[:2], dtype=build.dtype, backend=build.backend, dimensions=("I", "J"))
        names = [field.name for field in SEDIMENTATION]
        self._names = [name for name in names if fluxes or not name.startswith("fpr_")]
        self._absent = dict.fromkeys(name for name in names if name not in self._names)
        origin = {field.name: (0,) * len(field.dims) for field in SEDIMENTATION} | {"flux_i": (0, 0)}
        self._run = freeze(build.stencil(sedimentation, externals), origin, domain)

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Let the species of ``state`` fall for ``timestep`` seconds."""
        times = {"tstep": self._scalar(timestep), "over_tstep": self._scalar(1.0 / timestep)}
        self._run(**{name: state[name] for name in self._names}, **self._absent, flux_i=self._flux_i, **times)


@dataclass(frozen=True)
class _Species:
    """What falls: its source, rate at the ground, fluxes, the smallest content that does, and how it is computed."""

    source: str
    rate: str
    fpr: str
    smallest: float
    stencil: Any
    law: Mapping[str, Any]
    surroundings: tuple[str, ...] = ("rhodref", "dzz")


class FallingAlone:
    """A stencil for each kind of fall speed, on slabs of columns, below the highest level that holds the species."""

    def __init__(
        self, domain: Shape, build: Build, options: RainIceOptions, externals: Mapping[str, Any], *, fluxes: bool
    ) -> None:
        self._scalar, self._fluxes = build.dtype.type, fluxes
        self._rows = build.layout == "i-first"
        power_law = build.stencil(fall_by_power_law, externals)
        rain, snow, graupel = (
            _Species(f"r{x}s", f"inpr{x}", f"fpr_{x}", SMALLEST[x], power_law, _law(x, build)) for x in "rsg"
        )
        ice = _Species("ris", "inpri", "fpr_i", _SMALLEST_ICE, build.stencil(fall_of_ice, externals), {})
        self._species = [rain, ice, snow, graupel]
        if options.LSEDIC:
            stencil = build.stencil(fall_of_droplets, externals)
            needed = ("rhodref", "dzz", "pabs", "tht", "sea", "town")
            self._species.append(_Species("rcs", "inprc", "fpr_c", SMALLEST["c"], stencil, {}, needed))
        self._inpri = np.zeros(domain[:2], build.dtype, order="F" if self._rows else "C")

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Let the species of ``state`` fall for ``timestep`` seconds."""
        used = {name for species in self._species for name in (species.source, species.rate, *species.surroundings)}
        fields = {name: array for name, array in {**state, "inpri": self._inpri}.items() if name in used}
        fields["inprc"] = state["inprc"]
        if self._fluxes:
            fields |= {species.fpr: state[species.fpr] for species in self._species}
            state["fpr_c"][...] = 0.0
        if self._rows and is_one_row(fields.values()):
            fields = {name: _one_row(field) for name, field in fields.items()}
        for name in (*RATES, "inpri"):
            fields[name][...] = 0.0
        for slab in _slabs(fields["dzz"].shape):
            for species in self._species:
                self._fall(species, {name: field[slab] for name, field in fields.items()}, timestep)
        fields["inprs"] += fields["inpri"]
        for name in RATES:
            fields[name] *= self._scalar(1.0 / constants.RHOLW)

    def _fall(self, species: _Species, fields: Mapping[str, Any], timestep: float) -> None:
        source = fields[species.source]
        if self._fluxes:
            fields[species.fpr][...] = 0.0
        holding = np.flatnonzero((source > self._scalar(_MARGIN * species.smallest / timestep)).any(axis=(0, 1)))
        if holding.size == 0:
            return
        first = int(holding[0])
        arguments = {name: fields[name] for name in species.surroundings}
        arguments |= {"source": source, "flux": fields[species.rate], "fpr": fields.get(species.fpr)}
        origin = {name: (0, 0) if name in _FLAT else (0, 0, first) for name in arguments}
        times = {"tstep": self._scalar(timestep), "over_tstep": self._scalar(1.0 / timestep)}
        shape = (*source.shape[:2], source.shape[2] - first)
        freeze(species.stencil, origin, shape)(**arguments, **species.law, **times)


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


def _one_row(field: Any) -> Any:  # noqa: ANN401
    """View the horizontal plane of a field (i, j[, k]) as one row."""
    return field.reshape((-1, 1, *field.shape[2:]), order="F")


def _slabs(domain: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Cut the horizontal plane into slabs of about SLAB columns: parts of the one row, or some rows."""
    i, j = domain[:2]
    if j == 1:
        for first in range(0, i, SLAB):
            yield slice(first, first + SLAB), slice(None)
    else:
        rows = max(1, SLAB // i)
        for first in range(0, j, rows):
            yield slice(None), slice(first, first + rows)
