"""The processes of ICE3 as functions of the state of one point (externals: ``ice3_gt4py.rain_ice.externals``).

Every function is branch-free, so that compilers can vectorise the loop: a process evaluates its formula with harmless
arguments and multiplies it by masks, which are 1 where its species are present and 0 elsewhere. Logical expressions of
several conditions are avoided: compilers make branches of them. A ternary is always the whole right-hand side of an
assignment or an argument: the debug backend writes it without parentheses.

Temperatures in K, pressures in Pa, mixing ratios in kg per kg of dry air, rates per second, slopes in m-1.
"""

from gt4py.cartesian import gtscript
from gt4py.cartesian.gtscript import exp, int32, log, sqrt

from ice3_gt4py.stencils.thermodynamics import (
    latent_heat_of_sublimation,
    latent_heat_of_vaporisation,
    moist_heat_capacity,
    saturation_pressure_over_ice,
    saturation_pressure_over_ice_centred,
    saturation_pressure_over_liquid,
    saturation_pressure_over_liquid_centred,
)


@gtscript.function
def above(value, limit):
    """Mask of ``value > limit``."""
    mask = 1.0 if value > limit else 0.0
    return mask


@gtscript.function
def harmless(value, mask):
    """``value`` where the mask is 1; elsewhere something positive.

    A ternary inside a logarithm would not do: compilers move it out, and take logarithms of zero at full cost.
    """
    return max(value, 1e-4 * (1.0 - mask))


@gtscript.function
def present(rv, rc, rr, ri, rs, rg):
    """Masks of the presence of vapour, cloud droplets, rain, cloud ice, snow and graupel."""
    from __externals__ import RTMIN_C, RTMIN_G, RTMIN_I, RTMIN_R, RTMIN_S, RTMIN_V

    return (
        above(rv, RTMIN_V),
        above(rc, RTMIN_C),
        above(rr, RTMIN_R),
        above(ri, RTMIN_I),
        above(rs, RTMIN_S),
        above(rg, RTMIN_G),
    )


@gtscript.function
def hydrometeors(rc, rr, ri, rs, rg):
    """Mask of the points that the microphysics is active at."""
    from __externals__ import RTMIN_C, RTMIN_G, RTMIN_I, RTMIN_R, RTMIN_S

    condensate = max(above(rc, RTMIN_C), max(above(rr, RTMIN_R), above(ri, RTMIN_I)))
    return max(condensate, max(above(rs, RTMIN_S), above(rg, RTMIN_G)))


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
def node(tables, columns, level, index):
    """Entry ``index`` of the tables laid end to end; backend numpy reads them along the vertical of ``columns``."""
    from __externals__ import COLUMNS

    value = 0.0
    if __INLINED(COLUMNS):
        value = columns[0, 0, index - level]
    else:
        value = tables.A[index]
    return value


@gtscript.function
def lookup_1d(tables, columns, level, first, weight):
    """Linear interpolation between entry ``first`` and the next."""
    low = node(tables, columns, level, first)
    high = node(tables, columns, level, first + 1)
    return weight * high + (1.0 - weight) * low


@gtscript.function
def lookup_2d(tables, columns, level, first, stride, weight_row, weight_column):
    """Bilinear interpolation; rows of a table are ``stride`` entries apart."""
    low = lookup_1d(tables, columns, level, first, weight_column)
    high = lookup_1d(tables, columns, level, first + stride, weight_column)
    return weight_row * high + (1.0 - weight_row) * low


@gtscript.function
def ice_threshold(t):
    """Mixing ratio above which cloud ice autoconverts (Chaboureau & Pinty 2006)."""
    from __externals__ import ACRIAUTI, BCRIAUTI, CRIAUTI, TT

    return min(CRIAUTI, exp(2.302585092994046 * (ACRIAUTI * (t - TT) + BCRIAUTI)))


@gtscript.function
def nucleation(th, t, exn, rv, ni, pabs, rhodref, heating):
    """Heterogeneous nucleation, v -> i (PHYEX: ICE4_NUCLEATION; Meyers et al. 1992).

    Returns the mixing ratio change and the new number of crystals; ``heating`` is L_s / (c_ph exner).
    """
    from __externals__ import ALPHA1, ALPHA2, BETA1, BETA2, EPSILO, EXP_MBETA2_NU20, MNU0, NU10, NU20, RTMIN_V, TT

    ei = min(0.5 * pabs, pressure_over_ice(t))
    ew = min(0.5 * pabs, pressure_over_liquid(t))
    water_saturated = ew / ei * (pabs - ei) / (pabs - ew) - 1.0
    excess = min(rv * (pabs - ei) / (EPSILO * ei) - 1.0, water_saturated)
    possible = (1.0 - above(t, TT - 2.0)) * above(rv, RTMIN_V) * above(excess, 0.0)
    ratio = max(excess / water_saturated, 1e-30)
    warm_exponent = max(ALPHA1 * log(ratio) - BETA1 * (t - TT), -80.0)
    exponent = ALPHA2 * excess - BETA2 if t < TT - 5.0 else warm_exponent
    number = exp(possible * exponent)
    number = NU20 * number if t < TT - 5.0 else max(EXP_MBETA2_NU20, NU10 * number)
    new = min(number - ni, 5.0e4)
    change = possible * min(rv, max(new, 0.0) * MNU0 / rhodref)
    share = min(change, max(0.0, (TT / exn - th) / heating)) / max(change, 1e-20)
    return share * change, max(ni + share * new, ni)


@gtscript.function
def rain_freezing(th, t, exn, rr, heating):
    """Homogeneous freezing of rain, r -> g (PHYEX: ICE4_RRHONG); ``heating`` is L_f / (c_ph exner)."""
    from __externals__ import RTMIN_R, TT

    change = min(rr, max(0.0, ((TT - 35.0) / exn - th) / heating))
    return change * above(TT - 35.0, t) * above(rr, RTMIN_R)


@gtscript.function
def ice_melting(th, t, exn, ri, heating):
    """Melting of cloud ice, i -> c (PHYEX: ICE4_RIMLTC); ``heating`` is L_f / (c_ph exner)."""
    from __externals__ import TT

    change = min(ri, max(0.0, (th - TT / exn) / heating))
    return change * above(ri, 0.0) * above(t, TT)


@gtscript.function
def heating(t, exn, rv, rc, rr, ri, rs, rg):
    """Latent heats of vaporisation and sublimation over heat capacity and Exner function, K."""
    over_capacity = 1.0 / (moist_heat_capacity(rv, rc, rr, ri, rs, rg) * exn)
    return latent_heat_of_vaporisation(t) * over_capacity, latent_heat_of_sublimation(t) * over_capacity


@gtscript.function
def instantaneous(th, t, exn, rv, rc, rr, ri, rg, ni, pabs, rhodref, lv, ls):
    """Heterogeneous nucleation, freezing of rain and melting of ice, each on the state left by the one before.

    Returns
    -------
    The three mixing ratio changes, the number of crystals, and th, t, rv, rc, rr, ri, rg after them.
    """
    nucleated, ni = nucleation(th, t, exn, rv, ni, pabs, rhodref, ls)
    th = th + ls * nucleated
    frozen = rain_freezing(th, th * exn, exn, rr, ls - lv)
    th = th + (ls - lv) * frozen
    melted = ice_melting(th, th * exn, exn, ri + nucleated, ls - lv)
    th = th - (ls - lv) * melted
    return (
        nucleated, frozen, melted, ni,
        th, th * exn, rv - nucleated, rc + melted, rr - frozen, ri + nucleated - melted, rg + frozen,
    )  # fmt: skip


@gtscript.function
def cloud_water_split(rc, rhodref, sigs):
    """Part of the grid cell, and its cloud water, above the autoconversion threshold.

    A uniform distribution of width 4 sigma (Redelsperger & Sommeria 1986; PHYEX: ICE4_COMPUTE_PDF).
    """
    from __externals__ import CRIAUTC, RTMIN_C

    critical = CRIAUTC / rhodref
    width = 2.0 * sigs
    excess = rc + width - critical
    safe = width if width > 0.0 else 1.0
    fraction = 0.5 * excess / safe if excess > 0.0 else 0.0
    content = excess * (rc + width + critical) / (4.0 * safe) if excess > 0.0 else 0.0
    fraction = 1.0 if rc > critical + width else fraction
    content = rc if rc > critical + width else content
    raining = above(content, RTMIN_C) * above(fraction, 0.0)
    return raining * fraction, raining * content


@gtscript.function
def raw_rates(tables, columns, level, t, rv, rc, rr, ri, rs, rg, ni, pabs, rhodref, sigs):
    """Evaluate all rates that later substeps keep (PHYEX: ICE4_SLOW, ICE4_WARM, ICE4_FAST_RI, _RS and _RG).

    Exponentials are half of the cost. Powers that follow from others are products of them (EX0DEPG = EX_G - 1,
    EXRCFRI = EXICFRR - 3), and those that do for PHYEX's values only are where these values hold.

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


@gtscript.function
def snow_transfers(t, snow_capacity, gained, iaggs, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv):
    """Riming and rain accretion of snow, limited by what snow can freeze (PHYEX: ICE4_FAST_RS).

    Returns crimss, crimsg, srimcg, rraccss, rraccsg, saccrg.
    """
    from __externals__ import TT

    frozen = above(TT, t) * max(0.0, max(0.0, snow_capacity + gained * iaggs) - iaggs)
    crimss = min(frozen, rim_sml)
    frozen = max(0.0, frozen - crimss)
    left = rim_tot - crimss
    share = min(1.0, frozen / max(1e-20, left))
    crimsg = share * max(0.0, left)
    frozen = max(0.0, frozen - crimsg)
    srimcg = share * rim_cnv

    rraccss = min(frozen, acc_sml)
    frozen = max(0.0, frozen - rraccss)
    left = acc_tot - rraccss
    share = min(1.0, frozen / max(1e-20, left))
    rraccsg = share * max(0.0, left)
    saccrg = share * acc_cnv
    return crimss, crimsg, srimcg, rraccss, rraccsg, saccrg


@gtscript.function
def graupel_transfers(t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency):
    """Wet or dry growth of graupel (PHYEX: ICE4_FAST_RG; Musil 1970, Nelson 1983).

    Returns cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg.
    """
    from __externals__ import RTMIN_G, TT

    has_g = above(rg, RTMIN_G)
    idry = efficiency * iwet
    sdry = efficiency * swet
    solid = iwet + swet
    permitted = max(solid, max(0.0, graupel_capacity + gained * solid))
    total = cdry + idry + sdry + rdry
    # As the Fortran writes it: below 194 K rounding decides.
    limited = 1.0 - above(max(0.0, permitted - iwet - swet), max(0.0, total - idry - sdry))
    wet = has_g * limited * above(total, 0.0)
    dry = has_g * above(TT, t) * above(total, 1e-20) * (1.0 - limited)
    cwetg = wet * cdry
    iwetg = wet * iwet
    swetg = wet * swet
    rwetg = wet * (permitted - (iwet + swet + cdry))
    cdryg = dry * cdry
    idryg = dry * idry
    sdryg = dry * sdry
    rdryg = dry * rdry
    return cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg


@gtscript.function
def keep_active(
    t, rv, rc, rr, ri, rs, rg, ni, rhodref, sigs,
    choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
    snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv, cdry, iwet, swet, rdry, graupel_capacity,
):  # fmt: skip
    """Set to zero the stored rates whose conditions the current state no longer meets."""
    from __externals__ import TT, WARM

    has_v, has_c, has_r, has_i, has_s, has_g = present(rv, rc, rr, ri, rs, rg)
    thawing = above(t, TT)

    choni = has_c * above(TT - 35.0, t) * choni
    vdeps = has_v * has_s * vdeps
    iaggs = has_i * has_s * iaggs
    iauts = has_i * above(ri, ice_threshold(t)) * iauts
    vdepg = has_v * has_g * vdepg
    if __INLINED(WARM):
        fraction, content = cloud_water_split(rc, rhodref, sigs)
        cautr = above(fraction, 0.0) * cautr
        caccr = has_c * has_r * caccr
        revav = has_r * (1.0 - has_c) * revav
    cberi = has_c * has_i * above(ni, 1e-20) * cberi
    smltg = has_s * thawing * smltg
    cmltsr = has_s * thawing * cmltsr
    both = has_i * has_r
    icfrrg = both * icfrrg
    rcfrig = both * rcfrig
    icfrr = both * icfrr
    gmltr = has_g * thawing * gmltr
    snow_capacity = has_s * snow_capacity
    both = has_c * has_s
    rim_tot = both * rim_tot
    rim_sml = both * rim_sml
    rim_cnv = both * rim_cnv
    both = has_r * has_s
    acc_sml = both * acc_sml
    acc_tot = both * acc_tot
    acc_cnv = both * acc_cnv
    cdry = has_g * has_c * cdry
    iwet = has_g * has_i * iwet
    swet = has_g * has_s * swet
    rdry = has_g * has_r * rdry
    graupel_capacity = has_g * graupel_capacity
    return (
        choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
        snow_capacity, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv, cdry, iwet, swet, rdry, graupel_capacity,
    )  # fmt: skip


@gtscript.function
def tendencies(
    t, rg, lv, ls,
    choni, vdeps, iaggs, iauts, vdepg, cautr, caccr, revav, cberi, smltg, cmltsr, icfrrg, rcfrig, icfrr, gmltr,
    snow_capacity, gained, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv,
    cdry, iwet, swet, rdry, efficiency, graupel_capacity,
):  # fmt: skip
    """Sum the transfers by species: tendencies of th, rv, rc, rr, ri, rs, rg (PHYEX: ICE4_TENDENCIES).

    ``lv`` and ``ls`` are L_v / (c_ph exner) and L_s / (c_ph exner), K.
    """
    crimss, crimsg, srimcg, rraccss, rraccsg, saccrg = snow_transfers(
        t, snow_capacity, gained, iaggs, rim_tot, rim_sml, rim_cnv, acc_sml, acc_tot, acc_cnv
    )
    cwetg, iwetg, swetg, rwetg, cdryg, idryg, sdryg, rdryg = graupel_transfers(
        t, rg, graupel_capacity, gained, cdry, iwet, swet, rdry, efficiency
    )
    a_v = revav - vdepg - vdeps
    a_c = -choni - cautr - caccr - crimss - crimsg - cmltsr - cwetg - cdryg - cberi
    a_r = cautr + caccr - revav - rraccss - rraccsg + cmltsr - rcfrig + icfrr - rwetg - rdryg + gmltr
    a_i = choni - iaggs - iauts - icfrrg - icfrr - iwetg - idryg + cberi
    a_s = vdeps + iaggs + iauts + crimss - srimcg + rraccss - saccrg - smltg - swetg - sdryg
    a_g = vdepg + crimsg + srimcg + rraccsg + saccrg + smltg + icfrrg + rcfrig
    a_g = a_g + (cwetg + iwetg + swetg + rwetg + cdryg + idryg + sdryg + rdryg - gmltr)
    frozen = choni + crimss + crimsg + rraccss + rraccsg + rcfrig - icfrr
    frozen = frozen + (cwetg + rwetg + cdryg + rdryg - gmltr + cberi)
    a_th = (vdepg + vdeps) * ls - revav * lv + frozen * (ls - lv)
    return a_th, a_v, a_c, a_r, a_i, a_s, a_g


@gtscript.function
def exhaustion(step, content, change, tendency, smallest):
    """Shorten ``step`` to the time at which a species is used up."""
    time = -(change + content) / min(tendency, -1e-20)
    time = time if tendency < -1e-20 else step
    time = time if content > smallest else step
    return min(step, time)


@gtscript.function
def substep_length(
    remaining, exn, th, rv, rc, rr, ri, rs, rg, b_th, b_v, b_c, b_r, b_i, b_g,
    a_th, a_v, a_c, a_r, a_i, a_s, a_g,
):  # fmt: skip
    """Time until 0 deg C is crossed or a species is used up (PHYEX: ICE4_STEPPING; Riette 2020).

    b are instantaneous changes, a tendencies.
    """
    from __externals__ import RTMIN_C, RTMIN_G, RTMIN_I, RTMIN_R, RTMIN_S, RTMIN_V, SHORTEST, TT

    melting = TT / exn

    step = 0.0 if (th - melting) * (th + b_th - melting) < 0.0 else remaining
    rate = a_th if abs(a_th) > 1e-20 else 1.0
    crossing = (melting - b_th - th) / rate
    crossing = crossing if abs(a_th) > 1e-20 else step
    step = min(step, crossing) if crossing > 0.0 else step
    step = exhaustion(step, rv, b_v, a_v, RTMIN_V)
    step = exhaustion(step, rc, b_c, a_c, RTMIN_C)
    step = exhaustion(step, rr, b_r, a_r, RTMIN_R)
    step = exhaustion(step, ri, b_i, a_i, RTMIN_I)
    step = exhaustion(step, rs, 0.0, a_s, RTMIN_S)
    step = exhaustion(step, rg, b_g, a_g, RTMIN_G)
    return max(step, SHORTEST)


@gtscript.function
def change_limited(step, stopped, content, evaluated_content, change, tendency, has):
    """Shorten ``step`` to the time at which a mixing ratio has changed by XMRSTEP since the last evaluation."""
    from __externals__ import XMRSTEP

    rate = tendency if abs(tendency) > 1e-20 else 1.0
    largest = XMRSTEP if rate > 0.0 else -XMRSTEP
    time = (largest + evaluated_content - content - change) / rate
    counts = above(abs(tendency), 1e-20) * max(has, above(tendency, 0.0)) * (1.0 - above(0.0, time)) * above(step, time)
    return time if counts > 0.0 else step, max(stopped, counts)


@gtscript.function
def repaired(s_v, s_th, s_x, heating):
    """Make good a negative source with vapour: (s_v, s_th, s_x)."""
    missing = min(s_x, 0.0)
    return s_v + missing, s_th - missing * heating, s_x - missing


@gtscript.function
def given_to_vapour(s_v, s_th, s_x, heating):
    """Make good a negative source of vapour from a precipitating species: (s_v, s_th, s_x)."""
    from __externals__ import RTMIN_V

    given = min(max(s_x, 0.0), max(RTMIN_V - s_v, 0.0))
    return s_v + given, s_th - given * heating, s_x - given


@gtscript.function
def repair_negative(s_th, s_v, s_c, s_r, s_i, s_s, s_g, lv, ls):
    """Remove negative sources, conserving water and enthalpy (PHYEX: ICE4_CORRECT_NEGATIVITIES)."""
    from __externals__ import RTMIN_V

    s_v, s_th, s_c = repaired(s_v, s_th, s_c, lv)
    s_v, s_th, s_r = repaired(s_v, s_th, s_r, lv)
    s_v, s_th, s_i = repaired(s_v, s_th, s_i, ls)
    s_v, s_th, s_s = repaired(s_v, s_th, s_s, ls)
    s_v, s_th, s_g = repaired(s_v, s_th, s_g, ls)
    share = min(1.0, max(RTMIN_V - s_v, 0.0) / max(s_c + s_i, 1e-20))
    s_th = s_th - share * (s_c * lv + s_i * ls)
    s_v = s_v + share * (s_c + s_i)
    s_c = (1.0 - share) * s_c
    s_i = (1.0 - share) * s_i
    s_v, s_th, s_r = given_to_vapour(s_v, s_th, s_r, lv)
    s_v, s_th, s_s = given_to_vapour(s_v, s_th, s_s, ls)
    s_v, s_th, s_g = given_to_vapour(s_v, s_th, s_g, ls)
    return s_th, s_v, s_c, s_r, s_i, s_s, s_g


@gtscript.function
def new_sources(
    active, lv, ls, tstep, over_tstep, nucleated,
    rvt, rct, rrt, rit, rst, rgt, rv, rc, rr, ri, rs, rg, ths, rvs, rcs, rrs, ris, rss, rgs,
):  # fmt: skip
    """Sources of th, rv, rc, rr, ri, rs, rg after the integration, none negative.

    ``nucleated`` is the mixing ratio that nucleation takes where nothing else happens. A deficit of the vapour source
    is passed on to cloud ice everywhere, as in the reference.
    """
    share = active * over_tstep
    change_v = share * (rv - tstep * (rvs - rvt * over_tstep) - rvt)
    change_c = share * (rc - tstep * (rcs - rct * over_tstep) - rct)
    change_r = share * (rr - tstep * (rrs - rrt * over_tstep) - rrt)
    change_i = share * (ri - tstep * (ris - rit * over_tstep) - rit)
    change_s = share * (rs - tstep * (rss - rst * over_tstep) - rst)
    change_g = share * (rg - tstep * (rgs - rgt * over_tstep) - rgt)
    taken = min(rvs, nucleated * over_tstep)
    s_th, s_v, s_c, s_r, s_i, s_s, s_g = repair_negative(
        ths + ((change_c + change_r) * lv + (change_i + change_s + change_g + taken) * ls),
        rvs + change_v - taken,
        rcs + change_c,
        rrs + change_r,
        ris + change_i + taken,
        rss + change_s,
        rgs + change_g,
        lv,
        ls,
    )
    return s_th, s_v, s_c, s_r, s_i, s_s, s_g
