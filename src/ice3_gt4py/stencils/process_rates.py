"""The process rates of the initial state, with the limits of riming and growth (PHYEX: ICE4_TENDENCIES)."""

from gt4py.cartesian.gtscript import PARALLEL, Field, GlobalTable, K, computation, int32, interval

from ice3_gt4py.stencils.air import air
from ice3_gt4py.stencils.graupel import contact_rates, graupel_exchange, graupel_melting_rates
from ice3_gt4py.stencils.growth import cloud_collection, graupel_kernels, growth, precipitation_collection
from ice3_gt4py.stencils.ice import ice_rates
from ice3_gt4py.stencils.nucleation import instantaneous
from ice3_gt4py.stencils.presence import hydrometeors, present
from ice3_gt4py.stencils.slopes import density_factors, slopes
from ice3_gt4py.stencils.slow import deposition_rates, slow_rates
from ice3_gt4py.stencils.snow import (
    accretion,
    accretion_rates,
    freezing_limit,
    riming,
    riming_rates,
    snow_exchange,
    snow_melting_rates,
)
from ice3_gt4py.stencils.thermodynamics import heating
from ice3_gt4py.stencils.warm import warm_rates


def process_rates(
    exn: Field["float"],
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
    rchoni: Field["float"],
    rvdeps: Field["float"],
    riaggs: Field["float"],
    riauts: Field["float"],
    rvdepg: Field["float"],
    rcautr: Field["float"],
    rcaccr: Field["float"],
    rrevav: Field["float"],
    rcberi: Field["float"],
    rsmltg: Field["float"],
    rcmltsr: Field["float"],
    rraccss: Field["float"],
    rraccsg: Field["float"],
    rsaccrg: Field["float"],
    rcrimss: Field["float"],
    rcrimsg: Field["float"],
    rsrimcg: Field["float"],
    ricfrrg: Field["float"],
    rrcfrig: Field["float"],
    ricfrr: Field["float"],
    rcwetg: Field["float"],
    riwetg: Field["float"],
    rrwetg: Field["float"],
    rswetg: Field["float"],
    rcdryg: Field["float"],
    ridryg: Field["float"],
    rrdryg: Field["float"],
    rsdryg: Field["float"],
    rgmltr: Field["float"],
    rvheni_mr: Field["float"],
    rrhong_mr: Field["float"],
    rimltc_mr: Field["float"],
    tables: GlobalTable["float", (9840,)],
    columns: Field["float"],
    level: Field[K, int32],
):
    """The first evaluation alone: every process rate (s-1), and the three instantaneous changes (kg kg-1)."""
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
        # What snow and graupel can freeze of it.
        limit = freezing_limit(t1, snow_capacity, gained, iaggs)
        crimss, crimsg, srimcg, limit = riming(limit, rim_tot, rim_sml, rim_cnv)
        raccss, raccsg, saccrg = accretion(limit, acc_sml, acc_tot, acc_cnv)
        cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg = growth(
            t1, rg1, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
        )
        rchoni = active * choni
        rvdeps = active * vdeps
        riaggs = active * iaggs
        riauts = active * iauts
        rvdepg = active * vdepg
        rcautr = active * cautr
        rcaccr = active * caccr
        rrevav = active * revav
        rcberi = active * cberi
        rsmltg = active * smltg
        rcmltsr = active * cmltsr
        rraccss = active * raccss
        rraccsg = active * raccsg
        rsaccrg = active * saccrg
        rcrimss = active * crimss
        rcrimsg = active * crimsg
        rsrimcg = active * srimcg
        ricfrrg = active * icfrrg
        rrcfrig = active * rcfrig
        ricfrr = active * icfrr
        rcwetg = active * cwetg
        riwetg = active * iwetg
        rrwetg = active * rwetg
        rswetg = active * swetg
        rcdryg = active * cdryg
        ridryg = active * idryg
        rrdryg = active * rdryg
        rsdryg = active * sdryg
        rgmltr = active * gmltr
        rvheni_mr = active * nucleated
        rrhong_mr = active * frozen
        rimltc_mr = active * melted
