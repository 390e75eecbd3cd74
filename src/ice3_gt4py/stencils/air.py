"""What particles exchange with the air: vapour and heat (Pruppacher & Klett 1978).

Temperatures in K, pressures in Pa, mixing ratios in kg per kg of dry air.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp, log, sqrt

from ice3_gt4py.stencils.thermodynamics import (
    latent_heat_of_sublimation,
    latent_heat_of_vaporisation,
    pressure_over_ice,
    pressure_over_liquid,
)


@gtscript.function
def saturation_ratio(rv, pabs, e):
    """Vapour over its saturation value, if the saturation pressure is ``e``: r_v (p - e) / (epsilon e)."""
    from __externals__ import EPSILO

    return rv * (pabs - e) / (EPSILO * e)


@gtscript.function
def growth_resistance(t, e, heat, conductivity, diffusivity):
    """Resistance of the air to growth by vapour: L^2 / (k_a R_v T^2) + R_v T / (D_v e), for a latent heat ``heat``."""
    from __externals__ import RV

    return heat * heat / (conductivity * RV * t * t) + RV * t / (diffusivity * e)


@gtscript.function
def air(t, rv, pabs, rhodref, ln_rho):
    """What the vapour and heat budgets of all particles share.

    Heat that a particle at 0 degC gives to the air: Q(e) = D_v L_v / (R_v T) (e_t - min(e_v, e)) - k_a (T - T_t), where
    e_v is the vapour pressure, and e that of saturation.

    Returns
    -------
    ventilation
        Ventilation function SCFAC rho^0.3 / sqrt(1.718e-5 + 4.9e-8 (T - T_t)).
    excess
        Supersaturation over ice.
    growth
        Supersaturation over ice / (rho resistance): vapour that particles gain per ventilated size.
    drying
        The same of undersaturation over liquid water; 0 in saturated air and without warm processes.
    heat_loss
        Q(e_w).
    capacity
        Q(e_i) / (rho (L_f + c_l (T - T_t))): liquid that can be frozen per ventilated size.
    gained
        Liquid that can be frozen per collected ice, which warms to 0 degC.
    """
    from __externals__ import CI, CL, EPSILO, ESTT, LMTT, P00, RV, SCFAC, TT, WARM

    warmth = t - TT
    ei = pressure_over_ice(t)
    ew = pressure_over_liquid(t)
    conductivity = 2.38e-2 + 7.1e-5 * warmth
    diffusivity = 2.11e-5 * exp(1.94 * log(t / TT)) * (P00 / pabs)
    lv = latent_heat_of_vaporisation(t)
    ls = latent_heat_of_sublimation(t)
    ventilation = SCFAC * exp(0.3 * ln_rho) / sqrt(1.718e-5 + 4.9e-8 * warmth)

    excess = saturation_ratio(rv, pabs, ei) - 1.0
    growth = excess / (rhodref * growth_resistance(t, ei, ls, conductivity, diffusivity))
    drying = 0.0 * t
    if __INLINED(WARM):
        deficit = max(1.0 - saturation_ratio(rv, pabs, ew), 0.0)
        drying = deficit / (rhodref * growth_resistance(t, ew, lv, conductivity, diffusivity))

    vapour = rv * pabs / (EPSILO + rv)
    from_vapour = diffusivity * lv / (RV * t)
    to_freezing = from_vapour * (ESTT - min(vapour, ei)) - conductivity * warmth
    heat_loss = from_vapour * (ESTT - min(vapour, ew)) - conductivity * warmth
    freezing_heat = LMTT + CL * warmth
    freezing_heat = freezing_heat if freezing_heat != 0.0 else 1.0  # it is 0 at about 194.05 K
    gained = (LMTT - (CI - CL) * warmth) / freezing_heat
    capacity = to_freezing / (rhodref * freezing_heat)
    return ventilation, excess, growth, drying, heat_loss, capacity, gained
