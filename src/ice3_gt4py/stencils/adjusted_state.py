"""The state that RainIce starts from, after the saturation adjustment."""

from gt4py.cartesian.gtscript import PARALLEL, Field, computation, interval


def adjusted_state(
    tht: Field["float"],
    rvt: Field["float"],
    rct: Field["float"],
    rit: Field["float"],
    ths: Field["float"],
    rvs: Field["float"],
    rcs: Field["float"],
    ris: Field["float"],
    tstep: "float",
):
    """Sources times the time step."""
    with computation(PARALLEL), interval(...):
        tht = ths * tstep
        rvt = rvs * tstep
        rct = rcs * tstep
        rit = ris * tstep
