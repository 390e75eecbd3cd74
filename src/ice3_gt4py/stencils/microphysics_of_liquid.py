"""Processes and time integration of points with liquid water alone, in branch-free loops (``microphysics``).

Without a trace of cloud ice, snow and graupel, and too warm for nucleation, only the warm processes act. Their rates,
and the absence of all others, last until the end of the time step.
"""

from gt4py.cartesian.gtscript import PARALLEL, Field, computation, interval

from ice3_gt4py.stencils.air import air
from ice3_gt4py.stencils.presence import present
from ice3_gt4py.stencils.slopes import density_factors, slopes
from ice3_gt4py.stencils.sources import new_sources
from ice3_gt4py.stencils.stepping import kept_content, landed, substep_length, vapour_and_heat
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
    sigs: Field["float"],
    ths: Field["float"],
    rvs: Field["float"],
    rcs: Field["float"],
    rrs: Field["float"],
    evap3d: Field["float"],
    tstep: "float",
    over_tstep: "float",
):
    """Warm processes, substeps, repair of negative sources; the arguments are among those of ``microphysics``."""
    with computation(PARALLEL), interval(...):
        t = tht * exn
        lv, ls = heating(t, exn, rvt, rct, rrt, 0.0, 0.0, 0.0)
        has_v, has_c, has_r, has_i, has_s, has_g = present(rvt, rct, rrt, 0.0, 0.0, 0.0)
        ln_rho, speed, speed_over_rho = density_factors(rhodref)
        ln_r, ln_s, ln_g, over_r, over_s, over_g = slopes(ln_rho, rrt, 0.0, 0.0, has_r, has_s, has_g)
        ventilation, excess, growing, drying, heat_loss, capacity, gained = air(t, rvt, pabs, rhodref, ln_rho)
        cautr, caccr, revav = warm_rates(rct, rhodref, sigs, speed, ventilation, drying, ln_r, over_r, has_c, has_r)
        a_c, a_r = warm_transfers(0.0, cautr, caccr, revav)
        a_v, a_th = vapour_and_heat(lv, ls, 0.0, 0.0, revav, 0.0)
        a_th = a_th + (ths - tht * over_tstep)
        a_v = a_v + (rvs - rvt * over_tstep)
        a_c = a_c + (rcs - rct * over_tstep)
        a_r = a_r + (rrs - rrt * over_tstep)
        step = substep_length(
            tstep, exn, tht, rvt, rct, rrt, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
            a_th, a_v, a_c, a_r, 0.0, 0.0, 0.0,
        )  # fmt: skip
        th = tht + step * a_th
        rv = kept_content(rvt + step * a_v, rvt)
        rc = kept_content(rct + step * a_c, rct)
        rr = kept_content(rrt + step * a_r, rrt)
        elapsed = step

    with computation(PARALLEL), interval(...):
        passes = 1.0
        while elapsed < tstep and passes < 100.0:
            lv2, ls2 = heating(landed(th * exn), exn, rv, rc, rr, 0.0, 0.0, 0.0)
            has_v2, has_c2, has_r2, has_i2, has_s2, has_g2 = present(rv, rc, rr, 0.0, 0.0, 0.0)
            cautr, caccr, revav = warm_kept(rc, rhodref, sigs, has_c2, has_r2, cautr, caccr, revav)
            a_c2, a_r2 = warm_transfers(0.0, cautr, caccr, revav)
            a_v2, a_th2 = vapour_and_heat(lv2, ls2, 0.0, 0.0, revav, 0.0)
            a_th2 = a_th2 + (ths - tht * over_tstep)
            a_v2 = a_v2 + (rvs - rvt * over_tstep)
            a_c2 = a_c2 + (rcs - rct * over_tstep)
            a_r2 = a_r2 + (rrs - rrt * over_tstep)
            step2 = substep_length(
                tstep - elapsed, exn, th, rv, rc, rr, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                a_th2, a_v2, a_c2, a_r2, 0.0, 0.0, 0.0,
            )  # fmt: skip
            th = th + step2 * a_th2
            rv = kept_content(rv + step2 * a_v2, rv)
            rc = kept_content(rc + step2 * a_c2, rc)
            rr = kept_content(rr + step2 * a_r2, rr)
            elapsed = elapsed + step2
            passes = passes + 1.0

    with computation(PARALLEL), interval(...):
        lv3, ls3 = heating(tht * exn, exnref, rvt, rct, rrt, 0.0, 0.0, 0.0)
        s_th, s_v, s_c, s_r, s_i, s_s, s_g = new_sources(
            1.0, lv3, ls3, tstep, over_tstep, 0.0,
            rvt, rct, rrt, 0.0, 0.0, 0.0, rv, rc, rr, 0.0, 0.0, 0.0, ths, rvs, rcs, rrs, 0.0, 0.0, 0.0,
        )  # fmt: skip
        ths = s_th
        rvs = s_v
        rcs = s_c
        rrs = s_r
        evap3d = revav
