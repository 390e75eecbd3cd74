"""Physical constants with PHYEX's values (SI units), and the numbers below which the scheme neglects something."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Constants:
    """Physical constants. PHYEX's results depend on its old CODATA values of Boltzmann's and Avogadro's constants."""

    boltzmann: float = 1.380658e-23
    """J K-1"""
    avogadro: float = 6.0221367e23
    """mol-1"""
    molar_mass_dry: float = 28.9644e-3
    molar_mass_vapour: float = 18.0153e-3
    """kg mol-1"""
    c_l: float = 4218.0
    c_i: float = 2106.0
    """heat capacities of liquid water and ice, J kg-1 K-1"""
    t_t: float = 273.16
    """temperature of the triple point, K"""
    l_vt: float = 2.5008e6
    l_st: float = 2.8345e6
    """heats of vaporisation and sublimation at the triple point, J kg-1"""
    e_t: float = 611.14
    """saturation vapour pressure at the triple point, Pa"""

    @property
    def r_d(self) -> float:
        """Gas constant of dry air, J kg-1 K-1."""
        return self.avogadro * self.boltzmann / self.molar_mass_dry

    @property
    def r_v(self) -> float:
        """Gas constant of water vapour, J kg-1 K-1."""
        return self.avogadro * self.boltzmann / self.molar_mass_vapour

    @property
    def epsilon(self) -> float:
        """Ratio of the gas constants of dry air and vapour."""
        return self.r_d / self.r_v

    @property
    def c_pd(self) -> float:
        """Heat capacity of dry air at constant pressure, J kg-1 K-1."""
        return 3.5 * self.r_d

    @property
    def c_pv(self) -> float:
        """Heat capacity of water vapour at constant pressure, J kg-1 K-1."""
        return 4.0 * self.r_v

    @property
    def gamma_w(self) -> float:
        """Coefficient of ln T in the saturation vapour pressure over liquid water."""
        return (self.c_l - self.c_pv) / self.r_v

    @property
    def gamma_i(self) -> float:
        """Coefficient of ln T in the saturation vapour pressure over ice."""
        return (self.c_i - self.c_pv) / self.r_v

    @property
    def beta_w(self) -> float:
        """Coefficient of 1/T in the saturation vapour pressure over liquid water, K."""
        return self.l_vt / self.r_v + self.gamma_w * self.t_t

    @property
    def beta_i(self) -> float:
        """Coefficient of 1/T in the saturation vapour pressure over ice, K."""
        return self.l_st / self.r_v + self.gamma_i * self.t_t


LEAST_SIGMA = 1e-10
"""least standard deviation of the saturation deficit, kg kg-1"""
LEAST_CONDENSATE = 1e-12
"""condensate below it is set to zero, kg kg-1"""
ROUNDING_UNITS = 4.0
"""what is left of a content is rounding if it is smaller than so many epsilons of the content"""
LEAST_FRACTION = 1e-6
"""cloud above the autoconversion threshold that covers less is neglected"""
NEGLIGIBLE = 1e-20
"""contents (kg kg-1) and phase fractions that count as zero"""

COLD = -40.0
"""second temperature of the ice autoconversion threshold law, deg C"""
LG_THRESHOLD_AT_COLD = math.log10(1.25e-6)
"""decimal logarithm of that threshold (kg kg-1)"""
