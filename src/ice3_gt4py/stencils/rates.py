"""The process rates of ICE3 as functions of the state of one point (externals: ``ice3_gt4py.externals``).

Temperatures in K, pressures in Pa, mixing ratios in kg per kg of dry air, rates per second, slopes in m-1.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp, int32, log, sqrt

from ice3_gt4py.stencils.autoconversion import cloud_water_split, ice_threshold
from ice3_gt4py.stencils.lookup import lookup_1d, lookup_2d
from ice3_gt4py.stencils.presence import above, harmless, present
from ice3_gt4py.stencils.thermodynamics import (
    latent_heat_of_sublimation,
    latent_heat_of_vaporisation,
    pressure_over_ice,
    pressure_over_liquid,
)


@gtscript.function
def raw_rates(tables, columns, level, t, rv, rc, rr, ri, rs, rg, ni, pabs, rhodref, sigs):
    """Evaluate all rates that later substeps keep (PHYEX: ICE4_SLOW, ICE4_WARM, ICE4_FAST_RI, _RS and _RG).

    Exponentials are half of the cost. Powers that follow from others are products of them (EX0DEPG = EX_G - 1,
    EXRCFRI = EXICFRR - 3). Some follow for PHYEX's values only: they are products if these values hold.

    Returns
    -------
    The rates under PHYEX's names, and the raw quantities from which ``snow_transfers`` and ``graupel_transfers`` limit
    the others: capacity of snow to freeze liquid without collection, share gained by collecting ice, riming total, by
    small snow, conversion; accretion of rain by small drops, total, conversion; contact freezing; collection by graupel
    of droplets, ice (wet), snow (wet) and rain, efficiency of dry growth; capacity of graupel to freeze.
    """
    from __externals__ import (
        ACC_COLUMNS,
        ACCINTP1S,
        ACCINTP2S,
        ALPHA3,
        BETA3,
        CI,
        CL,
        COLEXIG,
        COLEXIS,
        COLIG,
        CRIMSS,
        DRY_COLUMNS,
        DRYINTP1S,
        DRYINTP2S,
        EPSILO,
        ESTT,
        EX0DEPS,
        EX0EVAR,
        EX1DEPG,
        EX1DEPS,
        EX1EVAR,
        EX_G,
        EXCACCR,
        EXCRIMSS,
        EXFCDRYG,
        EXIAGGS,
        EXICFRR,
        EXPONENT_MAX,
        EXSRIMCG,
        EXSRIMCG2,
        FCACCR,
        FCDRYG,
        FIAGGS,
        FIWETG,
        FRACCSS,
        FRACM90,
        FRDRYG,
        FSACCRG,
        FSCVMG,
        FSWETG,
        HON,
        ICFRR,
        INTP1R,
        INTP2R,
        LBEXG,
        LBEXI,
        LBEXR,
        LBEXS,
        LBRACCS1,
        LBRACCS2,
        LBRACCS3,
        LBRDRYG1,
        LBRDRYG2,
        LBRDRYG3,
        LBSACCR1,
        LBSACCR2,
        LBSACCR3,
        LBSDRYG1,
        LBSDRYG2,
        LBSDRYG3,
        LMTT,
        LN_LBDAS_MAX,
        LN_LBG,
        LN_LBI,
        LN_LBR,
        LN_LBS,
        LVTT,
        P00,
        RCFRI,
        RG,
        RG_LAST,
        RIM1,
        RIM2,
        RIM4,
        RIM_LAST,
        RIMINTP1,
        RIMINTP2,
        RS_ALL,
        RS_LAST,
        RS_SMALL,
        RV,
        SCFAC,
        SG,
        SG_LAST,
        SR_LARGE,
        SRIMCG,
        SRIMCG2,
        TEXAUTI,
        TIMAUTC,
        TIMAUTI,
        TT,
        WARM,
        X0DEPG,
        X0DEPI,
        X0DEPS,
        X0EVAR,
        X1DEPG,
        X1DEPS,
        X1EVAR,
        X2DEPI,
    )  # fmt: skip

    has_v, has_c, has_r, has_i, has_s, has_g = present(rv, rc, rr, ri, rs, rg)
    warmth = t - TT
    thawing = above(t, TT)

    # Density factors: rho^-0.4 of the fall speeds, rho^-1.4, rho^0.3 of the ventilation.
    ln_rho = log(rhodref)
    speed = exp(-0.4 * ln_rho)
    speed_over_rho = speed / rhodref

    # Slopes of the size laws; where a species is absent, that of a harmless content.
    ln_r = LN_LBR + LBEXR * (ln_rho + log(harmless(rr, has_r)))
    ln_s = min(LN_LBDAS_MAX, LN_LBS + LBEXS * (ln_rho + log(harmless(rs, has_s))))
    ln_g = LN_LBG + LBEXG * (ln_rho + log(harmless(rg, has_g)))
    over_r = exp(-ln_r)
    over_s = exp(-ln_s)
    over_g = exp(-ln_g)

    # Air: heat conductivity, vapour diffusivity, ventilation, saturation.
    ei = pressure_over_ice(t)
    ew = pressure_over_liquid(t)
    conductivity = 2.38e-2 + 7.1e-5 * warmth
    diffusivity = 2.11e-5 * exp(1.94 * log(t / TT)) * (P00 / pabs)
    lv = latent_heat_of_vaporisation(t)
    ls = latent_heat_of_sublimation(t)
    ventilation = SCFAC * exp(0.3 * ln_rho) / sqrt(1.718e-5 + 4.9e-8 * warmth)
    ice_excess = rv * (pabs - ei) / (EPSILO * ei) - 1.0
    resistance = ls * ls / (conductivity * RV * t * t) + RV * t / (diffusivity * ei)
    growth = ice_excess / (rhodref * resistance)
    snow_ventilation = X0DEPS + X1DEPS * ventilation * exp(EX1DEPS * ln_s)
    if __INLINED(EX0DEPS != 0.0):
        snow_ventilation = X0DEPS * exp(EX0DEPS * ln_s) + X1DEPS * ventilation * exp(EX1DEPS * ln_s)
    graupel_number = exp(EX_G * ln_g)
    graupel_ventilation = X0DEPG * (graupel_number * over_g) + X1DEPG * ventilation * exp(EX1DEPG * ln_g)

    # Heat that a particle at 0 deg C gives to the air, and what that can freeze.
    vapour = rv * pabs / (EPSILO + rv)
    from_vapour = diffusivity * lv / (RV * t)
    heat_over_ice = from_vapour * (ESTT - min(vapour, ei)) - conductivity * warmth
    heat_over_liquid = from_vapour * (ESTT - min(vapour, ew)) - conductivity * warmth
    freezing_heat = LMTT + CL * warmth
    gained = (LMTT - (CI - CL) * warmth) / freezing_heat
    capacity = heat_over_ice / (rhodref * freezing_heat)
    snow_capacity = has_s * capacity * snow_ventilation
    graupel_capacity = has_g * capacity * graupel_ventilation

    # Slow processes.
    exponent = min(max(ALPHA3 * warmth - BETA3, 0.0), EXPONENT_MAX)
    choni = min(1000.0, HON * rhodref * rc * exp(exponent))
    choni = has_c * above(TT - 35.0, t) * choni
    vdeps = has_v * has_s * growth * snow_ventilation
    vdepg = has_v * has_g * growth * graupel_ventilation
    stickiness = exp(COLEXIS * warmth)
    iaggs = FIAGGS * stickiness * ri * exp(EXIAGGS * ln_s) * speed
    iaggs = has_i * has_s * iaggs
    iauts = TIMAUTI * exp(TEXAUTI * warmth) * max(ri - ice_threshold(t), 0.0)
    iauts = has_i * iauts

    # Warm processes.
    cautr = 0.0 * t
    caccr = 0.0 * t
    revav = 0.0 * t
    if __INLINED(WARM):
        fraction, content = cloud_water_split(rc, rhodref, sigs)
        from __externals__ import CRIAUTC

        cautr = TIMAUTC * max(content - fraction * CRIAUTC / rhodref, 0.0)
        caccr = FCACCR * rc * exp(EXCACCR * ln_r) * speed
        caccr = has_c * has_r * caccr
        deficit = max(1.0 - rv * (pabs - ew) / (EPSILO * ew), 0.0)
        resistance = lv * lv / (conductivity * RV * t * t) + RV * t / (diffusivity * ew)
        revav = X0EVAR * (over_r * over_r)
        if __INLINED(EX0EVAR != -2.0):
            revav = X0EVAR * exp(EX0EVAR * ln_r)
        revav = revav + X1EVAR * ventilation * exp(EX1EVAR * ln_r)
        revav = deficit / (rhodref * resistance) * revav
        revav = has_r * (1.0 - has_c) * revav

    # Bergeron-Findeisen process.
    mixed = has_c * has_i * above(ni, 1e-20) * above(ice_excess, 0.0)
    mass = harmless(rhodref * ri / max(ni, 1.0 - mixed), mixed)
    over_i = exp(-min(18.420680743952367, LN_LBI + LBEXI * log(mass)))
    cberi = X0DEPI * over_i + X2DEPI * ventilation * ventilation * over_i * over_i * over_i
    cberi = growth * ni * cberi
    cberi = mixed * cberi

    # Riming of snow.
    place = min(max(RIMINTP1 * ln_s + RIMINTP2, 0.00001), RIM_LAST)
    first = int32(place)
    weight = place - first
    small = lookup_1d(tables, columns, level, first + RIM1, weight)
    rimmed = lookup_1d(tables, columns, level, first + RIM2, weight)
    graupelled = lookup_1d(tables, columns, level, first + RIM4, weight)
    rim_tot = CRIMSS * rc * exp(EXCRIMSS * ln_s) * speed
    rim_tot = has_c * has_s * rim_tot
    rim_sml = small * rim_tot
    mass_power = exp(EXSRIMCG * ln_s)
    snow_mass = SRIMCG * mass_power * (1.0 - rimmed)
    graupel_power = mass_power * mass_power
    if __INLINED(EXSRIMCG2 != 2.0 * EXSRIMCG):
        graupel_power = exp(EXSRIMCG2 * ln_s)
    graupel_mass = FRACM90 * (SRIMCG2 * graupel_power * (1.0 - graupelled))
    rim_cnv = (rim_tot - rim_sml) * snow_mass / max(1e-20, graupel_mass - FRACM90 * snow_mass)

    # Accretion of rain by snow.
    place = min(max(ACCINTP1S * ln_s + ACCINTP2S, 0.00001), RS_LAST)
    row = int32(place)
    weight_s = place - row
    place = min(max(INTP1R * ln_r + INTP2R, 0.00001), RS_LAST)
    column = int32(place)
    weight_r = place - column
    first = row * ACC_COLUMNS + column
    kernel_small = lookup_2d(tables, columns, level, first + RS_SMALL, ACC_COLUMNS, weight_s, weight_r)
    kernel_all = lookup_2d(tables, columns, level, first + RS_ALL, ACC_COLUMNS, weight_s, weight_r)
    kernel_large = lookup_2d(tables, columns, level, first + SR_LARGE, ACC_COLUMNS, weight_s, weight_r)
    both = has_r * has_s
    moments = LBRACCS1 * over_s * over_s + LBRACCS2 * over_s * over_r + LBRACCS3 * over_r * over_r
    swept = FRACCSS * over_r * over_r * over_r * over_r / over_s * speed_over_rho * moments
    acc_sml = both * kernel_small * swept
    acc_tot = both * kernel_all * swept
    moments = LBSACCR1 * over_r * over_r + LBSACCR2 * over_r * over_s + LBSACCR3 * over_s * over_s
    acc_cnv = kernel_large * FSACCRG * over_r * mass_power * speed_over_rho * moments
    acc_cnv = both * acc_cnv

    # Conversion-melting of snow.
    smltg = -heat_over_liquid * snow_ventilation + (rim_tot + acc_tot) * rhodref * CL * warmth
    smltg = FSCVMG * max(smltg / (rhodref * LMTT), 0.0)
    smltg = has_s * thawing * smltg
    cmltsr = has_s * thawing * rim_tot

    # Contact freezing of rain.
    both = has_i * has_r
    section = exp(EXICFRR * ln_r)
    ice = ICFRR * ri * section * speed
    water = RCFRI * ni * (section * over_r * over_r * over_r) * speed_over_rho
    frozen = -(ice * CI + water * CL) * warmth / max(1e-20, LVTT * water)
    frozen = min(max(frozen, 0.0), 1.0)
    icfrrg = both * frozen * ice
    rcfrig = both * frozen * water
    icfrr = both * ((1.0 - frozen) * ice)

    # Collection by graupel.
    efficiency = COLIG * (stickiness * stickiness)
    if __INLINED(COLEXIG != 2.0 * COLEXIS):
        efficiency = COLIG * exp(COLEXIG * warmth)
    sweep = exp(EXFCDRYG * ln_g) * speed
    cdry = FCDRYG * rc * sweep
    cdry = has_g * has_c * cdry
    iwet = FIWETG * ri * sweep
    iwet = has_g * has_i * iwet
    place = min(max(INTP1R * ln_g + INTP2R, 0.00001), RG_LAST)
    row = int32(place)
    weight_g = place - row
    kernel_rain = lookup_2d(tables, columns, level, row * ACC_COLUMNS + column + RG, ACC_COLUMNS, weight_g, weight_r)
    place = min(max(DRYINTP1S * ln_s + DRYINTP2S, 0.00001), SG_LAST)
    column = int32(place)
    weight_s = place - column
    kernel_snow = lookup_2d(tables, columns, level, row * DRY_COLUMNS + column + SG, DRY_COLUMNS, weight_g, weight_s)
    number = graupel_number * speed_over_rho
    moments = LBSDRYG1 * over_g * over_g + LBSDRYG2 * over_g * over_s + LBSDRYG3 * over_s * over_s
    swet = FSWETG * kernel_snow * mass_power * number * moments
    swet = has_g * has_s * swet
    moments = LBRDRYG1 * over_g * over_g + LBRDRYG2 * over_g * over_r + LBRDRYG3 * over_r * over_r
    rdry = FRDRYG * over_r * over_r * over_r * over_r * kernel_rain * number * moments
    rdry = has_g * has_r * rdry

    # Melting of graupel.
    gmltr = -heat_over_liquid * graupel_ventilation + (cdry + rdry) * rhodref * CL * warmth
    gmltr = max(gmltr / (rhodref * LMTT), 0.0)
    gmltr = has_g * thawing * gmltr

    return (
        choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
        snow_capacity, gained, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
        cdry, iwet, swet, rdry, efficiency, graupel_capacity,
    )  # fmt: skip
