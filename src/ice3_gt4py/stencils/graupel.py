"""Graupel: its exchange with the air, contact freezing of rain, melting (PHYEX: ICE4_FAST_RG); growth is ``growth``.

Temperatures in K, mixing ratios in kg per kg of dry air, rates in s-1. ``has_x`` are masks of presence.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp

from ice3_gt4py.stencils.presence import above


@gtscript.function
def graupel_exchange(ln_g, over_g, ventilation, capacity, has_g):
    """Exchange of graupel with the air.

    Returns
    -------
    Ventilated size, X0DEPG lambda_g^EX0DEPG + X1DEPG c_j lambda_g^EX1DEPG, where EX0DEPG = EX_G - 1; the power
    lambda_g^EX_G of the number of graupel; and the liquid that graupel can freeze without collected ice.
    """
    from __externals__ import EX1DEPG, EX_G, X0DEPG, X1DEPG

    number = exp(EX_G * ln_g)
    graupel_ventilation = X0DEPG * (number * over_g) + X1DEPG * ventilation * exp(EX1DEPG * ln_g)
    return graupel_ventilation, number, has_g * capacity * graupel_ventilation


# Contact freezing -----------------------------------------------------------------------------------------------------


@gtscript.function
def ricfrrg(frozen, ice, possible):
    """Cloud ice that freezes rain by contact, i -> g.

    Rate: cloud ice that rain collects, times the share of the rain that its cold can freeze.
    Acts: with cloud ice and rain, below 0 degC.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_FAST_RG.
    """
    return possible * frozen * ice


@gtscript.function
def rrcfrig(frozen, water, possible):
    """Rain frozen by contact with cloud ice, r -> g.

    Rate: rain that collects cloud ice, times the share that the cold can freeze.
    Acts: with cloud ice and rain, below 0 degC.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_FAST_RG.
    """
    return possible * frozen * water


@gtscript.function
def ricfrr(frozen, ice, possible):
    """Cloud ice that melts in the rain that collects it, i -> r.

    Rate: the cloud ice that does not freeze the rain.
    Acts: with cloud ice and rain.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_FAST_RG.
    """
    return possible * ((1.0 - frozen) * ice)


@gtscript.function
def contact_rates(t, ri, ni, ln_r, over_r, speed, speed_over_rho, has_i, has_r):
    """Return icfrrg, rcfrig and icfrr.

    Rain collects the cloud ice ICFRR r_i lambda_r^EXICFRR rho^-0.4; RCFRI N_i lambda_r^EXRCFRI rho^-1.4 of rain is in
    such collisions, where EXRCFRI = EXICFRR - 3. The heat needed is taken with L_v instead of L_f, as in the Fortran.
    """
    from __externals__ import CI, CL, EXICFRR, ICFRR, LVTT, RCFRI, TT

    possible = has_i * has_r
    section = exp(EXICFRR * ln_r)
    ice = ICFRR * ri * section * speed
    water = RCFRI * ni * (section * over_r * over_r * over_r) * speed_over_rho
    frozen = -(ice * CI + water * CL) * (t - TT) / max(1e-20, LVTT * water)
    frozen = min(max(frozen, 0.0), 1.0)
    return ricfrrg(frozen, ice, possible), rrcfrig(frozen, water, possible), ricfrr(frozen, ice, possible)


@gtscript.function
def contact_kept(has_i, has_r, icfrrg, rcfrig, icfrr):
    """Set to zero the stored rates whose conditions the current state no longer meets."""
    possible = has_i * has_r
    return possible * icfrrg, possible * rcfrig, possible * icfrr


@gtscript.function
def contact_transfers(a_r, a_i, a_g, freezing, icfrrg, rcfrig, icfrr):
    """Add contact freezing to the tendencies of r, i and g and to what freezes."""
    return a_r - rcfrig + icfrr, a_i - icfrrg - icfrr, a_g + icfrrg + rcfrig, freezing + rcfrig - icfrr


# Melting --------------------------------------------------------------------------------------------------------------


@gtscript.function
def rgmltr(t, rhodref, heat_loss, graupel_ventilation, cdry, rdry, has_g):
    """Melting of graupel, g -> r.

    Rate: (heat from the air and from the liquid collected) / (rho L_f).
    Acts: above 0 degC, with graupel.
    Source: Pinty & Jabouille 1998; PHYEX: ICE4_FAST_RG.
    """
    from __externals__ import CL, LMTT, TT

    heat = -heat_loss * graupel_ventilation + (cdry + rdry) * rhodref * CL * (t - TT)
    return has_g * above(t, TT) * max(heat / (rhodref * LMTT), 0.0)


@gtscript.function
def graupel_melting_rates(t, rhodref, heat_loss, graupel_ventilation, cdry, rdry, has_g):
    """Return gmltr."""
    return rgmltr(t, rhodref, heat_loss, graupel_ventilation, cdry, rdry, has_g)


@gtscript.function
def graupel_melting_kept(t, has_g, gmltr):
    """Set to zero the stored rate if the current state no longer meets its conditions."""
    from __externals__ import TT

    return has_g * above(t, TT) * gmltr


@gtscript.function
def graupel_melting_transfers(a_r, grown, frozen, gmltr):
    """Add the melting of graupel to the tendency of r, to what graupel gains and to what freezes on it."""
    return a_r + gmltr, grown - gmltr, frozen - gmltr
