"""Nucleation of ice and repair of sources at points without hydrometeors, in a branch-free loop (``microphysics``)."""

from gt4py.cartesian.gtscript import PARALLEL, Field, computation, interval

from ice3_gt4py.stencils.nucleation import rvheni
from ice3_gt4py.stencils.sources import new_sources
from ice3_gt4py.stencils.thermodynamics import heating


def microphysics_of_clear_air(
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
    """Nucleation and repair; fields and scalars are those of ``microphysics``."""
    with computation(PARALLEL), interval(...):
        t = tht * exn
        lv, ls = heating(t, exn, rvt, rct, rrt, rit, rst, rgt)
        nucleated, ni = rvheni(tht, t, exn, rvt, 0.0, pabs, rhodref, ls)
        lv3, ls3 = heating(t, exnref, rvt, rct, rrt, rit, rst, rgt)
        s_th, s_v, s_c, s_r, s_i, s_s, s_g = new_sources(
            0.0, lv3, ls3, tstep, over_tstep, nucleated,
            rvt, rct, rrt, rit, rst, rgt, rvt, rct, rrt, rit, rst, rgt, ths, rvs, rcs, rrs, ris, rss, rgs,
        )  # fmt: skip
        ths = s_th
        rvs = s_v
        rcs = s_c
        rrs = s_r
        ris = s_i
        rss = s_s
        rgs = s_g
        cit = ni
        evap3d = 0.0
