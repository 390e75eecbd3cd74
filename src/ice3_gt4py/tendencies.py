"""The part of RainIce that evaluates its processes, once, in the initial state (PHYEX: ICE4_TENDENCIES)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ice3_gt4py import lookup, supported
from ice3_gt4py.compilation import freeze
from ice3_gt4py.externals import externals
from ice3_gt4py.stencils.process_rates import process_rates
from ice3_gt4py.storages import check
from ice3_probe.contract import TENDENCIES, RainIceOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Field, Shape


class Tendencies:
    """The process rates, built once for a domain and called with fields.

    Parameters
    ----------
    domain
        Points (i, j, k).
    build
        Backend, precision and compiler arguments.
    options
        Values of PHYEX's options; those of its AROME test programs by default.

    Attributes
    ----------
    fields
        Inputs, and one output for each process under PHYEX's name: rates in s-1, and the mixing ratio changes of the
        instantaneous processes (``..._mr``) in kg kg-1.

    Raises
    ------
    Unsupported
        If an option has a value that is not implemented.
    CompilationError
        If the stencil does not compile.
    """

    name = "rain_ice:tendencies"

    def __init__(self, domain: Shape, build: Build, options: RainIceOptions | None = None) -> None:
        self.domain, self.build = domain, build
        options = options or RainIceOptions()
        supported.require_supported(options, supported.RAIN_ICE)
        self.fields: tuple[Field, ...] = TENDENCIES
        self._tables = lookup.table_arguments(domain, build)
        stencil = build.stencil(process_rates, externals(options, build))
        origin: dict[str, tuple[int, ...]] = {field.name: (0, 0, 0) for field in self.fields}
        origin |= {"columns": (0, 0, 0), "level": (0,), "tables": (0,)}
        self._run = freeze(stencil, origin=origin, domain=domain)

    def __call__(self, state: Mapping[str, Any], _timestep: float = 0.0) -> None:
        """Write the rates of ``state`` into its output fields; they do not depend on the time step.

        Raises
        ------
        ValueError
            If a field is missing or has another shape, dtype or layout than the component was built for.
        """
        check(self.fields, state, self.domain, self.build)
        self._run(**{field.name: state[field.name] for field in self.fields}, **self._tables)
