"""Instantaneous processes: they change the state at once, before the rates are evaluated (Riette 2020).

Temperatures in K, pressures in Pa, mixing ratios in kg per kg of dry air.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp, log

from ice3_gt4py.stencils.air import saturation_ratio
from ice3_gt4py.stencils.presence import above
from ice3_gt4py.stencils.thermodynamics import pressure_over_ice, pressure_over_liquid


@gtscript.function
def rvheni(th, t, exn, rv, ni, pabs, rhodref, heating):
    """Heterogeneous nucleation, v -> i.

    Change: max(N - N_i, 0) MNU0 / rho, at most r_v, and at most what warms the air to 0 degC. At most 5e4 m-3 of the
    active nuclei N become crystals. N is NU20 exp(ALPHA2 s - BETA2) below -5 degC; above, it is the greater of
    NU20 exp(-BETA2) and NU10 exp(-BETA1 (T - T_t)) (s / s*)^ALPHA1. Here s is the supersaturation over ice, at most s*,
    that of air saturated over liquid.
    Acts: up to -2 degC, with vapour, in air supersaturated over ice.
    Source: Meyers et al. 1992; PHYEX: ICE4_NUCLEATION.

    Returns the mixing ratio change and the new number of crystals; ``heating`` is L_s / (c_ph exner).
    """
    from __externals__ import ALPHA1, ALPHA2, BETA1, BETA2, EXP_MBETA2_NU20, MNU0, NU10, NU20, RTMIN_V, TT

    ei = min(0.5 * pabs, pressure_over_ice(t))
    ew = min(0.5 * pabs, pressure_over_liquid(t))
    water_saturated = ew / ei * (pabs - ei) / (pabs - ew) - 1.0
    excess = min(saturation_ratio(rv, pabs, ei) - 1.0, water_saturated)
    possible = (1.0 - above(t, TT - 2.0)) * above(rv, RTMIN_V) * above(excess, 0.0)
    # Where nothing can nucleate, both may be 0: the saturation pressures meet at 0 degC, and in thin air.
    ratio = max(excess / max(water_saturated, 1.0 - possible), 1e-30)
    warm_exponent = max(ALPHA1 * log(ratio) - BETA1 * (t - TT), -80.0)
    exponent = ALPHA2 * excess - BETA2 if t < TT - 5.0 else warm_exponent
    number = exp(possible * exponent)
    number = NU20 * number if t < TT - 5.0 else max(EXP_MBETA2_NU20, NU10 * number)
    new = min(number - ni, 5.0e4)
    change = possible * min(rv, max(new, 0.0) * MNU0 / rhodref)
    share = min(change, max(0.0, (TT / exn - th) / heating)) / max(change, 1e-20)
    return share * change, max(ni + share * new, ni)


@gtscript.function
def rrhong(th, t, exn, rr, heating):
    """Homogeneous freezing of rain, r -> g.

    Change: r_r, at most what warms the air to -35 degC; ``heating`` is L_f / (c_ph exner).
    Acts: below -35 degC, with rain.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_RRHONG.
    """
    from __externals__ import RTMIN_R, TT

    change = min(rr, max(0.0, ((TT - 35.0) / exn - th) / heating))
    return change * above(TT - 35.0, t) * above(rr, RTMIN_R)


@gtscript.function
def rimltc(th, t, exn, ri, heating):
    """Melting of cloud ice, i -> c.

    Change: r_i, at most what cools the air to 0 degC; ``heating`` is L_f / (c_ph exner).
    Acts: above 0 degC, with cloud ice.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_RIMLTC.
    """
    from __externals__ import TT

    change = min(ri, max(0.0, (th - TT / exn) / heating))
    return change * above(ri, 0.0) * above(t, TT)


@gtscript.function
def instantaneous(th, t, exn, rv, rc, rr, ri, rg, ni, pabs, rhodref, lv, ls):
    """Heterogeneous nucleation, freezing of rain and melting of ice, each on the state left by the one before.

    Returns
    -------
    The three mixing ratio changes, the number of crystals, and th, t, rv, rc, rr, ri, rg after them.
    """
    nucleated, ni = rvheni(th, t, exn, rv, ni, pabs, rhodref, ls)
    th = th + ls * nucleated
    frozen = rrhong(th, th * exn, exn, rr, ls - lv)
    th = th + (ls - lv) * frozen
    melted = rimltc(th, th * exn, exn, ri + nucleated, ls - lv)
    th = th - (ls - lv) * melted
    return (
        nucleated, frozen, melted, ni,
        th, th * exn, rv - nucleated, rc + melted, rr - frozen, ri + nucleated - melted, rg + frozen,
    )  # fmt: skip
