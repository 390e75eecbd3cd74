"""Saturation adjustment of the mixed phase with a subgrid cloud (PHYEX: ICE_ADJUST and CONDENSATION)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpy_ice3 import cloud as clouds
from numpy_ice3 import constants as cst
from numpy_ice3 import mass_flux
from numpy_ice3 import thermodynamics as thermo
from numpy_ice3.options import Options

if TYPE_CHECKING:
    from numpy_ice3.arrays import Array


def ice_adjust(
    *,
    timestep: float,
    exn: Array,
    exnref: Array,
    rhodref: Array,
    pabs: Array,
    th: Array,
    rv: Array,
    rc: Array,
    ri: Array,
    rr: Array,
    rs: Array,
    rg: Array,
    sigs: Array,
    sigqsat: Array,
    cf_mf: Array,
    rc_mf: Array,
    ri_mf: Array,
    zz: Array,
    weight_mf_cloud: Array,
    rvs: Array,
    rcs: Array,
    ris: Array,
    ths: Array,
    options: Options | None = None,
) -> dict[str, Array]:
    """Adjust vapour, cloud droplets and ice to saturation, and diagnose the cloud.

    Latent heats and the heat capacity are those of the input state throughout: the scheme takes one linear step.

    Parameters
    ----------
    timestep
        s.
    exn, exnref
        Exner functions of the state and of the reference state.
    rhodref
        Reference density of dry air, kg m-3.
    pabs
        Pressure, Pa.
    th
        Potential temperature, K.
    rv, rc, ri, rr, rs, rg
        Mixing ratios of vapour, cloud droplets, ice, rain, snow and graupel, kg kg-1.
    sigs
        Standard deviation of the saturation deficit from the turbulence scheme, kg kg-1.
    sigqsat
        Coefficient of the part of the standard deviation in proportion to saturation, one value a column.
    cf_mf, rc_mf, ri_mf
        Area, liquid and ice (kg kg-1, means over the grid box) of the mass-flux cloud.
    zz
        Height of the levels, m; acts with LSTATNW and LHGT_QS only.
    weight_mf_cloud
        Weight of the mass-flux cloud, by which the statistical cloud is reduced.
    rvs, rcs, ris, ths
        Sources of vapour, cloud droplets and ice (s-1) and of potential temperature (K s-1).
    options
        By default those of PHYEX's AROME test program. Without LSUBG_COND, the values of ``sigs``, ``sigqsat``,
        ``cf_mf``, ``rc_mf``, ``ri_mf`` and ``zz`` do not matter.

    Returns
    -------
    dict
        ``rvs``, ``rcs``, ``ris``, ``ths``: the sources. ``out_rv``, ``out_rc``, ``out_ri``, ``out_th``: the adjusted
        state, with the mass-flux cloud. ``cldfr``: cloud fraction. ``hlc_hrc``, ``hlc_hcf``, ``hli_hri``, ``hli_hcf``:
        content (kg kg-1) and area above the autoconversion thresholds of liquid and of ice. ``srcs``: normalised
        second-order moment of the saturation deficit, with OCOMPUTE_SRC.
    """
    options = options or Options()
    temperature = th * exn
    lv, ls = thermo.latent_heats(temperature)
    capacity = thermo.heat_capacity(rv, rc, rr, ri, rs, rg, options.KRR)
    total_water = rv + rc + ri
    ice = thermo.ice_fraction(temperature, rc, ri, options)
    latent_heat = (1.0 - ice) * lv + ice * ls
    state = thermo.saturation(temperature, pabs, total_water, rc + ri, latent_heat, capacity, ice)

    if options.LSUBG_COND:
        sigma = clouds.standard_deviation(sigs, sigqsat, zz, total_water, state, options)
    else:
        sigma = np.full_like(temperature, cst.LEAST_SIGMA)
    if options.CCONDENS == "CB02":
        cloud = clouds.chaboureau_bechtold(sigma, state.sbar, total_water, options)
    else:
        thresholds = _thresholds(rhodref, temperature, options)
        cloud = clouds.gaussian(sigma, state.sbar, total_water, ice, thresholds, options)

    # The adjusted state; the weight below acts on the cloud, but neither on the vapour nor on the temperature.
    new_rc, new_ri = (1.0 - ice) * cloud.condensate, ice * cloud.condensate
    new_temperature = temperature + ((new_rc - rc) * lv + (new_ri - ri) * ls) / capacity
    new_rv = total_water - new_rc - new_ri
    amplification = clouds.amplification(state.sbar / sigma) if options.CLAMBDA3 == "CB" else 1.0
    statistical = 1.0 - weight_mf_cloud
    new_rc, new_ri = new_rc * statistical, new_ri * statistical
    cldfr, moment = cloud.fraction * statistical, cloud.moment * amplification * statistical
    hlc, hli = ((content * statistical, area * statistical) for content, area in (cloud.hlc, cloud.hli))

    # The sources: first of the liquid, then of the ice from the vapour that is left.
    heating = capacity * exnref
    condensing = _limited((new_rc - rc) / timestep, rcs, rvs)
    rvs, rcs, ths = rvs - condensing, rcs + condensing, ths + condensing * lv / heating
    condensing = _limited((new_ri - ri) / timestep, ris, rvs)
    rvs, ris, ths = rvs - condensing, ris + condensing, ths + condensing * ls / heating

    out_rv, out_rc, out_ri, out_temperature = new_rv, new_rc, new_ri, new_temperature
    if options.LSUBG_COND:
        liquid, frozen = mass_flux.limit_to_vapour(rc_mf / timestep, ri_mf / timestep, rvs)
        rvs, rcs, ris = rvs - (liquid + frozen), rcs + liquid, ris + frozen
        ths = ths + (liquid * lv + frozen * ls) / heating
        cldfr = np.minimum(1.0, cldfr + cf_mf)

        # Autoconversion sees the adjusted temperature, without the heat of the mass-flux cloud.
        thresholds, pdf = _thresholds(rhodref, new_temperature, options), options.CSUBG_MF_PDF
        hlc = _add(hlc, mass_flux.above_threshold(liquid * timestep, cf_mf, thresholds[0], pdf))
        hli = _add(hli, mass_flux.above_threshold(frozen * timestep, cf_mf, thresholds[1], pdf))

        liquid, frozen = mass_flux.limit_to_vapour(rc_mf, ri_mf, new_rv)
        out_rv, out_rc, out_ri = new_rv - (liquid + frozen), new_rc + liquid, new_ri + frozen
        out_temperature = new_temperature + (liquid * lv + frozen * ls) / capacity
    else:
        cldfr = np.where(rcs + ris > cst.LEAST_CONDENSATE / timestep, 1.0, 0.0).astype(th.dtype)
        moment = cldfr

    outputs = {
        "rvs": rvs, "rcs": rcs, "ris": ris, "ths": ths, "cldfr": cldfr,
        "hlc_hrc": hlc[0], "hlc_hcf": hlc[1], "hli_hri": hli[0], "hli_hcf": hli[1],
        "out_rv": out_rv, "out_rc": out_rc, "out_ri": out_ri, "out_th": out_temperature / exn,
    }  # fmt: skip
    if options.OCOMPUTE_SRC:
        outputs["srcs"] = moment
    return outputs


def _limited(rate: Array, source: Array, vapour: Array) -> Array:
    """Limit a rate of condensation (s-1) by the vapour, one of evaporation by the condensate that the sources hold."""
    return np.where(rate < 0.0, np.maximum(rate, -source), np.minimum(rate, vapour))


def _add(part: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    """Add the contents and the areas of two parts of a cloud; the area is at most 1."""
    return part[0] + other[0], np.minimum(1.0, part[1] + other[1])


def _thresholds(density: Array, temperature: Array, options: Options) -> tuple[Array, Array]:
    """Return the autoconversion thresholds of liquid and of ice, kg kg-1, at a density (kg m-3) and temperature (K)."""
    slope, intercept = options.ice_threshold_law
    ice: Array = np.minimum(options.XCRIAUTI, 10.0 ** (slope * (temperature - cst.T_T) + intercept))
    return options.XCRIAUTC / density, ice
