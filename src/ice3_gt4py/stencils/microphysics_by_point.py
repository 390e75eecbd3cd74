"""Processes and time integration point by point (PHYEX: ICE4_PACK, ICE4_STEPPING).

Each point goes through all its substeps alone, and points without hydrometeors are skipped. The processes can be
evaluated several times within the time step (XTSTEP_TS, XMRSTEP).
"""

from gt4py.cartesian.gtscript import PARALLEL, Field, GlobalTable, K, computation, int32, interval

from ice3_gt4py.stencils.air import air
from ice3_gt4py.stencils.graupel import (
    contact_kept,
    contact_rates,
    contact_transfers,
    graupel_exchange,
    graupel_melting_kept,
    graupel_melting_rates,
    graupel_melting_transfers,
)
from ice3_gt4py.stencils.growth import (
    cloud_collection,
    graupel_kernels,
    growth_kept,
    growth_transfers,
    precipitation_collection,
)
from ice3_gt4py.stencils.ice import ice_kept, ice_rates, ice_transfers
from ice3_gt4py.stencils.nucleation import instantaneous, rvheni
from ice3_gt4py.stencils.presence import above, hydrometeors, present
from ice3_gt4py.stencils.slopes import density_factors, slopes
from ice3_gt4py.stencils.slow import deposition_rates, slow_kept, slow_rates, slow_transfers
from ice3_gt4py.stencils.snow import (
    accretion_rates,
    accretion_transfers,
    freezing_limit,
    riming_rates,
    riming_transfers,
    snow_exchange,
    snow_kept,
    snow_melting_kept,
    snow_melting_rates,
    snow_melting_transfers,
)
from ice3_gt4py.stencils.sources import new_sources
from ice3_gt4py.stencils.stepping import change_limited, jumped, kept_content, landed, substep_length, vapour_and_heat
from ice3_gt4py.stencils.thermodynamics import heating
from ice3_gt4py.stencils.warm import warm_kept, warm_rates, warm_transfers


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
        RESIDUE,
        RTMIN_C,
        RTMIN_G,
        RTMIN_I,
        RTMIN_R,
        RTMIN_S,
        RTMIN_V,
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
        nucleated, ni = rvheni(tht, t, exn, rvt, ni, pabs, rhodref, ls)
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
                # What several families of processes need.
                has_v, has_c, has_r, has_i, has_s, has_g = present(rv1, rc1, rr1, ri1, rs, rg1)
                ln_rho, speed, speed_over_rho = density_factors(rhodref)
                ln_r, ln_s, ln_g, over_r, over_s, over_g = slopes(ln_rho, rr1, rs, rg1, has_r, has_s, has_g)
                ventilation, excess, growing, drying, heat_loss, capacity, gained = air(t1, rv1, pabs, rhodref, ln_rho)
                size_s, snow_capacity = snow_exchange(ln_s, ventilation, capacity, has_s)
                size_g, number_g, graupel_capacity = graupel_exchange(ln_g, over_g, ventilation, capacity, has_g)
                # Raw rates, family by family.
                choni, iaggs, iauts, by_snow = slow_rates(t1, rc1, ri1, rhodref, speed, ln_s, has_c, has_i, has_s)
                vdeps, vdepg = deposition_rates(growing, size_s, size_g, has_v, has_s, has_g)
                cautr, caccr, revav = warm_rates(
                    rc1, rhodref, sigs, speed, ventilation, drying, ln_r, over_r, has_c, has_r
                )
                cberi = ice_rates(ri1, ni, rhodref, excess, growing, ventilation, has_c, has_i)
                rim_tot, rim_sml, rim_cnv, mass_s = riming_rates(tables, columns, level, rc1, ln_s, speed, has_c, has_s)
                acc_sml, acc_tot, acc_cnv, column_r, weight_r = accretion_rates(
                    tables, columns, level, ln_s, ln_r, over_s, over_r, mass_s, speed_over_rho, has_r, has_s
                )
                smltg, cmltsr = snow_melting_rates(t1, rhodref, heat_loss, size_s, rim_tot, acc_tot, has_s)
                icfrrg, rcfrig, icfrr = contact_rates(t1, ri1, ni, ln_r, over_r, speed, speed_over_rho, has_i, has_r)
                cdry, iwet, efficiency = cloud_collection(t1, rc1, ri1, ln_g, speed, by_snow, has_c, has_i, has_g)
                kernel_r, kernel_s = graupel_kernels(tables, columns, level, ln_g, ln_s, column_r, weight_r)
                swet, rdry = precipitation_collection(
                    kernel_r, kernel_s, number_g, over_g, over_s, over_r, mass_s, speed_over_rho, has_r, has_s, has_g
                )
                gmltr = graupel_melting_rates(t1, rhodref, heat_loss, size_g, cdry, rdry, has_g)
            else:
                # Raw rates whose conditions no longer hold are zero from now on.
                has_v, has_c, has_r, has_i, has_s, has_g = present(rv, rc, rr, ri, rs, rg)
                choni, vdeps, iaggs, iauts, vdepg = slow_kept(
                    t, ri, has_v, has_c, has_i, has_s, has_g, choni, vdeps, iaggs, iauts, vdepg
                )
                cautr, caccr, revav = warm_kept(rc, rhodref, sigs, has_c, has_r, cautr, caccr, revav)
                cberi = ice_kept(ni, has_c, has_i, cberi)
                snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv = snow_kept(
                    has_c, has_r, has_s, snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv
                )
                smltg, cmltsr = snow_melting_kept(t, has_s, smltg, cmltsr)
                icfrrg, rcfrig, icfrr = contact_kept(has_i, has_r, icfrrg, rcfrig, icfrr)
                graupel_capacity, cdry, iwet, swet, rdry = growth_kept(
                    has_c, has_r, has_i, has_s, has_g, graupel_capacity, cdry, iwet, swet, rdry
                )
                gmltr = graupel_melting_kept(t, has_g, gmltr)
            # What snow and graupel can freeze of it, and the sums by species.
            a_c, a_i, a_s, a_g, freezing = slow_transfers(choni, vdeps, iaggs, iauts, vdepg)
            a_c, a_r = warm_transfers(a_c, cautr, caccr, revav)
            limit = freezing_limit(t, snow_capacity, gained, iaggs)
            a_c, a_s, a_g, freezing, limit = riming_transfers(a_c, a_s, a_g, freezing, limit, rim_tot, rim_sml, rim_cnv)
            a_r, a_s, a_g, freezing = accretion_transfers(a_r, a_s, a_g, freezing, limit, acc_sml, acc_tot, acc_cnv)
            a_c, a_r, a_s, a_g = snow_melting_transfers(a_c, a_r, a_s, a_g, smltg, cmltsr)
            a_r, a_i, a_g, freezing = contact_transfers(a_r, a_i, a_g, freezing, icfrrg, rcfrig, icfrr)
            a_c, a_r, a_i, a_s, grown, frozen_g = growth_transfers(
                a_c, a_r, a_i, a_s, t, rg1, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
            )
            a_r, grown, frozen_g = graupel_melting_transfers(a_r, grown, frozen_g, gmltr)
            a_c, a_i, frozen_g = ice_transfers(a_c, a_i, frozen_g, cberi)
            a_g = a_g + grown
            a_v, a_th = vapour_and_heat(lv, ls, vdeps, vdepg, revav, freezing + frozen_g)
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
                interval_end = evaluated_at + interval_between
                if evaluated < evaluations and elapsed + step > interval_end:
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
                    jump = jumped(b_v, b_c, b_r, b_i, b_g)
                    if jump > 0.0:
                        step = 0.0
                        stopped = 1.0
            th = th + step * a_th + b_th
            rv = kept_content(rv + step * a_v + b_v, rv + b_v)
            rc = kept_content(rc + step * a_c + b_c, rc + b_c)
            rr = kept_content(rr + step * a_r + b_r, rr + b_r)
            ri = kept_content(ri + step * a_i + b_i, ri + b_i)
            rs = kept_content(rs + step * a_s, rs)
            rg = kept_content(rg + step * a_g + b_g, rg + b_g)
            ni = ni * above(ri, 0.0)
            t = landed(th * exn)
            elapsed = elapsed + step
            if __INLINED(LIMITED_TIME):
                # However many substeps led there.
                if stopped > 0.0 and abs(elapsed - interval_end) <= RESIDUE * interval_end:
                    elapsed = interval_end
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
