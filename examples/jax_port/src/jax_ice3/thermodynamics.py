"""Thermodynamics of air with vapour, liquid water and ice.

References
----------
Tao, Simpson and McCumber (1989), Mon. Wea. Rev. 117, 231-235: saturation of the mixed phase.
Langlois (1973), Tellus 25, 86-87: adjustment in one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp

from jax_ice3.constants import C_I, C_L, C_PD, C_PV, E_T, EPSILON, L_ST, L_VT, R_V, T_T, TINY

if TYPE_CHECKING:
    from jax import Array

    from jax_ice3.fields import Fields
    from jax_ice3.options import Options


class Air(NamedTuple):
    """The input state; all later steps see its latent heats and its heat capacity."""

    temperature: Array
    """K"""
    water: Array
    """vapour, cloud droplets and pristine ice, kg kg-1"""
    ice: Array
    """fraction of the condensate that is ice"""
    lv: Array
    ls: Array
    """latent heats of vaporisation and of sublimation, J kg-1"""
    capacity: Array
    """heat capacity at constant pressure, per mass of dry air, J kg-1 K-1"""


def air(fields: Fields, options: Options) -> Air:
    """Compute what the adjustment needs of the input state."""
    temperature = fields.th * fields.exn
    return Air(
        temperature=temperature,
        water=fields.rv + fields.rc + fields.ri,
        ice=_ice_fraction(temperature, fields, options),
        lv=L_VT + (C_PV - C_L) * (temperature - T_T),
        ls=L_ST + (C_PV - C_I) * (temperature - T_T),
        capacity=_heat_capacity(fields, options.KRR),
    )


def _heat_capacity(fields: Fields, species: int) -> Array:
    liquid, frozen = fields.rc, None
    if species >= 3:
        liquid = liquid + fields.rr
    if species >= 5:
        frozen = fields.ri + fields.rs
    if species >= 6:
        frozen = frozen + fields.rg
    capacity = C_PD + C_PV * fields.rv + C_L * liquid
    return capacity if frozen is None else capacity + C_I * frozen


def _ice_fraction(temperature: Array, fields: Fields, options: Options) -> Array:
    if options.CFRAC_ICE_ADJUST == "N":
        return jnp.zeros_like(temperature)
    if options.CFRAC_ICE_ADJUST == "S":
        condensate = fields.rc + fields.ri
        cloudy = condensate > TINY
        fraction = jnp.where(cloudy, fields.ri / jnp.where(cloudy, condensate, 1.0), 0.0)
    elif options.CFRAC_ICE_ADJUST == "T":
        fraction = (options.XTMAXMIX - temperature) / (options.XTMAXMIX - options.XTMINMIX)
    else:
        fraction = (T_T - temperature) / 40.0
    return jnp.clip(fraction, 0.0, 1.0)


class Saturation(NamedTuple):
    """Saturation of the mixed phase at the input temperature."""

    mixing_ratio: Array
    """kg kg-1"""
    response: Array
    """part of a surplus of vapour that condenses; the heat of condensation keeps the rest as vapour"""
    surplus: Array
    """what a homogeneous grid box would condense in one linear step, kg kg-1; negative if the air is dry"""


def saturation(state: Air, fields: Fields) -> Saturation:
    """Compute saturation, linearised in temperature around the input state."""
    fraction = state.ice
    over_water = _saturation_mixing_ratio(state.temperature, fields.pabs, L_VT, C_L)
    over_ice = _saturation_mixing_ratio(state.temperature, fields.pabs, L_ST, C_I)
    mixing_ratio = (1.0 - fraction) * over_water + fraction * over_ice
    latent_heat = (1.0 - fraction) * state.lv + fraction * state.ls
    slope = latent_heat * mixing_ratio / (R_V * state.temperature**2) * (1.0 + mixing_ratio / EPSILON)  # K-1
    warming = latent_heat / state.capacity  # K
    response = 1.0 / (1.0 + warming * slope)
    surplus = response * (state.water - mixing_ratio + slope * warming * (fields.rc + fields.ri))
    return Saturation(mixing_ratio, response, surplus)


def _saturation_mixing_ratio(temperature: Array, pressure: Array, latent_heat: float, heat_capacity: float) -> Array:
    """Return the mixing ratio of vapour over a phase, by its latent heat at the triple point and its heat capacity.

    The vapour pressure is written around the triple point, where the terms of its exponent are small: in float32, the
    form exp(alpha - beta / T - gamma ln T) would lose digits. It is at most 99 % of the pressure.
    """
    gamma = (heat_capacity - C_PV) / R_V
    beta = latent_heat / R_V + gamma * T_T
    exponent = beta * (temperature - T_T) / (temperature * T_T) - gamma * jnp.log(temperature / T_T)
    vapour = jnp.minimum(E_T * jnp.exp(exponent), 0.99 * pressure)
    return EPSILON * vapour / (pressure - vapour)
