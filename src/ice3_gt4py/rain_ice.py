"""RainIce: the mixed-phase microphysics ICE3 with six water species (PHYEX: RAIN_ICE)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ice3_gt4py import lookup, supported
from ice3_gt4py.compilation import freeze
from ice3_gt4py.externals import externals
from ice3_gt4py.falling import TIMES
from ice3_gt4py.lookup import table_arguments
from ice3_gt4py.packed import Packed, evaluates_again
from ice3_gt4py.points import FIELDS, SCALARS
from ice3_gt4py.slabs import Slabs
from ice3_gt4py.stencils.microphysics import microphysics
from ice3_gt4py.stencils.microphysics_by_point import microphysics_by_point
from ice3_gt4py.stencils.sedimentation import deposition, sedimentation
from ice3_gt4py.storages import check
from ice3_probe.contract import RAIN_ICE, SEDIMENTATION, RainIceOptions, active

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Field, Shape

FLUXES = tuple(field for field in RAIN_ICE if field.name.startswith("fpr_"))
"""Outputs that a model step does not need."""
FALLING = (*(field.name for field in SEDIMENTATION), "flux_i", *TIMES)
"""Arguments of the sedimentation."""
_DEPOSITED = {"rhodref": 3, "dzz": 3, "rct": 3, "rcs": 3, "inprc": 2, "indep": 2}
"""Fields of the deposition and their numbers of dimensions."""


def stencil_externals(options: RainIceOptions, build: Build) -> dict[str, Any]:
    """Constants and options of all stencils of RainIce: a part of it takes the same, and so shares their cache.

    Only the sedimentation takes more, ``FLUXES``, so that the others are compiled once for both.
    """
    return externals(options, build) | {
        "DROPLETS": options.LSEDIC,
        "VDEPOSC": options.XVDEPOSC,
        "LIMITED_TIME": options.XTSTEP_TS > 0.0,
        "LIMITED_CHANGE": options.XMRSTEP > 0.0,
        "XMRSTEP": options.XMRSTEP,
    }


def falling_arguments(domain: Shape, build: Build, *, fluxes: bool) -> dict[str, Any]:
    """Arguments of the sedimentation that are no fields of RainIce, and ``None`` for the fluxes if it lacks them."""
    from gt4py import storage  # noqa: PLC0415 (importing GT4Py takes seconds)

    flux_i = storage.zeros(domain[:2], dtype=build.dtype, backend=build.backend, dimensions=("I", "J"))
    return {"flux_i": flux_i, **({} if fluxes else dict.fromkeys(field.name for field in FLUXES))}


class RainIce:
    """The microphysics, built once for a domain and called with fields.

    Parameters
    ----------
    domain
        Points (i, j, k); level 0 is the model top.
    build
        Backend, precision and compiler arguments.
    options
        Values of PHYEX's options; those of its AROME test programs by default.
    fluxes
        Also write the precipitation fluxes through the bottom of every layer (``fpr_c`` ... ``fpr_g``).

    Attributes
    ----------
    fields
        The fields that a call reads and writes, with names, units, dimensions and intent.
    organisation
        How sedimentation and microphysics are applied: to packed columns and points, or to slab after slab of the
        domain.

    Raises
    ------
    Unsupported
        If an option has a value that is not implemented.
    CompilationError
        If a stencil does not compile.
    """

    name = "rain_ice"

    def __init__(
        self,
        domain: Shape,
        build: Build,
        options: RainIceOptions | None = None,
        *,
        fluxes: bool = False,
    ) -> None:
        self.domain, self.build = domain, build
        options = self._options = options or RainIceOptions()
        supported.require_supported(options, supported.RAIN_ICE)
        self.fields: tuple[Field, ...] = tuple(
            field for field in active(RAIN_ICE, asdict(options)) if fluxes or field not in FLUXES
        )
        constants = stencil_externals(options, build)
        self._any_layout = {field.name for field in self.fields} if build.packs else set()
        self._deposition = None
        if options.LDEPOSC:
            self._any_layout -= _DEPOSITED.keys()
            origin = {name: (0,) * dims for name, dims in _DEPOSITED.items()}
            self._deposition = freeze(build.stencil(deposition, constants), origin, domain)
        self.organisation: Packed | Slabs
        self._constants: dict[str, Any] = {}
        if build.packs:
            self.organisation = Packed(domain, build, options, constants, fluxes=fluxes)
            return
        self._constants = table_arguments(domain, build) | falling_arguments(domain, build, fluxes=fluxes)
        by_point = evaluates_again(options) or build.loops == "by-point"
        falling = build.stencil(sedimentation, {**constants, "FLUXES": fluxes})
        pointwise = build.stencil(microphysics_by_point if by_point else microphysics, constants)
        names = (*FIELDS, *lookup.ARGUMENTS, *SCALARS)
        self.organisation = Slabs([(falling, FALLING), (pointwise, names)], domain, build)

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Advance ``state`` in place over ``timestep`` seconds.

        Raises
        ------
        ValueError
            If a field is missing or has another shape, dtype or layout than the component was built for.
        """
        check(self.fields, state, self.domain, self.build, self._any_layout)
        scalar = self.build.dtype.type
        arguments = {**state, **self._constants, "tstep": scalar(timestep), "over_tstep": scalar(1.0 / timestep)}
        limit = self._options.XTSTEP_TS
        parts = max(1, int(timestep / limit)) if limit > 0.0 else 1
        arguments["interval_between"] = scalar(timestep / parts)
        arguments["evaluations"] = scalar(max(self._options.NMAXITER_MICRO, parts))
        self.organisation.run(arguments)
        if self._deposition is not None:
            self._deposition(**{name: state[name] for name in _DEPOSITED})
