"""Microphysics: what a model step pays, the saturation adjustment followed by RainIce on the adjusted state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ice3_gt4py.compilation import freeze
from ice3_gt4py.ice_adjust import IceAdjust
from ice3_gt4py.rain_ice import RainIce
from ice3_gt4py.stencils.adjusted_state import adjusted_state
from ice3_gt4py.storages import check
from ice3_probe.contract import MICROPHYSICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Field, IceAdjustOptions, RainIceOptions, Shape

_ADJUSTED = {"tht": "ths", "rvt": "rvs", "rct": "rcs", "rit": "ris"}
"""State that RainIce starts from, and the source that holds it after the adjustment."""
_SHARED = {"rrt": "rr", "rst": "rs", "rgt": "rg"}
"""State that the adjustment does not change, under the names of the two components."""


class Microphysics:
    """IceAdjust and RainIce one after the other, built once for a domain and called with fields.

    RainIce starts from the adjusted state: the sources that the adjustment returns, multiplied by the time step.

    Parameters
    ----------
    domain
        Points (i, j, k); level 0 is the model top.
    build
        Backend, precision and compiler arguments.
    ice_adjust, rain_ice
        Options of the two components; those of PHYEX's AROME test programs by default.

    Attributes
    ----------
    fields
        The fields that a call reads and writes. The adjusted state is among the outputs.

    Raises
    ------
    Unsupported
        If an option has a value that is not implemented.
    CompilationError
        If a stencil does not compile.
    """

    name = "microphysics"

    def __init__(
        self,
        domain: Shape,
        build: Build,
        ice_adjust: IceAdjustOptions | None = None,
        rain_ice: RainIceOptions | None = None,
    ) -> None:
        self.domain, self.build = domain, build
        self._ice_adjust = IceAdjust(domain, build, ice_adjust)
        self._rain_ice = RainIce(domain, build, rain_ice)
        names = (*_ADJUSTED, *_ADJUSTED.values())
        self._adjusted_state = freeze(
            build.stencil(adjusted_state, {}), origin=dict.fromkeys(names, (0, 0, 0)), domain=domain
        )
        self._names = names
        needed = {field.name for field in (*self._ice_adjust.fields, *self._rain_ice.fields)}
        self.fields: tuple[Field, ...] = tuple(field for field in MICROPHYSICS if field.name in needed)

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Advance ``state`` in place over ``timestep`` seconds.

        Raises
        ------
        ValueError
            If a field is missing or has another shape, dtype or layout than the component was built for.
        """
        check(self.fields, state, self.domain, self.build)
        self._ice_adjust(state, timestep)
        self._adjusted_state(**{name: state[name] for name in self._names}, tstep=self.build.dtype.type(timestep))
        self._rain_ice({**state, **{name: state[shared] for name, shared in _SHARED.items()}}, timestep)
