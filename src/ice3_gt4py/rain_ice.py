"""RainIce: the mixed-phase microphysics ICE3 with six water species (PHYEX: RAIN_ICE)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ice3_gt4py import supported
from ice3_gt4py.compilation import freeze
from ice3_gt4py.externals import externals
from ice3_gt4py.falling import sedimentation_of
from ice3_gt4py.points import ActivePoints, EveryPoint
from ice3_gt4py.stencils.microphysics import microphysics
from ice3_gt4py.stencils.microphysics_by_point import microphysics_by_point
from ice3_gt4py.stencils.microphysics_of_clear_air import microphysics_of_clear_air
from ice3_gt4py.stencils.microphysics_of_ice import microphysics_of_ice
from ice3_gt4py.stencils.microphysics_of_liquid import microphysics_of_liquid
from ice3_gt4py.stencils.sedimentation import deposition
from ice3_gt4py.storages import check
from ice3_probe.contract import RAIN_ICE, RainIceOptions, active

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Field, Shape

FLUXES = tuple(field for field in RAIN_ICE if field.name.startswith("fpr_"))
"""Outputs that a model step does not need."""
_OF_KINDS: dict[str, Callable[..., None]] = {
    "CLEAR": microphysics_of_clear_air,
    "LIQUID": microphysics_of_liquid,
    "ICE": microphysics_of_ice,
    "MIXED": microphysics,
}
"""Stencils that compute the points of each kind."""
_DEPOSITED = {"rhodref": 3, "dzz": 3, "rct": 3, "rcs": 3, "inprc": 2, "indep": 2}
"""Fields of the deposition and their numbers of dimensions."""


def stencil_externals(options: RainIceOptions, build: Build, *, fluxes: bool) -> dict[str, Any]:
    """Constants and options of all stencils of RainIce: a part of it takes the same, and so shares their cache."""
    return externals(options, build) | {
        "DROPLETS": options.LSEDIC,
        "FLUXES": fluxes,
        "VDEPOSC": options.XVDEPOSC,
        "LIMITED_TIME": options.XTSTEP_TS > 0.0,
        "LIMITED_CHANGE": options.XMRSTEP > 0.0,
        "XMRSTEP": options.XMRSTEP,
    }


class RainIce:
    """The microphysics, built once for a domain and called with fields.

    Parameters
    ----------
    domain
        Points (i, j, k).
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
    microphysics
        What follows the sedimentation.

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
        constants = stencil_externals(options, build, fluxes=fluxes)
        again = options.XTSTEP_TS > 0.0 or options.XMRSTEP > 0.0  # the processes are evaluated again within a step
        by_point = again or build.loops == "by-point"
        definition = microphysics_by_point if by_point else microphysics
        self._scalars = ("tstep", "over_tstep", *(("interval_between", "evaluations") if by_point else ()))
        self._sedimentation = sedimentation_of(domain, build, options, constants, fluxes=fluxes)
        self.microphysics: ActivePoints | EveryPoint
        if build.loops == "by-point":
            self.microphysics = EveryPoint(domain, build, build.stencil(definition, constants))
        else:
            definitions = dict(_OF_KINDS)
            if again:
                definitions.update(dict.fromkeys(("LIQUID", "ICE", "MIXED"), definition))
            stencils = {kind: build.stencil(of_kind, constants) for kind, of_kind in definitions.items()}
            self.microphysics = ActivePoints(domain, build, stencils, constants)
        self._deposition = None
        if options.LDEPOSC:
            origin = {name: (0,) * dims for name, dims in _DEPOSITED.items()}
            self._deposition = freeze(build.stencil(deposition, constants), origin, domain)

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Advance ``state`` in place over ``timestep`` seconds.

        Raises
        ------
        ValueError
            If a field is missing or has another shape or dtype than the component was built for.
        """
        check(self.fields, state, self.domain, self.build.dtype)
        self._sedimentation(state, timestep)
        limit = self._options.XTSTEP_TS
        parts = max(1, int(timestep / limit)) if limit > 0.0 else 1
        scalars = {
            "tstep": timestep,
            "over_tstep": 1.0 / timestep,
            "interval_between": timestep / parts,
            "evaluations": max(self._options.NMAXITER_MICRO, parts),
        }
        scalars = {name: self.build.dtype.type(scalars[name]) for name in self._scalars}
        self.microphysics(state, scalars)
        if self._deposition is not None:
            self._deposition(**{name: state[name] for name in _DEPOSITED})
