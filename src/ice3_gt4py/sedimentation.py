"""The part of RainIce that lets its species fall (PHYEX: ICE4_SEDIMENTATION), alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ice3_gt4py import supported
from ice3_gt4py.packed import Packed
from ice3_gt4py.rain_ice import FALLING, FLUXES, falling_arguments, stencil_externals
from ice3_gt4py.slabs import Slabs
from ice3_gt4py.stencils.sedimentation import sedimentation
from ice3_gt4py.storages import check
from ice3_probe.contract import SEDIMENTATION, RainIceOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Field, Shape


class Sedimentation:
    """The sedimentation, built once for a domain and called with fields; like RainIce it writes no fluxes.

    Parameters
    ----------
    domain
        Points (i, j, k); level 0 is the model top.
    build
        Backend, precision and compiler arguments.
    options
        Values of PHYEX's options; those of its AROME test programs by default.

    Attributes
    ----------
    fields
        The fields that a call reads and writes, with names, units, dimensions and intent.

    Raises
    ------
    Unsupported
        If an option has a value that is not implemented.
    CompilationError
        If the stencil does not compile.
    """

    name = "rain_ice:sedimentation"

    def __init__(self, domain: Shape, build: Build, options: RainIceOptions | None = None) -> None:
        self.domain, self.build = domain, build
        options = options or RainIceOptions()
        supported.require_supported(options, supported.RAIN_ICE)
        self.fields: tuple[Field, ...] = tuple(field for field in SEDIMENTATION if field not in FLUXES)
        self._any_layout = {field.name for field in self.fields} if build.packs else set()
        constants = stencil_externals(options, build)
        self._organisation: Packed | Slabs
        self._constants: dict[str, Any] = {}
        if build.packs:
            self._organisation = Packed(domain, build, options, constants, fluxes=False, falling_only=True)
            return
        self._constants = falling_arguments(domain, build, fluxes=False)
        stencil = build.stencil(sedimentation, {**constants, "FLUXES": False})
        self._organisation = Slabs([(stencil, FALLING)], domain, build)

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Let the species of ``state`` fall for ``timestep`` seconds, in place.

        Raises
        ------
        ValueError
            If a field is missing or has another shape, dtype or layout than the component was built for.
        """
        check(self.fields, state, self.domain, self.build, self._any_layout)
        scalar = self.build.dtype.type
        times = {"tstep": scalar(timestep), "over_tstep": scalar(1.0 / timestep)}
        self._organisation.run({**state, **self._constants, **times})
