"""Physical constants of the synthetic atmosphere (PHYEX: INI_CST).

They are the probe's own: the weather that is measured on must not change with a port's constants.
"""

from __future__ import annotations

from math import log

G = 9.80665
"""gravity, m s-2"""
P00 = 1.0e5
"""reference pressure, Pa"""
RD = 6.0221367e23 * 1.380658e-23 / 28.9644e-3
"""gas constant of dry air, J kg-1 K-1"""
RV = 6.0221367e23 * 1.380658e-23 / 18.0153e-3
"""gas constant of water vapour, J kg-1 K-1"""
EPSILO = 18.0153e-3 / 28.9644e-3
"""ratio of the molar masses of water and dry air"""
CPD = 7.0 * RD / 2.0
"""heat capacity of dry air at constant pressure, J kg-1 K-1"""
TT = 273.16
"""triple point, K"""

# Saturation vapour pressure over liquid, exp(ALPW - BETAW / T - GAMW ln T).
GAMW = (4.218e3 - 4.0 * RV) / RV
BETAW = 2.5008e6 / RV + GAMW * TT
ALPW = log(611.14) + BETAW / TT + GAMW * log(TT)
