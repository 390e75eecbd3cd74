"""Processes and time integration of points with liquid water alone, in branch-free loops (``microphysics``).

Without cloud ice, snow and graupel, and too warm for nucleation, only the warm processes act. Their rates, and the
absence of all others, last until the end of the time step.
"""

from gt4py.cartesian.gtscript import PARALLEL, Field, computation, interval

from ice3_gt4py.stencils.air import air
from ice3_gt4py.stencils.presence import above, hydrometeors, present
from ice3_gt4py.stencils.slopes import density_factors, slopes
from ice3_gt4py.stencils.sources import new_sources
from ice3_gt4py.stencils.stepping import kept_content, substep_length, vapour_and_heat
from ice3_gt4py.stencils.thermodynamics import heating
from ice3_gt4py.stencils.warm import warm_kept, warm_rates, warm_transfers


def microphysics_of_liquid(
    exn: Field["float"],
    exnref: Field["float"],
    rhodref: Field["float"],
    pabs: Field["float"],
    tht: Field["float"],
    rvt: Field["float"],
    rct: Field["float"],
    rrt: Field["float"],
    rit: Field["float"],
    rst: Field["float"],
    rgt: Field["float"],
    sigs: Field["float"],
    cit: Field["float"],
    ths: Field["float"],
    rvs: Field["float"],
    rcs: Field["float"],
    rrs: Field["float"],
    ris: Field["float"],
    rss: Field["float"],
    rgs: Field["float"],
    evap3d: Field["float"],
    tstep: "float",
    over_tstep: "float",
):
    """Warm processes, substeps, repair of negative sources; fields and scalars are those of ``microphysics``."""
    with computation(PARALLEL), interval(...):
        t = tht * exn
        lv, ls = heating(t, exn, rvt, rct, rrt, rit, rst, rgt)
        active = hydrometeors(rct, rrt, rit, rst, rgt)
        has_v, has_c, has_r, has_i, has_s, has_g = present(rvt, rct, rrt, rit, rst, rgt)
        ln_rho, speed, speed_over_rho = density_factors(rhodref)
        ln_r, ln_s, ln_g, over_r, over_s, over_g = slopes(ln_rho, rrt, rst, rgt, has_r, has_s, has_g)
        ventilation, excess, growing, drying, heat_loss, capacity, gained = air(t, rvt, pabs, rhodref, ln_rho)
        cautr, caccr, revav = warm_rates(rct, rhodref, sigs, speed, ventilation, drying, ln_r, over_r, has_c, has_r)
        a_c, a_r = warm_transfers(0.0, cautr, caccr, revav)
        a_v, a_th = vapour_and_heat(lv, ls, 0.0, 0.0, revav, 0.0)
        a_th = a_th + (ths - tht * over_tstep)
        a_v = a_v + (rvs - rvt * over_tstep)
        a_c = a_c + (rcs - rct * over_tstep)
        a_r = a_r + (rrs - rrt * over_tstep)
        a_i = ris - rit * over_tstep
        a_s = rss - rst * over_tstep
        a_g = rgs - rgt * over_tstep
        step = substep_length(
            tstep, exn, tht, rvt, rct, rrt, rit, rst, rgt, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
            a_th, a_v, a_c, a_r, a_i, a_s, a_g,
        )  # fmt: skip
        th = tht + step * a_th
        rv = kept_content(rvt + step * a_v, rvt)
        rc = kept_content(rct + step * a_c, rct)
        rr = kept_content(rrt + step * a_r, rrt)
        ri = kept_content(rit + step * a_i, rit)
        rs = kept_content(rst + step * a_s, rst)
        rg = kept_content(rgt + step * a_g, rgt)
        ni = active * cit * (1.0 - active * (1.0 - above(ri, 0.0)))
        elapsed = step if active > 0.0 else tstep
        revav = active * revav

    with computation(PARALLEL), interval(...):
        passes = 1.0
        while elapsed < tstep and passes < 100.0:
            lv2, ls2 = heating(th * exn, exn, rv, rc, rr, ri, rs, rg)
            has_v2, has_c2, has_r2, has_i2, has_s2, has_g2 = present(rv, rc, rr, ri, rs, rg)
            cautr, caccr, revav = warm_kept(rc, rhodref, sigs, has_c2, has_r2, cautr, caccr, revav)
            a_c2, a_r2 = warm_transfers(0.0, cautr, caccr, revav)
            a_v2, a_th2 = vapour_and_heat(lv2, ls2, 0.0, 0.0, revav, 0.0)
            a_th2 = a_th2 + (ths - tht * over_tstep)
            a_v2 = a_v2 + (rvs - rvt * over_tstep)
            a_c2 = a_c2 + (rcs - rct * over_tstep)
            a_r2 = a_r2 + (rrs - rrt * over_tstep)
            a_i2 = ris - rit * over_tstep
            a_s2 = rss - rst * over_tstep
            a_g2 = rgs - rgt * over_tstep
            step2 = substep_length(
                tstep - elapsed, exn, th, rv, rc, rr, ri, rs, rg, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                a_th2, a_v2, a_c2, a_r2, a_i2, a_s2, a_g2,
            )  # fmt: skip
            th = th + step2 * a_th2
            rv = kept_content(rv + step2 * a_v2, rv)
            rc = kept_content(rc + step2 * a_c2, rc)
            rr = kept_content(rr + step2 * a_r2, rr)
            ri = kept_content(ri + step2 * a_i2, ri)
            rs = kept_content(rs + step2 * a_s2, rs)
            rg = kept_content(rg + step2 * a_g2, rg)
            ni = ni * above(ri, 0.0)
            elapsed = elapsed + step2
            passes = passes + 1.0

    with computation(PARALLEL), interval(...):
        lv3, ls3 = heating(tht * exn, exnref, rvt, rct, rrt, rit, rst, rgt)
        s_th, s_v, s_c, s_r, s_i, s_s, s_g = new_sources(
            hydrometeors(rct, rrt, rit, rst, rgt), lv3, ls3, tstep, over_tstep, 0.0,
            rvt, rct, rrt, rit, rst, rgt, rv, rc, rr, ri, rs, rg, ths, rvs, rcs, rrs, ris, rss, rgs,
        )  # fmt: skip
        ths = s_th
        rvs = s_v
        rcs = s_c
        rrs = s_r
        ris = s_i
        rss = s_s
        rgs = s_g
        cit = ni
        evap3d = revav
