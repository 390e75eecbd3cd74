"""Wet and dry growth of graupel (PHYEX: ICE4_FAST_RG; Musil 1970, Nelson 1983).

Graupel grows wet if it collects more liquid than it can freeze. Then all ice that it meets sticks, and the liquid that
is not frozen is shed. Otherwise it grows dry, and little of the ice sticks.
Temperatures in K, mixing ratios in kg per kg of dry air, rates in s-1.
"""

from gt4py.cartesian import gtscript

from ice3_gt4py.stencils.presence import above


@gtscript.function
def rcwetg(wet, cdry):
    """Droplets collected in wet growth, c -> g.

    Rate: all droplets that graupel collects.
    Acts: with graupel that collects more liquid than it can freeze, and droplets.
    Source: Musil 1970, Nelson 1983; PHYEX: ICE4_FAST_RG.
    """
    return wet * cdry


@gtscript.function
def riwetg(wet, iwet):
    """Cloud ice collected in wet growth, i -> g.

    Rate: all cloud ice that graupel meets.
    Acts: with graupel that collects more liquid than it can freeze, and cloud ice.
    Source: Musil 1970, Nelson 1983; PHYEX: ICE4_FAST_RG.
    """
    return wet * iwet


@gtscript.function
def rswetg(wet, swet):
    """Snow collected in wet growth, s -> g.

    Rate: all snow that graupel meets.
    Acts: with graupel that collects more liquid than it can freeze, and snow.
    Source: Musil 1970, Nelson 1983; PHYEX: ICE4_FAST_RG.
    """
    return wet * swet


@gtscript.function
def rrwetg(wet, permitted, cdry, iwet, swet):
    """Rain frozen in wet growth, or liquid shed by it, r -> g.

    Rate: growth that the heat budget permits, less the droplets, ice and snow collected; negative if liquid is shed.
    Acts: with graupel that collects more liquid than it can freeze.
    Source: Musil 1970, Nelson 1983; PHYEX: ICE4_FAST_RG.
    """
    return wet * (permitted - (iwet + swet + cdry))


@gtscript.function
def rcdryg(dry, cdry):
    """Droplets collected in dry growth, c -> g.

    Rate: all droplets that graupel collects.
    Acts: below 0 degC, with graupel that can freeze what it collects, and droplets.
    Source: Musil 1970, Nelson 1983; PHYEX: ICE4_FAST_RG.
    """
    return dry * cdry


@gtscript.function
def ridryg(dry, idry):
    """Cloud ice collected in dry growth, i -> g.

    Rate: the cloud ice that sticks.
    Acts: below 0 degC, with graupel that can freeze what it collects, and cloud ice.
    Source: Musil 1970, Nelson 1983; PHYEX: ICE4_FAST_RG.
    """
    return dry * idry


@gtscript.function
def rsdryg(dry, sdry):
    """Snow collected in dry growth, s -> g.

    Rate: the snow that sticks.
    Acts: below 0 degC, with graupel that can freeze what it collects, and snow.
    Source: Musil 1970, Nelson 1983; PHYEX: ICE4_FAST_RG.
    """
    return dry * sdry


@gtscript.function
def rrdryg(dry, rdry):
    """Rain collected in dry growth, r -> g.

    Rate: all rain that graupel collects.
    Acts: below 0 degC, with graupel that can freeze what it collects, and rain.
    Source: Musil 1970, Nelson 1983; PHYEX: ICE4_FAST_RG.
    """
    return dry * rdry


@gtscript.function
def growth_mode(t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency):
    """Decide between wet and dry growth, from the heat budget.

    Returns
    -------
    Masks of wet and of dry growth, the growth that the heat budget permits, cloud ice and snow that stick if dry.
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
    return wet, dry, permitted, idry, sdry


@gtscript.function
def growth(t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency):
    """Return cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg and rdryg from the raw rates."""
    wet, dry, permitted, idry, sdry = growth_mode(
        t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
    )  # fmt: skip
    return (
        rcwetg(wet, cdry),
        riwetg(wet, iwet),
        rswetg(wet, swet),
        rrwetg(wet, permitted, cdry, iwet, swet),
        rcdryg(dry, cdry),
        ridryg(dry, idry),
        rsdryg(dry, sdry),
        rrdryg(dry, rdry),
    )


@gtscript.function
def growth_transfers(
    a_c, a_r, a_i, a_s, t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
):  # fmt: skip
    """Go on with the tendencies of c, r, i and s; sum what graupel gains, and what freezes on it."""
    cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg = growth(
        t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
    )
    return (
        a_c - cwetg - cdryg,
        a_r - rwetg - rdryg,
        a_i - iwetg - idryg,
        a_s - swetg - sdryg,
        cwetg + iwetg + swetg + rwetg + cdryg + idryg + sdryg + rdryg,
        cwetg + rwetg + cdryg + rdryg,
    )
