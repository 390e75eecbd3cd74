"""The process rates of the initial state, with the limits of riming and growth (PHYEX: ICE4_TENDENCIES)."""

from gt4py.cartesian.gtscript import PARALLEL, Field, GlobalTable, K, computation, int32, interval

from ice3_gt4py.stencils.instantaneous import instantaneous
from ice3_gt4py.stencils.presence import hydrometeors
from ice3_gt4py.stencils.rates import raw_rates
from ice3_gt4py.stencils.thermodynamics import heating
from ice3_gt4py.stencils.transfers import graupel_transfers, snow_transfers


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
        (
            choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
            snow_capacity, gained, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
            cdry, iwet, swet, rdry, efficiency, graupel_capacity,
        ) = raw_rates(
            tables, columns, level, t1, rv1, rc1, rr1, ri1, rst, rg1, ni, pabs, rhodref, sigs
        )  # fmt: skip
        crimss, crimsg, srimcg, raccss, raccsg, saccrg = snow_transfers(
            t1, snow_capacity, gained, iaggs, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv
        )
        cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg = graupel_transfers(
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
