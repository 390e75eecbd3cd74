"""Options of the adjustment, by PHYEX's names; hashable, since each set of them is compiled to a program of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass


class UnsupportedOption(ValueError):  # noqa: N818 (says what it is)
    """An option has a value that is not implemented."""

    def __init__(self, option: str, value: object, supported: tuple[bool | int | str, ...]) -> None:
        super().__init__(f"{option} = {value!r} is not implemented: use {' or '.join(map(repr, supported))}.")
        self.option, self.supported = option, supported


@dataclass(frozen=True)
class Options:
    """Options; the defaults are those of PHYEX's AROME test program.

    Raises
    ------
    UnsupportedOption
        If a value is not implemented and has an effect under the other options.
    """

    KRR: int = 6
    """water species that have a heat capacity: 6; 5: no graupel; 3: vapour, droplets and rain; 2: no rain either"""
    LSUBG_COND: bool = True
    """condensation within parts of a grid box, and mass-flux cloud; otherwise all or nothing"""
    LSIGMAS: bool = True
    """the standard deviation of the saturation deficit is an input"""
    CCONDENS: str = "CB02"
    """its distribution: fits of Chaboureau and Bechtold (CB02) or Gaussian (GAUS)"""
    CLAMBDA3: str = "CB"
    """whether ``srcs`` is amplified in cumulus (CB) or not (NONE)"""
    CFRAC_ICE_ADJUST: str = "S"
    """ice fraction: that of the input (S), by temperature (T, O), none (N)"""
    CSUBG_MF_PDF: str = "TRIANGLE"
    """distribution of the content within the mass-flux cloud: TRIANGLE or uniform (NONE)"""
    LSTATNW: bool = False
    """the standard deviation is that of the HARATU turbulence"""
    LHGT_QS: bool = False
    """the share of saturation depends on the thickness of the layers; acts with LSTATNW"""
    LCONDBORN: bool = False
    """the total water bounds standard deviation and condensate"""
    LCRIAUTI: bool = True
    """the ice threshold goes through two points; otherwise by XACRIAUTI and XBCRIAUTI"""
    LOCND2: bool = False
    """separate clouds of water and ice"""
    OCOMPUTE_SRC: bool = True
    """compute ``srcs``"""
    XCRIAUTC: float = 1.0e-3
    """autoconversion threshold of liquid, kg m-3"""
    XCRIAUTI: float = 2.0e-4
    """highest autoconversion threshold of ice, kg kg-1"""
    XT0CRIAUTI: float = -5.0
    """temperature at which the line of LCRIAUTI reaches it, deg C"""
    XACRIAUTI: float = 0.06
    """slope of the other line, K-1"""
    XBCRIAUTI: float = -3.5
    """its value at the triple point"""
    XTMAXMIX: float = 273.16
    XTMINMIX: float = 253.16
    """temperatures between which ice and liquid coexist with CFRAC_ICE_ADJUST = T, K"""

    def __post_init__(self) -> None:
        implemented: dict[str, tuple[bool | int | str, ...]] = {
            "KRR": (6, 5, 3, 2),
            "LOCND2": (False,),
            "CCONDENS": ("CB02", "GAUS"),
            "CLAMBDA3": ("CB", "NONE"),
            "CFRAC_ICE_ADJUST": ("S", "T", "O", "N"),
        }
        if self.LSUBG_COND:
            implemented |= {"LSIGMAS": (True,), "CSUBG_MF_PDF": ("TRIANGLE", "NONE")}
        for option, values in implemented.items():
            if getattr(self, option) not in values:
                raise UnsupportedOption(option, getattr(self, option), values)

    @property
    def ice_threshold(self) -> tuple[float, float]:
        """Slope (K-1) and value at the triple point of lg of the autoconversion threshold of ice (kg kg-1)."""
        if not self.LCRIAUTI:
            return self.XACRIAUTI, self.XBCRIAUTI
        cold, lowest = -40.0, math.log10(1.25e-6)
        slope = (math.log10(self.XCRIAUTI) - lowest) / (self.XT0CRIAUTI - cold)
        return slope, lowest - slope * cold
