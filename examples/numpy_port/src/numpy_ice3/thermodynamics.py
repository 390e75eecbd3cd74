"""Moist thermodynamics of the mixed phase.

References
----------
Tao, Simpson and McCumber (1989), Mon. Wea. Rev. 117, 231-235: weighted saturation over liquid water and over ice.
Langlois (1973), Tellus 25, 86-87: adjustment in one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numpy_ice3 import constants as cst

if TYPE_CHECKING:
    from numpy_ice3.arrays import Array
    from numpy_ice3.options import Options


def latent_heats(temperature: Array) -> tuple[Array, Array]:
    """Latent heats of vaporisation and of sublimation at ``temperature`` (K), J kg-1 (Kirchhoff's law)."""
    excess = temperature - cst.T_T
    return cst.L_VT + (cst.C_PV - cst.C_L) * excess, cst.L_ST + (cst.C_PV - cst.C_I) * excess


def heat_capacity(rv: Array, rc: Array, rr: Array, ri: Array, rs: Array, rg: Array, krr: int) -> Array:
    """Heat capacity of moist air per mass of dry air, J kg-1 K-1.

    Parameters
    ----------
    rv, rc, rr, ri, rs, rg
        Mixing ratios of vapour, cloud droplets, rain, ice, snow and graupel, kg kg-1.
    krr
        Number of water species; the heat capacity of the others is left out.
    """
    liquid = rc + rr if krr > 2 else rc
    capacity = cst.C_PD + cst.C_PV * rv + cst.C_L * liquid
    if krr >= 5:
        capacity = capacity + cst.C_I * (ri + rs + rg if krr >= 6 else ri + rs)
    return capacity


def ice_fraction(temperature: Array, rc: Array, ri: Array, options: Options) -> Array:
    """Fraction of the condensate that is ice; temperature in K, mixing ratios in kg kg-1."""
    if options.CFRAC_ICE_ADJUST == "S":
        condensate = rc + ri
        share = np.divide(ri, condensate, out=np.zeros_like(ri), where=condensate > cst.NEGLIGIBLE)
    elif options.CFRAC_ICE_ADJUST == "T":
        share = (options.XTMAXMIX - temperature) / (options.XTMAXMIX - options.XTMINMIX)
    elif options.CFRAC_ICE_ADJUST == "O":
        share = (cst.T_T - temperature) / 40.0
    else:
        share = np.zeros_like(temperature)
    return np.clip(share, 0.0, 1.0)


def _vapour_pressure(temperature: Array, beta: float, gamma: float) -> Array:
    """Saturation vapour pressure, Pa.

    e = exp(alpha - beta/T - gamma ln T), centred at the triple point: it is e_t exp(small numbers), which loses no
    digits in float32.
    """
    exponent = beta * (temperature - cst.T_T) / (temperature * cst.T_T) - gamma * np.log(temperature / cst.T_T)
    pressure: Array = cst.E_T * np.exp(exponent)
    return pressure


def _saturation_mixing_ratio(temperature: Array, pressure: Array, beta: float, gamma: float) -> Array:
    """Saturation mixing ratio, kg kg-1; the vapour pressure is at most 99 % of the pressure."""
    vapour = np.minimum(_vapour_pressure(temperature, beta, gamma), 0.99 * pressure)
    mixing_ratio: Array = cst.EPSILON * vapour / (pressure - vapour)
    return mixing_ratio


class Saturation(NamedTuple):
    """Saturation of the mixed phase."""

    qs: Array
    """saturation mixing ratio, kg kg-1"""
    a: Array
    """1 / (1 + L/c_ph dq_s/dT): part of a surplus of water that condenses, the rest compensates the heating"""
    sbar: Array
    """mean saturation deficit: what a homogeneous box would hold as condensate after one linear step, kg kg-1"""


def saturation(
    temperature: Array,
    pressure: Array,
    total_water: Array,
    condensate: Array,
    latent_heat: Array,
    capacity: Array,
    ice: Array,
) -> Saturation:
    """Saturation and mean saturation deficit at the input temperature (Langlois 1973; Tao et al. 1989).

    Parameters
    ----------
    temperature, pressure
        K and Pa.
    total_water, condensate
        rv + rc + ri and rc + ri, kg kg-1.
    latent_heat
        Latent heat of the mixed phase L, J kg-1.
    capacity
        Heat capacity c_ph, J kg-1 K-1.
    ice
        Ice fraction of the condensate.
    """
    over_water = _saturation_mixing_ratio(temperature, pressure, cst.BETA_W, cst.GAMMA_W)
    over_ice = _saturation_mixing_ratio(temperature, pressure, cst.BETA_I, cst.GAMMA_I)
    qs = (1.0 - ice) * over_water + ice * over_ice
    slope = latent_heat * qs / (cst.R_V * temperature**2) * (1.0 + qs / cst.EPSILON)  # dq_s/dT (Clausius-Clapeyron)
    warming = latent_heat / capacity  # K per kg kg-1 of condensate
    a = 1.0 / (1.0 + warming * slope)
    return Saturation(qs, a, a * (total_water - qs + slope * warming * condensate))
