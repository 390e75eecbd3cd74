"""IceAdjust with a stencil for each step, to measure what fusing them gains (PHYEX: ICE_ADJUST with CONDENSATION)."""

from __future__ import annotations

from dataclasses import asdict
from inspect import signature
from typing import TYPE_CHECKING, Any

from ice3_gt4py import supported
from ice3_gt4py.compilation import freeze
from ice3_gt4py.ice_adjust import externals
from ice3_gt4py.stencils import ice_adjust_modular as steps
from ice3_gt4py.storages import allocate, check, is_one_row
from ice3_probe.contract import ICE_ADJUST, Field, IceAdjustOptions, active

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Shape

BETWEEN = (
    Field("t", "air_temperature", "K", "out"),
    Field("lv", "latent_heat_of_vaporisation", "J kg-1", "out"),
    Field("ls", "latent_heat_of_sublimation", "J kg-1", "out"),
    Field("over_cph", "inverse_heat_capacity_of_moist_air", "kg K J-1", "out"),
    Field("over_cph_exnref", "inverse_heat_capacity_of_moist_air_and_exner_function", "kg K J-1", "out"),
    Field("frac", "ice_fraction_of_condensate", "1", "out"),
    Field("qs", "saturation_mixing_ratio", "kg kg-1", "out"),
    Field("a", "factor_of_linearised_saturation", "1", "out"),
    Field("deficit", "saturation_deficit", "kg kg-1", "out"),
    Field("sigma", "standard_deviation_of_saturation_deficit", "kg kg-1", "out"),
    Field("content", "condensate_mixing_ratio", "kg kg-1", "out"),
    Field("t1", "adjusted_air_temperature", "K", "out"),
    Field("rc1", "adjusted_cloud_liquid_water_mixing_ratio", "kg kg-1", "out"),
    Field("ri1", "adjusted_cloud_ice_mixing_ratio", "kg kg-1", "out"),
    Field("mc", "source_of_mass_flux_cloud_liquid_water", "s-1", "out"),
    Field("mi", "source_of_mass_flux_cloud_ice", "s-1", "out"),
)
"""Fields that the steps pass on, in memory."""

_COMMON = (
    steps.find_thermal_state,
    steps.find_ice_fraction,
    steps.find_saturation,
    steps.find_deviation,
    steps.condense,
    steps.find_parts_above_thresholds,
    steps.adjust_state,
    steps.leave_share,
    steps.adjust_sources,
)
_SUBGRID = (*_COMMON, steps.add_mass_flux_cloud, steps.add_mass_flux_parts)
_WHOLE = (*_COMMON, steps.find_whole_cloud)


class IceAdjustModular:
    """The saturation adjustment step by step, built once for a domain and called with fields.

    The steps, the inputs and the outputs are those of ``IceAdjust``; only their organisation differs.

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
        If a stencil does not compile.
    """

    name = "ice_adjust:modular"

    def __init__(self, domain: Shape, build: Build, options: IceAdjustOptions | None = None) -> None:
        self.domain, self.build = domain, build
        options = options or IceAdjustOptions()
        supported.require_supported(options, supported.ICE_ADJUST)
        self.fields: tuple[Field, ...] = tuple(
            field for field in active(ICE_ADJUST, asdict(options)) if not field.name.startswith("out_")
        )
        constants = externals(options, build)
        self._between = allocate(BETWEEN, domain, build)
        self._absent = {field.name: None for field in ICE_ADJUST if field not in self.fields}
        origins = {field.name: (0,) * len(field.dims) for field in (*ICE_ADJUST, *BETWEEN)}
        row = (domain[0] * domain[1], 1, domain[2])
        self._steps: list[tuple[Callable[..., None], Callable[..., None], tuple[str, ...]]] = []
        for step in _SUBGRID if options.LSUBG_COND else _WHOLE:
            names = tuple(signature(step).parameters)
            stencil = build.stencil(step, constants)
            origin = {name: origins[name] for name in names if name in origins}
            self._steps.append((freeze(stencil, origin, domain), freeze(stencil, origin, row), names))

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Adjust ``state`` in place over ``timestep`` seconds.

        Raises
        ------
        ValueError
            If a field is missing or has another shape, dtype or layout than the component was built for.
        """
        check(self.fields, state, self.domain, self.build)
        given = {field.name: state[field.name] for field in self.fields}
        one_row = self.build.layout == "i-first" and is_one_row(given.values())
        scalar = self.build.dtype.type
        arguments = {**given, **self._absent, **self._between}
        arguments |= {"tstep": scalar(timestep), "over_tstep": scalar(1.0 / timestep)}
        for whole, in_a_row, names in self._steps:
            (in_a_row if one_row else whole)(**{name: arguments[name] for name in names})
