"""Adjustment of vapour, cloud droplets and pristine ice to saturation (PHYEX: ICE_ADJUST, CONDENSATION)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from jax_ice3 import mass_flux
from jax_ice3.clouds import Part, cloud, thresholds
from jax_ice3.constants import CONDENSATE_MIN
from jax_ice3.fields import Adjusted
from jax_ice3.thermodynamics import air, saturation

if TYPE_CHECKING:
    from jax import Array

    from jax_ice3.fields import Fields
    from jax_ice3.options import Options


@partial(jax.jit, static_argnames="options")
def ice_adjust(fields: Fields, timestep: float, options: Options) -> Adjusted:
    """Adjust to saturation in one linear step, and diagnose the cloud.

    Parameters
    ----------
    fields
        State and sources, all of one dtype.
    timestep
        s.
    options
        A new set of options compiles a new program.
    """
    state = air(fields, options)
    statistical = cloud(state, saturation(state, fields), fields, options)
    rc, ri = (1.0 - state.ice) * statistical.condensate, state.ice * statistical.condensate
    temperature = state.temperature + ((rc - fields.rc) * state.lv + (ri - fields.ri) * state.ls) / state.capacity
    rv = state.water - rc - ri

    # The mass-flux cloud takes the place of a share of the statistical one; vapour and temperature remain, as in PHYEX.
    share = 1.0 - fields.weight_mf_cloud
    rc, ri, cldfr, srcs = rc * share, ri * share, statistical.fraction * share, statistical.moment * share
    liquid, frozen = (Part(one.content * share, one.area * share) for one in (statistical.liquid, statistical.frozen))

    condensing = _limited((rc - fields.rc) / timestep, fields.rcs, fields.rvs)
    rvs, rcs = fields.rvs - condensing, fields.rcs + condensing
    depositing = _limited((ri - fields.ri) / timestep, fields.ris, rvs)
    rvs, ris = rvs - depositing, fields.ris + depositing
    heat = condensing * state.lv + depositing * state.ls

    if options.LSUBG_COND:
        rcs_mf, ris_mf = mass_flux.within(rvs, fields.rc_mf / timestep, fields.ri_mf / timestep)
        rvs, rcs, ris = rvs - (rcs_mf + ris_mf), rcs + rcs_mf, ris + ris_mf
        heat = heat + (rcs_mf * state.lv + ris_mf * state.ls)
        cldfr = jnp.minimum(cldfr + fields.cf_mf, 1.0)

        # The thresholds are those of the temperature before the heat of the mass-flux cloud.
        of_liquid, of_ice = thresholds(temperature, fields, options)
        pdf = options.CSUBG_MF_PDF
        liquid = mass_flux.add_to(liquid, rcs_mf * timestep, fields.cf_mf, of_liquid, pdf)
        frozen = mass_flux.add_to(frozen, ris_mf * timestep, fields.cf_mf, of_ice, pdf)

        rc_mf, ri_mf = mass_flux.within(rv, fields.rc_mf, fields.ri_mf)
        rv, rc, ri = rv - (rc_mf + ri_mf), rc + rc_mf, ri + ri_mf
        temperature = temperature + (rc_mf * state.lv + ri_mf * state.ls) / state.capacity
    else:
        rounding = 4.0 * jnp.finfo(fields.th.dtype).eps * (fields.rc + fields.ri)
        least = jnp.maximum(CONDENSATE_MIN, rounding) / timestep
        cldfr = srcs = jnp.where(rcs + ris > least, 1.0, 0.0).astype(fields.th.dtype)

    return Adjusted(
        rvs=rvs,
        rcs=rcs,
        ris=ris,
        ths=fields.ths + heat / (state.capacity * fields.exnref),
        cldfr=cldfr,
        hlc_hrc=liquid.content,
        hlc_hcf=liquid.area,
        hli_hri=frozen.content,
        hli_hcf=frozen.area,
        out_rv=rv,
        out_rc=rc,
        out_ri=ri,
        out_th=temperature / fields.exn,
        srcs=srcs if options.OCOMPUTE_SRC else None,
    )


def _limited(rate: Array, source: Array, vapour: Array) -> Array:
    """Limit condensation to the vapour, and evaporation to the condensate that the sources hold (all s-1)."""
    return jnp.where(rate < 0.0, jnp.maximum(rate, -source), jnp.minimum(rate, vapour))
