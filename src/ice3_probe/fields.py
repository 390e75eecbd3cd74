"""Field tables of the components: name, CF-style standard name, units, intent and dimensions of every argument."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ice3_probe.processes import PROCESSES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Shape = tuple[int, int, int]
"""Points (i, j, k) of a domain."""


@dataclass(frozen=True)
class Field:
    """One argument of a component.

    Attributes
    ----------
    name
        PHYEX's argument name without the DOCTOR prefix.
    standard_name
        CF or CCPP-style standard name.
    units
        CF units.
    intent
        ``in``: read; ``inout``: read and overwritten; ``out``: written.
    dims
        ``ijk`` for a 3-D field, ``ij`` for a horizontal one.
    when
        Options that must all be on for the field to matter.
    """

    name: str
    standard_name: str
    units: str
    intent: Literal["in", "inout", "out"]
    dims: Literal["ijk", "ij"] = "ijk"
    when: tuple[str, ...] = ()

    def shape(self, domain: Shape) -> tuple[int, ...]:
        """Shape of the field on a domain."""
        return domain if self.dims == "ijk" else domain[:2]

    @property
    def is_input(self) -> bool:
        """Whether a call reads it."""
        return self.intent != "out"

    @property
    def is_output(self) -> bool:
        """Whether a call writes it."""
        return self.intent != "in"


def active(fields: tuple[Field, ...], options: Mapping[str, object]) -> tuple[Field, ...]:
    """Return the fields that matter under ``options``."""
    return tuple(field for field in fields if all(options[name] for name in field.when))


def unproduced(fields: tuple[Field, ...], produced: Collection[str]) -> tuple[str, ...]:
    """Return the outputs among ``fields`` that are not ``produced``."""
    return tuple(field.name for field in fields if field.is_output and field.name not in produced)


_SURROUNDINGS = (
    Field("exn", "dimensionless_exner_function", "1", "in"),
    Field("exnref", "reference_dimensionless_exner_function", "1", "in"),
    Field("rhodref", "reference_dry_air_density", "kg m-3", "in"),
    Field("pabs", "air_pressure", "Pa", "in"),
)
_SIGS = Field("sigs", "standard_deviation_of_saturation_deficit_due_to_turbulence", "kg kg-1", "in")
_THS = Field("ths", "tendency_of_air_potential_temperature", "K s-1", "inout")
_RVS = Field("rvs", "tendency_of_humidity_mixing_ratio", "kg kg-1 s-1", "inout")
_RCS = Field("rcs", "tendency_of_cloud_liquid_water_mixing_ratio", "kg kg-1 s-1", "inout")
_RIS = Field("ris", "tendency_of_cloud_ice_mixing_ratio", "kg kg-1 s-1", "inout")

_SUBGRID = ("LSUBG_COND",)

ICE_ADJUST: tuple[Field, ...] = (
    *_SURROUNDINGS,
    Field("th", "air_potential_temperature", "K", "in"),
    Field("rv", "humidity_mixing_ratio", "kg kg-1", "in"),
    Field("rc", "cloud_liquid_water_mixing_ratio", "kg kg-1", "in"),
    Field("ri", "cloud_ice_mixing_ratio", "kg kg-1", "in"),
    Field("rr", "rain_mixing_ratio", "kg kg-1", "in"),
    Field("rs", "snow_mixing_ratio", "kg kg-1", "in"),
    Field("rg", "graupel_mixing_ratio", "kg kg-1", "in"),
    replace(_SIGS, when=_SUBGRID),
    Field("cf_mf", "mass_flux_cloud_area_fraction", "1", "in", when=_SUBGRID),
    Field("rc_mf", "mass_flux_cloud_liquid_water_mixing_ratio", "kg kg-1", "in", when=_SUBGRID),
    Field("ri_mf", "mass_flux_cloud_ice_mixing_ratio", "kg kg-1", "in", when=_SUBGRID),
    Field("weight_mf_cloud", "weight_of_mass_flux_cloud", "1", "in"),
    Field("sigqsat", "saturation_mixing_ratio_coefficient_of_standard_deviation", "1", "in", "ij", _SUBGRID),
    Field("zz", "height_of_layer", "m", "in", when=(*_SUBGRID, "LSTATNW", "LHGT_QS")),
    _RVS,
    _RCS,
    _RIS,
    _THS,
    Field("srcs", "normalized_second_order_moment_of_saturation_deficit", "1", "out", when=("OCOMPUTE_SRC",)),
    Field("cldfr", "cloud_area_fraction", "1", "out"),
    Field("hlc_hrc", "cloud_liquid_water_mixing_ratio_above_autoconversion_threshold", "kg kg-1", "out"),
    Field("hlc_hcf", "liquid_cloud_area_fraction_above_autoconversion_threshold", "1", "out"),
    Field("hli_hri", "cloud_ice_mixing_ratio_above_autoconversion_threshold", "kg kg-1", "out"),
    Field("hli_hcf", "ice_cloud_area_fraction_above_autoconversion_threshold", "1", "out"),
    Field("out_rv", "adjusted_humidity_mixing_ratio", "kg kg-1", "out"),
    Field("out_rc", "adjusted_cloud_liquid_water_mixing_ratio", "kg kg-1", "out"),
    Field("out_ri", "adjusted_cloud_ice_mixing_ratio", "kg kg-1", "out"),
    Field("out_th", "adjusted_air_potential_temperature", "K", "out"),
)
"""IceAdjust (PHYEX: ICE_ADJUST). ``out_*`` is the state after the mass-flux cloud was added; ``*s`` are its sources."""

_STATE = (
    Field("tht", "air_potential_temperature", "K", "in"),
    Field("rvt", "humidity_mixing_ratio", "kg kg-1", "in"),
    Field("rct", "cloud_liquid_water_mixing_ratio", "kg kg-1", "in"),
    Field("rrt", "rain_mixing_ratio", "kg kg-1", "in"),
    Field("rit", "cloud_ice_mixing_ratio", "kg kg-1", "in"),
    Field("rst", "snow_mixing_ratio", "kg kg-1", "in"),
    Field("rgt", "graupel_mixing_ratio", "kg kg-1", "in"),
    _SIGS,
)
_CIT = Field("cit", "number_concentration_of_pristine_ice_crystals_in_air", "m-3", "inout")

RAIN_ICE: tuple[Field, ...] = (
    *_SURROUNDINGS,
    Field("dzz", "layer_thickness", "m", "in"),
    *_STATE,
    Field("sea", "sea_area_fraction", "1", "in", dims="ij"),
    Field("town", "town_area_fraction", "1", "in", dims="ij"),
    _CIT,
    _THS,
    _RVS,
    _RCS,
    Field("rrs", "tendency_of_rain_mixing_ratio", "kg kg-1 s-1", "inout"),
    _RIS,
    Field("rss", "tendency_of_snow_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("rgs", "tendency_of_graupel_mixing_ratio", "kg kg-1 s-1", "inout"),
    Field("evap3d", "rain_evaporation_rate", "s-1", "out"),
    Field("inprc", "cloud_liquid_sedimentation_rate_at_surface", "m s-1", "out", dims="ij"),
    Field("inprr", "rainfall_rate", "m s-1", "out", dims="ij"),
    Field("inprs", "snowfall_rate", "m s-1", "out", dims="ij"),
    Field("inprg", "graupelfall_rate", "m s-1", "out", dims="ij"),
    Field("indep", "cloud_liquid_deposition_rate_at_surface", "m s-1", "out", "ij", ("LDEPOSC",)),
    Field("fpr_c", "downward_flux_of_cloud_liquid_water", "kg m-2 s-1", "out"),
    Field("fpr_r", "downward_flux_of_rain", "kg m-2 s-1", "out"),
    Field("fpr_i", "downward_flux_of_cloud_ice", "kg m-2 s-1", "out"),
    Field("fpr_s", "downward_flux_of_snow", "kg m-2 s-1", "out"),
    Field("fpr_g", "downward_flux_of_graupel", "kg m-2 s-1", "out"),
)
"""RainIce (PHYEX: RAIN_ICE). ``fpr_*`` is the flux through the bottom of each layer."""

_FALLING = (
    "rhodref", "pabs", "dzz", "tht", "sea", "town", "rcs", "rrs", "ris", "rss", "rgs", "inprc", "inprr", "inprs",
    "inprg", "fpr_c", "fpr_r", "fpr_i", "fpr_s", "fpr_g",
)  # fmt: skip

SEDIMENTATION: tuple[Field, ...] = tuple(field for field in RAIN_ICE if field.name in _FALLING)
"""The sedimentation of RainIce (PHYEX: ICE4_SEDIMENTATION): its sources, rates at the surface and fluxes."""

TENDENCIES: tuple[Field, ...] = (
    *(field for field in _SURROUNDINGS if field.name != "exnref"),
    *_STATE,
    replace(_CIT, intent="in"),
    *(Field(one.output, f"microphysical_process_{one.output}", one.units, "out") for one in PROCESSES),
)
"""The process rates of RainIce in the initial state (PHYEX: ICE4_TENDENCIES); ``*_mr`` are instantaneous."""

_ADJUSTED = ("tht", "rvt", "rct", "rit")
"""State that RainIce takes from the adjustment: an output of the chain, not an input."""
_SHARED = ("rrt", "rst", "rgt")
"""State that the adjustment leaves alone: IceAdjust's ``rr``, ``rs``, ``rg``."""

MICROPHYSICS: tuple[Field, ...] = (
    *(_SIGS if field.name == "sigs" else field for field in ICE_ADJUST if not field.name.startswith("out_")),
    *(
        replace(field, standard_name=f"adjusted_{field.standard_name}", intent="out")
        if field.name in _ADJUSTED
        else field
        for field in RAIN_ICE
        if field.name not in _SHARED
        and field.name not in {first.name for first in ICE_ADJUST}
        and not field.name.startswith("fpr_")
    ),
)
"""The chain IceAdjust -> RainIce: what a model step pays. RainIce takes the adjusted state and writes no fluxes."""
