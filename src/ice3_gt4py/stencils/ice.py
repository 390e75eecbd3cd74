"""Growth of cloud ice at the expense of droplets.

Mixing ratios in kg per kg of dry air, rates in s-1. ``has_x`` are masks of presence.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp, log

from ice3_gt4py.stencils.presence import above, harmless


@gtscript.function
def rcberi(ri, ni, rhodref, excess, growth, ventilation, has_c, has_i):
    """Bergeron-Findeisen process, c -> i.

    Rate: supersaturation over ice / (rho resistance) N_i (X0DEPI / lambda_i + X2DEPI c_j^2 / lambda_i^3); c_j is the
    ventilation function, and lambda_i = LBI (rho r_i / N_i)^LBEXI, at most 1e8 m-1.
    Acts: with droplets and cloud ice, in air supersaturated over ice.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_FAST_RI.
    """
    from __externals__ import LBEXI, LN_LBDAI_MAX, LN_LBI, OVER_CRYSTAL, X0DEPI, X2DEPI

    mixed = has_c * has_i * above(ni, 1e-20) * above(excess, 0.0)
    mass = harmless(rhodref * ri / max(ni, 1.0 - mixed), mixed)
    over_i = exp(-min(LN_LBDAI_MAX, LN_LBI + LBEXI * log(OVER_CRYSTAL * mass)))
    size = X0DEPI * over_i + X2DEPI * ventilation * ventilation * over_i * over_i * over_i
    return mixed * (growth * ni * size)


@gtscript.function
def ice_rates(ri, ni, rhodref, excess, growth, ventilation, has_c, has_i):
    """Return cberi."""
    return rcberi(ri, ni, rhodref, excess, growth, ventilation, has_c, has_i)


@gtscript.function
def ice_kept(ni, has_c, has_i, cberi):
    """Set to zero the stored rate if the current state no longer meets its conditions."""
    return has_c * has_i * above(ni, 1e-20) * cberi


@gtscript.function
def ice_transfers(a_c, a_i, freezing, cberi):
    """Add the Bergeron-Findeisen process to the tendencies of c and i and to what freezes."""
    return a_c - cberi, a_i + cberi, freezing + cberi
