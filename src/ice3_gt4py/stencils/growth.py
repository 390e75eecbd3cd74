"""Wet and dry growth of graupel (PHYEX: ICE4_FAST_RG; Musil 1970, Nelson 1983).

Graupel grows wet if it collects more liquid than it can freeze. Then all ice that it meets sticks, and the liquid that
is not frozen is shed. Otherwise it grows dry, and little of the ice sticks. Raw rates are stored; transfers follow from
them at every substep.
Temperatures in K, mixing ratios in kg per kg of dry air, rates in s-1. ``has_x`` are masks of presence.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp

from ice3_gt4py.stencils.lookup import lookup_2d, place
from ice3_gt4py.stencils.presence import above

# Raw rates ------------------------------------------------------------------------------------------------------------


@gtscript.function
def cloud_collection(t, rc, ri, ln_g, speed, by_snow, has_c, has_i, has_g):
    """Collection of droplets and cloud ice: FCDRYG r_c lambda_g^EXFCDRYG rho^-0.4, and the same of r_i.

    Returns
    -------
    Droplets, cloud ice if all of it sticks, and the share of ice and snow that sticks to dry graupel,
    COLIG exp(COLEXIG (T - T_t)): the square of ``by_snow``, the efficiency of collection by snow, times COLIG.
    """
    from __externals__ import COLEXIG, COLEXIS, COLIG, EXFCDRYG, FCDRYG, FIWETG, TT

    efficiency = COLIG * (by_snow * by_snow)
    if __INLINED(COLEXIG != 2.0 * COLEXIS):
        efficiency = COLIG * exp(COLEXIG * (t - TT))
    sweep = exp(EXFCDRYG * ln_g) * speed
    return has_g * has_c * (FCDRYG * rc * sweep), has_g * has_i * (FIWETG * ri * sweep), efficiency


@gtscript.function
def graupel_kernels(tables, columns, level, ln_g, ln_s, column_r, weight_r):
    """Mean differences of fall speed of graupel and rain, and of graupel and snow."""
    from __externals__ import (
        ACC_COLUMNS,
        DRY_COLUMNS,
        DRYINTP1S,
        DRYINTP2S,
        INTP1R,
        INTP2R,
        RG,
        RG_LAST,
        SG,
        SG_LAST,
    )

    row, weight = place(ln_g, INTP1R, INTP2R, RG_LAST)
    column_s, weight_s = place(ln_s, DRYINTP1S, DRYINTP2S, SG_LAST)
    rain = lookup_2d(tables, columns, level, row * ACC_COLUMNS + column_r + RG, ACC_COLUMNS, weight, weight_r)
    snow = lookup_2d(tables, columns, level, row * DRY_COLUMNS + column_s + SG, DRY_COLUMNS, weight, weight_s)
    return rain, snow


@gtscript.function
def precipitation_collection(
    kernel_rain, kernel_snow, number, over_g, over_s, over_r, mass_power, speed_over_rho, has_r, has_s, has_g
):  # fmt: skip
    """Collection of snow and rain, number of pairs times mass times kernel: snow if all of it sticks, and rain."""
    from __externals__ import FRDRYG, FSWETG, LBRDRYG1, LBRDRYG2, LBRDRYG3, LBSDRYG1, LBSDRYG2, LBSDRYG3

    falling = number * speed_over_rho
    moments = LBSDRYG1 * over_g * over_g + LBSDRYG2 * over_g * over_s + LBSDRYG3 * over_s * over_s
    swet = has_g * has_s * (FSWETG * kernel_snow * mass_power * falling * moments)
    moments = LBRDRYG1 * over_g * over_g + LBRDRYG2 * over_g * over_r + LBRDRYG3 * over_r * over_r
    rdry = has_g * has_r * (FRDRYG * over_r * over_r * over_r * over_r * kernel_rain * falling * moments)
    return swet, rdry


# Transfers ------------------------------------------------------------------------------------------------------------


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


# Substeps -------------------------------------------------------------------------------------------------------------


@gtscript.function
def growth_kept(has_c, has_r, has_i, has_s, has_g, graupel_capacity, cdry, iwet, swet, rdry):
    """Set to zero the stored raw rates whose conditions the current state no longer meets."""
    return (
        has_g * graupel_capacity,
        has_g * has_c * cdry,
        has_g * has_i * iwet,
        has_g * has_s * swet,
        has_g * has_r * rdry,
    )


@gtscript.function
def growth_transfers(
    a_c, a_r, a_i, a_s, t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
):  # fmt: skip
    """Add growth to the tendencies of c, r, i and s; the last results are what graupel gains and what freezes on it."""
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
