"""Which points the microphysics has something to do at, and of which kind they are (PHYEX packs them: ICE4_PACK)."""

from gt4py.cartesian.gtscript import PARALLEL, Field, computation, interval

from ice3_gt4py.stencils.autoconversion import cloud_water_split
from ice3_gt4py.stencils.presence import above, hydrometeors
from ice3_gt4py.stencils.thermodynamics import pressure_over_ice


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
    """Give every point its kind; where there are no hydrometeors, there are no crystals and there is no evaporation.

    At idle points ice cannot nucleate and no source is negative (vapour: too small), so all processes and repairs would
    leave them as they are. Clear points hold no hydrometeors either, but may need one of these. The test of nucleation
    has a margin, so that rounding matters nowhere.

    Points of liquid hold no ice, snow or graupel and are above -2 degC. Points of ice hold ice and snow alone and are
    below -1 degC. Most processes are absent there, and stay so until the end of the time step.
    """
    from __externals__ import CLEAR, EPSILO, ICE, IDLE, LIQUID, MIXED, RTMIN_C, RTMIN_G, RTMIN_R, RTMIN_S, RTMIN_V, TT

    with computation(PARALLEL), interval(...):
        t = tht * exn
        ei = pressure_over_ice(t)
        nucleating = above(TT - 1.0, t) * above(rvt * (pabs - ei), 0.999 * EPSILO * ei)
        lacking = max(max(above(RTMIN_V, rvs), above(0.0, rcs)), max(above(0.0, rrs), above(0.0, ris)))
        lacking = max(lacking, max(above(0.0, rss), above(0.0, rgs)))
        active = hydrometeors(rct, rrt, rit, rst, rgt)
        fraction, content = cloud_water_split(rct, rhodref, sigs)
        graupel = above(rgt, RTMIN_G)
        frozen = max(max(above(rit, 0.0), above(rst, RTMIN_S)), graupel)
        liquid = max(max(above(rct, RTMIN_C), above(rrt, RTMIN_R)), max(above(fraction, 0.0), graupel))
        without_hydrometeors = CLEAR if max(nucleating, lacking) > 0.0 else IDLE
        with_ice = ICE if (1.0 - liquid) * above(TT - 1.0, t) > 0.0 else MIXED
        with_hydrometeors = LIQUID if (1.0 - frozen) * above(t, TT - 2.0) > 0.0 else with_ice
        kind = with_hydrometeors if active > 0.0 else without_hydrometeors
        cit = cit if active > 0.0 else 0.0
        evap3d = 0.0
