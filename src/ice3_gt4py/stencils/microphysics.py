"""Processes and time integration of all points in branch-free loops (PHYEX: ICE4_PACK, ICE4_STEPPING).

There are three loops. The first evaluates all processes and takes the first substep at every point; it vectorises. The
second takes the further substeps of the points that need them; it does not vectorise. The third makes the sources.
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
from ice3_gt4py.stencils.nucleation import instantaneous
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
from ice3_gt4py.stencils.stepping import kept_content, landed, substep_length, vapour_and_heat
from ice3_gt4py.stencils.thermodynamics import heating
from ice3_gt4py.stencils.warm import warm_kept, warm_rates, warm_transfers


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
        # What several families of processes need.
        has_v, has_c, has_r, has_i, has_s, has_g = present(rv1, rc1, rr1, ri1, rst, rg1)
        ln_rho, speed, speed_over_rho = density_factors(rhodref)
        ln_r, ln_s, ln_g, over_r, over_s, over_g = slopes(ln_rho, rr1, rst, rg1, has_r, has_s, has_g)
        ventilation, excess, growing, drying, heat_loss, capacity, gained = air(t1, rv1, pabs, rhodref, ln_rho)
        size_s, snow_capacity = snow_exchange(ln_s, ventilation, capacity, has_s)
        size_g, number_g, graupel_capacity = graupel_exchange(ln_g, over_g, ventilation, capacity, has_g)
        # Raw rates, family by family.
        choni, iaggs, iauts, by_snow = slow_rates(t1, rc1, ri1, rhodref, speed, ln_s, has_c, has_i, has_s)
        vdeps, vdepg = deposition_rates(growing, size_s, size_g, has_v, has_s, has_g)
        cautr, caccr, revav = warm_rates(rc1, rhodref, sigs, speed, ventilation, drying, ln_r, over_r, has_c, has_r)
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
        # What snow and graupel can freeze of it, and the sums by species.
        a_c, a_i, a_s, a_g, freezing = slow_transfers(choni, vdeps, iaggs, iauts, vdepg)
        a_c, a_r = warm_transfers(a_c, cautr, caccr, revav)
        limit = freezing_limit(t1, snow_capacity, gained, iaggs)
        a_c, a_s, a_g, freezing, limit = riming_transfers(a_c, a_s, a_g, freezing, limit, rim_tot, rim_sml, rim_cnv)
        a_r, a_s, a_g, freezing = accretion_transfers(a_r, a_s, a_g, freezing, limit, acc_sml, acc_tot, acc_cnv)
        a_c, a_r, a_s, a_g = snow_melting_transfers(a_c, a_r, a_s, a_g, smltg, cmltsr)
        a_r, a_i, a_g, freezing = contact_transfers(a_r, a_i, a_g, freezing, icfrrg, rcfrig, icfrr)
        a_c, a_r, a_i, a_s, grown, frozen_g = growth_transfers(
            a_c, a_r, a_i, a_s, t1, rg1, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
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
        b_th = nucleated * ls + (frozen - melted) * (ls - lv)
        b_i = nucleated - melted
        step = substep_length(
            tstep, exn, tht, rvt, rct, rrt, rit, rst, rgt, b_th, -nucleated, melted, -frozen, b_i, frozen,
            a_th, a_v, a_c, a_r, a_i, a_s, a_g,
        )  # fmt: skip
        th = tht + step * a_th + b_th
        rv = kept_content(rvt + step * a_v - nucleated, rv1)
        rc = kept_content(rct + step * a_c + melted, rc1)
        rr = kept_content(rrt + step * a_r - frozen, rr1)
        ri = kept_content(rit + step * a_i + b_i, ri1)
        rs = kept_content(rst + step * a_s, rst)
        rg = kept_content(rgt + step * a_g + frozen, rg1)
        ni = ni * (1.0 - active * (1.0 - above(ri, 0.0)))
        elapsed = step if active > 0.0 else tstep
        nucleated = (1.0 - active) * nucleated
        revav = active * revav

    with computation(PARALLEL), interval(...):
        passes = 1.0
        while elapsed < tstep and passes < 100.0:
            t2 = landed(th * exn)
            lv2, ls2 = heating(t2, exn, rv, rc, rr, ri, rs, rg)
            # Raw rates whose conditions no longer hold are zero from now on.
            has_v2, has_c2, has_r2, has_i2, has_s2, has_g2 = present(rv, rc, rr, ri, rs, rg)
            choni, vdeps, iaggs, iauts, vdepg = slow_kept(
                t2, ri, has_v2, has_c2, has_i2, has_s2, has_g2, choni, vdeps, iaggs, iauts, vdepg
            )
            cautr, caccr, revav = warm_kept(rc, rhodref, sigs, has_c2, has_r2, cautr, caccr, revav)
            cberi = ice_kept(ni, has_c2, has_i2, cberi)
            snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv = snow_kept(
                has_c2, has_r2, has_s2, snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv
            )
            smltg, cmltsr = snow_melting_kept(t2, has_s2, smltg, cmltsr)
            icfrrg, rcfrig, icfrr = contact_kept(has_i2, has_r2, icfrrg, rcfrig, icfrr)
            graupel_capacity, cdry, iwet, swet, rdry = growth_kept(
                has_c2, has_r2, has_i2, has_s2, has_g2, graupel_capacity, cdry, iwet, swet, rdry
            )
            gmltr = graupel_melting_kept(t2, has_g2, gmltr)
            # What snow and graupel can freeze of it, and the sums by species.
            a_c2, a_i2, a_s2, a_g2, freezing2 = slow_transfers(choni, vdeps, iaggs, iauts, vdepg)
            a_c2, a_r2 = warm_transfers(a_c2, cautr, caccr, revav)
            limit2 = freezing_limit(t2, snow_capacity, gained, iaggs)
            a_c2, a_s2, a_g2, freezing2, limit2 = riming_transfers(
                a_c2, a_s2, a_g2, freezing2, limit2, rim_tot, rim_sml, rim_cnv
            )
            a_r2, a_s2, a_g2, freezing2 = accretion_transfers(
                a_r2, a_s2, a_g2, freezing2, limit2, acc_sml, acc_tot, acc_cnv
            )
            a_c2, a_r2, a_s2, a_g2 = snow_melting_transfers(a_c2, a_r2, a_s2, a_g2, smltg, cmltsr)
            a_r2, a_i2, a_g2, freezing2 = contact_transfers(a_r2, a_i2, a_g2, freezing2, icfrrg, rcfrig, icfrr)
            a_c2, a_r2, a_i2, a_s2, grown2, frozen_g2 = growth_transfers(
                a_c2, a_r2, a_i2, a_s2, t2, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
            )
            a_r2, grown2, frozen_g2 = graupel_melting_transfers(a_r2, grown2, frozen_g2, gmltr)
            a_c2, a_i2, frozen_g2 = ice_transfers(a_c2, a_i2, frozen_g2, cberi)
            a_g2 = a_g2 + grown2
            a_v2, a_th2 = vapour_and_heat(lv2, ls2, vdeps, vdepg, revav, freezing2 + frozen_g2)
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
