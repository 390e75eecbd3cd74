"""Slopes of the size laws of rain, snow and graupel, and the density factors of fall speeds (PHYEX: ICE4_TENDENCIES).

A species of content r has the slope lambda = LB (rho r)^LBEX, in units of ``externals.SLOPE``, for which the constants
that multiply its powers are made. Its logarithm is kept: every power of the slope is then one exponential, and the
look-up tables are regular in it.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp, log

from ice3_gt4py.stencils.presence import log_content


@gtscript.function
def density_factors(rhodref):
    """Logarithm of the density, rho^-0.4 of the fall speeds (Foote & du Toit 1969), and rho^-1.4."""
    ln_rho = log(rhodref)
    speed = exp(-0.4 * ln_rho)
    return ln_rho, speed, speed / rhodref


@gtscript.function
def slopes(ln_rho, rr, rs, rg, has_r, has_s, has_g):
    """Slopes of the size laws; where a species is absent, that of a harmless content.

    Returns
    -------
    The logarithms of the slopes of rain, snow and graupel, and the inverses of the slopes.
    """
    from __externals__ import LBEXG, LBEXR, LBEXS, LN_LBDAS_MAX, LN_LBG, LN_LBR, LN_LBS

    ln_r = LN_LBR + LBEXR * (ln_rho + log_content(rr, has_r))
    ln_s = min(LN_LBDAS_MAX, LN_LBS + LBEXS * (ln_rho + log_content(rs, has_s)))
    ln_g = LN_LBG + LBEXG * (ln_rho + log_content(rg, has_g))
    return ln_r, ln_s, ln_g, exp(-ln_r), exp(-ln_s), exp(-ln_g)
