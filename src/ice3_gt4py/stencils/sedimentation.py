"""The stencils of the statistical sedimentation (PHYEX: ICE4_SEDIMENTATION_STAT; Bouteloup et al. 2011).

One sweep from the top to the ground, species by species: what falls into a layer either crosses it within the time
step, with probability 1 - thickness / (speed * step), or stays. The flux through the bottom of the layer above is all
that is carried. Where nothing falls and nothing arrives, nothing changes: a sweep may begin at the highest level that
has something to fall.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import FORWARD, IJ, Field, computation, exp, interval, log

from ice3_gt4py.stencils.presence import above, log_content


@gtscript.function
def fallen(source, flux, speed, slowness, smallest_arrival, tstep, over_tstep, rhodref, dzz, over_layer):
    """Flux through the bottom of a layer (kg m-2 s-1) and the source after it.

    Parameters
    ----------
    speed, slowness
        Fall speed of the content of the layer, inverse fall speed of what arrives in it.
    over_layer
        1 / (rhodref dzz).
    """
    content = source * tstep
    arrival = flux * tstep * over_layer
    crossing = max(0.0, 1.0 - dzz * over_tstep * slowness) * flux
    leaving = min(rhodref * dzz * source, speed * rhodref * content)
    out = leaving + above(arrival, smallest_arrival) * crossing
    return out, source + (flux - out) * over_layer


@gtscript.function
def power_law(source, flux, coefficient, exponent, smallest, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer):
    """Sedimentation of rain, snow or graupel: flux out of the layer and new source."""
    content = source * tstep
    arrival = flux * tstep * over_layer
    density = (exponent - 0.4) * ln_rho
    speed = coefficient * exp(exponent * log_content(content, above(content, smallest)) + density)
    slowness = exp(-exponent * log_content(arrival, above(arrival, smallest)) - density) / coefficient
    out, source = fallen(
        source,
        flux,
        speed if content > smallest else 0.0,
        slowness,
        smallest,
        tstep,
        over_tstep,
        rhodref,
        dzz,
        over_layer,
    )
    return out, source


@gtscript.function
def ice_speed(content, ln_rho):
    """Fall speed of cloud ice over the coefficient (Heymsfield & Donner 1990, McFarquhar & Heymsfield 1997)."""
    from __externals__ import EXCSEDI, LN_CONTENT

    size = max(
        5.0e4, -1.5319e5 - 2.1454e4 * LN_CONTENT - 2.1454e4 * (ln_rho + log_content(content, above(content, 1.0e-7)))
    )
    return EXCSEDI * log(size) - 0.4 * ln_rho


@gtscript.function
def settled_ice(source, flux, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer):
    """Sedimentation of cloud ice: flux out of the layer and new source."""
    from __externals__ import FSEDI

    content = source * tstep
    arrival = flux * tstep * over_layer
    speed = FSEDI * exp(ice_speed(content, ln_rho))
    slowness = exp(-ice_speed(arrival, ln_rho)) / FSEDI
    out, source = fallen(
        source, flux, speed if content > 1.0e-7 else 0.0, slowness, 1.0e-7, tstep, over_tstep, rhodref, dzz, over_layer
    )
    return out, source


@gtscript.function
def settled_droplets(source, flux, sea, town, th, pabs, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer):
    """Sedimentation of cloud droplets (Stokes law with slip correction): flux out of the layer and new source."""
    from __externals__ import (
        CC,
        CONC_LAND,
        CONC_SEA,
        CONC_URBAN,
        FALL_SIZE_C,
        FSEDC_LAND,
        FSEDC_SEA,
        LBC_LAND,
        LBC_SEA,
        LBEXC,
        OVER_NUMBER,
        RADIUS_LAND,
        RADIUS_SEA,
        RTMIN_C,
    )  # fmt: skip

    number = (1.0 - town) * (sea * CONC_SEA + (1.0 - sea) * CONC_LAND) + town * CONC_URBAN
    radius = max(1.0, 0.5 * ((1.0 - sea) * RADIUS_LAND + sea * RADIUS_SEA))
    mass = max(min(LBC_LAND, LBC_SEA), sea * LBC_SEA + (1.0 - sea) * LBC_LAND)
    factor = max(min(FSEDC_LAND, FSEDC_SEA), sea * FSEDC_SEA + (1.0 - sea) * FSEDC_LAND)
    free_path = 6.6e-8 * (101325.0 / pabs) * (th / 293.15)
    slip = 1.26 * free_path / radius
    coefficient = CC * factor * exp(-0.4 * ln_rho)
    ln_mass = log(OVER_NUMBER * number * mass) - ln_rho
    content = source * tstep
    arrival = flux * tstep * over_layer
    size = FALL_SIZE_C * exp(LBEXC * (log_content(content, above(content, RTMIN_C)) - ln_mass))
    speed = coefficient * size * (size + slip)
    size = FALL_SIZE_C * exp(LBEXC * (log_content(arrival, above(arrival, RTMIN_C)) - ln_mass))
    slowness = 1.0 / (coefficient * size * (size + slip))
    out, source = fallen(
        source,
        flux,
        speed if content > RTMIN_C else 0.0,
        slowness,
        RTMIN_C,
        tstep,
        over_tstep,
        rhodref,
        dzz,
        over_layer,
    )
    return out, source


@gtscript.function
def settled(rrs, ris, rss, rgs, flux_r, flux_i, flux_s, flux_g, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer):
    """Sedimentation of rain, cloud ice, snow and graupel: for each the flux out of the layer and the new source."""
    from __externals__ import FALL_EX_G, FALL_EX_R, FALL_EX_S, FALL_G, FALL_R, FALL_S, RTMIN_G, RTMIN_R, RTMIN_S

    out_r, new_r = power_law(
        rrs, flux_r, FALL_R, FALL_EX_R, RTMIN_R, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer
    )
    out_i, new_i = settled_ice(ris, flux_i, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer)
    out_s, new_s = power_law(
        rss, flux_s, FALL_S, FALL_EX_S, RTMIN_S, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer
    )
    out_g, new_g = power_law(
        rgs, flux_g, FALL_G, FALL_EX_G, RTMIN_G, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer
    )
    return out_r, new_r, out_i, new_i, out_s, new_s, out_g, new_g


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
    from __externals__ import DROPLETS, FLUXES, OVER_RHOLW

    # The surface rates carry the fluxes through the bottom of the layer above, in kg m-2 s-1, until the ground.
    with computation(FORWARD), interval(0, 1):
        inprc = 0.0
        inprr = 0.0
        inprs = 0.0
        inprg = 0.0
        flux_i = 0.0

    with computation(FORWARD), interval(...):
        over_layer = 1.0 / (rhodref * dzz)
        ln_rho = log(rhodref)
        if __INLINED(DROPLETS):
            out_c, new_c = settled_droplets(
                rcs, inprc, sea, town, tht, pabs, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer
            )
            inprc = out_c
            rcs = new_c
        out_r, new_r, out_i, new_i, out_s, new_s, out_g, new_g = settled(
            rrs, ris, rss, rgs, inprr, flux_i, inprs, inprg, tstep, over_tstep, rhodref, ln_rho, dzz, over_layer
        )
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
