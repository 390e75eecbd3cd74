"""Adjusted state and sources, and the mass-flux cloud: the last steps of IceAdjust (PHYEX: ICE_ADJUST).

Mixing ratios in kg per kg of dry air, heats in J kg-1, sources per second.
"""

from gt4py.cartesian import gtscript

from ice3_gt4py.stencils.distributions import triangle_content, triangle_fraction


@gtscript.function
def adjusted(t, rv, rc, ri, frac, content, lv, ls, over_cph):
    """Temperature, vapour, liquid and ice once the condensate is ``content``."""
    rc1 = (1.0 - frac) * content
    ri1 = frac * content
    t1 = t + ((rc1 - rc) * lv + (ri1 - ri) * ls) * over_cph
    return t1, rv + rc + ri - rc1 - ri1, rc1, ri1


@gtscript.function
def conserved(rvs, rcs, ris, vapour, liquid, ice):
    """Sources of liquid and ice; in float32, the larger of them with the water that the rounding of the vapour lost.

    Where a change persists for many steps, the vapour, the largest of the three, may lose in each of them. Condensate
    below 1e5 times the loss takes nothing: rounding would decide it.

    Parameters
    ----------
    rvs, rcs, ris
        Sources before the change.
    vapour, liquid, ice
        Sources after it.
    """
    from __externals__ import CONSERVING

    whole_liquid = liquid
    whole_ice = ice
    if __INLINED(CONSERVING):
        lost = (rvs - vapour) - ((liquid - rcs) + (ice - ris))
        least = 1e5 * abs(lost)
        whole_liquid = liquid + lost if liquid > max(ice, least) else liquid
        whole_ice = ice + lost if ice > max(liquid, least) else ice
    return whole_liquid, whole_ice


@gtscript.function
def adjusted_sources(rc, ri, rc1, ri1, lv, ls, over_cph_exnref, ths, rvs, rcs, ris, over_tstep):
    """Sources of th, rv, rc, ri: liquid first, then ice with what vapour is left (Langlois 1973, Tao et al. 1989)."""
    d = (rc1 - rc) * over_tstep
    d = max(d, -rcs) if d < 0.0 else min(d, rvs)
    vapour = rvs - d
    e = (ri1 - ri) * over_tstep
    e = max(e, -ris) if e < 0.0 else min(e, vapour)
    left = vapour - e
    liquid, ice = conserved(rvs, rcs, ris, left, rcs + d, ris + e)
    return ths + (d * lv + e * ls) * over_cph_exnref, left, liquid, ice


@gtscript.function
def limited_by_vapour(liquid, ice, vapour):
    """Liquid and ice of the mass-flux cloud, reduced in proportion to the vapour that there is."""
    both = liquid + ice
    short = both > vapour and both > 0.0
    safe = both if both > 0.0 else 1.0
    limited = liquid * vapour / safe
    return limited if short else liquid, vapour - limited if short else ice


@gtscript.function
def with_mass_flux_cloud(mc, mi, lv, ls, over_cph_exnref, ths, rvs, rcs, ris):
    """Sources of th, rv, rc, ri with those of the mass-flux cloud, ``mc`` of liquid and ``mi`` of ice."""
    vapour = rvs - (mc + mi)
    liquid, ice = conserved(rvs, rcs, ris, vapour, rcs + mc, ris + mi)
    return ths + (mc * lv + mi * ls) * over_cph_exnref, vapour, liquid, ice


@gtscript.function
def with_mass_flux_part(fraction, content, w, y, cf_mf):
    """Add what of the mass-flux cloud lies above an autoconversion threshold (Pergaud et al. 2009, Turner et al. 2012).

    ``w`` is its content, and ``y`` the threshold times its fraction.
    """
    from __externals__ import MF_TRIANGLE

    if __INLINED(MF_TRIANGLE):
        fraction = min(1.0, fraction + triangle_fraction(w, y) * cf_mf)
        content = content + triangle_content(w, y)
    else:
        fraction = min(1.0, fraction + cf_mf) if w > y else fraction
        content = content + w if w > y else content
    return fraction, content


@gtscript.function
def all_or_nothing(rc, ri, rcs, ris, over_tstep):
    """Cloud fraction without subgrid condensation; what rounding leaves of ``rc`` and ``ri`` is not a cloud."""
    from __externals__ import RESIDUE

    return 1.0 if rcs + ris > max(1e-12, RESIDUE * (rc + ri)) * over_tstep else 0.0
