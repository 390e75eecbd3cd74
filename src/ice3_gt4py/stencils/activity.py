"""Which points the microphysics has something to do at, and of which kind they are (PHYEX packs them: ICE4_PACK)."""

from gt4py.cartesian.gtscript import PARALLEL, Field, computation, interval

from ice3_gt4py.stencils.presence import above, hydrometeors
from ice3_gt4py.stencils.thermodynamics import least_pressure_over_ice


def activity(
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
    rvs: Field["float"],
    rcs: Field["float"],
    rrs: Field["float"],
    ris: Field["float"],
    rss: Field["float"],
    rgs: Field["float"],
    evap3d: Field["float"],
    kind: Field["float"],
):
    """Give every point its kind, and reset what its stencil does not write: crystals and evaporation.

    At idle points there are no hydrometeors, ice cannot nucleate and no source is negative (vapour: too small), so all
    processes and repairs would leave them as they are. The tests of nucleation and autoconversion have a margin, so
    that rounding matters nowhere; the saturation pressure is a lower bound, so that some points count as clear although
    no ice can nucleate there.

    Clear points hold no trace of condensed water; ice may nucleate. Points of liquid hold no trace of ice, snow and
    graupel and are above -2 degC. Points of ice hold no trace of water and graupel and are below -1 degC. Most
    processes are absent there, and stay so until the end of the time step. Traces are contents and sources of either
    sign. All others are mixed.
    """
    from __externals__ import CLEAR, CRIAUTC, EPSILO, ICE, IDLE, LIQUID, MIXED, RTMIN_V, TT

    with computation(PARALLEL), interval(...):
        t = tht * exn
        ei = least_pressure_over_ice(t)
        nucleating = above(TT - 1.0, t) * above(rvt * (pabs - ei), 0.999 * EPSILO * ei)
        lacking = max(max(above(RTMIN_V, rvs), above(0.0, rcs)), max(above(0.0, rrs), above(0.0, ris)))
        lacking = max(lacking, max(above(0.0, rss), above(0.0, rgs)))
        active = hydrometeors(rct, rrt, rit, rst, rgt)
        water = max(max(abs(rct), abs(rcs)), max(abs(rrt), abs(rrs)))
        ice = max(max(abs(rit), abs(ris)), max(abs(rst), abs(rss)))
        graupel = max(abs(rgt), abs(rgs))
        clear = CLEAR if max(water, max(ice, graupel)) == 0.0 else MIXED
        without_hydrometeors = clear if max(nucleating, lacking) > 0.0 else IDLE
        autoconverting = above(2.0 * sigs * rhodref, 0.999 * CRIAUTC)  # of cloud water that only sigs spreads
        not_ice = max(max(water, graupel), max(autoconverting, 1.0 - above(TT - 1.0, t)))
        not_liquid = max(max(ice, graupel), 1.0 - above(t, TT - 2.0))
        with_ice = ICE if not_ice == 0.0 else MIXED
        with_hydrometeors = LIQUID if not_liquid == 0.0 else with_ice
        kind = with_hydrometeors if active > 0.0 else without_hydrometeors
        crystals = active * above(abs(kind - LIQUID), 0.5)
        cit = cit if crystals > 0.0 else 0.0
        evap3d = 0.0
