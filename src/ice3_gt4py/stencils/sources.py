"""Sources after the time integration, and the repair of negative ones (PHYEX: ICE4_CORRECT_NEGATIVITIES)."""

from gt4py.cartesian import gtscript


@gtscript.function
def repaired(s_v, s_th, s_x, heating):
    """Make good a negative source with vapour: (s_v, s_th, s_x)."""
    missing = min(s_x, 0.0)
    return s_v + missing, s_th - missing * heating, s_x - missing


@gtscript.function
def given_to_vapour(s_v, s_th, s_x, heating):
    """Make good a negative source of vapour from a precipitating species: (s_v, s_th, s_x)."""
    from __externals__ import RTMIN_V

    given = min(max(s_x, 0.0), max(RTMIN_V - s_v, 0.0))
    return s_v + given, s_th - given * heating, s_x - given


@gtscript.function
def repair_negative(s_th, s_v, s_c, s_r, s_i, s_s, s_g, lv, ls):
    """Remove negative sources, conserving water and enthalpy (PHYEX: ICE4_CORRECT_NEGATIVITIES)."""
    from __externals__ import RTMIN_V

    s_v, s_th, s_c = repaired(s_v, s_th, s_c, lv)
    s_v, s_th, s_r = repaired(s_v, s_th, s_r, lv)
    s_v, s_th, s_i = repaired(s_v, s_th, s_i, ls)
    s_v, s_th, s_s = repaired(s_v, s_th, s_s, ls)
    s_v, s_th, s_g = repaired(s_v, s_th, s_g, ls)
    share = min(1.0, max(RTMIN_V - s_v, 0.0) / max(s_c + s_i, 1e-20))
    s_th = s_th - share * (s_c * lv + s_i * ls)
    s_v = s_v + share * (s_c + s_i)
    s_c = (1.0 - share) * s_c
    s_i = (1.0 - share) * s_i
    s_v, s_th, s_r = given_to_vapour(s_v, s_th, s_r, lv)
    s_v, s_th, s_s = given_to_vapour(s_v, s_th, s_s, ls)
    s_v, s_th, s_g = given_to_vapour(s_v, s_th, s_g, ls)
    return s_th, s_v, s_c, s_r, s_i, s_s, s_g


@gtscript.function
def new_sources(
    active, lv, ls, tstep, over_tstep, nucleated,
    rvt, rct, rrt, rit, rst, rgt, rv, rc, rr, ri, rs, rg, ths, rvs, rcs, rrs, ris, rss, rgs,
):  # fmt: skip
    """Sources of th, rv, rc, rr, ri, rs, rg after the integration, none negative.

    ``nucleated`` is the mixing ratio that nucleation takes where nothing else happens. A deficit of the vapour source
    is passed on to cloud ice everywhere, as in the reference.
    """
    share = active * over_tstep
    change_v = share * (rv - tstep * (rvs - rvt * over_tstep) - rvt)
    change_c = share * (rc - tstep * (rcs - rct * over_tstep) - rct)
    change_r = share * (rr - tstep * (rrs - rrt * over_tstep) - rrt)
    change_i = share * (ri - tstep * (ris - rit * over_tstep) - rit)
    change_s = share * (rs - tstep * (rss - rst * over_tstep) - rst)
    change_g = share * (rg - tstep * (rgs - rgt * over_tstep) - rgt)
    taken = min(rvs, nucleated * over_tstep)
    s_th, s_v, s_c, s_r, s_i, s_s, s_g = repair_negative(
        ths + ((change_c + change_r) * lv + (change_i + change_s + change_g + taken) * ls),
        rvs + change_v - taken,
        rcs + change_c,
        rrs + change_r,
        ris + change_i + taken,
        rss + change_s,
        rgs + change_g,
        lv,
        ls,
    )
    return s_th, s_v, s_c, s_r, s_i, s_s, s_g
