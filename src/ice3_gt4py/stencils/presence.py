"""Masks of the presence of a species: 1 where its content exceeds the smallest one that counts, 0 elsewhere.

A process evaluates its formula with harmless arguments and multiplies the result by masks: there are no branches, and
compilers can vectorise the loop. Logical expressions of several conditions are avoided, since compilers turn them into
branches. A ternary is always the whole right-hand side of an assignment or an argument: some of GT4Py's backends write
it without parentheses.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import log


@gtscript.function
def above(value, limit):
    """Mask of ``value > limit``."""
    mask = 1.0 if value > limit else 0.0
    return mask


@gtscript.function
def harmless(value, mask):
    """``value`` where the mask is 1; elsewhere something positive.

    A ternary inside a logarithm would not do: compilers move it out, and take logarithms of zero at full cost.
    """
    return max(value, 1e-4 * (1.0 - mask))


@gtscript.function
def log_content(content, mask):
    """Logarithm of a content over its unit, ``externals.CONTENT``; of a harmless one where the mask is 0."""
    from __externals__ import OVER_CONTENT

    return log(OVER_CONTENT * harmless(content, mask))


@gtscript.function
def present(rv, rc, rr, ri, rs, rg):
    """Masks of the presence of vapour, cloud droplets, rain, cloud ice, snow and graupel."""
    from __externals__ import RTMIN_C, RTMIN_G, RTMIN_I, RTMIN_R, RTMIN_S, RTMIN_V

    return (
        above(rv, RTMIN_V),
        above(rc, RTMIN_C),
        above(rr, RTMIN_R),
        above(ri, RTMIN_I),
        above(rs, RTMIN_S),
        above(rg, RTMIN_G),
    )


@gtscript.function
def hydrometeors(rc, rr, ri, rs, rg):
    """Mask of the points that the microphysics is active at."""
    from __externals__ import RTMIN_C, RTMIN_G, RTMIN_I, RTMIN_R, RTMIN_S

    condensate = max(above(rc, RTMIN_C), max(above(rr, RTMIN_R), above(ri, RTMIN_I)))
    return max(condensate, max(above(rs, RTMIN_S), above(rg, RTMIN_G)))
