"""Nucleation of ice at points without a trace of condensed water, in a branch-free loop (``microphysics``)."""

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
    cit: Field["float"],
    ths: Field["float"],
    rvs: Field["float"],
    ris: Field["float"],
    tstep: "float",
    over_tstep: "float",
):
    """Nucleation, and repair of vapour; the arguments are among those of ``microphysics``."""
    with computation(PARALLEL), interval(...):
        t = tht * exn
        lv, ls = heating(t, exn, rvt, 0.0, 0.0, 0.0, 0.0, 0.0)
        nucleated, ni = rvheni(tht, t, exn, rvt, 0.0, pabs, rhodref, ls)
        lv3, ls3 = heating(t, exnref, rvt, 0.0, 0.0, 0.0, 0.0, 0.0)
        s_th, s_v, s_c, s_r, s_i, s_s, s_g = new_sources(
            0.0, lv3, ls3, tstep, over_tstep, nucleated,
            rvt, 0.0, 0.0, 0.0, 0.0, 0.0, rvt, 0.0, 0.0, 0.0, 0.0, 0.0, ths, rvs, 0.0, 0.0, 0.0, 0.0, 0.0,
        )  # fmt: skip
        ths = s_th
        rvs = s_v
        ris = s_i
        cit = ni
