"""The statistical cloud scheme: cloud fraction and condensate from the distribution of the saturation deficit.

References
----------
Chaboureau and Bechtold (2002), J. Atmos. Sci. 59, 2362-2372: fits to cloud-resolving simulations (CB02).
Sommeria and Deardorff (1977), J. Atmos. Sci. 34, 344-355; Mellor (1977), 34, 356-358: Gaussian distribution (GAUS).
Bechtold, Cuijpers, Mascart and Trouilhet (1995), J. Atmos. Sci. 52, 455-463: the second-order moment as a function of
Q1 and its amplification for shallow cumulus.
de Rooy et al. (2022), Geosci. Model Dev. 15, 1513-1543: a variance in proportion to saturation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numpy_ice3.constants import LEAST_CONDENSATE, LEAST_FRACTION, LEAST_SIGMA, NEGLIGIBLE

if TYPE_CHECKING:
    from numpy_ice3.arrays import Array
    from numpy_ice3.options import Options
    from numpy_ice3.thermodynamics import Saturation

LOWEST, HIGHEST = -22, 10
"""first and last interval of the table, in units of Q1 = 1/2"""
SECOND_ORDER_MOMENT = (
    0.0, 0.0, 2.0094444e-4, 3.16670e-4, 4.9965648e-4, 7.85956e-4, 1.2341294e-3, 1.93327e-3, 3.0190963e-3, 4.70144e-3,
    7.2950651e-3, 1.12759e-2, 1.7350994e-2, 2.65640e-2, 4.0427860e-2, 6.10997e-2, 9.1578111e-2, 0.135888, 0.1991484,
    0.230756, 0.2850565, 0.375050, 0.5, 0.691489, 0.8413813, 0.933222, 0.9772662, 0.993797, 0.9986521, 0.999768,
    0.9999684, 0.999997, 1.0, 1.0,
)  # fmt: skip
"""normalised second-order moment at Q1 = -11, -10.5, ..., 5.5"""


class Cloud(NamedTuple):
    """The cloud of a grid box."""

    condensate: Array
    """liquid and ice, kg kg-1"""
    fraction: Array
    """cloud fraction"""
    moment: Array
    """normalised second-order moment of the saturation deficit and the condensate"""


def standard_deviation(
    sigs: Array, sigqsat: Array, zz: Array, total_water: Array, state: Saturation, options: Options
) -> Array:
    """Compute the standard deviation of the saturation deficit, kg kg-1: turbulence and a share of the saturation.

    Parameters
    ----------
    sigs
        Standard deviation from the turbulence scheme, kg kg-1.
    sigqsat
        Coefficient of the saturation mixing ratio, one value a column.
    zz
        Height of the levels, m; read if ``options.uses_height``.
    total_water
        rv + rc + ri, kg kg-1.
    """
    turbulence = sigs if options.LSTATNW else 2.0 * sigs
    coefficient = sigqsat[..., np.newaxis]
    if options.uses_height:
        coefficient = coefficient * _thickness_factor(zz)
    sigma = np.sqrt(turbulence**2 + (coefficient * state.qs * state.a) ** 2)
    if options.LCONDBORN:
        sigma = np.minimum(sigma, total_water / 2.0)
    return np.maximum(sigma, LEAST_SIGMA)


def _thickness_factor(zz: Array) -> Array:
    """Thickness of the layers below the levels over 30 m, within [0.5, 1.5]; the lowest counts 0.8 of the one above."""
    thickness = zz[..., :-1] - zz[..., 1:]
    thickness = np.concatenate([thickness, 0.8 * thickness[..., -1:]], axis=-1)
    return np.clip(thickness / 30.0, 0.5, 1.5)


def chaboureau_bechtold(sigma: Array, sbar: Array, total_water: Array, options: Options) -> Cloud:
    """Cloud of CB02 (Chaboureau and Bechtold 2002).

    Parameters
    ----------
    sigma, sbar
        Standard deviation and mean of the saturation deficit, kg kg-1.
    total_water
        rv + rc + ri, kg kg-1.
    """
    q1 = sbar / sigma
    unsaturated = np.exp(1.2 * np.minimum(q1, 0.0) - 1.0)
    partly = np.minimum(math.exp(-1.0) + 0.66 * q1 + 0.086 * q1**2, 2.0)
    condensate = sigma * np.where(q1 <= 0.0, unsaturated, np.where(q1 <= 2.0, partly, q1))
    if options.LCONDBORN:
        condensate = np.minimum(condensate, total_water - 1e-7)
    fraction = np.clip(0.5 + 0.36 * np.arctan(1.55 * q1), 0.0, 1.0)
    fraction = np.where(condensate < LEAST_CONDENSATE, 0.0, fraction)
    condensate = np.where(fraction == 0.0, 0.0, condensate)
    return Cloud(condensate, fraction, _tabulated_moment(q1))


def _tabulated_moment(q1: Array) -> Array:
    """Interpolate the second-order moment (Bechtold et al. 1995) linearly in Q1."""
    table = np.array(SECOND_ORDER_MOMENT, dtype=q1.dtype)
    position = np.clip(2.0 * q1, LOWEST, HIGHEST)
    interval = np.floor(position)
    weight = position - interval
    index = interval.astype(np.intp) - LOWEST
    moment: Array = np.minimum((1.0 - weight) * table[index] + weight * table[index + 1], 1.0)
    return moment


def gaussian(sigma: Array, sbar: Array, total_water: Array, options: Options) -> Cloud:
    """Cloud of a Gaussian distribution (Sommeria and Deardorff 1977; Mellor 1977).

    Parameters
    ----------
    sigma, sbar
        Standard deviation and mean of the saturation deficit, kg kg-1.
    total_water
        rv + rc + ri, kg kg-1.
    """
    area, mean_excess = _gaussian_moments(sbar / sigma)
    condensate = np.maximum(sigma * mean_excess, 0.0)
    if options.LCONDBORN:
        condensate = np.minimum(condensate, total_water - 1e-7)
    cloudy = (condensate >= LEAST_CONDENSATE) & (area > 0.0)
    fraction = np.where(cloudy, area, 0.0)
    return Cloud(np.where(cloudy, condensate, 0.0), fraction, fraction)


def gaussian_above(sigma: Array, sbar: Array, share: Array, threshold: Array) -> tuple[Array, Array]:
    """Content (kg kg-1) and area of a phase, ``share`` of the condensate, above its autoconversion ``threshold``."""
    present = share > NEGLIGIBLE
    excess = sbar - np.divide(threshold, share, out=np.zeros_like(share), where=present)
    area, mean_excess = _gaussian_moments(excess / sigma)
    content = np.maximum(share * sigma * mean_excess + threshold * area, 0.0)
    matters = present & (content >= LEAST_CONDENSATE) & (area >= LEAST_FRACTION)
    return np.where(matters, content, 0.0), np.where(matters, area, 0.0)


def _gaussian_moments(q: Array) -> tuple[Array, Array]:
    """Probability that a standard normal variable exceeds -q, and the mean of its excess over it.

    Phi(q) = erfc(-q / sqrt 2) / 2 and g(q) = exp(-q^2/2) / sqrt(2 pi) + q Phi(q).
    """
    q = np.clip(q, -40.0, None)  # both are zero below; q^2 must not overflow
    area = 0.5 * _erfc(-q / math.sqrt(2.0))
    density = np.exp(-0.5 * np.minimum(q, 40.0) ** 2) / math.sqrt(2.0 * math.pi)
    return area, density + q * area


def _erfc(x: Array) -> Array:
    """Complementary error function; NumPy has none."""
    values: Array = np.asarray(np.frompyfunc(math.erfc, 1, 1)(x)).astype(x.dtype)
    return values


def amplification(q1: Array) -> Array:
    """Return the factor of the second-order moment for cumulus, lambda_3 of Bechtold et al. (1995): 1 to 3."""
    factor: Array = np.clip(1.0 - q1, 1.0, 3.0)
    return factor
