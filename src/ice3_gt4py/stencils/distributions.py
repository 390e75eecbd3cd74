"""Distributions inside a grid cell: of the saturation deficit, and of the content of the mass-flux cloud."""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import erf, exp


@gtscript.function
def clip(x, low, high):
    return min(max(x, low), high)


@gtscript.function
def second_order_moment(q):
    """Tabulated s'r_c' relation of Bechtold et al. (1995) at Q = ``q``, piecewise linear.

    Written as a sum of absolute values, one for each node n with half the change K of slope there: no gather, and three
    vector instructions a node. The table is 0 below the first node and 1 above the last.
    """
    from __externals__ import (
        K00,
        K01,
        K02,
        K03,
        K04,
        K05,
        K06,
        K07,
        K08,
        K09,
        K10,
        K11,
        K12,
        K13,
        K14,
        K15,
        K16,
        K17,
        K18,
        K19,
        K20,
        K21,
        K22,
        K23,
        K24,
        K25,
        K26,
        K27,
        K28,
        K29,
        K30,
        K31,
    )  # fmt: skip

    x = clip(2.0 * q, -21.0, 10.0)
    low = K00 * abs(x + 21.0) + K01 * abs(x + 20.0) + K02 * abs(x + 19.0) + K03 * abs(x + 18.0)
    low += K04 * abs(x + 17.0) + K05 * abs(x + 16.0) + K06 * abs(x + 15.0) + K07 * abs(x + 14.0)
    low += K08 * abs(x + 13.0) + K09 * abs(x + 12.0) + K10 * abs(x + 11.0) + K11 * abs(x + 10.0)
    low += K12 * abs(x + 9.0) + K13 * abs(x + 8.0) + K14 * abs(x + 7.0) + K15 * abs(x + 6.0)
    high = K16 * abs(x + 5.0) + K17 * abs(x + 4.0) + K18 * abs(x + 3.0) + K19 * abs(x + 2.0)
    high += K20 * abs(x + 1.0) + K21 * abs(x) + K22 * abs(x - 1.0) + K23 * abs(x - 2.0)
    high += K24 * abs(x - 3.0) + K25 * abs(x - 4.0) + K26 * abs(x - 5.0) + K27 * abs(x - 6.0)
    high += K28 * abs(x - 7.0) + K29 * abs(x - 8.0) + K30 * abs(x - 9.0) + K31 * abs(x - 10.0)
    return 0.0 if x <= -21.0 else min(0.5 + (low + high), 1.0)


@gtscript.function
def gaussian_fraction(q):
    """Standard normal distribution function."""
    return 0.5 * (1.0 + erf(q * 0.7071067811865476))


@gtscript.function
def gaussian_content(q):
    """First-order moment of the standard normal distribution above -q."""
    return 0.3989422804014327 * (exp(-0.5 * q * q) + q * 1.2533141373155003 * (1.0 + erf(q * 0.7071067811865476)))


@gtscript.function
def triangle_fraction(w, y):
    """Part of a symmetric triangular distribution of mean ``w`` on [0, 2 w] that lies above ``y``, by area."""
    x = min(y / max(w, 1e-30), 2.0)
    return 1.0 - 0.5 * x * x if w > y else (0.5 * (2.0 - x) * (2.0 - x) if 2.0 * w > y else 0.0)


@gtscript.function
def triangle_content(w, y):
    """Content of the part of the triangular distribution above ``y``."""
    x = min(y / max(w, 1e-30), 2.0)
    whole = w * (1.0 - x * x * x * 0.3333333333333333)
    part = w * (2.0 - x) * (2.0 - x) * (1.0 + x) * 0.3333333333333333
    return whole if w > y else (part if 2.0 * w > y else 0.0)
