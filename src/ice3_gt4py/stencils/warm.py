"""Warm processes: autoconversion, accretion and evaporation of rain; all are 0 if the option LWARM is off.

Mixing ratios in kg per kg of dry air, rates in s-1. ``has_x`` are masks of presence.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp

from ice3_gt4py.stencils.autoconversion import cloud_water_split
from ice3_gt4py.stencils.presence import above


@gtscript.function
def rcautr(rc, rhodref, sigs):
    """Autoconversion of cloud water to rain, c -> r.

    Rate: TIMAUTC (q - f CRIAUTC / rho), where f is the part of the cell above the threshold, and q its cloud water.
    Acts: with cloud water above the threshold somewhere in the cell.
    Source: Kessler 1969, Redelsperger & Sommeria 1986; PHYEX: ICE4_WARM.
    """
    from __externals__ import CRIAUTC, TIMAUTC

    fraction, content = cloud_water_split(rc, rhodref, sigs)
    return TIMAUTC * max(content - fraction * CRIAUTC / rhodref, 0.0)


@gtscript.function
def rcaccr(rc, ln_r, speed, has_c, has_r):
    """Accretion of cloud water by rain, c -> r.

    Rate: FCACCR r_c lambda_r^EXCACCR rho^-0.4.
    Acts: with droplets and rain.
    Source: Kessler 1969; PHYEX: ICE4_WARM.
    """
    from __externals__ import EXCACCR, FCACCR

    return has_c * has_r * (FCACCR * rc * exp(EXCACCR * ln_r) * speed)


@gtscript.function
def rrevav(ventilation, drying, ln_r, over_r, has_c, has_r):
    """Evaporation of rain, r -> v.

    Rate: undersaturation over liquid / (rho resistance) (X0EVAR lambda_r^EX0EVAR + X1EVAR c_j lambda_r^EX1EVAR); c_j is
    the ventilation function.
    Acts: with rain and without droplets.
    Source: Pruppacher & Klett 1978; PHYEX: ICE4_WARM.
    """
    from __externals__ import EX0EVAR, EX1EVAR, X0EVAR, X1EVAR

    size = X0EVAR * (over_r * over_r)
    if __INLINED(EX0EVAR != -2.0):
        size = X0EVAR * exp(EX0EVAR * ln_r)
    size = size + X1EVAR * ventilation * exp(EX1EVAR * ln_r)
    return has_r * (1.0 - has_c) * (drying * size)


@gtscript.function
def warm_rates(rc, rhodref, sigs, speed, ventilation, drying, ln_r, over_r, has_c, has_r):
    """Return cautr, caccr and revav."""
    from __externals__ import WARM

    cautr = 0.0 * rc
    caccr = 0.0 * rc
    revav = 0.0 * rc
    if __INLINED(WARM):
        cautr = rcautr(rc, rhodref, sigs)
        caccr = rcaccr(rc, ln_r, speed, has_c, has_r)
        revav = rrevav(ventilation, drying, ln_r, over_r, has_c, has_r)
    return cautr, caccr, revav


@gtscript.function
def warm_kept(rc, rhodref, sigs, has_c, has_r, cautr, caccr, revav):
    """Set to zero the stored rates whose conditions the current state no longer meets."""
    from __externals__ import WARM

    if __INLINED(WARM):
        fraction, content = cloud_water_split(rc, rhodref, sigs)
        cautr = above(fraction, 0.0) * cautr
        caccr = has_c * has_r * caccr
        revav = has_r * (1.0 - has_c) * revav
    return cautr, caccr, revav


@gtscript.function
def warm_transfers(a_c, cautr, caccr, revav):
    """Add warm processes to the tendency of c; the last result is the tendency of r."""
    return a_c - cautr - caccr, cautr + caccr - revav
