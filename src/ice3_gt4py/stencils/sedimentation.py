"""The stencils of the statistical sedimentation (PHYEX: ICE4_SEDIMENTATION_STAT; Bouteloup et al. 2011).

One sweep from the top to the ground for all species: what falls into a layer either crosses it within the time
step, with probability 1 - thickness / (speed * step), or stays. The flux through the bottom of the layer above is all
that is carried. Where nothing falls and nothing arrives, nothing changes: a sweep may begin at the highest level that
has something to fall.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import FORWARD, IJ, Field, computation, exp, interval, log

from ice3_gt4py.stencils.presence import above, log_content


@gtscript.function
def logarithms(source, flux, smallest, tstep, over_layer):
    """Logarithms of the content of a layer and of what arrives in it; of something harmless below ``smallest``."""
    content = source * tstep
    arrival = flux * tstep * over_layer
    return log_content(content, above(content, smallest)), log_content(arrival, above(arrival, smallest))


@gtscript.function
def power_law(ln_content, ln_arrival, coefficient, exponent, ln_rho):
    """Fall speed of the content of a layer (m s-1) and inverse fall speed of what arrives: rain, snow or graupel."""
    density = (exponent - 0.4) * ln_rho
    speed = coefficient * exp(exponent * ln_content + density)
    slowness = exp(-exponent * ln_arrival - density) / coefficient
    return speed, slowness


@gtscript.function
def ice_law(ln_content, ln_rho):
    """Logarithm of the fall speed of cloud ice over FSEDI (Heymsfield & Donner 1990, McFarquhar & Heymsfield 1997)."""
    from __externals__ import EXCSEDI, LN_CONTENT

    size = max(5.0e4, -1.5319e5 - 2.1454e4 * LN_CONTENT - 2.1454e4 * (ln_rho + ln_content))
    return EXCSEDI * log(size) - 0.4 * ln_rho


@gtscript.function
def mean_droplet(sea, town):
    """Constants of droplets, which depend on the surface.

    Returns
    -------
    The logarithm of their number (in units of ``externals.NUMBER``) times the constant LBC of their slope, their mean
    radius times the slope, and the factor of their fall speed.
    """
    from __externals__ import (
        CC,
        CONC_LAND,
        CONC_SEA,
        CONC_URBAN,
        FSEDC_LAND,
        FSEDC_SEA,
        LBC_LAND,
        LBC_SEA,
        OVER_NUMBER,
        RADIUS_LAND,
        RADIUS_SEA,
    )

    number = (1.0 - town) * (sea * CONC_SEA + (1.0 - sea) * CONC_LAND) + town * CONC_URBAN
    radius = max(1.0, 0.5 * ((1.0 - sea) * RADIUS_LAND + sea * RADIUS_SEA))
    mass = max(min(LBC_LAND, LBC_SEA), sea * LBC_SEA + (1.0 - sea) * LBC_LAND)
    factor = max(min(FSEDC_LAND, FSEDC_SEA), sea * FSEDC_SEA + (1.0 - sea) * FSEDC_LAND)
    return log(OVER_NUMBER * number * mass), radius, CC * factor


@gtscript.function
def stokes_law(ln_content, ln_arrival, ln_mass, radius, factor, th, pabs, ln_rho):
    """Fall speed of the content of a layer (m s-1) and inverse fall speed of what arrives: droplets.

    Stokes law with slip correction.
    """
    from __externals__ import FALL_SIZE_C, LBEXC

    free_path = 6.6e-8 * (101325.0 / pabs) * (th / 293.15)
    slip = 1.26 * free_path / radius
    coefficient = factor * exp(-0.4 * ln_rho)
    size = FALL_SIZE_C * exp(LBEXC * (ln_content - (ln_mass - ln_rho)))
    arriving = FALL_SIZE_C * exp(LBEXC * (ln_arrival - (ln_mass - ln_rho)))
    return coefficient * size * (size + slip), 1.0 / (coefficient * arriving * (arriving + slip))


@gtscript.function
def fallen(source, flux, speed, slowness, smallest, tstep, over_tstep, rhodref, dzz, over_layer):
    """Flux through the bottom of a layer (kg m-2 s-1) and the source after it.

    Parameters
    ----------
    speed, slowness
        Fall speed of the content of the layer, inverse fall speed of what arrives in it.
    smallest
        Contents up to this do not fall.
    over_layer
        1 / (rhodref dzz).
    """
    content = source * tstep
    arrival = flux * tstep * over_layer
    crossing = max(0.0, 1.0 - dzz * over_tstep * slowness) * flux
    speed = speed if content > smallest else 0.0
    leaving = min(rhodref * dzz * source, speed * rhodref * content)
    out = leaving + above(arrival, smallest) * crossing
    return out, source + (flux - out) * over_layer


def sedimentation(
    rhodref: Field["float"],
    pabs: Field["float"],
    dzz: Field["float"],
    tht: Field["float"],
    rcs: Field["float"],
    rrs: Field["float"],
    ris: Field["float"],
    rss: Field["float"],
    rgs: Field["float"],
    sea: Field[IJ, "float"],
    town: Field[IJ, "float"],
    inprc: Field[IJ, "float"],
    inprr: Field[IJ, "float"],
    inprs: Field[IJ, "float"],
    inprg: Field[IJ, "float"],
    fpr_c: Field["float"],
    fpr_r: Field["float"],
    fpr_i: Field["float"],
    fpr_s: Field["float"],
    fpr_g: Field["float"],
    flux_i: Field[IJ, "float"],
    tstep: "float",
    over_tstep: "float",
):
    """Sedimentation of all species in one sweep."""
    from __externals__ import (
        DROPLETS,
        FALL_EX_G,
        FALL_EX_R,
        FALL_EX_S,
        FALL_G,
        FALL_R,
        FALL_S,
        FALLING_I,
        FLUXES,
        FSEDI,
        OVER_RHOLW,
        RTMIN_C,
        RTMIN_G,
        RTMIN_R,
        RTMIN_S,
    )

    # The surface rates carry the fluxes through the bottom of the layer above, in kg m-2 s-1, until the ground.
    with computation(FORWARD), interval(0, 1):
        inprc = 0.0
        inprr = 0.0
        inprs = 0.0
        inprg = 0.0
        flux_i = 0.0

    with computation(FORWARD), interval(...):
        over_layer = 1.0 / (rhodref * dzz)
        # All logarithms come first, then all exponentials: processors overlap calls that do not wait for each other.
        ln_rho = log(rhodref)
        ln_content_i, ln_arrival_i = logarithms(ris, flux_i, FALLING_I, tstep, over_layer)
        ln_content_r, ln_arrival_r = logarithms(rrs, inprr, RTMIN_R, tstep, over_layer)
        ln_content_s, ln_arrival_s = logarithms(rss, inprs, RTMIN_S, tstep, over_layer)
        ln_content_g, ln_arrival_g = logarithms(rgs, inprg, RTMIN_G, tstep, over_layer)
        if __INLINED(DROPLETS):
            ln_content_c, ln_arrival_c = logarithms(rcs, inprc, RTMIN_C, tstep, over_layer)
            ln_mass, radius, factor = mean_droplet(sea, town)
        ln_speed_i = ice_law(ln_content_i, ln_rho)
        ln_speed_arrival_i = ice_law(ln_arrival_i, ln_rho)
        if __INLINED(DROPLETS):
            speed_c, slowness_c = stokes_law(ln_content_c, ln_arrival_c, ln_mass, radius, factor, tht, pabs, ln_rho)
        speed_r, slowness_r = power_law(ln_content_r, ln_arrival_r, FALL_R, FALL_EX_R, ln_rho)
        speed_s, slowness_s = power_law(ln_content_s, ln_arrival_s, FALL_S, FALL_EX_S, ln_rho)
        speed_g, slowness_g = power_law(ln_content_g, ln_arrival_g, FALL_G, FALL_EX_G, ln_rho)
        speed_i = FSEDI * exp(ln_speed_i)
        slowness_i = exp(-ln_speed_arrival_i) / FSEDI
        out_r, new_r = fallen(rrs, inprr, speed_r, slowness_r, RTMIN_R, tstep, over_tstep, rhodref, dzz, over_layer)
        out_i, new_i = fallen(ris, flux_i, speed_i, slowness_i, FALLING_I, tstep, over_tstep, rhodref, dzz, over_layer)
        out_s, new_s = fallen(rss, inprs, speed_s, slowness_s, RTMIN_S, tstep, over_tstep, rhodref, dzz, over_layer)
        out_g, new_g = fallen(rgs, inprg, speed_g, slowness_g, RTMIN_G, tstep, over_tstep, rhodref, dzz, over_layer)
        if __INLINED(DROPLETS):
            out_c, new_c = fallen(rcs, inprc, speed_c, slowness_c, RTMIN_C, tstep, over_tstep, rhodref, dzz, over_layer)
            inprc = out_c
            rcs = new_c
        inprr = out_r
        flux_i = out_i
        inprs = out_s
        inprg = out_g
        rrs = new_r
        ris = new_i
        rss = new_s
        rgs = new_g
        if __INLINED(FLUXES):
            fpr_c = inprc
            fpr_r = inprr
            fpr_i = flux_i
            fpr_s = inprs
            fpr_g = inprg

    with computation(FORWARD), interval(-1, None):
        inprc = inprc * OVER_RHOLW
        inprr = inprr * OVER_RHOLW
        inprs = (inprs + flux_i) * OVER_RHOLW
        inprg = inprg * OVER_RHOLW


def deposition(
    rhodref: Field["float"],
    dzz: Field["float"],
    rct: Field["float"],
    rcs: Field["float"],
    inprc: Field[IJ, "float"],
    indep: Field[IJ, "float"],
):
    """Deposition of cloud droplets on the ground (LDEPOSC)."""
    from __externals__ import OVER_RHOLW, VDEPOSC

    with computation(FORWARD), interval(-1, None):
        rcs = rcs - VDEPOSC * rct / dzz
        indep = VDEPOSC * rct * rhodref * OVER_RHOLW
        inprc = inprc + indep
