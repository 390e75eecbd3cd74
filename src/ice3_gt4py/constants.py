"""Physical constants, computed by PHYEX's formulas (routine INI_CST).

The fundamental constants are the older CODATA values of PHYEX. With newer ones, results differ from the reference data
by more than round-off. All values are Python floats (float64) in SI units.
"""

from math import log

BOLTZMANN = 1.380658e-23
"""J K-1"""
AVOGADRO = 6.0221367e23
"""mol-1"""
DRY_AIR_MOLAR_MASS = 28.9644e-3
"""kg mol-1"""
WATER_MOLAR_MASS = 18.0153e-3
"""kg mol-1"""

G = 9.80665
"""gravity, m s-2"""
P00 = 1.0e5
"""reference pressure, Pa"""
RD = AVOGADRO * BOLTZMANN / DRY_AIR_MOLAR_MASS
"""gas constant of dry air, J kg-1 K-1"""
RV = AVOGADRO * BOLTZMANN / WATER_MOLAR_MASS
"""gas constant of water vapour, J kg-1 K-1"""
EPSILO = WATER_MOLAR_MASS / DRY_AIR_MOLAR_MASS
"""ratio of the molar masses of water and dry air"""
CPD = 7.0 * RD / 2.0
"""heat capacity of dry air at constant pressure, J kg-1 K-1"""
CPV = 4.0 * RV
"""heat capacity of vapour at constant pressure, J kg-1 K-1"""
CL = 4.218e3
"""heat capacity of liquid water, J kg-1 K-1"""
CI = 2.106e3
"""heat capacity of ice, J kg-1 K-1"""
RHOLW = 1000.0
"""density of liquid water, kg m-3"""
TT = 273.16
"""triple point, K"""
LVTT = 2.5008e6
"""latent heat of vaporisation at the triple point, J kg-1"""
LSTT = 2.8345e6
"""latent heat of sublimation at the triple point, J kg-1"""
LMTT = LSTT - LVTT
"""latent heat of melting at the triple point, J kg-1"""
ESTT = 611.14
"""saturation vapour pressure at the triple point, Pa"""

# Saturation vapour pressure exp(ALP - BETA / T - GAM ln T), over liquid (W) and ice (I).
GAMW = (CL - CPV) / RV
BETAW = LVTT / RV + GAMW * TT
ALPW = log(ESTT) + BETAW / TT + GAMW * log(TT)
GAMI = (CI - CPV) / RV
BETAI = LSTT / RV + GAMI * TT
ALPI = log(ESTT) + BETAI / TT + GAMI * log(TT)
