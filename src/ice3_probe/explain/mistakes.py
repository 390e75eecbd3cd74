"""Mistakes that ports of IceAdjust made, each planted in the NumPy implementation by replacing a constant or a law."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy_ice3 import thermodynamics

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy_ice3 import Constants, Options, Scheme
    from numpy_ice3.arrays import Array
    from numpy_ice3.cloud import Cloud
    from numpy_ice3.scheme import AboveThreshold
    from numpy_ice3.sources import Sources
    from numpy_ice3.thermodynamics import Heats, State

    Plant = Callable[[Scheme], Scheme]


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes
    ----------
    what
        What the port does, as a sentence.
    right
        Where PHYEX and the NumPy implementation have the right form.
    plant
        Returns a scheme with the mistake.
    """

    name: str
    what: str
    right: str
    plant: Plant


# --- Constants --------------------------------------------------------------------------------------------------------


def _with(**constants: float) -> Plant:
    return lambda scheme: replace(scheme, constants=replace(scheme.constants, **constants))


# --- Ice fraction -----------------------------------------------------------------------------------------------------


def _liquid_for_ice(scheme: Scheme) -> Scheme:
    def ice_fraction(cst: Constants, state: State, options: Options) -> Array:
        if options.CFRAC_ICE_ADJUST == "S":
            state = state._replace(rc=state.ri, ri=state.rc)
        return scheme.ice_fraction(cst, state, options)

    return replace(scheme, ice_fraction=ice_fraction)


def _cut(scheme: Scheme) -> Scheme:
    def ice_fraction(cst: Constants, state: State, options: Options) -> Array:
        return np.trunc(scheme.ice_fraction(cst, state, options))

    return replace(scheme, ice_fraction=ice_fraction)


# --- Second-order moment ----------------------------------------------------------------------------------------------


def _without_amplification(scheme: Scheme) -> Scheme:
    return replace(scheme, amplification=np.ones_like)


def _moment_of_clouds_only(scheme: Scheme) -> Scheme:
    def chaboureau_bechtold(sigma: Array, sbar: Array, total_water: Array, options: Options) -> Cloud:
        cloud = scheme.chaboureau_bechtold(sigma, sbar, total_water, options)
        return cloud._replace(moment=np.where(cloud.fraction > 0.0, cloud.moment, 0.0))

    return replace(scheme, chaboureau_bechtold=chaboureau_bechtold)


# --- Weight, heats and sources ----------------------------------------------------------------------------------------


def _without_weight(scheme: Scheme) -> Scheme:
    return replace(scheme, statistical_weight=np.ones_like)


def _refreshed(*names: str) -> Plant:
    def plant(scheme: Scheme) -> Scheme:
        def heats_after(cst: Constants, before: Heats, adjusted: State, krr: int) -> Heats:
            new = thermodynamics.heats(cst, adjusted, krr)._asdict()
            return scheme.heats_after(cst, before, adjusted, krr)._replace(**{name: new[name] for name in names})

        return replace(scheme, heats_after=heats_after)

    return plant


def _side_by_side(scheme: Scheme) -> Scheme:
    def condense(sources: Sources, liquid: Array, ice: Array, heats: Heats, exnref: Array) -> Sources:
        none = np.zeros_like(liquid)
        first = scheme.condense(sources, liquid, none, heats, exnref)
        second = scheme.condense(sources, none, ice, heats, exnref)
        return type(sources)(*(a + b - before for a, b, before in zip(first, second, sources, strict=True)))

    return replace(scheme, condense=condense)


# --- Autoconversion thresholds ----------------------------------------------------------------------------------------


def _mass_flux_threshold_before(scheme: Scheme) -> Scheme:
    def temperatures(before: Array, after: Array) -> tuple[Array, Array]:
        return scheme.threshold_temperatures(before, after)[0], before

    return replace(scheme, threshold_temperatures=temperatures)


def _statistical_threshold_after(scheme: Scheme) -> Scheme:
    def temperatures(before: Array, after: Array) -> tuple[Array, Array]:
        return after, scheme.threshold_temperatures(before, after)[1]

    return replace(scheme, threshold_temperatures=temperatures)


Phase = Literal["liquid", "ice"]


def _part(phase: Phase, mistaken: Callable[[Array, Array, Array, Array, Array], tuple[Array, Array]]) -> Plant:
    """Replace content and area above the threshold in the triangle by those of ``mistaken``.

    It gets the right content and area, the content W, the area C and the threshold q.
    """

    def plant(scheme: Scheme) -> Scheme:
        law = f"{phase}_above_threshold"
        right: AboveThreshold = getattr(scheme, law)

        def above(content: Array, fraction: Array, threshold: Array, distribution: str) -> tuple[Array, Array]:
            above, area = right(content, fraction, threshold, distribution)
            if distribution != "TRIANGLE":
                return above, area
            return mistaken(above, area, np.maximum(content, 1e-20), fraction, threshold)

        changed: dict[str, Any] = {law: above}
        return replace(scheme, **changed)

    return plant


def _cubed_fraction(above: Array, area: Array, w: Array, c: Array, q: Array) -> tuple[Array, Array]:
    third = (w <= c * q) & (2.0 * w > c * q)
    return above + np.where(third, (q * c**3 - (q * c) ** 3) / (3.0 * w**2), 0.0), area


def _area_without_square(above: Array, area: Array, w: Array, c: Array, q: Array) -> tuple[Array, Array]:
    x = c * q / w
    return above, area + np.where(x < 1.0, c * (x**2 - x) / 2.0, 0.0)


def _content_without_square(above: Array, area: Array, w: Array, c: Array, q: Array) -> tuple[Array, Array]:
    y = c * q
    return above + np.where(w > y, y**3 / (3.0 * w**2) - y**3 / (3.0 * w), 0.0), area


def _doubled(above: Array, area: Array, _w: Array, _c: Array, _q: Array) -> tuple[Array, Array]:
    return 2.0 * above, 2.0 * area


_IN_CONDENSATION = "PHYEX's CONDENSATION; numpy_ice3"
_IN_ICE_ADJUST = "PHYEX's ICE_ADJUST; numpy_ice3"


def _triangle(phase: Phase) -> tuple[Mistake, ...]:
    right = f"{_IN_ICE_ADJUST}/mass_flux.py, above_threshold"
    return (
        Mistake(
            f"{phase}-triangle-cube",
            f"In the {phase} content of the triangle, the third power takes in the area of the mass-flux cloud only, "
            "not area times threshold.",
            right,
            _part(phase, _cubed_fraction),
        ),
        Mistake(
            f"{phase}-triangle-area",
            f"In the {phase} area of the triangle, threshold over content is not squared.",
            right,
            _part(phase, _area_without_square),
        ),
        Mistake(
            f"{phase}-triangle-content",
            f"In the {phase} content of the triangle, the content in the denominator is not squared.",
            right,
            _part(phase, _content_without_square),
        ),
        Mistake(
            f"{phase}-triangle-doubled",
            f"The {phase} part above the threshold is added to itself instead of to the statistical cloud's.",
            f"{_IN_ICE_ADJUST}/ice_adjust.py",
            _part(phase, _doubled),
        ),
    )


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "saturation-constant",
        "The saturation vapour pressure at the triple point is 611.24 Pa instead of 611.14 Pa.",
        "XESTT in PHYEX's INI_CST; numpy_ice3/constants.py, e_t",
        _with(e_t=611.24),
    ),
    Mistake(
        "triple-point",
        "The temperature of the triple point is 273.15 K instead of 273.16 K.",
        "XTT in PHYEX's INI_CST; numpy_ice3/constants.py, t_t",
        _with(t_t=273.15),
    ),
    Mistake(
        "modern-codata",
        "Boltzmann's and Avogadro's constants are those of CODATA 2018 instead of PHYEX's old ones.",
        "XBOLTZ and XAVOGADRO in PHYEX's INI_CST; numpy_ice3/constants.py",
        _with(boltzmann=1.380649e-23, avogadro=6.02214076e23),
    ),
    Mistake(
        "liquid-for-ice",
        "The ice fraction (option S) is rc / (rc + ri) instead of ri / (rc + ri).",
        f"{_IN_CONDENSATION}/thermodynamics.py, ice_fraction",
        _liquid_for_ice,
    ),
    Mistake(
        "ice-fraction-cut",
        "The ice fraction is cut to 0 or 1, as by an integer temporary.",
        f"{_IN_CONDENSATION}/thermodynamics.py, ice_fraction",
        _cut,
    ),
    Mistake(
        "no-amplification",
        "The second-order moment lacks its amplification for cumulus (lambda 3).",
        f"{_IN_CONDENSATION}/cloud.py, amplification",
        _without_amplification,
    ),
    Mistake(
        "moment-of-clouds-only",
        "The second-order moment is set to zero where the cloud fraction is zero.",
        f"{_IN_CONDENSATION}/cloud.py, chaboureau_bechtold",
        _moment_of_clouds_only,
    ),
    Mistake(
        "no-weight",
        "The statistical cloud is not reduced by the weight of the mass-flux cloud.",
        f"{_IN_ICE_ADJUST}/scheme.py, statistical_weight",
        _without_weight,
    ),
    Mistake(
        "latent-heats-refreshed",
        "The latent heats are computed again at the adjusted temperature, before the sources.",
        f"{_IN_ICE_ADJUST}/thermodynamics.py, heats_after",
        _refreshed("lv", "ls"),
    ),
    Mistake(
        "heat-capacity-refreshed",
        "The heat capacity is computed again from the adjusted state, before the sources.",
        f"{_IN_ICE_ADJUST}/thermodynamics.py, heats_after",
        _refreshed("capacity"),
    ),
    Mistake(
        "same-vapour-twice",
        "The condensation of ice is limited by the vapour from before the condensation of liquid.",
        f"{_IN_ICE_ADJUST}/sources.py, condense",
        _side_by_side,
    ),
    Mistake(
        "mass-flux-threshold",
        "The ice threshold of the mass-flux cloud is taken at the input temperature, not at the adjusted one.",
        f"{_IN_ICE_ADJUST}/scheme.py, threshold_temperatures",
        _mass_flux_threshold_before,
    ),
    Mistake(
        "statistical-threshold",
        "The ice threshold of the Gaussian cloud is taken at the adjusted temperature, not at the input one.",
        f"{_IN_CONDENSATION}/scheme.py, threshold_temperatures",
        _statistical_threshold_after,
    ),
    *_triangle("liquid"),
    *_triangle("ice"),
)
"""All mistakes, in the order in which several of them are planted."""
