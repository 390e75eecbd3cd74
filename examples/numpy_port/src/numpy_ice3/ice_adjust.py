"""Saturation adjustment of the mixed phase with a subgrid cloud (PHYEX: ICE_ADJUST and CONDENSATION)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpy_ice3 import cloud as clouds
from numpy_ice3 import mass_flux
from numpy_ice3 import thermodynamics as thermo
from numpy_ice3.constants import LEAST_CONDENSATE, LEAST_SIGMA, ROUNDING_UNITS
from numpy_ice3.options import Options
from numpy_ice3.scheme import Scheme
from numpy_ice3.sources import Sources

if TYPE_CHECKING:
    from numpy_ice3.arrays import Array
    from numpy_ice3.constants import Constants


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
    scheme: Scheme | None = None,
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
    scheme
        Laws that the scheme is made of; by default PHYEX's.

    Returns
    -------
    dict
        ``rvs``, ``rcs``, ``ris``, ``ths``: the sources. ``out_rv``, ``out_rc``, ``out_ri``, ``out_th``: the adjusted
        state, with the mass-flux cloud. ``cldfr``: cloud fraction. ``hlc_hrc``, ``hlc_hcf``, ``hli_hri``, ``hli_hcf``:
        content (kg kg-1) and area above the autoconversion thresholds of liquid and of ice. ``srcs``: normalised
        second-order moment of the saturation deficit, with OCOMPUTE_SRC.
    """
    options, scheme = options or Options(), scheme or Scheme()
    cst = scheme.constants
    state = thermo.State(th * exn, rv, rc, rr, ri, rs, rg)
    heats = thermo.heats(cst, state, options.KRR)
    ice = scheme.ice_fraction(cst, state, options)
    saturation = thermo.saturation(cst, state, pabs, heats, ice)

    if options.LSUBG_COND:
        sigma = clouds.standard_deviation(sigs, sigqsat, zz, state.total_water, saturation, options)
    else:
        sigma = np.full_like(state.temperature, LEAST_SIGMA)
    distribution = scheme.chaboureau_bechtold if options.CCONDENS == "CB02" else clouds.gaussian
    cloud = distribution(sigma, saturation.sbar, state.total_water, options)

    new_rc, new_ri = (1.0 - ice) * cloud.condensate, ice * cloud.condensate
    warming = ((new_rc - rc) * heats.lv + (new_ri - ri) * heats.ls) / heats.capacity
    new_rv = state.total_water - new_rc - new_ri
    adjusted = state._replace(temperature=state.temperature + warming, rv=new_rv, rc=new_rc, ri=new_ri)
    amplification = scheme.amplification(saturation.sbar / sigma) if options.CLAMBDA3 == "CB" else 1.0

    threshold_temperatures = scheme.threshold_temperatures(state.temperature, adjusted.temperature)
    hlc = hli = np.zeros_like(sigma), np.zeros_like(sigma)
    if options.CCONDENS == "GAUS":
        thresholds = _thresholds(cst, rhodref, threshold_temperatures[0], options)
        hlc = clouds.gaussian_above(sigma, saturation.sbar, 1.0 - ice, thresholds[0])
        hli = clouds.gaussian_above(sigma, saturation.sbar, ice, thresholds[1])

    # The weight acts on the cloud, but neither on the vapour nor on the temperature.
    weight = scheme.statistical_weight(weight_mf_cloud)
    new_rc, new_ri = new_rc * weight, new_ri * weight
    cldfr, moment = cloud.fraction * weight, cloud.moment * amplification * weight
    hlc, hli = ((content * weight, area * weight) for content, area in (hlc, hli))

    heats = scheme.heats_after(cst, heats, adjusted, options.KRR)
    sources = Sources(rvs, rcs, ris, ths)
    sources = scheme.condense(sources, (new_rc - rc) / timestep, (new_ri - ri) / timestep, heats, exnref)

    out_rv, out_rc, out_ri, out_temperature = new_rv, new_rc, new_ri, adjusted.temperature
    if options.LSUBG_COND:
        liquid, frozen = mass_flux.limit_to_vapour(rc_mf / timestep, ri_mf / timestep, sources.rvs)
        sources = sources.converted(liquid, frozen, heats, exnref)
        cldfr = np.minimum(1.0, cldfr + cf_mf)

        thresholds, pdf = _thresholds(cst, rhodref, threshold_temperatures[1], options), options.CSUBG_MF_PDF
        hlc = _add(hlc, scheme.liquid_above_threshold(liquid * timestep, cf_mf, thresholds[0], pdf))
        hli = _add(hli, scheme.ice_above_threshold(frozen * timestep, cf_mf, thresholds[1], pdf))

        liquid, frozen = mass_flux.limit_to_vapour(rc_mf, ri_mf, new_rv)
        out_rv, out_rc, out_ri = new_rv - (liquid + frozen), new_rc + liquid, new_ri + frozen
        out_temperature = adjusted.temperature + (liquid * heats.lv + frozen * heats.ls) / heats.capacity
    else:
        residue = ROUNDING_UNITS * np.finfo(th.dtype).eps * state.condensate
        least = np.maximum(LEAST_CONDENSATE, residue) / timestep
        cldfr = np.where(sources.rcs + sources.ris > least, 1.0, 0.0).astype(th.dtype)
        moment = cldfr

    outputs = {
        **sources._asdict(), "cldfr": cldfr,
        "hlc_hrc": hlc[0], "hlc_hcf": hlc[1], "hli_hri": hli[0], "hli_hcf": hli[1],
        "out_rv": out_rv, "out_rc": out_rc, "out_ri": out_ri, "out_th": out_temperature / exn,
    }  # fmt: skip
    if options.OCOMPUTE_SRC:
        outputs["srcs"] = moment
    return outputs


def _add(part: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    """Add the contents and the areas of two parts of a cloud; the area is at most 1."""
    return part[0] + other[0], np.minimum(1.0, part[1] + other[1])


def _thresholds(cst: Constants, density: Array, temperature: Array, options: Options) -> tuple[Array, Array]:
    """Return the autoconversion thresholds of liquid and of ice, kg kg-1, at a density (kg m-3) and temperature (K)."""
    slope, intercept = options.ice_threshold_law
    ice: Array = np.minimum(options.XCRIAUTI, 10.0 ** (slope * (temperature - cst.t_t) + intercept))
    return options.XCRIAUTC / density, ice
