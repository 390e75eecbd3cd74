"""Laws of the water species, and the parameters derived from them by PHYEX's formulas (INI_RAIN_ICE, INI_PARAM_ICE).

Every species has a mass law m = a D^b (kg), a fall speed v = c D^d (rho_00 / rho)^0.4 (m s-1), a number N = C lambda^x
(m-3) and a generalised gamma size law of shape (alpha, nu): Caniaux et al. (1994), Pinty & Jabouille (1998).
Values are float64 in SI units, under PHYEX's names without the leading X.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, gamma, log, pi, pow, sqrt  # noqa: A004 (its result is always a float)

from ice3_gt4py import constants


@dataclass(frozen=True)
class Species:
    """Laws of one water species: mass, fall speed, number, size distribution, ventilation, capacitance.

    Attributes
    ----------
    a, b
        Mass law (kg m-b, 1).
    c, d
        Fall speed law (m(1-d) s-1, 1).
    number, x
        Number law C (m(x-3)) and x; a species whose number is diagnosed has 1 and 0.
    alpha, nu
        Shape of the generalised gamma law.
    f0, f1
        Ventilation coefficients (for cloud ice the second is PHYEX's F2).
    capacitance
        C1 of the capacitance C1 D.
    """

    a: float
    b: float
    c: float
    d: float
    number: float = 1.0
    x: float = 0.0
    alpha: float = 1.0
    nu: float = 1.0
    f0: float = 1.0
    f1: float = 0.0
    capacitance: float = 0.5

    def moment(self, order: float) -> float:
        """Moment of the size law times lambda^order (PHYEX: MOMG)."""
        return gamma(self.nu + order / self.alpha) / gamma(self.nu)


DROPLETS_LAND = Species(
    a=pi * constants.RHOLW / 6.0, b=3.0, c=constants.RHOLW * constants.G / (18.0 * 1.7e-5), d=2.0, nu=3.0
)
DROPLETS_SEA = Species(a=DROPLETS_LAND.a, b=3.0, c=DROPLETS_LAND.c, d=2.0, alpha=3.0)
RAIN = Species(a=pi * constants.RHOLW / 6.0, b=3.0, c=842.0, d=0.8, number=8.0e6, x=-1.0, f1=0.26)
ICE = Species(a=0.82, b=2.5, c=800.0, d=1.0, alpha=3.0, nu=3.0, f1=0.14, capacitance=1.0 / pi)
"""plates"""
SNOW = Species(a=0.02, b=1.9, c=5.1, d=0.27, number=5.0, x=1.0, f0=0.86, f1=0.28, capacitance=1.0 / pi)
GRAUPEL = Species(a=19.6, b=2.8, c=124.0, d=0.66, number=5.0e5, x=-0.5, f0=0.86, f1=0.28)

SMALLEST = {"v": 1e-20, "c": 1e-20, "r": 1e-20, "i": 1e-20, "s": 1e-15, "g": 1e-15}
"""Mixing ratio above which a species counts as present, kg kg-1 (PHYEX: XRTMIN)."""
FALLING = SMALLEST | {"i": 1e-7}
"""Mixing ratio above which a species falls, kg kg-1 (PHYEX: ICE4_SEDIMENTATION_STAT)."""


def _surface_density() -> float:
    """Density of air at 1013.25 hPa, 293.15 K and 50 % relative humidity, kg m-3."""
    pressure, temperature = 101325.0, 293.15
    vapour = 0.5 * exp(constants.ALPW - constants.BETAW / temperature - constants.GAMW * log(temperature))
    ratio = (constants.RD / constants.RV) * vapour / (pressure - vapour)
    return pressure * (1.0 + ratio) / ((constants.RD + ratio * constants.RV) * temperature)


RHO00 = _surface_density()
_SPEED = pow(RHO00, 0.4)
"""factor of fall speeds that corrects for the density of air (Foote & du Toit 1969)"""


def _slope(species: Species) -> float:
    """Kappa of lambda = kappa (rho r)^mu."""
    return pow(species.a * species.number * species.moment(species.b), 1.0 / (species.b - species.x))


def _bulk_speed(species: Species, exponent: float) -> float:
    """Coefficient of the bulk fall speed as a function of the content."""
    mass = species.a * species.number
    moments = species.moment(species.b + species.d) * pow(mass * species.moment(species.b), -exponent)
    return species.c * mass * moments * _SPEED


def _sweep(species: Species) -> float:
    """Volume swept by the particles: pi/4 C c rho_00^0.4 G(d + 2)."""
    return pi / 4.0 * species.number * species.c * _SPEED * species.moment(species.d + 2.0)


def _diffusion(species: Species) -> tuple[float, float]:
    """Coefficients of the exchange of vapour, without and with ventilation."""
    shape = 4.0 * pi * species.number * species.capacitance
    ventilated = species.f1 * sqrt(species.c) * species.moment(species.d / 2.0 + 1.5)
    return shape * species.f0 * species.moment(1.0), shape * ventilated


def _pair_moments(first: Species, second: Species, order: float) -> tuple[float, float, float]:
    """Moments of (D1 + D2)^2 D2^order over two size laws, by powers of the first diameter."""
    return (
        first.moment(2.0) * second.moment(order),
        2.0 * first.moment(1.0) * second.moment(order + 1.0),
        second.moment(order + 2.0),
    )


@dataclass(frozen=True)
class Parameters:
    """Derived parameters; names are PHYEX's without the leading X, formulas in the order of the routines."""

    # Slopes: lambda = LB (rho r)^LBEX, with an upper bound for snow.
    LBR: float = _slope(RAIN)
    LBEXR: float = 1.0 / (RAIN.x - RAIN.b)
    LBI: float = _slope(ICE)
    LBEXI: float = -1.0 / ICE.b
    LBS: float = _slope(SNOW)
    LBEXS: float = 1.0 / (SNOW.x - SNOW.b)
    LBDAS_MAX: float = (1.0e6 / SNOW.number) ** (1.0 / SNOW.x)
    LBG: float = _slope(GRAUPEL)
    LBEXG: float = 1.0 / (GRAUPEL.x - GRAUPEL.b)

    # Sedimentation; the law of cloud ice is that of columns (Heymsfield & Donner 1990, McFarquhar & Heymsfield 1997).
    CEXVT: float = 0.4
    CC: float = DROPLETS_LAND.c
    LBC_LAND: float = RAIN.a * DROPLETS_LAND.moment(3.0)
    LBC_SEA: float = RAIN.a * DROPLETS_SEA.moment(3.0)
    LBEXC: float = 1.0 / DROPLETS_LAND.b
    FSEDC_LAND: float = _SPEED * DROPLETS_LAND.moment(5.0) / DROPLETS_LAND.moment(3.0)
    FSEDC_SEA: float = _SPEED * DROPLETS_SEA.moment(5.0) / DROPLETS_SEA.moment(3.0)
    RADIUS_LAND: float = DROPLETS_LAND.moment(1.0)
    RADIUS_SEA: float = DROPLETS_SEA.moment(1.0)
    EXSEDR: float = (RAIN.b + RAIN.d + 1.0) / (RAIN.b + 1.0)
    FSEDR: float = _bulk_speed(RAIN, EXSEDR)
    EXSEDS: float = (SNOW.b + SNOW.d - SNOW.x) / (SNOW.b - SNOW.x)
    FSEDS: float = _bulk_speed(SNOW, EXSEDS)
    EXSEDG: float = (GRAUPEL.b + GRAUPEL.d - GRAUPEL.x) / (GRAUPEL.b - GRAUPEL.x)
    FSEDG: float = _bulk_speed(GRAUPEL, EXSEDG)
    FSEDI: float = 3.89745e11 * ICE.moment(3.285) * ICE.moment(1.7) ** -1.9324 * _SPEED
    EXCSEDI: float = 3.0 * -0.9324
    CONC_SEA: float = 1.0e8
    CONC_LAND: float = 3.0e8
    CONC_URBAN: float = 5.0e8

    # Heterogeneous nucleation (Meyers et al. 1992) and homogeneous freezing of droplets.
    NU10: float = 50.0
    ALPHA1: float = 4.5
    BETA1: float = 0.6
    NU20: float = 1000.0
    ALPHA2: float = 12.96
    BETA2: float = 0.639
    MNU0: float = 6.88e-13
    ALPHA3: float = -3.075
    BETA3: float = 81.00356
    HON: float = pi / 6.0 * 120.0 * 1.1e5**-3

    # Exchange of vapour.
    SCFAC: float = 0.63 ** (1.0 / 3.0) * sqrt(_SPEED)
    X0DEPS: float = _diffusion(SNOW)[0]
    X1DEPS: float = _diffusion(SNOW)[1]
    EX0DEPS: float = SNOW.x - 1.0
    EX1DEPS: float = SNOW.x - 0.5 * (SNOW.d + 3.0)
    X0DEPG: float = _diffusion(GRAUPEL)[0]
    X1DEPG: float = _diffusion(GRAUPEL)[1]
    EX0DEPG: float = GRAUPEL.x - 1.0
    EX1DEPG: float = GRAUPEL.x - 0.5 * (GRAUPEL.d + 3.0)
    X0DEPI: float = 4.0 * pi * ICE.capacitance * ICE.f0 * ICE.moment(1.0)
    X2DEPI: float = 4.0 * pi * ICE.capacitance * ICE.f1 * ICE.c * ICE.moment(ICE.d + 2.0)
    X0EVAR: float = _diffusion(RAIN)[0]
    X1EVAR: float = _diffusion(RAIN)[1]
    EX0EVAR: float = -2.0
    EX1EVAR: float = -1.0 - 0.5 * (RAIN.d + 3.0)

    # Autoconversion, aggregation, accretion (Kessler 1969, Chaboureau & Pinty 2006).
    TIMAUTI: float = 1.0e-3
    TEXAUTI: float = 0.015
    COLEXIS: float = 0.05
    FIAGGS: float = 0.25 * _sweep(SNOW)
    EXIAGGS: float = SNOW.x - SNOW.d - 2.0
    TIMAUTC: float = 1.0e-3
    FCACCR: float = _sweep(RAIN)
    EXCACCR: float = RAIN.x - RAIN.d - 2.0

    # Snow: riming (Farley et al. 1989, Murakami 1990), accretion of rain (Ferrier 1994), melting.
    DCSLIM: float = 0.007
    CRIMSS: float = _sweep(SNOW)
    EXCRIMSS: float = SNOW.x - SNOW.d - 2.0
    SRIMCG: float = SNOW.number * SNOW.a * SNOW.moment(SNOW.b)
    EXSRIMCG: float = SNOW.x - SNOW.b
    SRIMCG2: float = SNOW.number * GRAUPEL.a * SNOW.moment(GRAUPEL.b)
    EXSRIMCG2: float = SNOW.x - GRAUPEL.b
    FRACCSS: float = pi * pi / 24.0 * SNOW.number * RAIN.number * constants.RHOLW * _SPEED
    LBRACCS1: float = _pair_moments(SNOW, RAIN, RAIN.b)[0]
    LBRACCS2: float = _pair_moments(SNOW, RAIN, RAIN.b)[1]
    LBRACCS3: float = _pair_moments(SNOW, RAIN, RAIN.b)[2]
    FSACCRG: float = pi / 4.0 * SNOW.a * SNOW.number * RAIN.number * _SPEED
    LBSACCR1: float = _pair_moments(RAIN, SNOW, SNOW.b)[0]
    LBSACCR2: float = _pair_moments(RAIN, SNOW, SNOW.b)[1]
    LBSACCR3: float = _pair_moments(RAIN, SNOW, SNOW.b)[2]
    FSCVMG: float = 2.0

    # Graupel: contact freezing of rain, dry and wet growth (Musil 1970, Nelson 1983), melting.
    ICFRR: float = _sweep(RAIN)
    EXICFRR: float = RAIN.x - RAIN.d - 2.0
    RCFRI: float = pi * pi / 24.0 * RAIN.number * constants.RHOLW * RAIN.c * _SPEED * RAIN.moment(RAIN.d + 5.0)
    EXRCFRI: float = RAIN.x - RAIN.d - 5.0
    FCDRYG: float = _sweep(GRAUPEL)
    EXFCDRYG: float = GRAUPEL.x - GRAUPEL.d - 2.0
    COLIG: float = 0.01
    COLEXIG: float = 0.1
    FIDRYG: float = COLIG * FCDRYG
    COLSG: float = 0.01
    COLEXSG: float = 0.1
    FSDRYG: float = pi / 4.0 * COLSG * GRAUPEL.number * SNOW.number * SNOW.a * _SPEED
    LBSDRYG1: float = _pair_moments(GRAUPEL, SNOW, SNOW.b)[0]
    LBSDRYG2: float = _pair_moments(GRAUPEL, SNOW, SNOW.b)[1]
    LBSDRYG3: float = _pair_moments(GRAUPEL, SNOW, SNOW.b)[2]
    FRDRYG: float = pi * pi / 24.0 * GRAUPEL.number * RAIN.number * constants.RHOLW * _SPEED
    LBRDRYG1: float = _pair_moments(GRAUPEL, RAIN, RAIN.b)[0]
    LBRDRYG2: float = _pair_moments(GRAUPEL, RAIN, RAIN.b)[1]
    LBRDRYG3: float = _pair_moments(GRAUPEL, RAIN, RAIN.b)[2]
