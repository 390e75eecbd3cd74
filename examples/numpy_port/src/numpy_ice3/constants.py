"""Physical constants with PHYEX's values (SI units).

The results of PHYEX depend on the old CODATA values of Boltzmann's and Avogadro's constants: keep them.
"""

import math

BOLTZMANN = 1.380658e-23
"""J K-1"""
AVOGADRO = 6.0221367e23
"""mol-1"""
MOLAR_MASS_DRY = 28.9644e-3
MOLAR_MASS_VAPOUR = 18.0153e-3
"""kg mol-1"""

R_D = AVOGADRO * BOLTZMANN / MOLAR_MASS_DRY
R_V = AVOGADRO * BOLTZMANN / MOLAR_MASS_VAPOUR
"""gas constants of dry air and of water vapour, J kg-1 K-1"""
EPSILON = R_D / R_V

C_PD = 3.5 * R_D
C_PV = 4.0 * R_V
C_L = 4218.0
C_I = 2106.0
"""heat capacities of dry air, vapour (both at constant pressure), liquid water and ice, J kg-1 K-1"""

T_T = 273.16
"""temperature of the triple point, K"""
L_VT = 2.5008e6
L_ST = 2.8345e6
"""heats of vaporisation and sublimation at the triple point, J kg-1"""
E_T = 611.14
"""saturation vapour pressure at the triple point, Pa"""

GAMMA_W = (C_L - C_PV) / R_V
GAMMA_I = (C_I - C_PV) / R_V
"""coefficients of ln T in the saturation vapour pressures over liquid water and over ice"""
BETA_W = L_VT / R_V + GAMMA_W * T_T
BETA_I = L_ST / R_V + GAMMA_I * T_T
"""coefficients of 1/T, K"""

LEAST_SIGMA = 1e-10
"""least standard deviation of the saturation deficit, kg kg-1"""
LEAST_CONDENSATE = 1e-12
"""condensate below it is set to zero, kg kg-1"""
LEAST_FRACTION = 1e-6
"""cloud above the autoconversion threshold that covers less is neglected"""
NEGLIGIBLE = 1e-20
"""contents (kg kg-1) and phase fractions that count as zero"""

COLD = -40.0
"""second temperature of the ice autoconversion threshold law, deg C"""
LG_THRESHOLD_AT_COLD = math.log10(1.25e-6)
"""decimal logarithm of that threshold (kg kg-1)"""
