"""Slow cold processes: homogeneous freezing, deposition on snow and graupel, aggregation, autoconversion of ice.

Temperatures in K, mixing ratios in kg per kg of dry air, rates in s-1. ``has_x`` are masks of presence.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp

from ice3_gt4py.stencils.autoconversion import ice_threshold
from ice3_gt4py.stencils.presence import above


@gtscript.function
def rchoni(t, rc, rhodref, has_c):
    """Homogeneous freezing of cloud droplets, c -> i.

    Rate: min(1000, HON rho r_c exp(ALPHA3 (T - T_t) - BETA3)); the exponent is bounded, as it would overflow.
    Acts: below -35 degC, with droplets.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_SLOW.
    """
    from __externals__ import ALPHA3, BETA3, EXPONENT_MAX, HON, TT

    exponent = min(max(ALPHA3 * (t - TT) - BETA3, 0.0), EXPONENT_MAX)
    rate = min(1000.0, HON * rhodref * rc * exp(exponent))
    return has_c * above(TT - 35.0, t) * rate


@gtscript.function
def rvdeps(growth, snow_ventilation, has_v, has_s):
    """Deposition on snow, or its sublimation, v -> s.

    Rate: supersaturation over ice / (rho resistance) times the ventilated size of snow; negative in dry air.
    Acts: with vapour and snow.
    Source: Pruppacher & Klett 1978; PHYEX: ICE4_SLOW.
    """
    return has_v * has_s * growth * snow_ventilation


@gtscript.function
def collection_by_snow(t):
    """Efficiency with which snow collects cloud ice: exp(COLEXIS (T - T_t))."""
    from __externals__ import COLEXIS, TT

    return exp(COLEXIS * (t - TT))


@gtscript.function
def riaggs(ri, ln_s, efficiency, speed, has_i, has_s):
    """Aggregation of cloud ice with snow, i -> s.

    Rate: FIAGGS exp(COLEXIS (T - T_t)) r_i lambda_s^EXIAGGS rho^-0.4.
    Acts: with cloud ice and snow.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_SLOW.
    """
    from __externals__ import EXIAGGS, FIAGGS

    return has_i * has_s * (FIAGGS * efficiency * ri * exp(EXIAGGS * ln_s) * speed)


@gtscript.function
def riauts(t, ri, has_i):
    """Autoconversion of cloud ice to snow, i -> s.

    Rate: TIMAUTI exp(TEXAUTI (T - T_t)) (r_i - r_i*), where the threshold r_i* depends on temperature.
    Acts: with cloud ice beyond the threshold.
    Source: Chaboureau & Pinty 2006; PHYEX: ICE4_SLOW.
    """
    from __externals__ import TEXAUTI, TIMAUTI, TT

    return has_i * (TIMAUTI * exp(TEXAUTI * (t - TT)) * max(ri - ice_threshold(t), 0.0))


@gtscript.function
def rvdepg(growth, graupel_ventilation, has_v, has_g):
    """Deposition on graupel, or its sublimation, v -> g.

    Rate: supersaturation over ice / (rho resistance) times the ventilated size of graupel; negative in dry air.
    Acts: with vapour and graupel.
    Source: Pruppacher & Klett 1978; PHYEX: ICE4_SLOW.
    """
    return has_v * has_g * growth * graupel_ventilation


@gtscript.function
def deposition_rates(growth, snow_ventilation, graupel_ventilation, has_v, has_s, has_g):
    """Return vdeps and vdepg."""
    return rvdeps(growth, snow_ventilation, has_v, has_s), rvdepg(growth, graupel_ventilation, has_v, has_g)


@gtscript.function
def slow_rates(t, rc, ri, rhodref, speed, ln_s, has_c, has_i, has_s):
    """Return choni, iaggs, iauts, and the efficiency of collection by snow."""
    efficiency = collection_by_snow(t)
    return (
        rchoni(t, rc, rhodref, has_c),
        riaggs(ri, ln_s, efficiency, speed, has_i, has_s),
        riauts(t, ri, has_i),
        efficiency,
    )


@gtscript.function
def slow_kept(t, ri, has_v, has_c, has_i, has_s, has_g, choni, vdeps, iaggs, iauts, vdepg):
    """Set to zero the stored rates whose conditions the current state no longer meets."""
    from __externals__ import TT

    return (
        has_c * above(TT - 35.0, t) * choni,
        has_v * has_s * vdeps,
        has_i * has_s * iaggs,
        has_i * above(ri, ice_threshold(t)) * iauts,
        has_v * has_g * vdepg,
    )


@gtscript.function
def slow_transfers(choni, vdeps, iaggs, iauts, vdepg):
    """Tendencies of c, i, s and g, and what freezes, by slow processes; the other families add to them."""
    return -choni, choni - iaggs - iauts, vdeps + iaggs + iauts, vdepg, choni
