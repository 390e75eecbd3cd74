"""Interpolation in the lookup tables of RainIce, which are laid end to end (``ice3_gt4py.lookup``)."""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import int32


@gtscript.function
def node(tables, columns, level, index):
    """Entry ``index`` of the tables laid end to end; backend numpy reads them along the vertical of ``columns``."""
    from __externals__ import COLUMNS

    value = 0.0
    if __INLINED(COLUMNS):
        value = columns[0, 0, index - level]
    else:
        value = tables.A[index]
    return value


@gtscript.function
def lookup_1d(tables, columns, level, first, weight):
    """Linear interpolation between entry ``first`` and the next."""
    low = node(tables, columns, level, first)
    high = node(tables, columns, level, first + 1)
    return weight * high + (1.0 - weight) * low


@gtscript.function
def lookup_2d(tables, columns, level, first, stride, weight_row, weight_column):
    """Bilinear interpolation; rows of a table are ``stride`` entries apart."""
    low = lookup_1d(tables, columns, level, first, weight_column)
    high = lookup_1d(tables, columns, level, first + stride, weight_column)
    return weight_row * high + (1.0 - weight_row) * low


@gtscript.function
def place(ln_slope, factor, offset, last):
    """Node of an axis below a slope, and the weight of the next node; axes are regular in the slope's logarithm."""
    position = min(max(factor * ln_slope + offset, 0.00001), last)
    first = int32(position)
    return first, position - first
