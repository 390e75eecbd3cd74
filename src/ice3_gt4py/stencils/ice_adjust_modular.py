"""IceAdjust with one stencil for each step, as people first write it; the fields between the steps are in memory.

The steps are those of ``ice_adjust``, which are the functions of ``condensation`` and ``adjustment``.
"""

from gt4py.cartesian.gtscript import IJ, PARALLEL, Field, computation, interval

from ice3_gt4py.stencils.adjustment import (
    adjusted,
    adjusted_sources,
    all_or_nothing,
    limited_by_vapour,
    with_mass_flux_cloud,
    with_mass_flux_part,
)
from ice3_gt4py.stencils.autoconversion import ice_threshold
from ice3_gt4py.stencils.condensation import (
    above_thresholds,
    cloud,
    deviation,
    ice_fraction,
    lowest_thickness,
    saturation,
    thermal_state,
    thickness,
    turbulent_moment,
)


def find_thermal_state(
    th: Field["float"],
    exn: Field["float"],
    exnref: Field["float"],
    rv: Field["float"],
    rc: Field["float"],
    rr: Field["float"],
    ri: Field["float"],
    rs: Field["float"],
    rg: Field["float"],
    t: Field["float"],
    lv: Field["float"],
    ls: Field["float"],
    over_cph: Field["float"],
    over_cph_exnref: Field["float"],
):
    """Temperature, latent heats and heat capacity of the input state."""
    with computation(PARALLEL), interval(...):
        t, lv, ls, over_cph, over_cph_exnref = thermal_state(th, exn, exnref, rv, rc, rr, ri, rs, rg)


def find_ice_fraction(
    t: Field["float"],
    rc: Field["float"],
    ri: Field["float"],
    frac: Field["float"],
):
    """Fraction of ice in the condensate."""
    with computation(PARALLEL), interval(...):
        frac = ice_fraction(t, rc, ri)


def find_saturation(
    t: Field["float"],
    pabs: Field["float"],
    rv: Field["float"],
    rc: Field["float"],
    ri: Field["float"],
    frac: Field["float"],
    lv: Field["float"],
    ls: Field["float"],
    over_cph: Field["float"],
    qs: Field["float"],
    a: Field["float"],
    deficit: Field["float"],
):
    """Saturation and the saturation deficit."""
    with computation(PARALLEL), interval(...):
        qs, a, deficit = saturation(t, pabs, rv, rc, ri, frac, lv, ls, over_cph)


def find_deviation(
    zz: Field["float"],
    sigs: Field["float"],
    sigqsat: Field[IJ, "float"],
    rv: Field["float"],
    rc: Field["float"],
    ri: Field["float"],
    qs: Field["float"],
    a: Field["float"],
    sigma: Field["float"],
):
    """Standard deviation of the saturation deficit."""
    from __externals__ import HEIGHT_QS

    with computation(PARALLEL), interval(0, -1):
        if __INLINED(HEIGHT_QS):
            layer = thickness(zz)
    with computation(PARALLEL), interval(-1, None):
        if __INLINED(HEIGHT_QS):
            layer = lowest_thickness(zz)

    with computation(PARALLEL), interval(...):
        sigma = deviation(sigs, sigqsat, layer, rv, rc, ri, qs, a)


def condense(
    deficit: Field["float"],
    sigma: Field["float"],
    rv: Field["float"],
    rc: Field["float"],
    ri: Field["float"],
    cldfr: Field["float"],
    content: Field["float"],
    srcs: Field["float"],
):
    """Cloud fraction, condensate and second-order moment."""
    from __externals__ import SUBGRID, WITH_SRCS

    with computation(PARALLEL), interval(...):
        q1 = deficit / sigma
        cldfr, content = cloud(q1, sigma, rv, rc, ri)
        if __INLINED(SUBGRID and WITH_SRCS):
            srcs = turbulent_moment(q1, cldfr)


def find_parts_above_thresholds(
    t: Field["float"],
    rhodref: Field["float"],
    deficit: Field["float"],
    sigma: Field["float"],
    frac: Field["float"],
    hlc_hcf: Field["float"],
    hlc_hrc: Field["float"],
    hli_hcf: Field["float"],
    hli_hri: Field["float"],
):
    """Parts of the cloud above the autoconversion thresholds."""
    with computation(PARALLEL), interval(...):
        hlc_hcf, hlc_hrc, hli_hcf, hli_hri = above_thresholds(t, rhodref, deficit, sigma, frac)


def adjust_state(
    t: Field["float"],
    rv: Field["float"],
    rc: Field["float"],
    ri: Field["float"],
    frac: Field["float"],
    content: Field["float"],
    lv: Field["float"],
    ls: Field["float"],
    over_cph: Field["float"],
    t1: Field["float"],
    rc1: Field["float"],
    ri1: Field["float"],
):
    """State with the new condensate."""
    with computation(PARALLEL), interval(...):
        t1, rv1, rc1, ri1 = adjusted(t, rv, rc, ri, frac, content, lv, ls, over_cph)


def leave_share(
    weight_mf_cloud: Field["float"],
    rc1: Field["float"],
    ri1: Field["float"],
    cldfr: Field["float"],
    srcs: Field["float"],
    hlc_hcf: Field["float"],
    hlc_hrc: Field["float"],
    hli_hcf: Field["float"],
    hli_hri: Field["float"],
):
    """Weight the cloud by what the mass-flux cloud leaves (vapour and temperature are not weighted)."""
    from __externals__ import SUBGRID, WITH_SRCS

    with computation(PARALLEL), interval(...):
        share = 1.0 - weight_mf_cloud
        rc1 = rc1 * share
        ri1 = ri1 * share
        cldfr = cldfr * share
        if __INLINED(SUBGRID and WITH_SRCS):
            srcs = srcs * share
        hlc_hcf = hlc_hcf * share
        hlc_hrc = hlc_hrc * share
        hli_hcf = hli_hcf * share
        hli_hri = hli_hri * share


def adjust_sources(
    rc: Field["float"],
    ri: Field["float"],
    rc1: Field["float"],
    ri1: Field["float"],
    lv: Field["float"],
    ls: Field["float"],
    over_cph_exnref: Field["float"],
    ths: Field["float"],
    rvs: Field["float"],
    rcs: Field["float"],
    ris: Field["float"],
    over_tstep: "float",
):
    """Sources that lead to the adjusted state."""
    with computation(PARALLEL), interval(...):
        ths, rvs, rcs, ris = adjusted_sources(rc, ri, rc1, ri1, lv, ls, over_cph_exnref, ths, rvs, rcs, ris, over_tstep)


def add_mass_flux_cloud(
    cf_mf: Field["float"],
    rc_mf: Field["float"],
    ri_mf: Field["float"],
    lv: Field["float"],
    ls: Field["float"],
    over_cph_exnref: Field["float"],
    ths: Field["float"],
    rvs: Field["float"],
    rcs: Field["float"],
    ris: Field["float"],
    cldfr: Field["float"],
    mc: Field["float"],
    mi: Field["float"],
    over_tstep: "float",
):
    """Add the mass-flux cloud to the sources and to the cloud fraction."""
    with computation(PARALLEL), interval(...):
        mc, mi = limited_by_vapour(rc_mf * over_tstep, ri_mf * over_tstep, rvs)
        ths, rvs, rcs, ris = with_mass_flux_cloud(mc, mi, lv, ls, over_cph_exnref, ths, rvs, rcs, ris)
        cldfr = min(1.0, cldfr + cf_mf)


def add_mass_flux_parts(
    rhodref: Field["float"],
    cf_mf: Field["float"],
    mc: Field["float"],
    mi: Field["float"],
    t1: Field["float"],
    hlc_hcf: Field["float"],
    hlc_hrc: Field["float"],
    hli_hcf: Field["float"],
    hli_hri: Field["float"],
    tstep: "float",
):
    """Add the parts of the mass-flux cloud above the autoconversion thresholds."""
    from __externals__ import CRIAUTC

    with computation(PARALLEL), interval(...):
        y = cf_mf * (CRIAUTC / rhodref)
        hlc_hcf, hlc_hrc = with_mass_flux_part(hlc_hcf, hlc_hrc, mc * tstep, y, cf_mf)
        y = cf_mf * ice_threshold(t1)
        hli_hcf, hli_hri = with_mass_flux_part(hli_hcf, hli_hri, mi * tstep, y, cf_mf)


def find_whole_cloud(
    rc: Field["float"],
    ri: Field["float"],
    rcs: Field["float"],
    ris: Field["float"],
    cldfr: Field["float"],
    srcs: Field["float"],
    over_tstep: "float",
):
    """Cloud fraction without subgrid condensation: all or nothing."""
    from __externals__ import WITH_SRCS

    with computation(PARALLEL), interval(...):
        cldfr = all_or_nothing(rc, ri, rcs, ris, over_tstep)
        if __INLINED(WITH_SRCS):
            srcs = cldfr
