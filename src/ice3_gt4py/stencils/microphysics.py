"""Processes and time integration of all points in branch-free loops (PHYEX: ICE4_PACK, ICE4_STEPPING).

There are three loops. The first evaluates all processes and takes the first substep at every point; it vectorises. The
second takes the further substeps of the points that need them; it does not vectorise. The third makes the sources.
"""

from gt4py.cartesian.gtscript import PARALLEL, Field, GlobalTable, K, computation, int32, interval

from ice3_gt4py.stencils.instantaneous import instantaneous
from ice3_gt4py.stencils.presence import above, hydrometeors
from ice3_gt4py.stencils.rates import raw_rates
from ice3_gt4py.stencils.sources import new_sources
from ice3_gt4py.stencils.stepping import substep_length
from ice3_gt4py.stencils.thermodynamics import heating
from ice3_gt4py.stencils.transfers import keep_active, tendencies


def microphysics(
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
    tables: GlobalTable["float", (9840,)],
    columns: Field["float"],
    level: Field[K, int32],
    tstep: "float",
    over_tstep: "float",
):
    """Nucleation, slow, warm and fast processes, Bergeron-Findeisen, substeps, repair of negative sources."""
    with computation(PARALLEL), interval(...):
        t = tht * exn
        lv, ls = heating(t, exn, rvt, rct, rrt, rit, rst, rgt)
        active = hydrometeors(rct, rrt, rit, rst, rgt)
        nucleated, frozen, melted, ni, th1, t1, rv1, rc1, rr1, ri1, rg1 = instantaneous(
            tht, t, exn, rvt, rct, rrt, rit, rgt, active * cit, pabs, rhodref, lv, ls
        )
        (
            choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
            snow_capacity, gained, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
            cdry, iwet, swet, rdry, efficiency, graupel_capacity,
        ) = raw_rates(
            tables, columns, level, t1, rv1, rc1, rr1, ri1, rst, rg1, ni, pabs, rhodref, sigs
        )  # fmt: skip
        a_th, a_v, a_c, a_r, a_i, a_s, a_g = tendencies(
            t1, rg1, lv, ls,
            choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
            snow_capacity, gained, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
            cdry, iwet, swet, rdry, efficiency, graupel_capacity,
        )  # fmt: skip
        a_th = a_th + (ths - tht * over_tstep)
        a_v = a_v + (rvs - rvt * over_tstep)
        a_c = a_c + (rcs - rct * over_tstep)
        a_r = a_r + (rrs - rrt * over_tstep)
        a_i = a_i + (ris - rit * over_tstep)
        a_s = a_s + (rss - rst * over_tstep)
        a_g = a_g + (rgs - rgt * over_tstep)
        b_th = nucleated * ls + (frozen - melted) * (ls - lv)
        b_i = nucleated - melted
        step = substep_length(
            tstep, exn, tht, rvt, rct, rrt, rit, rst, rgt, b_th, -nucleated, melted, -frozen, b_i, frozen,
            a_th, a_v, a_c, a_r, a_i, a_s, a_g,
        )  # fmt: skip
        th = tht + step * a_th + b_th
        rv = rvt + step * a_v - nucleated
        rc = rct + step * a_c + melted
        rr = rrt + step * a_r - frozen
        ri = rit + step * a_i + b_i
        rs = rst + step * a_s
        rg = rgt + step * a_g + frozen
        ni = ni * (1.0 - active * (1.0 - above(ri, 0.0)))
        elapsed = step if active > 0.0 else tstep
        nucleated = (1.0 - active) * nucleated
        revav = active * revav

    with computation(PARALLEL), interval(...):
        passes = 1.0
        while elapsed < tstep and passes < 100.0:
            t2 = th * exn
            lv2, ls2 = heating(t2, exn, rv, rc, rr, ri, rs, rg)
            (
                choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr,
                gmltr, snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
                cdry, iwet, swet, rdry, graupel_capacity,
            ) = keep_active(
                t2, rv, rc, rr, ri, rs, rg, ni, rhodref, sigs,
                choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr,
                gmltr, snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
                cdry, iwet, swet, rdry, graupel_capacity,
            )  # fmt: skip
            a_th2, a_v2, a_c2, a_r2, a_i2, a_s2, a_g2 = tendencies(
                t2, rg, lv2, ls2,
                choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr,
                gmltr, snow_capacity, gained, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
                cdry, iwet, swet, rdry, efficiency, graupel_capacity,
            )  # fmt: skip
            a_th2 = a_th2 + (ths - tht * over_tstep)
            a_v2 = a_v2 + (rvs - rvt * over_tstep)
            a_c2 = a_c2 + (rcs - rct * over_tstep)
            a_r2 = a_r2 + (rrs - rrt * over_tstep)
            a_i2 = a_i2 + (ris - rit * over_tstep)
            a_s2 = a_s2 + (rss - rst * over_tstep)
            a_g2 = a_g2 + (rgs - rgt * over_tstep)
            step2 = substep_length(
                tstep - elapsed, exn, th, rv, rc, rr, ri, rs, rg, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                a_th2, a_v2, a_c2, a_r2, a_i2, a_s2, a_g2,
            )  # fmt: skip
            th = th + step2 * a_th2
            rv = rv + step2 * a_v2
            rc = rc + step2 * a_c2
            rr = rr + step2 * a_r2
            ri = ri + step2 * a_i2
            rs = rs + step2 * a_s2
            rg = rg + step2 * a_g2
            ni = ni * above(ri, 0.0)
            elapsed = elapsed + step2
            passes = passes + 1.0

    with computation(PARALLEL), interval(...):
        lv3, ls3 = heating(tht * exn, exnref, rvt, rct, rrt, rit, rst, rgt)
        s_th, s_v, s_c, s_r, s_i, s_s, s_g = new_sources(
            hydrometeors(rct, rrt, rit, rst, rgt), lv3, ls3, tstep, over_tstep, nucleated,
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
