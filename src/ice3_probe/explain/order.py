"""The order in which the schemes compute their outputs: the first wrong one is nearest to the cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_probe.components import component_of
from ice3_probe.processes import FAMILIES, PROCESSES

if TYPE_CHECKING:
    from collections.abc import Iterable

STEPS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "ice_adjust": (
        ("cloud from the saturation deficit", ("cldfr", "srcs")),
        ("condensation, liquid first", ("rcs", "ris", "rvs", "ths")),
        ("liquid cloud above the autoconversion threshold", ("hlc_hcf", "hlc_hrc")),
        ("ice cloud above the autoconversion threshold", ("hli_hcf", "hli_hri")),
        ("adjusted state", ("out_rc", "out_ri", "out_rv", "out_th")),
    ),
    "rain_ice": (
        ("sedimentation", ("fpr_c", "inprc", "fpr_r", "inprr", "fpr_i", "fpr_s", "inprs", "fpr_g", "inprg", "indep")),
        ("nucleation of ice", ("cit",)),
        ("warm processes", ("evap3d",)),
        ("sum of all processes", ("rvs", "rcs", "rrs", "ris", "rss", "rgs", "ths")),
    ),
    "microphysics": (
        ("adjustment: cloud from the saturation deficit", ("cldfr", "srcs")),
        ("adjustment: condensation", ("rct", "rit", "rvt", "tht")),
        ("adjustment: cloud above the autoconversion thresholds", ("hlc_hcf", "hlc_hrc", "hli_hcf", "hli_hri")),
        ("sedimentation", ("inprc", "inprr", "inprs", "inprg", "indep")),
        ("nucleation of ice", ("cit",)),
        ("warm processes", ("evap3d",)),
        ("sum of all processes", ("rvs", "rcs", "rrs", "ris", "rss", "rgs", "ths")),
    ),
    "rain_ice:sedimentation": (
        ("fall of droplets", ("fpr_c", "inprc", "rcs")),
        ("fall of rain", ("fpr_r", "inprr", "rrs")),
        ("fall of crystals", ("fpr_i", "ris")),
        ("fall of snow", ("fpr_s", "inprs", "rss")),
        ("fall of graupel", ("fpr_g", "inprg", "rgs")),
    ),
    "rain_ice:tendencies": tuple(
        (title, tuple(one.output for one in PROCESSES if one.family == family)) for family, title in FAMILIES.items()
    ),
}
"""Steps of each component with the outputs that they determine: PHYEX's ICE_ADJUST, RAIN_ICE and ICE4_TENDENCIES."""


def step_of(component: str, field: str) -> str:
    """Name the step of a component, or of a variant, that determines an output."""
    return next(step for step, outputs in STEPS[component_of(component).name] if field in outputs)


def in_order(component: str, fields: Iterable[str]) -> list[str]:
    """Sort outputs of a component, or of a variant, in the order in which it computes them."""
    order = [field for _, outputs in STEPS[component_of(component).name] for field in outputs]
    return sorted(fields, key=order.index)
