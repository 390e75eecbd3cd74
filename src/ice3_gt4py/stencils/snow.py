"""Snow: what it can freeze, riming, accretion of rain, melting (PHYEX: ICE4_FAST_RS).

Riming and accretion have raw rates, which are stored, and transfers, which are what snow can freeze of them.
Temperatures in K, mixing ratios in kg per kg of dry air, rates in s-1. ``has_x`` are masks of presence.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp

from ice3_gt4py.stencils.lookup import lookup_1d, lookup_2d, place
from ice3_gt4py.stencils.presence import above


@gtscript.function
def snow_exchange(ln_s, ventilation, capacity, has_s):
    """Exchange of snow with the air.

    Returns
    -------
    Ventilated size, X0DEPS lambda_s^EX0DEPS + X1DEPS c_j lambda_s^EX1DEPS; and the liquid that snow can freeze without
    collected ice.
    """
    from __externals__ import EX0DEPS, EX1DEPS, X0DEPS, X1DEPS

    snow_ventilation = X0DEPS + X1DEPS * ventilation * exp(EX1DEPS * ln_s)
    if __INLINED(EX0DEPS != 0.0):
        snow_ventilation = X0DEPS * exp(EX0DEPS * ln_s) + X1DEPS * ventilation * exp(EX1DEPS * ln_s)
    return snow_ventilation, has_s * capacity * snow_ventilation


# Raw rates ------------------------------------------------------------------------------------------------------------


@gtscript.function
def riming_rates(tables, columns, level, rc, ln_s, speed, has_c, has_s):
    """Collection of droplets by snow, with droplets and snow (Farley et al. 1989, Murakami 1990).

    All droplets: CRIMSS r_c lambda_s^EXCRIMSS rho^-0.4; a tabulated part of them meets small snow. Large snow that
    rimes becomes graupel, at a rate that grows as its mass comes near the mass of graupel of its size.

    Returns
    -------
    Collected by all snow, collected by small snow, snow that becomes graupel, and lambda_s^EXSRIMCG.
    """
    from __externals__ import (
        CRIMSS,
        EXCRIMSS,
        EXSRIMCG,
        EXSRIMCG2,
        FRACM90,
        RIM1,
        RIM2,
        RIM4,
        RIM_LAST,
        RIMINTP1,
        RIMINTP2,
        SRIMCG,
        SRIMCG2,
    )

    first, weight = place(ln_s, RIMINTP1, RIMINTP2, RIM_LAST)
    small = lookup_1d(tables, columns, level, first + RIM1, weight)
    rimed = lookup_1d(tables, columns, level, first + RIM2, weight)
    graupelled = lookup_1d(tables, columns, level, first + RIM4, weight)
    rim_tot = CRIMSS * rc * exp(EXCRIMSS * ln_s) * speed
    rim_tot = has_c * has_s * rim_tot
    rim_sml = small * rim_tot
    mass_power = exp(EXSRIMCG * ln_s)
    snow_mass = SRIMCG * mass_power * (1.0 - rimed)
    graupel_power = mass_power * mass_power
    if __INLINED(EXSRIMCG2 != 2.0 * EXSRIMCG):
        graupel_power = exp(EXSRIMCG2 * ln_s)
    graupel_mass = FRACM90 * (SRIMCG2 * graupel_power * (1.0 - graupelled))
    rim_cnv = (rim_tot - rim_sml) * snow_mass / max(1e-20, graupel_mass - FRACM90 * snow_mass)
    return rim_tot, rim_sml, rim_cnv, mass_power


@gtscript.function
def accretion_rates(
    tables, columns, level, ln_s, ln_r, over_s, over_r, mass_power, speed_over_rho, has_r, has_s
):  # fmt: skip
    """Collection of rain by snow, with rain and snow (Ferrier 1994).

    Each rate is the number of pairs times the mass collected times the kernel, a tabulated difference of fall speeds.

    Returns
    -------
    Drops too small to make graupel, all drops, snow that meets larger drops; and the place of rain in the tables.
    """
    from __externals__ import (
        ACC_COLUMNS,
        ACCINTP1S,
        ACCINTP2S,
        FRACCSS,
        FSACCRG,
        INTP1R,
        INTP2R,
        LBRACCS1,
        LBRACCS2,
        LBRACCS3,
        LBSACCR1,
        LBSACCR2,
        LBSACCR3,
        RS_ALL,
        RS_LAST,
        RS_SMALL,
        SR_LARGE,
    )

    row, weight_s = place(ln_s, ACCINTP1S, ACCINTP2S, RS_LAST)
    column, weight_r = place(ln_r, INTP1R, INTP2R, RS_LAST)
    first = row * ACC_COLUMNS + column
    kernel_small = lookup_2d(tables, columns, level, first + RS_SMALL, ACC_COLUMNS, weight_s, weight_r)
    kernel_all = lookup_2d(tables, columns, level, first + RS_ALL, ACC_COLUMNS, weight_s, weight_r)
    kernel_large = lookup_2d(tables, columns, level, first + SR_LARGE, ACC_COLUMNS, weight_s, weight_r)
    both = has_r * has_s
    moments = LBRACCS1 * over_s * over_s + LBRACCS2 * over_s * over_r + LBRACCS3 * over_r * over_r
    swept = FRACCSS * over_r * over_r * over_r * over_r / over_s * speed_over_rho * moments
    acc_sml = both * kernel_small * swept
    acc_tot = both * kernel_all * swept
    moments = LBSACCR1 * over_r * over_r + LBSACCR2 * over_r * over_s + LBSACCR3 * over_s * over_s
    acc_cnv = both * (kernel_large * FSACCRG * over_r * mass_power * speed_over_rho * moments)
    return acc_sml, acc_tot, acc_cnv, column, weight_r


# Transfers ------------------------------------------------------------------------------------------------------------


@gtscript.function
def freezing_limit(t, snow_capacity, gained, iaggs):
    """Liquid that snow can freeze below 0 degC, given the cloud ice that it collects."""
    from __externals__ import TT

    return above(TT, t) * max(0.0, max(0.0, snow_capacity + gained * iaggs) - iaggs)


@gtscript.function
def frozen_share(limit, left):
    """Share of the liquid ``left`` that can be frozen."""
    return min(1.0, limit / max(1e-20, left))


@gtscript.function
def rcrimss(limit, rim_sml):
    """Riming of small snow, c -> s.

    Rate: droplets collected by small snow, at most what snow can freeze.
    Acts: below 0 degC, with droplets and snow.
    Source: Farley et al. 1989; PHYEX: ICE4_FAST_RS.
    """
    return min(limit, rim_sml)


@gtscript.function
def rcrimsg(share, left):
    """Riming of large snow, c -> g.

    Rate: the other droplets that snow collects, times the share that can be frozen.
    Acts: below 0 degC, with droplets and snow.
    Source: Farley et al. 1989; PHYEX: ICE4_FAST_RS.
    """
    return share * max(0.0, left)


@gtscript.function
def rsrimcg(share, rim_cnv):
    """Conversion of rimed snow to graupel, s -> g.

    Rate: snow that becomes graupel if all is frozen, times the share that can be frozen.
    Acts: below 0 degC, with droplets and snow.
    Source: Murakami 1990; PHYEX: ICE4_FAST_RS.
    """
    return share * rim_cnv


@gtscript.function
def riming(limit, rim_tot, rim_sml, rim_cnv):
    """Return crimss, crimsg, srimcg, and what snow can still freeze."""
    crimss = rcrimss(limit, rim_sml)
    rest = max(0.0, limit - crimss)
    left = rim_tot - crimss
    share = frozen_share(rest, left)
    crimsg = rcrimsg(share, left)
    return crimss, crimsg, rsrimcg(share, rim_cnv), max(0.0, rest - crimsg)


@gtscript.function
def rraccss(limit, acc_sml):
    """Accretion of small drops by snow, r -> s.

    Rate: collected drops that are too small to make graupel, at most what snow can freeze after riming.
    Acts: below 0 degC, with rain and snow.
    Source: Ferrier 1994; PHYEX: ICE4_FAST_RS.
    """
    return min(limit, acc_sml)


@gtscript.function
def rraccsg(share, left):
    """Accretion of rain by snow that becomes graupel, r -> g.

    Rate: the other drops that snow collects, times the share that can be frozen.
    Acts: below 0 degC, with rain and snow.
    Source: Ferrier 1994; PHYEX: ICE4_FAST_RS.
    """
    return share * max(0.0, left)


@gtscript.function
def rsaccrg(share, acc_cnv):
    """Conversion to graupel of snow that collects rain, s -> g.

    Rate: snow that meets large drops, times the share of them that can be frozen.
    Acts: below 0 degC, with rain and snow.
    Source: Ferrier 1994; PHYEX: ICE4_FAST_RS.
    """
    return share * acc_cnv


@gtscript.function
def accretion(limit, acc_sml, acc_tot, acc_cnv):
    """Return raccss, raccsg and saccrg."""
    raccss = rraccss(limit, acc_sml)
    rest = max(0.0, limit - raccss)
    left = acc_tot - raccss
    share = frozen_share(rest, left)
    return raccss, rraccsg(share, left), rsaccrg(share, acc_cnv)


# Melting --------------------------------------------------------------------------------------------------------------


@gtscript.function
def rsmltg(t, rhodref, heat_loss, snow_ventilation, rim_tot, acc_tot, has_s):
    """Conversion of melting snow to graupel, s -> g.

    Rate: FSCVMG (heat from the air and from the liquid collected) / (rho L_f); the water stays in the graupel.
    Acts: above 0 degC, with snow.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_FAST_RS.
    """
    from __externals__ import CL, FSCVMG, LMTT, TT

    heat = -heat_loss * snow_ventilation + (rim_tot + acc_tot) * rhodref * CL * (t - TT)
    return has_s * above(t, TT) * (FSCVMG * max(heat / (rhodref * LMTT), 0.0))


@gtscript.function
def rcmltsr(t, rim_tot, has_s):
    """Droplets collected by melting snow, c -> r.

    Rate: all droplets that snow collects; they are shed as rain.
    Acts: above 0 degC, with droplets and snow.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_FAST_RS.
    """
    from __externals__ import TT

    return has_s * above(t, TT) * rim_tot


@gtscript.function
def snow_melting_rates(t, rhodref, heat_loss, snow_ventilation, rim_tot, acc_tot, has_s):
    """Return smltg and cmltsr."""
    return rsmltg(t, rhodref, heat_loss, snow_ventilation, rim_tot, acc_tot, has_s), rcmltsr(t, rim_tot, has_s)


# Substeps -------------------------------------------------------------------------------------------------------------


@gtscript.function
def snow_kept(has_c, has_r, has_s, snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv):
    """Set to zero the stored raw rates whose conditions the current state no longer meets."""
    rimes = has_c * has_s
    accretes = has_r * has_s
    return (
        has_s * snow_capacity,
        rimes * rim_tot,
        rimes * rim_sml,
        rimes * rim_cnv,
        accretes * acc_sml,
        accretes * acc_tot,
        accretes * acc_cnv,
    )


@gtscript.function
def snow_melting_kept(t, has_s, smltg, cmltsr):
    """Set to zero the stored rates whose conditions the current state no longer meets."""
    from __externals__ import TT

    melts = has_s * above(t, TT)
    return melts * smltg, melts * cmltsr


@gtscript.function
def riming_transfers(a_c, a_s, a_g, freezing, limit, rim_tot, rim_sml, rim_cnv):
    """Add riming to the tendencies of c, s and g and to what freezes; the last result is what snow can still freeze."""
    crimss, crimsg, srimcg, rest = riming(limit, rim_tot, rim_sml, rim_cnv)
    return a_c - crimss - crimsg, a_s + crimss - srimcg, a_g + crimsg + srimcg, freezing + crimss + crimsg, rest


@gtscript.function
def accretion_transfers(a_r, a_s, a_g, freezing, limit, acc_sml, acc_tot, acc_cnv):
    """Add accretion to the tendencies of r, s and g and to what freezes."""
    raccss, raccsg, saccrg = accretion(limit, acc_sml, acc_tot, acc_cnv)
    return a_r - raccss - raccsg, a_s + raccss - saccrg, a_g + raccsg + saccrg, freezing + raccss + raccsg


@gtscript.function
def snow_melting_transfers(a_c, a_r, a_s, a_g, smltg, cmltsr):
    """Add the melting of snow to the tendencies of c, r, s and g."""
    return a_c - cmltsr, a_r + cmltsr, a_s - smltg, a_g + smltg
