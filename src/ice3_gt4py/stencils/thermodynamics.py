"""Thermodynamic functions shared by the stencils (externals: the constants of ``ice3_gt4py.constants``).

Temperatures in K, pressures in Pa, mixing ratios in kg per kg of dry air, heats in J kg-1.
"""

import math

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp, log

from ice3_gt4py import constants

TANGENT = 233.15
"""Temperature (K) at which a tangent replaces the logarithm of temperature."""


def thermodynamic_externals(precision: str) -> dict[str, float | bool]:
    """Externals that the functions of this module need; CENTRED selects the form that float32 needs."""
    names = ("CPD", "CPV", "CL", "CI", "TT", "LVTT", "LSTT", "ESTT")
    names += ("ALPW", "BETAW", "GAMW", "ALPI", "BETAI", "GAMI")
    tangent = {"TANGENT": TANGENT, "LN_TANGENT": math.log(TANGENT / constants.TT)}
    return {name: getattr(constants, name) for name in names} | tangent | {"CENTRED": precision == "float32"}


@gtscript.function
def saturation_pressure_over_liquid(t):
    """Saturation vapour pressure over liquid water (PHYEX: ESATW), as in the reference."""
    from __externals__ import ALPW, BETAW, GAMW

    return exp(ALPW - BETAW / t - GAMW * log(t))


@gtscript.function
def saturation_pressure_over_ice(t):
    """Saturation vapour pressure over ice (PHYEX: ESATI), as in the reference."""
    from __externals__ import ALPI, BETAI, GAMI

    return exp(ALPI - BETAI / t - GAMI * log(t))


@gtscript.function
def saturation_pressure_over_liquid_centred(t):
    """Saturation vapour pressure over liquid water, centred on the triple point: no cancellation in float32."""
    from __externals__ import BETAW, ESTT, GAMW, TT

    return ESTT * exp(BETAW * ((t - TT) / (t * TT)) - GAMW * log(t / TT))


@gtscript.function
def saturation_pressure_over_ice_centred(t):
    """Saturation vapour pressure over ice, centred on the triple point: no cancellation in float32."""
    from __externals__ import BETAI, ESTT, GAMI, TT

    return ESTT * exp(BETAI * ((t - TT) / (t * TT)) - GAMI * log(t / TT))


@gtscript.function
def latent_heat_of_vaporisation(t):
    """Latent heat of vaporisation at temperature ``t``."""
    from __externals__ import CL, CPV, LVTT, TT

    return LVTT + (CPV - CL) * (t - TT)


@gtscript.function
def latent_heat_of_sublimation(t):
    """Latent heat of sublimation at temperature ``t``."""
    from __externals__ import CI, CPV, LSTT, TT

    return LSTT + (CPV - CI) * (t - TT)


@gtscript.function
def moist_heat_capacity(rv, rc, rr, ri, rs, rg):
    """Heat capacity at constant pressure of moist air, per kg of dry air (J kg-1 K-1)."""
    from __externals__ import CI, CL, CPD, CPV

    return CPD + CPV * rv + CL * (rc + rr) + CI * (ri + rs + rg)


@gtscript.function
def pressure_over_liquid(t):
    """Saturation vapour pressure over liquid, in the form that the precision needs."""
    from __externals__ import CENTRED

    e = 0.0
    if __INLINED(CENTRED):
        e = saturation_pressure_over_liquid_centred(t)
    else:
        e = saturation_pressure_over_liquid(t)
    return e


@gtscript.function
def pressure_over_ice(t):
    """Saturation vapour pressure over ice, in the form that the precision needs."""
    from __externals__ import CENTRED

    e = 0.0
    if __INLINED(CENTRED):
        e = saturation_pressure_over_ice_centred(t)
    else:
        e = saturation_pressure_over_ice(t)
    return e


@gtscript.function
def least_pressure_over_ice(t):
    """Lower bound of the saturation vapour pressure over ice: at most 1 % less than it between 195 and 275 K.

    The logarithm of temperature in its formula is replaced by the tangent at 233.15 K. The tangent lies above the
    logarithm, whose factor -GAMI is negative.
    """
    from __externals__ import BETAI, ESTT, GAMI, LN_TANGENT, TANGENT, TT

    ln_t = LN_TANGENT + (t - TANGENT) / TANGENT
    return ESTT * exp(BETAI * ((t - TT) / (t * TT)) - GAMI * ln_t)


@gtscript.function
def heating(t, exn, rv, rc, rr, ri, rs, rg):
    """Latent heats of vaporisation and sublimation over heat capacity and Exner function, K."""
    over_capacity = 1.0 / (moist_heat_capacity(rv, rc, rr, ri, rs, rg) * exn)
    return latent_heat_of_vaporisation(t) * over_capacity, latent_heat_of_sublimation(t) * over_capacity
