"""RainIce on packed columns and points: species fall where they are, and idle points are left alone.

PHYEX packs such points, too (ICE4_PACK).
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from ice3_gt4py.falling import Falling
from ice3_gt4py.packing import with_layout
from ice3_gt4py.points import ActivePoints
from ice3_gt4py.stencils.microphysics import microphysics
from ice3_gt4py.stencils.microphysics_by_point import microphysics_by_point
from ice3_gt4py.stencils.microphysics_of_clear_air import microphysics_of_clear_air
from ice3_gt4py.stencils.microphysics_of_ice import microphysics_of_ice
from ice3_gt4py.stencils.microphysics_of_liquid import microphysics_of_liquid
from ice3_gt4py.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.packing import Layout
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
    """Sedimentation and microphysics on the whole domain, one after the other, each shared by threads.

    Parameters
    ----------
    externals
        Externals of the stencils.
    fluxes
        Whether the precipitation fluxes through the bottom of every layer are written.
    falling_only
        Leave out the microphysics.
    """

    def __init__(
        self,
        domain: Shape,
        build: Build,
        options: RainIceOptions,
        externals: Mapping[str, Any],
        *,
        fluxes: bool,
        falling_only: bool = False,
    ) -> None:
        self._one_call = threading.Lock()
        self._level_by_level = build.layout == "i-first"
        build = build.in_calling_thread()
        self._threads = Threads.of(build)
        number = self._threads.number
        self._parts: list[Falling | ActivePoints] = [Falling(domain, build, options, externals, number, fluxes=fluxes)]
        if not falling_only:
            definitions = _OF_KINDS | _AGAIN if evaluates_again(options) else _OF_KINDS
            stencils = {kind: build.stencil(definition, externals) for kind, definition in definitions.items()}
            self._parts.append(ActivePoints(domain, build, stencils, externals, number))
        self._fields = {name for part in self._parts for name in part.fields}
        self._changed = {name for part in self._parts for name in part.changed}

    def run(self, arguments: Mapping[str, Any]) -> None:
        """Run them on the fields and scalars of the component; one call at a time, since all use the same buffers."""
        fields = {name: arguments[name] for name in self._fields}
        with self._one_call:
            with_layout(partial(self._run, arguments), fields, self._changed, level_by_level=self._level_by_level)

    def _run(self, arguments: Mapping[str, Any], fields: Mapping[str, NDArray[Any]], layout: Layout) -> None:
        self._threads.share(*(step for part in self._parts for step in part.steps(arguments, fields, layout)))
