"""What the adjustment is made of: constants and laws that a study may replace.

The effect of another ice fraction, for example, is that of
``ice_adjust(..., scheme=dataclasses.replace(Scheme(), ice_fraction=another))``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from numpy_ice3 import cloud, mass_flux, sources, thermodynamics
from numpy_ice3.constants import Constants

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy_ice3.arrays import Array
    from numpy_ice3.options import Options
    from numpy_ice3.sources import Sources
    from numpy_ice3.thermodynamics import Heats, State

    AboveThreshold = Callable[[Array, Array, Array, str], tuple[Array, Array]]


def threshold_temperatures(before: Array, after: Array) -> tuple[Array, Array]:
    """Temperatures (K) of the ice autoconversion thresholds in the statistical and in the mass-flux cloud.

    The first is that ``before`` the condensation, the second the one ``after`` it, without the heat of the mass-flux
    cloud.
    """
    return before, after


def statistical_weight(weight_mf_cloud: Array) -> Array:
    """Weight of the statistical cloud beside the mass-flux cloud."""
    weight: Array = 1.0 - weight_mf_cloud
    return weight


@dataclass(frozen=True)
class Scheme:
    """Constants and laws of the adjustment, in the order in which they act; by default PHYEX's."""

    constants: Constants = field(default_factory=Constants)
    ice_fraction: Callable[[Constants, State, Options], Array] = thermodynamics.ice_fraction
    chaboureau_bechtold: Callable[[Array, Array, Array, Options], cloud.Cloud] = cloud.chaboureau_bechtold
    amplification: Callable[[Array], Array] = cloud.amplification
    threshold_temperatures: Callable[[Array, Array], tuple[Array, Array]] = threshold_temperatures
    statistical_weight: Callable[[Array], Array] = statistical_weight
    heats_after: Callable[[Constants, Heats, State, int], Heats] = thermodynamics.heats_after
    condense: Callable[[Sources, Array, Array, Heats, Array], Sources] = sources.condense
    liquid_above_threshold: AboveThreshold = mass_flux.above_threshold
    ice_above_threshold: AboveThreshold = mass_flux.above_threshold
