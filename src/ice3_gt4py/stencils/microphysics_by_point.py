"""Processes and time integration point by point (PHYEX: ICE4_PACK, ICE4_STEPPING).

Each point goes through all its substeps alone, and points without hydrometeors are skipped. The processes can be
evaluated several times within the time step (XTSTEP_TS, XMRSTEP).
"""

from gt4py.cartesian.gtscript import PARALLEL, Field, GlobalTable, K, computation, int32, interval

from ice3_gt4py.stencils.instantaneous import instantaneous, nucleation
from ice3_gt4py.stencils.presence import above, hydrometeors
from ice3_gt4py.stencils.rates import raw_rates
from ice3_gt4py.stencils.sources import new_sources
from ice3_gt4py.stencils.stepping import change_limited, substep_length
from ice3_gt4py.stencils.thermodynamics import heating
from ice3_gt4py.stencils.transfers import keep_active, tendencies


def microphysics_by_point(
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
    interval_between: "float",
    evaluations: "float",
):
    """The same processes with several evaluations in a time step (XTSTEP_TS, XMRSTEP), point by point."""
    from __externals__ import (
        LIMITED_CHANGE,
        LIMITED_TIME,
        RTMIN_C,
        RTMIN_G,
        RTMIN_I,
        RTMIN_R,
        RTMIN_S,
        RTMIN_V,
        XMRSTEP,
    )

    with computation(PARALLEL), interval(...):
        active = hydrometeors(rct, rrt, rit, rst, rgt)
        th = tht
        rv = rvt
        rc = rct
        rr = rrt
        ri = rit
        rs = rst
        rg = rgt
        ni = active * cit
        t = tht * exn
        lv, ls = heating(t, exn, rvt, rct, rrt, rit, rst, rgt)
        nucleated, ni = nucleation(tht, t, exn, rvt, ni, pabs, rhodref, ls)
        nucleated = (1.0 - active) * nucleated
        ni = cit if active > 0.0 else ni
        revav = 0.0
        choni = 0.0
        vdeps = 0.0
        iaggs = 0.0
        iauts = 0.0
        vdepg = 0.0
        cautr = 0.0
        caccr = 0.0
        cberi = 0.0
        smltg = 0.0
        cmltsr = 0.0
        icfrrg = 0.0
        rcfrig = 0.0
        icfrr = 0.0
        gmltr = 0.0
        snow_capacity = 0.0
        gained = 0.0
        rim_tot = 0.0
        rim_sml = 0.0
        rim_cnv = 0.0
        acc_sml = 0.0
        acc_tot = 0.0
        acc_cnv = 0.0
        cdry = 0.0
        iwet = 0.0
        swet = 0.0
        rdry = 0.0
        efficiency = 0.0
        graupel_capacity = 0.0
        elapsed = 0.0
        evaluated = 0.0
        evaluated_at = 0.0
        stopped = 1.0
        passes = 0.0
        rv0 = rvt
        rc0 = rct
        rr0 = rrt
        ri0 = rit
        rs0 = rst
        rg0 = rgt
        while active > 0.0 and elapsed < tstep and passes < 1000.0:
            t = th * exn
            lv, ls = heating(t, exn, rv, rc, rr, ri, rs, rg)
            b_v = 0.0
            b_c = 0.0
            b_r = 0.0
            b_i = 0.0
            b_g = 0.0
            b_th = 0.0
            rg1 = rg
            if stopped > 0.0:
                rv0 = rv
                rc0 = rc
                rr0 = rr
                ri0 = ri
                rs0 = rs
                rg0 = rg
                evaluated = evaluated + 1.0
                evaluated_at = elapsed
                vapour, frozen, melted, ni, th1, t1, rv1, rc1, rr1, ri1, rg1 = instantaneous(
                    th, t, exn, rv, rc, rr, ri, rg, ni, pabs, rhodref, lv, ls
                )
                b_v = -vapour
                b_c = melted
                b_r = -frozen
                b_i = vapour - melted
                b_g = frozen
                b_th = vapour * ls + (frozen - melted) * (ls - lv)
                t = t1
                (
                    choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr,
                    gmltr,
                    snow_capacity, gained, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
                    cdry, iwet, swet, rdry, efficiency, graupel_capacity,
                ) = raw_rates(
                    tables, columns, level, t1, rv1, rc1, rr1, ri1, rs, rg1, ni, pabs, rhodref, sigs
                )  # fmt: skip
            else:
                (
                    choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr,
                    gmltr,
                    snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
                    cdry, iwet, swet, rdry, graupel_capacity,
                ) = keep_active(
                    t, rv, rc, rr, ri, rs, rg, ni, rhodref, sigs,
                    choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr,
                    gmltr,
                    snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
                    cdry, iwet, swet, rdry, graupel_capacity,
                )  # fmt: skip
            a_th, a_v, a_c, a_r, a_i, a_s, a_g = tendencies(
                t, rg1, lv, ls,
                choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr,
                gmltr,
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
            step = substep_length(
                tstep - elapsed, exn, th, rv, rc, rr, ri, rs, rg, b_th, b_v, b_c, b_r, b_i, b_g,
                a_th, a_v, a_c, a_r, a_i, a_s, a_g,
            )  # fmt: skip
            stopped = 0.0
            if __INLINED(LIMITED_TIME):
                if evaluated < evaluations and elapsed + step > evaluated_at + interval_between:
                    step = evaluated_at - elapsed + interval_between
                    stopped = 1.0
            if __INLINED(LIMITED_CHANGE):
                if evaluated < evaluations:
                    step, stopped = change_limited(step, stopped, rv, rv0, b_v, a_v, above(rv, RTMIN_V))
                    step, stopped = change_limited(step, stopped, rc, rc0, b_c, a_c, above(rc, RTMIN_C))
                    step, stopped = change_limited(step, stopped, rr, rr0, b_r, a_r, above(rr, RTMIN_R))
                    step, stopped = change_limited(step, stopped, ri, ri0, b_i, a_i, above(ri, RTMIN_I))
                    step, stopped = change_limited(step, stopped, rs, rs0, 0.0, a_s, above(rs, RTMIN_S))
                    step, stopped = change_limited(step, stopped, rg, rg0, b_g, a_g, above(rg, RTMIN_G))
                    largest = max(max(abs(b_v), abs(b_c)), max(abs(b_r), max(abs(b_i), abs(b_g))))
                    if largest > XMRSTEP:
                        step = 0.0
                        stopped = 1.0
            th = th + step * a_th + b_th
            rv = rv + step * a_v + b_v
            rc = rc + step * a_c + b_c
            rr = rr + step * a_r + b_r
            ri = ri + step * a_i + b_i
            rs = rs + step * a_s
            rg = rg + step * a_g + b_g
            ni = ni * above(ri, 0.0)
            elapsed = elapsed + step
            passes = passes + 1.0

        lv, ls = heating(tht * exn, exnref, rvt, rct, rrt, rit, rst, rgt)
        s_th, s_v, s_c, s_r, s_i, s_s, s_g = new_sources(
            hydrometeors(rct, rrt, rit, rst, rgt), lv, ls, tstep, over_tstep, nucleated,
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
