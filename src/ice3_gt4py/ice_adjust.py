"""IceAdjust: saturation adjustment of vapour, cloud liquid and cloud ice (PHYEX: ICE_ADJUST with CONDENSATION)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import TYPE_CHECKING, Any

from ice3_gt4py import constants
from ice3_gt4py.compilation import freeze
from ice3_gt4py.fields import Field, check, is_one_row
from ice3_gt4py.options import from_namelists, require_supported
from ice3_gt4py.stencils.ice_adjust import ice_adjust
from ice3_gt4py.stencils.thermodynamics import thermodynamic_externals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_gt4py.compilation import Build
    from ice3_gt4py.fields import Shape
    from ice3_gt4py.rain_ice import RainIceConfig

SUPPORTED: dict[str, tuple[object, ...]] = {
    "KRR": (6,),
    "CCONDENS": ("CB02", "GAUS"),
    "CLAMBDA3": ("CB", "NONE"),
    "CFRAC_ICE_ADJUST": ("S", "T", "O", "N"),
    "CSUBG_MF_PDF": ("TRIANGLE", "NONE"),
    "LSIGMAS": (True,),
    "LOCND2": (False,),
}
"""Values of the options that are restricted; the others are plain booleans and numbers."""

SECOND_ORDER_MOMENT = (
    0.0, 0.0, 2.0094444e-4, 3.16670e-4, 4.9965648e-4, 7.85956e-4, 1.2341294e-3, 1.93327e-3, 3.0190963e-3, 4.70144e-3,
    7.2950651e-3, 1.12759e-2, 1.7350994e-2, 2.65640e-2, 4.0427860e-2, 6.10997e-2, 9.1578111e-2, 0.135888, 0.1991484,
    0.230756, 0.2850565, 0.375050, 0.5, 0.691489, 0.8413813, 0.933222, 0.9772662, 0.993797, 0.9986521, 0.999768,
    0.9999684, 0.999997, 1.0, 1.0,
)  # fmt: skip
"""Second-order moment at Q1 = -11, -10.5, ... 5.5 (Bechtold et al. 1995)."""


@dataclass(frozen=True)
class IceAdjustConfig:
    """Options of IceAdjust under PHYEX's names; the defaults are those of PHYEX's AROME test program.

    Raises
    ------
    ValueError
        If a value is not supported; the message names the option and the supported values.
    """

    KRR: int = 6
    """number of water species"""
    LSUBG_COND: bool = True
    """subgrid condensation and mass-flux cloud; otherwise all or nothing"""
    LSIGMAS: bool = True
    """standard deviation from the turbulence scheme (field ``sigs``)"""
    CCONDENS: str = "CB02"
    """distribution of the saturation deficit"""
    CLAMBDA3: str = "CB"
    """amplification of the second-order moment for negative Q1"""
    CFRAC_ICE_ADJUST: str = "S"
    """ice fraction: of the input condensate (S), of temperature (T, O), none (N)"""
    CSUBG_MF_PDF: str = "TRIANGLE"
    """distribution inside the mass-flux cloud"""
    LSTATNW: bool = False
    LHGT_QS: bool = False
    """height dependence of sigqsat; acts with LSTATNW only"""
    LCONDBORN: bool = False
    """upper bounds of the standard deviation and of the condensate"""
    LCRIAUTI: bool = True
    """ice threshold through two points, otherwise with fixed coefficients"""
    LOCND2: bool = False
    OCOMPUTE_SRC: bool = True
    """produce ``srcs``"""
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
    XTMAXMIX: float = 273.16
    XTMINMIX: float = 253.16
    """bounds of the mixed phase for CFRAC_ICE_ADJUST = T, K"""

    def __post_init__(self) -> None:
        require_supported(self, SUPPORTED, "IceAdjust")

    @classmethod
    def from_phyex(cls, config: str | Mapping[str, Mapping[str, Any]], krr: int = 6) -> IceAdjustConfig:
        """Take the options from PHYEX's namelists PARAM_ICEN and NEBN (a mapping, or its JSON text).

        Raises
        ------
        ValueError
            If ``config`` has no namelists, or an option a value that is not supported.
        """
        return cls(**{**from_namelists(config, ("PARAM_ICEN", "NEBN"), cls), "KRR": krr})


def ice_threshold_law(options: IceAdjustConfig | RainIceConfig) -> tuple[float, float]:
    """Slope (K-1) and intercept of log10 of the ice autoconversion threshold against T - T_t."""
    if not options.LCRIAUTI:
        return options.XACRIAUTI, options.XBCRIAUTI
    cold, cold_log, warm = -40.0, log10(1.25e-6), options.XT0CRIAUTI
    intercept = -(log10(options.XCRIAUTI) - cold_log * warm / cold) * cold / (warm - cold)
    return (cold_log - intercept) / cold, intercept


def _moment_kinks() -> dict[str, float]:
    """Externals K00 ... K31: half the change of slope at the nodes 2 Q1 = -21 ... 10.

    With no slope before the first node nor after the last, the table is 1/2 + sum of K_n |2 Q1 - n|.
    """
    slopes = [high - low for low, high in pairwise(SECOND_ORDER_MOMENT)]
    return {f"K{number:02d}": 0.5 * (after - before) for number, (before, after) in enumerate(pairwise(slopes))}


_INPUTS = (
    Field("exn", "dimensionless_exner_function", "1", "in"),
    Field("exnref", "reference_dimensionless_exner_function", "1", "in"),
    Field("rhodref", "reference_dry_air_density", "kg m-3", "in"),
    Field("pabs", "air_pressure", "Pa", "in"),
    Field("th", "air_potential_temperature", "K", "in"),
    Field("rv", "humidity_mixing_ratio", "kg kg-1", "in"),
    Field("rc", "cloud_liquid_water_mixing_ratio", "kg kg-1", "in"),
    Field("ri", "cloud_ice_mixing_ratio", "kg kg-1", "in"),
    Field("rr", "rain_mixing_ratio", "kg kg-1", "in"),
    Field("rs", "snow_mixing_ratio", "kg kg-1", "in"),
    Field("rg", "graupel_mixing_ratio", "kg kg-1", "in"),
)
_SUBGRID_INPUTS = (
    Field("sigs", "standard_deviation_of_saturation_deficit_due_to_turbulence", "kg kg-1", "in"),
    Field("cf_mf", "mass_flux_cloud_area_fraction", "1", "in"),
    Field("rc_mf", "mass_flux_cloud_liquid_water_mixing_ratio", "kg kg-1", "in"),
    Field("ri_mf", "mass_flux_cloud_ice_mixing_ratio", "kg kg-1", "in"),
)
_WEIGHT = Field("weight_mf_cloud", "weight_of_mass_flux_cloud", "1", "in")
_SIGQSAT = Field("sigqsat", "saturation_mixing_ratio_coefficient_of_standard_deviation", "1", "in", dims="ij")
_HEIGHT = Field("zz", "height_of_layer", "m", "in")
_SOURCES = (
    Field("rvs", "tendency_of_humidity_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("rcs", "tendency_of_cloud_liquid_water_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("ris", "tendency_of_cloud_ice_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("ths", "tendency_of_air_potential_temperature", "K s-1", "inout"),
)
_MOMENT = Field("srcs", "normalized_second_order_moment_of_saturation_deficit", "1", "out")
_OUTPUTS = (
    Field("cldfr", "cloud_area_fraction", "1", "out"),
    Field("hlc_hrc", "cloud_liquid_water_mixing_ratio_above_autoconversion_threshold", "kg kg-1", "out"),
    Field("hlc_hcf", "liquid_cloud_area_fraction_above_autoconversion_threshold", "1", "out"),
    Field("hli_hri", "cloud_ice_mixing_ratio_above_autoconversion_threshold", "kg kg-1", "out"),
    Field("hli_hcf", "ice_cloud_area_fraction_above_autoconversion_threshold", "1", "out"),
)
_STATE_OUTPUTS = (
    Field("out_rv", "adjusted_humidity_mixing_ratio", "kg kg-1", "out"),
    Field("out_rc", "adjusted_cloud_liquid_water_mixing_ratio", "kg kg-1", "out"),
    Field("out_ri", "adjusted_cloud_ice_mixing_ratio", "kg kg-1", "out"),
    Field("out_th", "adjusted_air_potential_temperature", "K", "out"),
)
_ARGUMENTS = (*_INPUTS, *_SUBGRID_INPUTS, _WEIGHT, _SIGQSAT, _HEIGHT, *_SOURCES, _MOMENT, *_OUTPUTS, *_STATE_OUTPUTS)


class IceAdjust:
    """The saturation adjustment, built once for a domain and called with fields.

    Parameters
    ----------
    domain
        Points (i, j, k); level 0 is the model top.
    build
        Backend, precision and compiler arguments.
    config
        Options; the canonical ones by default.
    adjusted_state
        Also write the adjusted state (``out_rv``, ``out_rc``, ``out_ri``, ``out_th``).

    Attributes
    ----------
    fields
        The fields that a call reads and writes, with names, units, dimensions and intent.

    Raises
    ------
    CompilationError
        If the stencil does not compile.
    """

    name = "ice_adjust"

    def __init__(
        self, domain: Shape, build: Build, config: IceAdjustConfig | None = None, *, adjusted_state: bool = False
    ) -> None:
        self.domain, self.build, self.config = domain, build, config or IceAdjustConfig()
        options = self.config
        height = options.LSUBG_COND and options.LSTATNW and options.LHGT_QS
        self.fields: tuple[Field, ...] = (
            *_INPUTS,
            *(_SUBGRID_INPUTS if options.LSUBG_COND else ()),
            _WEIGHT,
            *((_SIGQSAT,) if options.LSUBG_COND else ()),
            *((_HEIGHT,) if height else ()),
            *_SOURCES,
            *((_MOMENT,) if options.OCOMPUTE_SRC else ()),
            *_OUTPUTS,
            *(_STATE_OUTPUTS if adjusted_state else ()),
        )
        slope, intercept = ice_threshold_law(options)
        externals: dict[str, Any] = {
            **thermodynamic_externals(build.precision),
            **_moment_kinks(),
            "EPSILO": constants.RD / constants.RV,
            "OVER_EPSILO": constants.RV / constants.RD,
            "OVER_RV": 1.0 / constants.RV,
            "CRIAUTC": options.XCRIAUTC,
            "CRIAUTI": options.XCRIAUTI,
            "ACRIAUTI": slope,
            "BCRIAUTI": intercept,
            "TMAXMIX": options.XTMAXMIX,
            "TMINMIX": options.XTMINMIX,
            "SUBGRID": options.LSUBG_COND,
            "GAUSSIAN": options.CCONDENS == "GAUS",
            "LAMBDA3": options.CLAMBDA3 == "CB",
            "FRAC_S": options.CFRAC_ICE_ADJUST == "S",
            "FRAC_T": options.CFRAC_ICE_ADJUST == "T",
            "FRAC_O": options.CFRAC_ICE_ADJUST == "O",
            "MF_TRIANGLE": options.CSUBG_MF_PDF == "TRIANGLE",
            "STATNW": options.LSTATNW,
            "HEIGHT_QS": height,
            "CONDBORN": options.LCONDBORN,
            "WITH_SRCS": options.OCOMPUTE_SRC,
            "STATE_OUT": adjusted_state,
        }
        stencil = build.stencil(ice_adjust, externals)
        origin = {field.name: (0,) * len(field.dims) for field in _ARGUMENTS}
        self._run = freeze(stencil, origin=origin, domain=domain)
        row = (domain[0] * domain[1], 1, domain[2])
        self._run_row = freeze(stencil, origin=origin, domain=row)
        self._names = tuple(field.name for field in self.fields)
        self._absent = {field.name: None for field in _ARGUMENTS if field not in self.fields}

    def __call__(self, state: Mapping[str, Any], timestep: float) -> None:
        """Adjust ``state`` in place over ``timestep`` seconds.

        Raises
        ------
        ValueError
            If a field is missing or has another shape or dtype than the component was built for.
        """
        check(self.fields, state, self.domain, self.build.dtype)
        arguments = {name: state[name] for name in self._names}
        run = self._run_row if self.build.along_i and is_one_row(arguments.values()) else self._run
        scalar = self.build.dtype.type
        run(**arguments, **self._absent, tstep=scalar(timestep), over_tstep=scalar(1.0 / timestep))
