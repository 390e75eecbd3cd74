"""Lookup tables of RainIce: partial integrals of the snow spectrum, and collection kernels.

The kernels are mean relative fall speeds of two species, weighted by geometric cross section and collected mass
(Ferrier 1994). PHYEX reads stored tables (READ_XKER_*) that were made by the routines RRCOLSS, RSCOLRG and RZCOLX. The
quadratures here are those of the routines, oddities included: the tables agree with PHYEX's to their last stored digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log, pi
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py import constants
from ice3_gt4py.parameters import GRAUPEL, RAIN, SNOW, Parameters, Species

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_INTERVALS = 50
"""intervals of the quadratures"""
_CUT = 20.0
"""a spectrum ends at the diameter _CUT / lambda"""
_GRAUPEL_COEFFICIENT = 196.0
"""older mass coefficient of graupel in PHYEX's stored tables; the current one is 19.6"""
_SMALLEST_SNOW = 1.0e-4
"""smallest snow in the restricted kernels, m"""
_ROWS_OF_51 = frozenset((0, 2, 3, 9, 12, 14, 16, 17, 24, 27, 28, 29, 30, 33, 37, 38, 39))
"""rows of k_sr_large whose number of intervals was rounded up to 51 on the machine that made the stored table"""


@dataclass(frozen=True)
class Axis:
    """Nodes of a table, geometric from ``low`` to ``high``; lookups are linear in the logarithm.

    The real index (from 1) of a value is ``slope * log(value) + intercept``.
    """

    size: int
    low: float
    high: float

    @property
    def nodes(self) -> Array:
        """The nodes, shape (size,)."""
        ratio = exp(log(self.high / self.low) / (self.size - 1))
        return np.asarray(self.low * ratio ** np.arange(self.size), np.float64)

    @property
    def slope(self) -> float:
        """Index per unit of the logarithm."""
        return (self.size - 1) / log(self.high / self.low)

    @property
    def intercept(self) -> float:
        """Index, from 1, of the value 1."""
        return 1.0 - self.slope * log(self.low)


SNOW_AND_RAIN = Axis(40, 5.0e1, 5.0e5)
"""lambda_s of the kernels of snow with rain, m-1"""
RAIN_AND_GRAUPEL = Axis(40, 1.0e3, 1.0e7)
"""lambda_r and lambda_g, m-1"""
SNOW_AND_GRAUPEL = Axis(80, 2.5e1, 2.5e9)
"""lambda_s of the kernel of snow with graupel, m-1"""
RIMING = Axis(80, 0.1, 1.0e7)
"""lambda_s times the limit size of riming, 1"""


def incomplete_gamma(a: float, x: float) -> float:
    """Regularised lower incomplete gamma function P(a, x), to PHYEX's limited accuracy (3e-7; PHYEX: GAMMA_INC).

    The tables must carry the same truncation errors as PHYEX's: an exact function differs by 5e-8.
    """
    tolerance, tiny = 3.0e-7, float(np.finfo(np.float64).tiny)
    factor = exp(-x + a * log(x) - lgamma(a))
    if x < a + 1.0:
        order, term = a, 1.0 / a
        total = term
        while abs(term) >= tolerance * abs(total):
            order += 1.0
            term *= x / order
            total += term
        return total * factor
    b = x + 1.0 - a
    c, d = 1.0 / tiny, 1.0 / b
    fraction, change, n = d, 0.0, 0
    while abs(change - 1.0) >= tolerance:
        n += 1
        numerator = -n * (n - a)
        b += 2.0
        d = numerator * d + b
        d = 1.0e-30 if abs(d) < tiny else d
        c = b + numerator / c
        c = 1.0e-30 if abs(c) < tiny else c
        d = 1.0 / d
        change = float(c * d)
        fraction *= change
    return 1.0 - fraction * factor


def _size_law(species: Species, slope: Array | float, diameter: Array) -> Array:
    """Size law of a species with alpha = nu = 1, normalised to one particle."""
    if species.alpha != 1.0 or species.nu != 1.0:
        raise ValueError("Only exponential size laws are tabulated.")
    return np.asarray(slope * np.exp(-slope * diameter))


def _speed(species: Species, diameter: Array) -> Array:
    return species.c * diameter**species.d


def _inner_points(slope: Array | float) -> Array:
    """Inner quadrature points of spectra, along a new last axis."""
    steps = np.arange(1, _INTERVALS) * _CUT / _INTERVALS
    return np.asarray(steps / np.asarray(slope)[..., None])


def _limit_size(snow: Array) -> Array:
    """Diameter of the drop that turns snow of diameter ``snow`` into graupel, m; 0 if none does."""
    bracket = 3.0 / (pi * constants.RHOLW) * (_GRAUPEL_COEFFICIENT - SNOW.a * snow ** (SNOW.b - 3.0))
    return np.where(bracket > 0.0, snow * np.maximum(bracket, 0.0) ** 0.3333333, 0.0)


def _six_digits(values: Array) -> Array:
    """Round to the format of the stored tables."""
    return np.array([float(f"{value:.5e}") for value in values.flat]).reshape(values.shape)


def _mean_speed(collector: Species, collectors: Axis, collected: Species, others: Axis, order: float) -> Array:
    """Kernel over both whole spectra; rows are the collector's slopes (PHYEX: RZCOLX)."""
    slopes = others.nodes[:, None]
    small = _inner_points(others.nodes)  # (other, point)
    weight = small**order * _size_law(collected, slopes, small)
    speed = _speed(collected, small)
    rows = []
    for slope in collectors.nodes:
        large = _inner_points(slope)[:, None, None]  # (point, 1, 1)
        law = _size_law(collector, slope, large[:, 0, 0])
        section = (large + small) ** 2 * weight
        total = section.sum(axis=-1)
        swept = (section * np.abs(_speed(collector, large) - speed)).sum(axis=-1)
        rows.append((law @ swept) / (law @ total))
    return _six_digits(np.array(rows))


def _small_rain_on_snow() -> Array:
    """Kernel of drops too small to turn the snow that collects them into graupel; (lambda_s, lambda_r) (RRCOLSS)."""
    slopes = RAIN_AND_GRAUPEL.nodes[:, None]
    drops = _inner_points(RAIN_AND_GRAUPEL.nodes)
    weight = drops**RAIN.b * _size_law(RAIN, slopes, drops)
    step = _CUT / (_INTERVALS * slopes)  # (rain, 1)
    points = np.arange(1.0, _INTERVALS + 1.0)
    rows = []
    for slope in SNOW_AND_RAIN.nodes:
        snow = _inner_points(slope)
        law = _size_law(SNOW, slope, snow)
        limit = np.where(_limit_size(snow) > 0.0, _limit_size(snow), _CUT / slopes)  # (rain, snow)
        kept = (snow > _SMALLEST_SNOW) & (limit >= 0.5 * step)
        count = np.ceil(limit / step)
        whole = count >= _INTERVALS
        count = np.where(whole, _INTERVALS, count)
        width = np.where(whole, step, limit / np.maximum(count, 1.0))
        diameter: Array = width[..., None] * points  # (rain, snow, point)
        last = points == count[..., None]
        diameter = np.where(last, limit[..., None], diameter)
        share = np.where(last, 0.5, np.where(points < count[..., None], 1.0, 0.0))
        integrand = (
            (snow[:, None] + diameter) ** 2
            * diameter**RAIN.b
            * np.abs(_speed(SNOW, snow)[:, None] - _speed(RAIN, diameter))
            * _size_law(RAIN, slopes[..., None], diameter)
        )
        swept = (share * integrand).sum(axis=-1) * width / step
        total = ((snow[:, None] + drops[:, None, :]) ** 2 * weight[:, None, :]).sum(axis=-1)
        rows.append(_quotient((swept * law * kept).sum(axis=-1), (total * law * kept).sum(axis=-1)))
    return _six_digits(np.array(rows))


def _large_rain_on_snow() -> Array:
    """Kernel of drops large enough to turn snow into graupel, weighted by its mass; (lambda_r, lambda_s) (RSCOLRG)."""
    snow = _inner_points(SNOW_AND_RAIN.nodes)  # (snow slope, snow)
    slopes = SNOW_AND_RAIN.nodes[:, None]
    law = snow**SNOW.b * _size_law(SNOW, slopes, snow)
    limit = _limit_size(snow)
    points = np.arange(1.0, _INTERVALS + 1.0)
    rows = []
    for row, slope in enumerate(RAIN_AND_GRAUPEL.nodes):
        drops = _inner_points(slope)
        step, end = _CUT / (_INTERVALS * slope), _CUT / slope
        kept = (snow > _SMALLEST_SNOW) & (end - limit >= 0.5 * step)
        length = np.where(kept, end - limit, end)
        whole = _INTERVALS + 1.0 if row in _ROWS_OF_51 else float(_INTERVALS)
        count = np.where(limit > 0.0, np.ceil(length / step), whole)
        width = length / count
        diameter = limit[..., None] + width[..., None] * points  # (snow slope, snow, point)
        inside = points < count[..., None]

        def swept(size: Array, slope: float = float(slope)) -> Array:
            relative = np.abs(_speed(SNOW, snow)[..., None] - _speed(RAIN, size))
            return np.asarray((snow[..., None] + size) ** 2 * relative * _size_law(RAIN, slope, size))

        first = np.where(limit > 0.0, 0.5 * swept(limit[..., None])[..., 0], 0.0)
        part = ((inside * swept(diameter)).sum(axis=-1) + first) * width / step
        total = ((snow[..., None] + drops) ** 2 * _size_law(RAIN, float(slope), drops)).sum(axis=-1)
        rows.append(_quotient((part * law * kept).sum(axis=-1), (total * law * kept).sum(axis=-1)))
    return _six_digits(np.array(rows))


def _quotient(numerator: Array, denominator: Array) -> Array:
    return np.where(denominator > 0.0, numerator / np.where(denominator > 0.0, denominator, 1.0), 0.0)


@dataclass(frozen=True)
class Tables:
    """The eight tables, float64; slopes in m-1, kernels in m s-1 per unit efficiency.

    Attributes
    ----------
    rim1, rim2, rim4
        P(2 + d_s + nu_s, y), P(nu_s + b_s, y), P(nu_s + b_g, y) on ``RIMING`` (PHYEX: XGAMINC_RIM1, 2, 4).
    rs_small, rs_all
        Rain collected by snow: drops below the limit size, and all; (lambda_s, lambda_r) (XKER_RACCSS, XKER_RACCS).
    sr_large
        Snow collected by drops above the limit size; (lambda_r, lambda_s) (XKER_SACCRG).
    sg
        Snow collected by graupel; (lambda_g, lambda_s) (XKER_SDRYG).
    rg
        Rain collected by graupel; (lambda_g, lambda_r) (XKER_RDRYG).
    """

    rim1: Array
    rim2: Array
    rim4: Array
    rs_small: Array
    rs_all: Array
    sr_large: Array
    sg: Array
    rg: Array


def build_tables() -> Tables:
    """Compute the tables; takes about a second."""
    rain, graupel = RAIN_AND_GRAUPEL, RAIN_AND_GRAUPEL

    def partial_integral(a: float) -> Array:
        return np.array([incomplete_gamma(a, y) for y in RIMING.nodes])

    return Tables(
        rim1=partial_integral(SNOW.nu + 2.0 + SNOW.d),
        rim2=partial_integral(SNOW.nu + SNOW.b),
        rim4=partial_integral(SNOW.nu + GRAUPEL.b),
        rs_small=_small_rain_on_snow(),
        rs_all=_mean_speed(SNOW, SNOW_AND_RAIN, RAIN, rain, RAIN.b),
        sr_large=_large_rain_on_snow(),
        sg=_mean_speed(GRAUPEL, graupel, SNOW, SNOW_AND_GRAUPEL, SNOW.b),
        rg=_mean_speed(GRAUPEL, graupel, RAIN, rain, RAIN.b),
    )


def lookup_externals(parameters: Parameters, unit: float) -> dict[str, Any]:
    """Slope and intercept of each axis's real index, counted from 0, under PHYEX's names.

    Parameters
    ----------
    unit
        Unit of the slopes that are looked up, m-1.
    """
    riming = RIMING.intercept + RIMING.slope * log(parameters.DCSLIM)
    return {
        "RIMINTP1": RIMING.slope,
        "RIMINTP2": riming - 1.0 + RIMING.slope * log(unit),
        "ACCINTP1S": SNOW_AND_RAIN.slope,
        "ACCINTP2S": SNOW_AND_RAIN.intercept - 1.0 + SNOW_AND_RAIN.slope * log(unit),
        "INTP1R": RAIN_AND_GRAUPEL.slope,
        "INTP2R": RAIN_AND_GRAUPEL.intercept - 1.0 + RAIN_AND_GRAUPEL.slope * log(unit),
        "DRYINTP1S": SNOW_AND_GRAUPEL.slope,
        "DRYINTP2S": SNOW_AND_GRAUPEL.intercept - 1.0 + SNOW_AND_GRAUPEL.slope * log(unit),
    }
