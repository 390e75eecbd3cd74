"""The statistical cloud: the saturation deficit varies within a grid box, and its positive part is condensate.

References
----------
Chaboureau and Bechtold (2002), J. Atmos. Sci. 59, 2362-2372: fits to simulations that resolve clouds (CB02).
Sommeria and Deardorff (1977), J. Atmos. Sci. 34, 344-355; Mellor (1977), 34, 356-358: Gaussian distribution (GAUS).
Bechtold et al. (1995), J. Atmos. Sci. 52, 455-463: second-order moment, and its amplification in cumulus.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
from jax.scipy.stats import norm

from jax_ice3.constants import AREA_MIN, CONDENSATE_MIN, SIGMA_MIN, T_T, TINY

if TYPE_CHECKING:
    from jax import Array

    from jax_ice3.fields import Fields
    from jax_ice3.options import Options
    from jax_ice3.thermodynamics import Air, Saturation

FIRST = -22
"""first entry of MOMENTS, in halves of Q1"""
MOMENTS = (
    0.0, 0.0, 2.0094444e-4, 3.16670e-4, 4.9965648e-4, 7.85956e-4, 1.2341294e-3, 1.93327e-3, 3.0190963e-3, 4.70144e-3,
    7.2950651e-3, 1.12759e-2, 1.7350994e-2, 2.65640e-2, 4.0427860e-2, 6.10997e-2, 9.1578111e-2, 0.135888, 0.1991484,
    0.230756, 0.2850565, 0.375050, 0.5, 0.691489, 0.8413813, 0.933222, 0.9772662, 0.993797, 0.9986521, 0.999768,
    0.9999684, 0.999997, 1.0, 1.0,
)  # fmt: skip
"""normalised second-order moment at Q1 = -11, -10.5, ..., 5.5"""


class Part(NamedTuple):
    """The part of a cloud above the autoconversion threshold of a phase."""

    content: Array
    """kg kg-1, mean over the grid box"""
    area: Array


class Cloud(NamedTuple):
    """The cloud of a grid box."""

    condensate: Array
    """liquid and ice, kg kg-1"""
    fraction: Array
    moment: Array
    """normalised second-order moment of the saturation deficit"""
    liquid: Part
    frozen: Part


def thresholds(temperature: Array, fields: Fields, options: Options) -> tuple[Array, Array]:
    """Return the autoconversion thresholds of liquid and of ice at a temperature (K), kg kg-1."""
    slope, intercept = options.ice_threshold
    ice = jnp.exp(math.log(10.0) * (slope * (temperature - T_T) + intercept))
    return options.XCRIAUTC / fields.rhodref, jnp.minimum(options.XCRIAUTI, ice)


def cloud(state: Air, saturated: Saturation, fields: Fields, options: Options) -> Cloud:
    """Diagnose the cloud from the mean and the standard deviation of the saturation deficit."""
    sigma = _standard_deviation(state, saturated, fields, options)
    q1 = saturated.surplus / sigma
    none = jnp.zeros_like(sigma)
    if options.CCONDENS == "GAUS":
        fraction, excess = _gaussian(q1)
        condensate = jnp.maximum(sigma * excess, 0.0)
    else:
        fraction = jnp.clip(0.5 + 0.36 * jnp.arctan(1.55 * q1), 0.0, 1.0)
        condensate = sigma * _condensate_by_fits(q1)
    if options.LCONDBORN:
        condensate = jnp.minimum(condensate, state.water - 1e-7)
    cloudy = (condensate >= CONDENSATE_MIN) & (fraction > 0.0)
    fraction, condensate = jnp.where(cloudy, fraction, 0.0), jnp.where(cloudy, condensate, 0.0)
    if options.CCONDENS == "GAUS":
        liquid_threshold, ice_threshold = thresholds(state.temperature, fields, options)
        liquid = _gaussian_part(1.0 - state.ice, liquid_threshold, saturated.surplus, sigma)
        frozen = _gaussian_part(state.ice, ice_threshold, saturated.surplus, sigma)
        moment = fraction
    else:
        liquid = frozen = Part(none, none)
        moment = _moment(q1)
    if options.CLAMBDA3 == "CB":
        moment = moment * jnp.clip(1.0 - q1, 1.0, 3.0)
    return Cloud(condensate, fraction, moment, liquid, frozen)


def _standard_deviation(state: Air, saturated: Saturation, fields: Fields, options: Options) -> Array:
    """Return the standard deviation of the saturation deficit, of turbulence and a share of saturation, kg kg-1."""
    if not options.LSUBG_COND:
        return jnp.full_like(state.temperature, SIGMA_MIN)
    share = fields.sigqsat[..., None]
    if options.LSTATNW and options.LHGT_QS:
        layers = fields.zz[..., :-1] - fields.zz[..., 1:]
        lowest = 0.8 * layers[..., -1:]
        share = share * jnp.clip(jnp.concatenate([layers, lowest], axis=-1) / 30.0, 0.5, 1.5)
    turbulence = fields.sigs if options.LSTATNW else 2.0 * fields.sigs
    sigma = jnp.sqrt(turbulence**2 + (share * saturated.mixing_ratio * saturated.response) ** 2)
    if options.LCONDBORN:
        sigma = jnp.minimum(sigma, state.water / 2.0)
    return jnp.maximum(sigma, SIGMA_MIN)


def _condensate_by_fits(q1: Array) -> Array:
    """Return the condensate over the standard deviation (Chaboureau and Bechtold 2002)."""
    dry = jnp.exp(1.2 * jnp.minimum(q1, 0.0) - 1.0)
    partly = jnp.minimum(math.exp(-1.0) + (0.66 + 0.086 * q1) * q1, 2.0)
    return jnp.where(q1 > 2.0, q1, jnp.where(q1 > 0.0, partly, dry))


def _moment(q1: Array) -> Array:
    """Interpolate the second-order moment (Bechtold et al. 1995)."""
    table = jnp.array(MOMENTS, dtype=q1.dtype)
    position = jnp.clip(2.0 * q1 - FIRST, 0.0, len(MOMENTS) - 2.0)
    index = position.astype(jnp.int32)  # rounds down
    lower, upper = (table.at[entry].get(mode="promise_in_bounds") for entry in (index, index + 1))
    return lower + (position - index) * (upper - lower)


def _gaussian(q: Array) -> tuple[Array, Array]:
    """Return the probability that a normal deviate exceeds -q, and the mean of what exceeds."""
    area = norm.cdf(q)
    return area, norm.pdf(q) + q * area


def _gaussian_part(share: Array, threshold: Array, surplus: Array, sigma: Array) -> Part:
    """Return the part above the threshold of a phase that is a share of the condensate."""
    present = share > TINY
    area, excess = _gaussian((surplus - threshold / jnp.where(present, share, 1.0)) / sigma)
    content = jnp.maximum(share * sigma * excess + threshold * area, 0.0)
    counts = present & (content >= CONDENSATE_MIN) & (area >= AREA_MIN)
    return Part(jnp.where(counts, content, 0.0), jnp.where(counts, area, 0.0))
