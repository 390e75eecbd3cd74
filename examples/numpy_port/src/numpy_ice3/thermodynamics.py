"""Moist thermodynamics of the mixed phase.

References
----------
Tao, Simpson and McCumber (1989), Mon. Wea. Rev. 117, 231-235: weighted saturation over liquid water and over ice.
Langlois (1973), Tellus 25, 86-87: adjustment in one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numpy_ice3.constants import NEGLIGIBLE

if TYPE_CHECKING:
    from numpy_ice3.arrays import Array
    from numpy_ice3.constants import Constants
    from numpy_ice3.options import Options


class State(NamedTuple):
    """Temperature (K) and mixing ratios (kg kg-1) of vapour, cloud droplets, rain, ice, snow and graupel."""

    temperature: Array
    rv: Array
    rc: Array
    rr: Array
    ri: Array
    rs: Array
    rg: Array

    @property
    def condensate(self) -> Array:
        """Cloud droplets and ice, kg kg-1."""
        return self.rc + self.ri

    @property
    def total_water(self) -> Array:
        """Vapour, cloud droplets and ice, kg kg-1."""
        return self.rv + self.rc + self.ri


class Heats(NamedTuple):
    """What a phase change does to the temperature."""

    lv: Array
    ls: Array
    """latent heats of vaporisation and of sublimation, J kg-1"""
    capacity: Array
    """heat capacity of moist air per mass of dry air, J kg-1 K-1"""


def heats(cst: Constants, state: State, krr: int) -> Heats:
    """Latent heats (Kirchhoff's law) and heat capacity of a state.

    Parameters
    ----------
    krr
        Number of water species; the heat capacity of the others is left out.
    """
    excess = state.temperature - cst.t_t
    liquid = state.rc + state.rr if krr > 2 else state.rc
    capacity = cst.c_pd + cst.c_pv * state.rv + cst.c_l * liquid
    if krr >= 5:
        capacity = capacity + cst.c_i * (state.ri + state.rs + state.rg if krr >= 6 else state.ri + state.rs)
    return Heats(cst.l_vt + (cst.c_pv - cst.c_l) * excess, cst.l_st + (cst.c_pv - cst.c_i) * excess, capacity)


def heats_after(_cst: Constants, before: Heats, _adjusted: State, _krr: int) -> Heats:
    """Return the heats with which the sources are computed: those of the input state, the step is linear."""
    return before


def ice_fraction(cst: Constants, state: State, options: Options) -> Array:
    """Fraction of the condensate that is ice."""
    temperature, rc, ri = state.temperature, state.rc, state.ri
    if options.CFRAC_ICE_ADJUST == "S":
        condensate = rc + ri
        share = np.divide(ri, condensate, out=np.zeros_like(ri), where=condensate > NEGLIGIBLE)
    elif options.CFRAC_ICE_ADJUST == "T":
        share = (options.XTMAXMIX - temperature) / (options.XTMAXMIX - options.XTMINMIX)
    elif options.CFRAC_ICE_ADJUST == "O":
        share = (cst.t_t - temperature) / 40.0
    else:
        share = np.zeros_like(temperature)
    return np.clip(share, 0.0, 1.0)


def _vapour_pressure(cst: Constants, temperature: Array, beta: float, gamma: float) -> Array:
    """Saturation vapour pressure, Pa.

    e = exp(alpha - beta/T - gamma ln T), centred at the triple point: it is e_t exp(small numbers), which loses no
    digits in float32.
    """
    exponent = beta * (temperature - cst.t_t) / (temperature * cst.t_t) - gamma * np.log(temperature / cst.t_t)
    pressure: Array = cst.e_t * np.exp(exponent)
    return pressure


def _saturation_mixing_ratio(cst: Constants, temperature: Array, pressure: Array, beta: float, gamma: float) -> Array:
    """Saturation mixing ratio, kg kg-1; the vapour pressure is at most 99 % of the pressure."""
    vapour = np.minimum(_vapour_pressure(cst, temperature, beta, gamma), 0.99 * pressure)
    mixing_ratio: Array = cst.epsilon * vapour / (pressure - vapour)
    return mixing_ratio


class Saturation(NamedTuple):
    """Saturation of the mixed phase."""

    qs: Array
    """saturation mixing ratio, kg kg-1"""
    a: Array
    """1 / (1 + L/c_ph dq_s/dT): part of a surplus of water that condenses, the rest compensates the heating"""
    sbar: Array
    """mean saturation deficit: what a homogeneous box would hold as condensate after one linear step, kg kg-1"""


def saturation(cst: Constants, state: State, pressure: Array, heats: Heats, ice: Array) -> Saturation:
    """Saturation and mean saturation deficit at the input temperature (Langlois 1973; Tao et al. 1989).

    Parameters
    ----------
    pressure
        Pa.
    ice
        Ice fraction of the condensate.
    """
    temperature = state.temperature
    over_water = _saturation_mixing_ratio(cst, temperature, pressure, cst.beta_w, cst.gamma_w)
    over_ice = _saturation_mixing_ratio(cst, temperature, pressure, cst.beta_i, cst.gamma_i)
    qs = (1.0 - ice) * over_water + ice * over_ice
    latent_heat = (1.0 - ice) * heats.lv + ice * heats.ls
    slope = latent_heat * qs / (cst.r_v * temperature**2) * (1.0 + qs / cst.epsilon)  # dq_s/dT (Clausius-Clapeyron)
    warming = latent_heat / heats.capacity  # K per kg kg-1 of condensate
    a = 1.0 / (1.0 + warming * slope)
    return Saturation(qs, a, a * (state.total_water - qs + slope * warming * state.condensate))
