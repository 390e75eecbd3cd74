"""The stencil of IceAdjust: condensation, adjustment of the sources, mass-flux cloud, in one branch-free pass.

The steps are the functions of ``condensation`` and ``adjustment``.
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


def ice_adjust(
    exn: Field["float"],
    exnref: Field["float"],
    rhodref: Field["float"],
    pabs: Field["float"],
    zz: Field["float"],
    th: Field["float"],
    rv: Field["float"],
    rc: Field["float"],
    ri: Field["float"],
    rr: Field["float"],
    rs: Field["float"],
    rg: Field["float"],
    sigs: Field["float"],
    cf_mf: Field["float"],
    rc_mf: Field["float"],
    ri_mf: Field["float"],
    weight_mf_cloud: Field["float"],
    sigqsat: Field[IJ, "float"],
    rvs: Field["float"],
    rcs: Field["float"],
    ris: Field["float"],
    ths: Field["float"],
    cldfr: Field["float"],
    srcs: Field["float"],
    hlc_hrc: Field["float"],
    hlc_hcf: Field["float"],
    hli_hri: Field["float"],
    hli_hcf: Field["float"],
    out_rv: Field["float"],
    out_rc: Field["float"],
    out_ri: Field["float"],
    out_th: Field["float"],
    tstep: "float",
    over_tstep: "float",
):
    from __externals__ import CRIAUTC, HEIGHT_QS, STATE_OUT, SUBGRID, WITH_SRCS

    with computation(PARALLEL), interval(0, -1):
        if __INLINED(HEIGHT_QS):
            layer = thickness(zz)
    with computation(PARALLEL), interval(-1, None):
        if __INLINED(HEIGHT_QS):
            layer = lowest_thickness(zz)

    with computation(PARALLEL), interval(...):
        # Heats and heat capacity are those of the input state throughout.
        t, lv, ls, over_cph, over_cph_exnref = thermal_state(th, exn, exnref, rv, rc, rr, ri, rs, rg)
        frac = ice_fraction(t, rc, ri)
        qs, a, deficit = saturation(t, pabs, rv, rc, ri, frac, lv, ls, over_cph)
        sigma = deviation(sigs, sigqsat, layer, rv, rc, ri, qs, a)
        q1 = deficit / sigma
        fraction, content = cloud(q1, sigma, rv, rc, ri)
        if __INLINED(SUBGRID and WITH_SRCS):
            moment = turbulent_moment(q1, fraction)
        chf, chc, ihf, ihr = above_thresholds(t, rhodref, deficit, sigma, frac)

        # Weighted by what the mass-flux cloud leaves (vapour and temperature are not weighted).
        t1, rv1, rc1, ri1 = adjusted(t, rv, rc, ri, frac, content, lv, ls, over_cph)
        share = 1.0 - weight_mf_cloud
        rc1 = rc1 * share
        ri1 = ri1 * share
        fraction = fraction * share
        chf = chf * share
        chc = chc * share
        ihf = ihf * share
        ihr = ihr * share

        sth, sv, sc, si = adjusted_sources(rc, ri, rc1, ri1, lv, ls, over_cph_exnref, ths, rvs, rcs, ris, over_tstep)

        if __INLINED(SUBGRID):
            mc, mi = limited_by_vapour(rc_mf * over_tstep, ri_mf * over_tstep, sv)
            sth, sv, sc, si = with_mass_flux_cloud(mc, mi, lv, ls, over_cph_exnref, sth, sv, sc, si)
            fraction = min(1.0, fraction + cf_mf)
            if __INLINED(WITH_SRCS):
                srcs = moment * share
            chf, chc = with_mass_flux_part(chf, chc, mc * tstep, cf_mf * (CRIAUTC / rhodref), cf_mf)
            ihf, ihr = with_mass_flux_part(ihf, ihr, mi * tstep, cf_mf * ice_threshold(t1), cf_mf)
            if __INLINED(STATE_OUT):
                mc, mi = limited_by_vapour(rc_mf, ri_mf, rv1)
                out_rv = rv1 - (mc + mi)
                out_rc = rc1 + mc
                out_ri = ri1 + mi
                out_th = (t1 + (mc * lv + mi * ls) * over_cph) / exn
        else:
            fraction = all_or_nothing(rc, ri, sc, si, over_tstep)
            if __INLINED(WITH_SRCS):
                srcs = fraction
            if __INLINED(STATE_OUT):
                out_rv = rv1
                out_rc = rc1
                out_ri = ri1
                out_th = t1 / exn

        rvs = sv
        rcs = sc
        ris = si
        ths = sth
        cldfr = fraction
        hlc_hrc = chc
        hlc_hcf = chf
        hli_hri = ihr
        hli_hcf = ihf
