"""From rates to transfers between species: limits of riming and growth, and the tendency of every species.

Temperatures in K, mixing ratios in kg per kg of dry air, rates per second.
"""

from gt4py.cartesian import gtscript

from ice3_gt4py.stencils.autoconversion import cloud_water_split, ice_threshold
from ice3_gt4py.stencils.presence import above, present


@gtscript.function
def snow_transfers(t, snow_capacity, gained, iaggs, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv):
    """Riming and rain accretion of snow, limited by what snow can freeze (PHYEX: ICE4_FAST_RS).

    Returns crimss, crimsg, srimcg, rraccss, rraccsg, saccrg.
    """
    from __externals__ import TT

    frozen = above(TT, t) * max(0.0, max(0.0, snow_capacity + gained * iaggs) - iaggs)
    crimss = min(frozen, rim_sml)
    frozen = max(0.0, frozen - crimss)
    left = rim_tot - crimss
    share = min(1.0, frozen / max(1e-20, left))
    crimsg = share * max(0.0, left)
    frozen = max(0.0, frozen - crimsg)
    srimcg = share * rim_cnv

    rraccss = min(frozen, acc_sml)
    frozen = max(0.0, frozen - rraccss)
    left = acc_tot - rraccss
    share = min(1.0, frozen / max(1e-20, left))
    rraccsg = share * max(0.0, left)
    saccrg = share * acc_cnv
    return crimss, crimsg, srimcg, rraccss, rraccsg, saccrg


@gtscript.function
def graupel_transfers(t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency):
    """Wet or dry growth of graupel (PHYEX: ICE4_FAST_RG; Musil 1970, Nelson 1983).

    Returns cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg.
    """
    from __externals__ import RTMIN_G, TT

    has_g = above(rg, RTMIN_G)
    idry = efficiency * iwet
    sdry = efficiency * swet
    solid = iwet + swet
    permitted = max(solid, max(0.0, graupel_capacity + gained * solid))
    total = cdry + idry + sdry + rdry
    # As the Fortran writes it: below 194 K rounding decides.
    limited = 1.0 - above(max(0.0, permitted - iwet - swet), max(0.0, total - idry - sdry))
    wet = has_g * limited * above(total, 0.0)
    dry = has_g * above(TT, t) * above(total, 1e-20) * (1.0 - limited)
    cwetg = wet * cdry
    iwetg = wet * iwet
    swetg = wet * swet
    rwetg = wet * (permitted - (iwet + swet + cdry))
    cdryg = dry * cdry
    idryg = dry * idry
    sdryg = dry * sdry
    rdryg = dry * rdry
    return cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg


@gtscript.function
def keep_active(
    t, rv, rc, rr, ri, rs, rg, ni, rhodref, sigs,
    choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
    snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv, cdry, iwet, swet, rdry, graupel_capacity,
):  # fmt: skip
    """Set to zero the stored rates whose conditions the current state no longer meets."""
    from __externals__ import TT, WARM

    has_v, has_c, has_r, has_i, has_s, has_g = present(rv, rc, rr, ri, rs, rg)
    thawing = above(t, TT)

    choni = has_c * above(TT - 35.0, t) * choni
    vdeps = has_v * has_s * vdeps
    iaggs = has_i * has_s * iaggs
    iauts = has_i * above(ri, ice_threshold(t)) * iauts
    vdepg = has_v * has_g * vdepg
    if __INLINED(WARM):
        fraction, content = cloud_water_split(rc, rhodref, sigs)
        cautr = above(fraction, 0.0) * cautr
        caccr = has_c * has_r * caccr
        revav = has_r * (1.0 - has_c) * revav
    cberi = has_c * has_i * above(ni, 1e-20) * cberi
    smltg = has_s * thawing * smltg
    cmltsr = has_s * thawing * cmltsr
    both = has_i * has_r
    icfrrg = both * icfrrg
    rcfrig = both * rcfrig
    icfrr = both * icfrr
    gmltr = has_g * thawing * gmltr
    snow_capacity = has_s * snow_capacity
    both = has_c * has_s
    rim_tot = both * rim_tot
    rim_sml = both * rim_sml
    rim_cnv = both * rim_cnv
    both = has_r * has_s
    acc_sml = both * acc_sml
    acc_tot = both * acc_tot
    acc_cnv = both * acc_cnv
    cdry = has_g * has_c * cdry
    iwet = has_g * has_i * iwet
    swet = has_g * has_s * swet
    rdry = has_g * has_r * rdry
    graupel_capacity = has_g * graupel_capacity
    return (
        choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
        snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv, cdry, iwet, swet, rdry, graupel_capacity,
    )  # fmt: skip


@gtscript.function
def tendencies(
    t, rg, lv, ls,
    choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
    snow_capacity, gained, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
    cdry, iwet, swet, rdry, efficiency, graupel_capacity,
):  # fmt: skip
    """Sum the transfers by species: tendencies of th, rv, rc, rr, ri, rs, rg (PHYEX: ICE4_TENDENCIES).

    ``lv`` and ``ls`` are L_v / (c_ph exner) and L_s / (c_ph exner), K.
    """
    crimss, crimsg, srimcg, rraccss, rraccsg, saccrg = snow_transfers(
        t, snow_capacity, gained, iaggs, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv
    )
    cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg = graupel_transfers(
        t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
    )
    a_v = revav - vdepg - vdeps
    a_c = -choni - cautr - caccr - crimss - crimsg - cmltsr - cwetg - cdryg - cberi
    a_r = cautr + caccr - revav - rraccss - rraccsg + cmltsr - rcfrig + icfrr - rwetg - rdryg + gmltr
    a_i = choni - iaggs - iauts - icfrrg - icfrr - iwetg - idryg + cberi
    a_s = vdeps + iaggs + iauts + crimss - srimcg + rraccss - saccrg - smltg - swetg - sdryg
    a_g = vdepg + crimsg + srimcg + rraccsg + saccrg + smltg + icfrrg + rcfrig
    a_g = a_g + (cwetg + iwetg + swetg + rwetg + cdryg + idryg + sdryg + rdryg - gmltr)
    frozen = choni + crimss + crimsg + rraccss + rraccsg + rcfrig - icfrr
    frozen = frozen + (cwetg + rwetg + cdryg + rdryg - gmltr + cberi)
    a_th = (vdepg + vdeps) * ls - revav * lv + frozen * (ls - lv)
    return a_th, a_v, a_c, a_r, a_i, a_s, a_g
