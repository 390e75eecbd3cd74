"""Physical constants (SI units). They are Python floats, which JAX rounds to the dtype of the fields.

The values of Boltzmann's and Avogadro's constants are the old ones of CODATA, as in PHYEX.
"""

BOLTZMANN, AVOGADRO = 1.380658e-23, 6.0221367e23
"""J K-1 and mol-1"""
M_D, M_V = 28.9644e-3, 18.0153e-3
"""molar masses of dry air and of water, kg mol-1"""
R_D, R_V = AVOGADRO * BOLTZMANN / M_D, AVOGADRO * BOLTZMANN / M_V
"""gas constants of dry air and of water vapour, J kg-1 K-1"""
EPSILON = R_D / R_V

C_PD, C_PV, C_L, C_I = 3.5 * R_D, 4.0 * R_V, 4218.0, 2106.0
"""heat capacities of dry air, water vapour, liquid water and ice, J kg-1 K-1"""

T_T = 273.16
"""temperature of the triple point, K"""
L_VT, L_ST = 2.5008e6, 2.8345e6
"""latent heats of vaporisation and of sublimation at the triple point, J kg-1"""
E_T = 611.14
"""saturation vapour pressure at the triple point, Pa"""

SIGMA_MIN = 1e-10
"""smallest standard deviation of the saturation deficit, kg kg-1"""
CONDENSATE_MIN = 1e-12
"""less condensate is none, kg kg-1"""
AREA_MIN = 1e-6
"""a smaller area above an autoconversion threshold is none"""
TINY = 1e-20
"""mixing ratios (kg kg-1) and phase fractions up to it are zero"""
