"""Autoconversion thresholds of cloud water and cloud ice, and the part of a grid cell above them."""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp

from ice3_gt4py.stencils.presence import above


@gtscript.function
def ice_threshold(t):
    """Mixing ratio above which cloud ice autoconverts (Chaboureau & Pinty 2006)."""
    from __externals__ import ACRIAUTI, BCRIAUTI, CRIAUTI, TT

    return min(CRIAUTI, exp(2.302585092994046 * (ACRIAUTI * (t - TT) + BCRIAUTI)))


@gtscript.function
def cloud_water_split(rc, rhodref, sigs):
    """Part of the grid cell, and its cloud water, above the autoconversion threshold.

    A uniform distribution of width 4 sigma (Redelsperger & Sommeria 1986; PHYEX: ICE4_COMPUTE_PDF).
    """
    from __externals__ import CRIAUTC, RTMIN_C

    critical = CRIAUTC / rhodref
    width = 2.0 * sigs
    excess = rc + width - critical
    safe = max(width, 1e-20)  # far below the last digit of what it is added to: the quotients stay finite
    fraction = 0.5 * excess / safe if excess > 0.0 else 0.0
    content = excess * (rc + width + critical) / (4.0 * safe) if excess > 0.0 else 0.0
    fraction = 1.0 if rc > critical + width else fraction
    content = rc if rc > critical + width else content
    raining = above(content, RTMIN_C) * above(fraction, 0.0)
    return raining * fraction, raining * content
