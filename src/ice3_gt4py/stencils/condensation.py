"""Saturation and the statistical condensation inside a grid cell, the first steps of IceAdjust (PHYEX: CONDENSATION).

Temperatures in K, pressures in Pa, mixing ratios in kg per kg of dry air, heats in J kg-1.

Every transcendental is evaluated at every point with a harmless argument, so that compilers can vectorise the loop. A
conditional expression is never an operand: some of GT4Py's backends write it without parentheses.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import atan, exp, sqrt

from ice3_gt4py.stencils.autoconversion import ice_threshold
from ice3_gt4py.stencils.distributions import clip, gaussian_content, gaussian_fraction, second_order_moment
from ice3_gt4py.stencils.thermodynamics import (
    latent_heat_of_sublimation,
    latent_heat_of_vaporisation,
    moist_heat_capacity,
    pressure_over_ice,
    pressure_over_liquid,
)


@gtscript.function
def thermal_state(th, exn, exnref, rv, rc, rr, ri, rs, rg):
    """Temperature, latent heats of vaporisation and sublimation, 1 / c_ph and 1 / (c_ph exnref)."""
    t = th * exn
    lv = latent_heat_of_vaporisation(t)
    ls = latent_heat_of_sublimation(t)
    cph = moist_heat_capacity(rv, rc, rr, ri, rs, rg)
    over_cph_exnref = 1.0 / (cph * exnref)
    return t, lv, ls, over_cph_exnref * exnref, over_cph_exnref


@gtscript.function
def ice_fraction(t, rc, ri):
    """Fraction of ice in the condensate (PHYEX: COMPUTE_FRAC_ICE)."""
    from __externals__ import FRAC_O, FRAC_S, FRAC_T, TMAXMIX, TMINMIX, TT

    if __INLINED(FRAC_S):
        condensate = rc + ri
        safe = condensate if condensate > 1e-20 else 1.0
        frac = clip(ri / safe, 0.0, 1.0)
        frac = frac if condensate > 1e-20 else 0.0
    elif __INLINED(FRAC_T):
        frac = clip((TMAXMIX - t) / (TMAXMIX - TMINMIX), 0.0, 1.0)
    elif __INLINED(FRAC_O):
        frac = clip((TT - t) * 0.025, 0.0, 1.0)
    else:
        frac = 0.0 * t
    return frac


@gtscript.function
def saturation(t, pabs, rv, rc, ri, frac, lv, ls, over_cph):
    """Saturation mixing ratio of the mixture, factor a of the linearised saturation curve, and saturation deficit.

    Divisions are what this costs most: quotients share them.
    """
    from __externals__ import EPSILO, OVER_EPSILO, OVER_RV

    ew = min(pressure_over_liquid(t), 0.99 * pabs)
    ei = min(pressure_over_ice(t), 0.99 * pabs)
    over_t = 1.0 / t
    over_pressures = EPSILO / ((pabs - ew) * (pabs - ei))
    qs = ((1.0 - frac) * ew * (pabs - ei) + frac * ei * (pabs - ew)) * over_pressures
    heat = (1.0 - frac) * lv + frac * ls
    slope = heat * qs * OVER_RV * (over_t * over_t) * (1.0 + qs * OVER_EPSILO)
    warming = heat * over_cph
    a = 1.0 / (1.0 + warming * slope)
    deficit = a * (rv + rc + ri - qs + slope * warming * (rc + ri))
    return qs, a, deficit


@gtscript.function
def thickness(zz):
    """Distance to the next lower level."""
    return zz - zz[0, 0, 1]


@gtscript.function
def lowest_thickness(zz):
    """What stands for it at the lowest level."""
    return 0.8 * (zz[0, 0, -1] - zz)


@gtscript.function
def deviation(sigs, sigqsat, layer, rv, rc, ri, qs, a):
    """Standard deviation of the local saturation deficit."""
    from __externals__ import CONDBORN, HEIGHT_QS, STATNW, SUBGRID

    if __INLINED(SUBGRID):
        if __INLINED(STATNW):
            turbulent = sigs
        else:
            turbulent = 2.0 * sigs
        if __INLINED(HEIGHT_QS):
            uniform = sigqsat * clip(layer * 0.03333333333333333, 0.5, 1.5) * qs * a
        else:
            uniform = sigqsat * qs * a
        sigma = sqrt(turbulent * turbulent + uniform * uniform)
        if __INLINED(CONDBORN):
            sigma = min(sigma, 0.5 * (rv + rc + ri))
        sigma = max(sigma, 1e-10)
    else:
        sigma = 1e-10 + 0.0 * qs
    return sigma


@gtscript.function
def cloud(q1, sigma, rv, rc, ri):
    """Cloud fraction and condensate (Chaboureau & Bechtold 2002; Sommeria & Deardorff 1977, Mellor 1977)."""
    from __externals__ import CONDBORN, GAUSSIAN

    if __INLINED(GAUSSIAN):
        fraction = clip(gaussian_fraction(q1), 0.0, 1.0)
        content = max(0.0, sigma * gaussian_content(q1))
    else:
        negative = exp(1.2 * clip(q1, -80.0, 0.0) - 1.0)
        middle = min(0.36787944117144233 + 0.66 * q1 + 0.086 * q1 * q1, 2.0)
        content = negative if q1 <= 0.0 else (middle if q1 <= 2.0 else q1)
        content = sigma * content
        fraction = clip(0.5 + 0.36 * atan(1.55 * q1), 0.0, 1.0)
    if __INLINED(CONDBORN):
        content = min(content, rv + rc + ri - 1e-7)
    fraction = 0.0 if content < 1e-12 else fraction
    content = 0.0 if fraction == 0.0 else content
    return fraction, content


@gtscript.function
def turbulent_moment(q1, fraction):
    """Second-order moment for the turbulence (Bechtold et al. 1995), amplified where Q1 is negative."""
    from __externals__ import GAUSSIAN, LAMBDA3

    if __INLINED(GAUSSIAN):
        moment = fraction
    else:
        moment = second_order_moment(q1)
    if __INLINED(LAMBDA3):
        moment = moment * clip(1.0 - q1, 1.0, 3.0)
    return moment


@gtscript.function
def above_threshold(deficit, sigma, share, critical):
    """Fraction and content of the cloud above an autoconversion threshold, of the phase with this share of it."""
    safe = share if share > 1e-20 else 1.0
    q = max((deficit - critical / safe) / sigma, -40.0)  # both moments are 0 below; its square must not overflow
    fraction = clip(gaussian_fraction(q), 0.0, 1.0)
    content = max(0.0, share * sigma * gaussian_content(q) + critical * fraction)
    fraction = 0.0 if share <= 1e-20 or content < 1e-12 or fraction < 1e-6 else fraction
    content = 0.0 if fraction == 0.0 else content
    return fraction, content


@gtscript.function
def above_thresholds(t, rhodref, deficit, sigma, frac):
    """Fraction and content above the thresholds of cloud water, then of cloud ice; 0 if not Gaussian."""
    from __externals__ import CRIAUTC, GAUSSIAN

    if __INLINED(GAUSSIAN):
        hcf, hrc = above_threshold(deficit, sigma, 1.0 - frac, CRIAUTC / rhodref)
        icf, hri = above_threshold(deficit, sigma, frac, ice_threshold(t))
    else:
        hcf = 0.0 * t
        hrc = 0.0 * t
        icf = 0.0 * t
        hri = 0.0 * t
    return hcf, hrc, icf, hri
