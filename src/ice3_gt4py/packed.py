"""RainIce on packed columns and points: species fall where they are, and idle points are left alone.

PHYEX packs such points, too (ICE4_PACK).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ice3_gt4py.falling import Falling
from ice3_gt4py.points import ActivePoints
from ice3_gt4py.stencils.microphysics import microphysics
from ice3_gt4py.stencils.microphysics_by_point import microphysics_by_point
from ice3_gt4py.stencils.microphysics_of_clear_air import microphysics_of_clear_air
from ice3_gt4py.stencils.microphysics_of_ice import microphysics_of_ice
from ice3_gt4py.stencils.microphysics_of_liquid import microphysics_of_liquid
from ice3_gt4py.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import RainIceOptions, Shape

_OF_KINDS: dict[str, Callable[..., None]] = {
    "CLEAR": microphysics_of_clear_air,
    "LIQUID": microphysics_of_liquid,
    "ICE": microphysics_of_ice,
    "MIXED": microphysics,
}
"""Stencils that compute the points of each kind; where processes are evaluated again, points may change their kind."""
_AGAIN = dict.fromkeys(("LIQUID", "ICE", "MIXED"), microphysics_by_point)


def evaluates_again(options: RainIceOptions) -> bool:
    """Say whether the options let the processes be evaluated several times within a time step."""
    return options.XTSTEP_TS > 0.0 or options.XMRSTEP > 0.0


class Packed:
    """Sedimentation and microphysics, one after the other on the whole domain.

    Parameters
    ----------
    externals
        Externals of the stencils.
    fluxes
        Whether the precipitation fluxes through the bottom of every layer are written.
    """

    def __init__(
        self, domain: Shape, build: Build, options: RainIceOptions, externals: Mapping[str, Any], *, fluxes: bool
    ) -> None:
        threads, build = Threads(build.python_threads), build.in_calling_thread()
        self._falling = Falling(domain, build, options, externals, threads, fluxes=fluxes)
        definitions = _OF_KINDS | _AGAIN if evaluates_again(options) else _OF_KINDS
        stencils = {kind: build.stencil(definition, externals) for kind, definition in definitions.items()}
        self.points = ActivePoints(domain, build, stencils, externals, threads)

    def run(self, arguments: Mapping[str, Any]) -> None:
        """Run them on the fields and scalars of the component."""
        self._falling.run(arguments)
        self.points.run(arguments)
