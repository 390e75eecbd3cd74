"""RainIce: the mixed-phase microphysics ICE3 with six water species (PHYEX: RAIN_ICE)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py import constants
from ice3_gt4py.compilation import freeze
from ice3_gt4py.fields import Field, check, is_one_row
from ice3_gt4py.ice_adjust import ice_threshold_law
from ice3_gt4py.options import from_namelists, require_supported
from ice3_gt4py.parameters import GRAUPEL, SMALLEST, Parameters
from ice3_gt4py.stencils.microphysics import microphysics, microphysics_by_point, process_rates
from ice3_gt4py.stencils.sedimentation import deposition_down, deposition_up, sedimentation_down, sedimentation_up
from ice3_gt4py.stencils.thermodynamics import thermodynamic_externals
from ice3_gt4py.tables import build_tables, lookup_externals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.fields import Shape

SLAB = 384
"""Columns that a call takes through both stencils before the next ones: their fields and temporaries stay in cache."""

VECTORISING = ("gt:cpu_ifirst", "numpy", "debug")
"""Backends that run faster on branch-free loops over all points than point by point."""

SUPPORTED: dict[str, tuple[object, ...]] = {
    "KRR": (6,),
    "CSEDIM": ("STAT",),
    "LSEDIM_AFTER": (False,),
    "LFEEDBACKT": (True,),
    "LEVLIMIT": (True,),
    "LCRFLIMIT": (True,),
    "LNULLWETG": (True,),
    "LWETGPOST": (True,),
    "CSNOWRIMING": ("M90",),
    "CSUBG_RC_RR_ACCR": ("NONE",),
    "CSUBG_RR_EVAP": ("NONE",),
    "CSUBG_AUCV_RC": ("PDF",),
    "CSUBG_PR_PDF": ("SIGM",),
    "CSUBG_AUCV_RI": ("NONE",),
    "CPRISTINE_ICE": ("PLAT",),
    "LEXT_TEND": (True,),
    "LSNOW_T": (False,),
    "LOCND2": (False,),
    "LKOGAN": (False,),
    "LMODICEDEP": (False,),
    "LEXCLDROP": (False,),
}
"""Values of the options that are restricted; the others are plain booleans and numbers."""


@dataclass(frozen=True)
class RainIceConfig:
    """Options of RainIce under PHYEX's names; the defaults are those of PHYEX's AROME test program.

    Raises
    ------
    ValueError
        If a value is not supported; the message names the option and the supported values.
    """

    KRR: int = 6
    """number of water species"""
    CSEDIM: str = "STAT"
    """statistical sedimentation"""
    LSEDIC: bool = True
    """cloud droplets fall"""
    LSEDIM_AFTER: bool = False
    LDEPOSC: bool = False
    """cloud droplets deposit on the ground"""
    XVDEPOSC: float = 0.02
    """speed of that deposition, m s-1"""
    LWARM: bool = True
    """autoconversion, accretion and evaporation of rain"""
    LFEEDBACKT: bool = True
    LEVLIMIT: bool = True
    LCRFLIMIT: bool = True
    LNULLWETG: bool = True
    LWETGPOST: bool = True
    CSNOWRIMING: str = "M90"
    XFRACM90: float = 0.1
    """fraction of Murakami's conversion of snow"""
    CSUBG_RC_RR_ACCR: str = "NONE"
    CSUBG_RR_EVAP: str = "NONE"
    CSUBG_AUCV_RC: str = "PDF"
    CSUBG_PR_PDF: str = "SIGM"
    CSUBG_AUCV_RI: str = "NONE"
    CPRISTINE_ICE: str = "PLAT"
    LEXT_TEND: bool = True
    LSNOW_T: bool = False
    LOCND2: bool = False
    LKOGAN: bool = False
    LMODICEDEP: bool = False
    LEXCLDROP: bool = False
    XTSTEP_TS: float = 0.0
    """longest time between two evaluations of the processes, s; 0: unlimited"""
    XMRSTEP: float = 0.0
    """largest change of a mixing ratio between two evaluations, kg kg-1; 0: unlimited"""
    NMAXITER_MICRO: int = 5
    """largest number of evaluations"""
    LCRIAUTI: bool = True
    """ice threshold through two points, otherwise with fixed coefficients"""
    XCRIAUTC: float = 1.0e-3
    """liquid autoconversion threshold, kg m-3"""
    XCRIAUTI: float = 2.0e-4
    """upper value of the ice autoconversion threshold, kg kg-1"""
    XT0CRIAUTI: float = -5.0
    """first temperature of the ice threshold law, deg C"""
    XACRIAUTI: float = 0.06
    """slope of the ice threshold law where LCRIAUTI is off, K-1"""
    XBCRIAUTI: float = -3.5
    """intercept of the ice threshold law where LCRIAUTI is off"""

    def __post_init__(self) -> None:
        require_supported(self, SUPPORTED, "RainIce")
        for name in ("XTSTEP_TS", "XMRSTEP", "NMAXITER_MICRO"):
            if getattr(self, name) < 0:
                raise ValueError(f"Option {name} = {getattr(self, name)} is not supported by RainIce: it is negative.")

    @classmethod
    def from_phyex(cls, config: str | Mapping[str, Mapping[str, Any]], krr: int = 6) -> RainIceConfig:
        """Take the options from PHYEX's namelist PARAM_ICEN (a mapping of namelists, or its JSON text).

        Raises
        ------
        ValueError
            If ``config`` has no namelists, or an option a value that is not supported.
        """
        return cls(**{**from_namelists(config, ("PARAM_ICEN",), cls), "KRR": krr})


_SURROUNDINGS = (
    Field("exn", "dimensionless_exner_function", "1", "in"),
    Field("exnref", "reference_dimensionless_exner_function", "1", "in"),
    Field("rhodref", "reference_dry_air_density", "kg m-3", "in"),
    Field("pabs", "air_pressure", "Pa", "in"),
)
_THICKNESS = Field("dzz", "layer_thickness", "m", "in")
_STATE = (
    Field("tht", "air_potential_temperature", "K", "in"),
    Field("rvt", "humidity_mixing_ratio", "kg kg-1", "in"),
    Field("rct", "cloud_liquid_water_mixing_ratio", "kg kg-1", "in"),
    Field("rrt", "rain_mixing_ratio", "kg kg-1", "in"),
    Field("rit", "cloud_ice_mixing_ratio", "kg kg-1", "in"),
    Field("rst", "snow_mixing_ratio", "kg kg-1", "in"),
    Field("rgt", "graupel_mixing_ratio", "kg kg-1", "in"),
    Field("sigs", "standard_deviation_of_saturation_deficit_due_to_turbulence", "kg kg-1", "in"),
)
_SURFACE = (
    Field("sea", "sea_area_fraction", "1", "in", dims="ij"),
    Field("town", "town_area_fraction", "1", "in", dims="ij"),
)
_CRYSTALS = Field("cit", "number_concentration_of_pristine_ice_crystals_in_air", "m-3", "inout")
_SOURCES = (
    Field("ths", "tendency_of_air_potential_temperature", "K s-1", "inout"),
    Field("rvs", "tendency_of_humidity_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("rcs", "tendency_of_cloud_liquid_water_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("rrs", "tendency_of_rain_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("ris", "tendency_of_cloud_ice_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("rss", "tendency_of_snow_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("rgs", "tendency_of_graupel_mixing_ratio", "kg kg-1 s-1", "inout"),
)
_EVAPORATION = Field("evap3d", "rain_evaporation_rate", "s-1", "out")
_RATES = (
    Field("inprc", "cloud_liquid_sedimentation_rate_at_surface", "m s-1", "out", dims="ij"),
    Field("inprr", "rainfall_rate", "m s-1", "out", dims="ij"),
    Field("inprs", "snowfall_rate", "m s-1", "out", dims="ij"),
    Field("inprg", "graupelfall_rate", "m s-1", "out", dims="ij"),
)
_FLUXES = (
    Field("fpr_c", "downward_flux_of_cloud_liquid_water", "kg m-2 s-1", "out"),
    Field("fpr_r", "downward_flux_of_rain", "kg m-2 s-1", "out"),
    Field("fpr_i", "downward_flux_of_cloud_ice", "kg m-2 s-1", "out"),
    Field("fpr_s", "downward_flux_of_snow", "kg m-2 s-1", "out"),
    Field("fpr_g", "downward_flux_of_graupel", "kg m-2 s-1", "out"),
)
_DEPOSITION = Field("indep", "cloud_liquid_deposition_rate_at_surface", "m s-1", "out", dims="ij")
_PROCESSES = tuple(
    Field(name, f"microphysical_process_{name}", "kg kg-1" if name.endswith("_mr") else "s-1", "out")
    for name in (
        "rchoni", "rvdeps", "riaggs", "riauts", "rvdepg", "rcautr", "rcaccr", "rrevav", "rcberi", "rsmltg", "rcmltsr",
        "rraccss", "rraccsg", "rsaccrg", "rcrimss", "rcrimsg", "rsrimcg", "ricfrrg", "rrcfrig", "ricfrr", "rcwetg",
        "riwetg", "rrwetg", "rswetg", "rcdryg", "ridryg", "rrdryg", "rsdryg", "rgmltr", "rvheni_mr", "rrhong_mr",
        "rimltc_mr",
    )
)  # fmt: skip
_TABLES = ("tables", "columns", "level")
_TIMES = ("tstep", "over_tstep")
_FALLING = (
    "rhodref", "pabs", "dzz", "tht", "rcs", "rrs", "ris", "rss", "rgs", "sea", "town",
    *(field.name for field in (*_RATES, *_FLUXES)), "flux_i", *_TIMES,
)  # fmt: skip
_POINTWISE = (
    *(field.name for field in (*_SURROUNDINGS, *_STATE, _CRYSTALS, *_SOURCES, _EVAPORATION)), *_TABLES, *_TIMES,
)  # fmt: skip
_DEPOSITED = ("rhodref", "dzz", "rct", "rcs", "inprc", "indep")
"""Arguments of the stencils."""


@cache
def _tables() -> tuple[NDArray[np.float64], dict[str, int]]:
    """All tables end to end, row by row, and where each begins; snow comes first in those of snow with rain."""
    tables = asdict(build_tables())
    tables["sr_large"] = tables["sr_large"].T
    offsets, size = {}, 0
    for name, table in tables.items():
        offsets[name.upper()] = size
        size += table.size
    return np.concatenate([table.ravel() for table in tables.values()]), offsets


def _externals(config: RainIceConfig, build: Build) -> dict[str, Any]:
    """Parameters under the names that the functions of the stencils use."""
    parameters = Parameters()
    names = ("CPV", "LMTT", "P00", "RV")
    slope, intercept = ice_threshold_law(config)
    return {
        **thermodynamic_externals(build.precision),
        **{name: getattr(constants, name) for name in names},
        **asdict(parameters),
        **lookup_externals(parameters),
        **_tables()[1],
        **{f"RTMIN_{species.upper()}": smallest for species, smallest in SMALLEST.items()},
        "EPSILO": constants.RD / constants.RV,
        "OVER_RHOLW": 1.0 / constants.RHOLW,
        "LN_LBR": log(parameters.LBR),
        "LN_LBI": log(parameters.LBI),
        "LN_LBS": log(parameters.LBS),
        "LN_LBG": log(parameters.LBG),
        "LN_LBDAS_MAX": log(parameters.LBDAS_MAX),
        "EX_G": GRAUPEL.x,
        "FIWETG": parameters.FIDRYG / parameters.COLIG,
        "FSWETG": parameters.FSDRYG / parameters.COLSG,
        "EXP_MBETA2_NU20": parameters.NU20 * exp(-parameters.BETA2),
        "EXPONENT_MAX": 88.0 if build.precision == "float32" else 700.0,
        "SHORTEST": float(np.finfo(np.float32).tiny) if build.precision == "float32" else 1e-80,
        "ACC_COLUMNS": 40,
        "DRY_COLUMNS": 80,
        "RIM_LAST": 78.99999,
        "RS_LAST": 38.99999,
        "RG_LAST": 38.99999,
        "SG_LAST": 78.99999,
        "FRACM90": config.XFRACM90,
        "CRIAUTC": config.XCRIAUTC,
        "CRIAUTI": config.XCRIAUTI,
        "ACRIAUTI": slope,
        "BCRIAUTI": intercept,
        "WARM": config.LWARM,
        "COLUMNS": build.backend == "numpy",
    }


class RainIce:
    """The microphysics, built once for a domain and called with fields.

    Parameters
    ----------
    domain
        Points (i, j, k).
    build
        Backend, precision and compiler arguments.
    config
        Options; the canonical ones by default.
    fluxes
        Also write the precipitation fluxes through the bottom of every layer (``fpr_c`` ... ``fpr_g``).
    top_first
        Whether level 0 is the model top; otherwise it is the lowest level.

    Attributes
    ----------
    fields
        The fields that a call reads and writes, with names, units, dimensions and intent.

    Raises
    ------
    CompilationError
        If a stencil does not compile.
    """

    name = "rain_ice"

    def __init__(
        self,
        domain: Shape,
        build: Build,
        config: RainIceConfig | None = None,
        *,
        fluxes: bool = False,
        top_first: bool = True,
    ) -> None:
        from gt4py import storage  # noqa: PLC0415 (importing GT4Py takes seconds)

        self.domain, self.build, self.config = domain, build, config or RainIceConfig()
        options = self.config
        self.fields: tuple[Field, ...] = (
            *_SURROUNDINGS,
            _THICKNESS,
            *_STATE,
            *_SURFACE,
            _CRYSTALS,
            *_SOURCES,
            _EVAPORATION,
            *_RATES,
            *((_DEPOSITION,) if options.LDEPOSC else ()),
            *(_FLUXES if fluxes else ()),
        )
        externals = _externals(options, build) | {
            "DROPLETS": options.LSEDIC,
            "FLUXES": fluxes,
            "VDEPOSC": options.XVDEPOSC,
            "LIMITED_TIME": options.XTSTEP_TS > 0.0,
            "LIMITED_CHANGE": options.XMRSTEP > 0.0,
            "XMRSTEP": options.XMRSTEP,
        }
        by_point = options.XTSTEP_TS > 0.0 or options.XMRSTEP > 0.0 or build.backend not in VECTORISING
        self._constants: dict[str, Any] = _table_arguments(domain, build)
        self._constants |= {} if fluxes else dict.fromkeys(field.name for field in _FLUXES)
        self._constants["flux_i"] = storage.zeros(
            domain[:2], dtype=build.dtype, backend=build.backend, dimensions=("I", "J")
        )
        stencils: list[tuple[Callable[..., None], tuple[str, ...]]] = [
            (sedimentation_down if top_first else sedimentation_up, _FALLING),
            (microphysics_by_point, (*_POINTWISE, "interval_between", "evaluations"))
            if by_point
            else (microphysics, _POINTWISE),
        ]
        if options.LDEPOSC:
            stencils.append((deposition_down if top_first else deposition_up, _DEPOSITED))
        built = [(build.stencil(definition, externals), names) for definition, names in stencils]
        columns = domain[0] * domain[1]
        slab = columns if build.on_device else SLAB
        self._steps = _freeze(built, domain, slab)
        self._steps_of_row = _freeze(built, (columns, 1, domain[2]), slab)

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Advance ``state`` in place over ``timestep`` seconds.

        Raises
        ------
        ValueError
            If a field is missing or has another shape or dtype than the component was built for.
        """
        check(self.fields, state, self.domain, self.build.dtype)
        one_row = self.build.along_i and is_one_row(state[field.name] for field in self.fields)
        scalar = self.build.dtype.type
        arguments = {**state, **self._constants, "tstep": scalar(timestep), "over_tstep": scalar(1.0 / timestep)}
        limit = self.config.XTSTEP_TS
        parts = max(1, int(timestep / limit)) if limit > 0.0 else 1
        arguments["interval_between"] = scalar(timestep / parts)
        arguments["evaluations"] = scalar(max(self.config.NMAXITER_MICRO, parts))
        for step, names in self._steps_of_row if one_row else self._steps:
            step(**{name: arguments[name] for name in names})


class ProcessRates:
    """The process rates of the initial state, for those who study or test the scheme.

    Parameters
    ----------
    domain
        Points (i, j, k).
    build
        Backend, precision and compiler arguments.
    config
        Options; the canonical ones by default.

    Attributes
    ----------
    fields
        Inputs, and one output for each process under PHYEX's name: rates in s-1, and the mixing ratio changes of the
        instantaneous processes (``..._mr``) in kg kg-1.
    """

    name = "process_rates"

    def __init__(self, domain: Shape, build: Build, config: RainIceConfig | None = None) -> None:
        self.domain, self.build, self.config = domain, build, config or RainIceConfig()
        inputs = (
            *(field for field in _SURROUNDINGS if field.name != "exnref"),
            *_STATE,
            replace(_CRYSTALS, intent="in"),
        )
        self.fields: tuple[Field, ...] = (*inputs, *_PROCESSES)
        names = tuple(field.name for field in self.fields)
        self._tables = _table_arguments(domain, build)
        stencil = build.stencil(process_rates, _externals(self.config, build))
        self._run = freeze(stencil, origin=_origins((*names, *_TABLES), (0, 0)), domain=domain)

    def __call__(self, state: Mapping[str, Any]) -> None:
        """Write the rates of ``state`` into its output fields.

        Raises
        ------
        ValueError
            If a field is missing or has another shape or dtype than the component was built for.
        """
        check(self.fields, state, self.domain, self.build.dtype)
        self._run(**{field.name: state[field.name] for field in self.fields}, **self._tables)


def _freeze(
    stencils: Iterable[tuple[Any, tuple[str, ...]]], domain: Shape, size: int
) -> list[tuple[Callable[..., None], tuple[str, ...]]]:
    """Fix the stencils on slab after slab of some ``size`` columns, which are part of a row or whole rows."""
    i, j, k = domain
    if j == 1:
        slabs = [((first, 0), (min(size, i - first), 1)) for first in range(0, i, size)]
    else:
        rows = max(1, size // i)
        slabs = [((0, first), (i, min(rows, j - first))) for first in range(0, j, rows)]
    return [
        (freeze(stencil, origin=_origins(names, origin), domain=(*shape, k)), names)
        for origin, shape in slabs
        for stencil, names in stencils
    ]


def _origins(names: Iterable[str], origin: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Where each field begins, for a slab of columns that begins at ``origin``."""
    flat = {field.name for field in (*_SURFACE, *_RATES, _DEPOSITION)} | {"flux_i"}
    origins: dict[str, tuple[int, ...]] = {name: origin if name in flat else (*origin, 0) for name in names}
    return origins | {"level": (0,), "tables": (0,)}


def _table_arguments(domain: Shape, build: Build) -> dict[str, Any]:
    """Return the lookup tables as the stencils take them; numpy reads them along the vertical of a repeated field."""
    from gt4py import storage  # noqa: PLC0415

    values = _tables()[0].astype(build.dtype)
    if build.backend == "numpy":
        columns = np.broadcast_to(values, (*domain[:2], len(values)))
        return {"tables": None, "columns": columns, "level": np.arange(domain[2], dtype=np.int32)}
    tables = storage.from_array(values, dtype=build.dtype, backend=build.backend)
    return {"tables": tables, "columns": None, "level": None}
