"""The stencil of IceAdjust: condensation, adjustment of the sources, mass-flux cloud, in one branch-free pass.

Processes, with the PHYEX routine of each: saturation and ice fraction (COMPUTE_FRAC_ICE), statistical condensation and
cloud fraction (CONDENSATION; Chaboureau & Bechtold 2002, or the Gaussian of Sommeria & Deardorff 1977 and Mellor 1977),
second-order moment for the turbulence (Bechtold et al. 1995), adjustment of vapour, liquid, ice and heat
(ICE_ADJUST; Langlois 1973, Tao et al. 1989), mass-flux cloud and the parts of the cloud above the autoconversion
thresholds (ICE_ADJUST; Pergaud et al. 2009, Turner et al. 2012).

Every transcendental is evaluated at every point with a harmless argument, so that compilers can vectorise the loop. A
conditional expression is never an operand: some of GT4Py's backends write it without parentheses.
"""

from gt4py.cartesian.gtscript import IJ, PARALLEL, Field, atan, computation, exp, interval, sqrt

from ice3_gt4py.stencils.autoconversion import ice_threshold
from ice3_gt4py.stencils.distributions import (
    clip,
    gaussian_content,
    gaussian_fraction,
    second_order_moment,
    triangle_content,
    triangle_fraction,
)
from ice3_gt4py.stencils.thermodynamics import (
    latent_heat_of_sublimation,
    latent_heat_of_vaporisation,
    moist_heat_capacity,
    saturation_pressure_over_ice,
    saturation_pressure_over_ice_centred,
    saturation_pressure_over_liquid,
    saturation_pressure_over_liquid_centred,
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
    from __externals__ import (
        CENTRED,
        CONDBORN,
        CRIAUTC,
        EPSILO,
        FRAC_O,
        FRAC_S,
        FRAC_T,
        GAUSSIAN,
        HEIGHT_QS,
        LAMBDA3,
        MF_TRIANGLE,
        OVER_EPSILO,
        OVER_RV,
        STATE_OUT,
        STATNW,
        SUBGRID,
        TMAXMIX,
        TMINMIX,
        TT,
        WITH_SRCS,
    )  # fmt: skip

    with computation(PARALLEL), interval(0, -1):
        if __INLINED(HEIGHT_QS):
            layer = zz - zz[0, 0, 1]
    with computation(PARALLEL), interval(-1, None):
        if __INLINED(HEIGHT_QS):
            layer = 0.8 * (zz[0, 0, -1] - zz)

    with computation(PARALLEL), interval(...):
        # Thermodynamic state: heats and heat capacity are those of the input state throughout.
        t = th * exn
        lv = latent_heat_of_vaporisation(t)
        ls = latent_heat_of_sublimation(t)
        cph = moist_heat_capacity(rv, rc, rr, ri, rs, rg)
        rt = rv + rc + ri

        # Ice fraction of the condensate.
        if __INLINED(FRAC_S):
            condensate = rc + ri
            safe = condensate if condensate > 1e-20 else 1.0
            frac = clip(ri / safe, 0.0, 1.0)
            frac = frac if condensate > 1e-20 else 0.0
        elif __INLINED(FRAC_T):
            frac = clip((TMAXMIX - t) / (TMAXMIX - TMINMIX), 0.0, 1.0)
        elif __INLINED(FRAC_O):
            frac = clip((TT - t) * 0.025, 0.0, 1.0)
        else:
            frac = 0.0 * t

        # Saturation of the mixture and slope of the saturation curve.
        if __INLINED(CENTRED):
            ew = min(saturation_pressure_over_liquid_centred(t), 0.99 * pabs)
            ei = min(saturation_pressure_over_ice_centred(t), 0.99 * pabs)
        else:
            ew = min(saturation_pressure_over_liquid(t), 0.99 * pabs)
            ei = min(saturation_pressure_over_ice(t), 0.99 * pabs)
        # Divisions are what this loop pays most for: quotients share them.
        over_t = 1.0 / t
        over_pressures = EPSILO / ((pabs - ew) * (pabs - ei))
        qs = ((1.0 - frac) * ew * (pabs - ei) + frac * ei * (pabs - ew)) * over_pressures
        heat = (1.0 - frac) * lv + frac * ls
        slope = heat * qs * OVER_RV * (over_t * over_t) * (1.0 + qs * OVER_EPSILO)
        over_cph_exnref = 1.0 / (cph * exnref)
        over_cph = over_cph_exnref * exnref
        warming = heat * over_cph
        a = 1.0 / (1.0 + warming * slope)
        deficit = a * (rt - qs + slope * warming * (rc + ri))

        # Standard deviation of the local saturation deficit.
        if __INLINED(SUBGRID):
            if __INLINED(STATNW):
                turbulent = sigs
            else:
                turbulent = 2.0 * sigs
            if __INLINED(HEIGHT_QS):
                uniform = sigqsat * clip(layer * 0.03333333333333333, 0.5, 1.5) * qs * a
            else:
                uniform = sigqsat * qs * a
            sigma = sqrt(turbulent * turbulent + uniform * uniform)
            if __INLINED(CONDBORN):
                sigma = min(sigma, 0.5 * rt)
            sigma = max(sigma, 1e-10)
        else:
            sigma = 1e-10 + 0.0 * t
        q1 = deficit / sigma

        # Condensate, cloud fraction, second-order moment, and the part above the autoconversion thresholds.
        if __INLINED(GAUSSIAN):
            fraction = clip(gaussian_fraction(q1), 0.0, 1.0)
            content = max(0.0, sigma * gaussian_content(q1))
            if __INLINED(CONDBORN):
                content = min(content, rt - 1e-7)
            fraction = 0.0 if content < 1e-12 else fraction
            content = 0.0 if fraction == 0.0 else content
            moment = fraction

            liquid = 1.0 - frac
            critical = CRIAUTC / rhodref
            safe = liquid if liquid > 1e-20 else 1.0
            above = (deficit - critical / safe) / sigma
            chf = clip(gaussian_fraction(above), 0.0, 1.0)
            chc = max(0.0, liquid * sigma * gaussian_content(above) + critical * chf)
            chf = 0.0 if liquid <= 1e-20 or chc < 1e-12 or chf < 1e-6 else chf
            chc = 0.0 if chf == 0.0 else chc

            critical = ice_threshold(t)
            safe = frac if frac > 1e-20 else 1.0
            above = (deficit - critical / safe) / sigma
            ihf = clip(gaussian_fraction(above), 0.0, 1.0)
            ihr = max(0.0, frac * sigma * gaussian_content(above) + critical * ihf)
            ihf = 0.0 if frac <= 1e-20 or ihr < 1e-12 or ihf < 1e-6 else ihf
            ihr = 0.0 if ihf == 0.0 else ihr
        else:
            negative = exp(1.2 * clip(q1, -80.0, 0.0) - 1.0)
            middle = min(0.36787944117144233 + 0.66 * q1 + 0.086 * q1 * q1, 2.0)
            content = negative if q1 <= 0.0 else (middle if q1 <= 2.0 else q1)
            content = sigma * content
            if __INLINED(CONDBORN):
                content = min(content, rt - 1e-7)
            fraction = clip(0.5 + 0.36 * atan(1.55 * q1), 0.0, 1.0)
            fraction = 0.0 if content < 1e-12 else fraction
            content = 0.0 if fraction == 0.0 else content
            if __INLINED(WITH_SRCS):
                moment = second_order_moment(q1)
            chf = 0.0 * t
            chc = 0.0 * t
            ihf = 0.0 * t
            ihr = 0.0 * t
        if __INLINED(WITH_SRCS and LAMBDA3):
            moment = moment * clip(1.0 - q1, 1.0, 3.0)

        # Adjusted state, weighted by what the mass-flux cloud leaves (vapour and temperature are not weighted).
        rc1 = (1.0 - frac) * content
        ri1 = frac * content
        t1 = t + ((rc1 - rc) * lv + (ri1 - ri) * ls) * over_cph
        rv1 = rt - rc1 - ri1
        share = 1.0 - weight_mf_cloud
        rc1 = rc1 * share
        ri1 = ri1 * share
        fraction = fraction * share
        chf = chf * share
        chc = chc * share
        ihf = ihf * share
        ihr = ihr * share

        # Sources: liquid first, then ice with what vapour is left.
        d = (rc1 - rc) * over_tstep
        d = max(d, -rcs) if d < 0.0 else min(d, rvs)
        sv = rvs - d
        sc = rcs + d
        e = (ri1 - ri) * over_tstep
        e = max(e, -ris) if e < 0.0 else min(e, sv)
        sv = sv - e
        si = ris + e
        sth = ths + (d * lv + e * ls) * over_cph_exnref

        if __INLINED(SUBGRID):
            # Mass-flux cloud, limited by the vapour.
            mc = rc_mf * over_tstep
            mi = ri_mf * over_tstep
            both = mc + mi
            short = both > sv and both > 0.0
            safe = both if both > 0.0 else 1.0
            limited = mc * sv / safe
            mi = sv - limited if short else mi
            mc = limited if short else mc
            sv = sv - (mc + mi)
            sc = sc + mc
            si = si + mi
            sth = sth + (mc * lv + mi * ls) * over_cph_exnref
            fraction = min(1.0, fraction + cf_mf)
            if __INLINED(WITH_SRCS):
                srcs = moment * share

            w = mc * tstep
            y = cf_mf * (CRIAUTC / rhodref)
            if __INLINED(MF_TRIANGLE):
                chf = min(1.0, chf + triangle_fraction(w, y) * cf_mf)
                chc = chc + triangle_content(w, y)
            else:
                chf = min(1.0, chf + cf_mf) if w > y else chf
                chc = chc + w if w > y else chc
            w = mi * tstep
            y = cf_mf * ice_threshold(t1)
            if __INLINED(MF_TRIANGLE):
                ihf = min(1.0, ihf + triangle_fraction(w, y) * cf_mf)
                ihr = ihr + triangle_content(w, y)
            else:
                ihf = min(1.0, ihf + cf_mf) if w > y else ihf
                ihr = ihr + w if w > y else ihr

            if __INLINED(STATE_OUT):
                short = rc_mf + ri_mf > rv1 and rc_mf + ri_mf > 0.0
                both = rc_mf + ri_mf
                safe = both if both > 0.0 else 1.0
                limited = rc_mf * rv1 / safe
                mi = rv1 - limited if short else ri_mf
                mc = limited if short else rc_mf
                out_rv = rv1 - (mc + mi)
                out_rc = rc1 + mc
                out_ri = ri1 + mi
                out_th = (t1 + (mc * lv + mi * ls) * over_cph) / exn
        else:
            fraction = 1.0 if sc + si > 1e-12 * over_tstep else 0.0
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
