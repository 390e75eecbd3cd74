"""Processes and time integration of points with cloud ice and snow alone, in branch-free loops (``microphysics``).

Without a trace of liquid water and graupel, and too cold for melting, only nucleation, deposition on snow, aggregation
and autoconversion of ice act. Their rates, and the absence of all others, last until the end of the time step.
"""

from gt4py.cartesian.gtscript import PARALLEL, Field, computation, interval

from ice3_gt4py.stencils.air import air
from ice3_gt4py.stencils.nucleation import rvheni
from ice3_gt4py.stencils.presence import above, present
from ice3_gt4py.stencils.slopes import density_factors, slopes
from ice3_gt4py.stencils.slow import collection_by_snow, riaggs, riauts, rvdeps, slow_kept, slow_transfers
from ice3_gt4py.stencils.snow import snow_exchange
from ice3_gt4py.stencils.sources import new_sources
from ice3_gt4py.stencils.stepping import kept_content, substep_length, vapour_and_heat
from ice3_gt4py.stencils.thermodynamics import heating


def microphysics_of_ice(
    exn: Field["float"],
    exnref: Field["float"],
    rhodref: Field["float"],
    pabs: Field["float"],
    tht: Field["float"],
    rvt: Field["float"],
    rit: Field["float"],
    rst: Field["float"],
    cit: Field["float"],
    ths: Field["float"],
    rvs: Field["float"],
    ris: Field["float"],
    rss: Field["float"],
    tstep: "float",
    over_tstep: "float",
):
    """Nucleation, processes of ice and snow, substeps, repair; the arguments are among those of ``microphysics``."""
    with computation(PARALLEL), interval(...):
        t = tht * exn
        lv, ls = heating(t, exn, rvt, 0.0, 0.0, rit, rst, 0.0)
        nucleated, ni = rvheni(tht, t, exn, rvt, cit, pabs, rhodref, ls)
        th1 = tht + ls * nucleated
        t1 = th1 * exn
        rv1 = rvt - nucleated
        ri1 = rit + nucleated
        has_v, has_c, has_r, has_i, has_s, has_g = present(rv1, 0.0, 0.0, ri1, rst, 0.0)
        ln_rho, speed, speed_over_rho = density_factors(rhodref)
        ln_r, ln_s, ln_g, over_r, over_s, over_g = slopes(ln_rho, 0.0, rst, 0.0, has_r, has_s, has_g)
        ventilation, excess, growing, drying, heat_loss, capacity, gained = air(t1, rv1, pabs, rhodref, ln_rho)
        size_s, snow_capacity = snow_exchange(ln_s, ventilation, capacity, has_s)
        iaggs = riaggs(ri1, ln_s, collection_by_snow(t1), speed, has_i, has_s)
        iauts = riauts(t1, ri1, has_i)
        vdeps = rvdeps(growing, size_s, has_v, has_s)
        a_c, a_i, a_s, a_g, freezing = slow_transfers(0.0, vdeps, iaggs, iauts, 0.0)
        a_v, a_th = vapour_and_heat(lv, ls, vdeps, 0.0, 0.0, 0.0)
        a_th = a_th + (ths - tht * over_tstep)
        a_v = a_v + (rvs - rvt * over_tstep)
        a_i = a_i + (ris - rit * over_tstep)
        a_s = a_s + (rss - rst * over_tstep)
        step = substep_length(
            tstep, exn, tht, rvt, 0.0, 0.0, rit, rst, 0.0, nucleated * ls, -nucleated, 0.0, 0.0, nucleated, 0.0,
            a_th, a_v, 0.0, 0.0, a_i, a_s, 0.0,
        )  # fmt: skip
        th = tht + step * a_th + nucleated * ls
        rv = kept_content(rvt + step * a_v - nucleated, rv1)
        ri = kept_content(rit + step * a_i + nucleated, ri1)
        rs = kept_content(rst + step * a_s, rst)
        ni = ni * above(ri, 0.0)
        elapsed = step

    with computation(PARALLEL), interval(...):
        passes = 1.0
        while elapsed < tstep and passes < 100.0:
            t2 = th * exn
            lv2, ls2 = heating(t2, exn, rv, 0.0, 0.0, ri, rs, 0.0)
            has_v2, has_c2, has_r2, has_i2, has_s2, has_g2 = present(rv, 0.0, 0.0, ri, rs, 0.0)
            choni2, vdeps, iaggs, iauts, vdepg2 = slow_kept(
                t2, ri, has_v2, has_c2, has_i2, has_s2, has_g2, 0.0, vdeps, iaggs, iauts, 0.0
            )
            a_c2, a_i2, a_s2, a_g2, freezing2 = slow_transfers(0.0, vdeps, iaggs, iauts, 0.0)
            a_v2, a_th2 = vapour_and_heat(lv2, ls2, vdeps, 0.0, 0.0, 0.0)
            a_th2 = a_th2 + (ths - tht * over_tstep)
            a_v2 = a_v2 + (rvs - rvt * over_tstep)
            a_i2 = a_i2 + (ris - rit * over_tstep)
            a_s2 = a_s2 + (rss - rst * over_tstep)
            step2 = substep_length(
                tstep - elapsed, exn, th, rv, 0.0, 0.0, ri, rs, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                a_th2, a_v2, 0.0, 0.0, a_i2, a_s2, 0.0,
            )  # fmt: skip
            th = th + step2 * a_th2
            rv = kept_content(rv + step2 * a_v2, rv)
            ri = kept_content(ri + step2 * a_i2, ri)
            rs = kept_content(rs + step2 * a_s2, rs)
            ni = ni * above(ri, 0.0)
            elapsed = elapsed + step2
            passes = passes + 1.0

    with computation(PARALLEL), interval(...):
        lv3, ls3 = heating(tht * exn, exnref, rvt, 0.0, 0.0, rit, rst, 0.0)
        s_th, s_v, s_c, s_r, s_i, s_s, s_g = new_sources(
            1.0, lv3, ls3, tstep, over_tstep, 0.0,
            rvt, 0.0, 0.0, rit, rst, 0.0, rv, 0.0, 0.0, ri, rs, 0.0, ths, rvs, 0.0, 0.0, ris, rss, 0.0,
        )  # fmt: skip
        ths = s_th
        rvs = s_v
        ris = s_i
        rss = s_s
        cit = ni
