"""What the adjustment takes and returns: pytrees of arrays (i, j, k), by PHYEX's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jax import Array

NOT_READ: Any = None
"""In place of an array that the options do not need."""


class Fields(NamedTuple):
    """Inputs. Those with a default are read with LSUBG_COND only."""

    exn: Array
    """Exner function of the state"""
    exnref: Array
    """Exner function of the reference state"""
    rhodref: Array
    """density of dry air in the reference state, kg m-3"""
    pabs: Array
    """pressure, Pa"""
    th: Array
    """potential temperature, K"""
    rv: Array
    rc: Array
    ri: Array
    rr: Array
    rs: Array
    rg: Array
    """mixing ratios of vapour, cloud droplets, pristine ice, rain, snow and graupel, kg kg-1"""
    weight_mf_cloud: Array
    """weight of the mass-flux cloud, by which the statistical cloud is reduced"""
    rvs: Array
    rcs: Array
    ris: Array
    """sources of vapour, cloud droplets and pristine ice, s-1"""
    ths: Array
    """source of potential temperature, K s-1"""
    sigs: Array = NOT_READ
    """standard deviation of the saturation deficit, from the turbulence scheme, kg kg-1"""
    sigqsat: Array = NOT_READ
    """(i, j): share of saturation in the standard deviation"""
    cf_mf: Array = NOT_READ
    """area of the mass-flux cloud"""
    rc_mf: Array = NOT_READ
    ri_mf: Array = NOT_READ
    """liquid and ice of the mass-flux cloud, means over the grid box, kg kg-1"""
    zz: Array = NOT_READ
    """height, m; read with LSTATNW and LHGT_QS only"""


class Adjusted(NamedTuple):
    """Results."""

    rvs: Array
    rcs: Array
    ris: Array
    """sources of vapour, cloud droplets and pristine ice, s-1"""
    ths: Array
    """source of potential temperature, K s-1"""
    cldfr: Array
    """cloud fraction"""
    hlc_hrc: Array
    hlc_hcf: Array
    """content (kg kg-1) and area of the liquid cloud above the autoconversion threshold"""
    hli_hri: Array
    hli_hcf: Array
    """the same of the ice cloud"""
    out_rv: Array
    out_rc: Array
    out_ri: Array
    """adjusted mixing ratios, with the mass-flux cloud, kg kg-1"""
    out_th: Array
    """adjusted potential temperature, K"""
    srcs: Array | None
    """normalised second-order moment of the saturation deficit; None without OCOMPUTE_SRC"""
