"""Options of the adjustment under PHYEX's names."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy_ice3.constants import COLD, LG_THRESHOLD_AT_COLD

Value = bool | int | float | str


class UnsupportedOption(ValueError):  # noqa: N818 (says what it is)
    """An option has a value that this package does not implement."""

    def __init__(self, option: str, value: Value, supported: tuple[Value, ...]) -> None:
        super().__init__(f"{option} = {value!r} is not implemented: use {' or '.join(map(repr, supported))}.")
        self.option, self.value, self.supported = option, value, supported


@dataclass(frozen=True)
class Options:
    """Options with the values of PHYEX's AROME test program as defaults.

    Raises
    ------
    UnsupportedOption
        If a value is not implemented. Options that do not act under the others are not checked.
    """

    KRR: int = 6
    """number of water species; 5: no graupel, 3: no frozen precipitation nor ice, 2: no rain either (heat capacity)"""
    LSUBG_COND: bool = True
    """subgrid condensation and mass-flux cloud; otherwise all or nothing"""
    LSIGMAS: bool = True
    """standard deviation from the turbulence scheme"""
    CCONDENS: str = "CB02"
    """distribution of the saturation deficit: fits of Chaboureau and Bechtold (CB02) or Gaussian (GAUS)"""
    CLAMBDA3: str = "CB"
    """amplification of the second-order moment for negative Q1: CB or NONE"""
    CFRAC_ICE_ADJUST: str = "S"
    """ice fraction: of the input condensate (S), linear in temperature (T, O), zero (N)"""
    CSUBG_MF_PDF: str = "TRIANGLE"
    """distribution of the content inside the mass-flux cloud: TRIANGLE, or uniform (NONE)"""
    LSTATNW: bool = False
    """standard deviation of the HARATU turbulence: not doubled"""
    LHGT_QS: bool = False
    """saturation part of the standard deviation depends on the layer thickness; acts with LSTATNW"""
    LCONDBORN: bool = False
    """the standard deviation and the condensate are bounded by the total water"""
    LCRIAUTI: bool = True
    """ice threshold law through two points; otherwise with XACRIAUTI and XBCRIAUTI"""
    LOCND2: bool = False
    """separate water and ice clouds"""
    OCOMPUTE_SRC: bool = True
    """return ``srcs``"""
    XCRIAUTC: float = 1.0e-3
    """liquid autoconversion threshold, kg m-3"""
    XCRIAUTI: float = 2.0e-4
    """upper value of the ice autoconversion threshold, kg kg-1"""
    XT0CRIAUTI: float = -5.0
    """temperature at which the law with LCRIAUTI reaches XCRIAUTI, deg C"""
    XACRIAUTI: float = 0.06
    """slope of the law without LCRIAUTI, K-1"""
    XBCRIAUTI: float = -3.5
    """intercept of the law without LCRIAUTI"""
    XTMAXMIX: float = 273.16
    XTMINMIX: float = 253.16
    """bounds of the mixed phase for CFRAC_ICE_ADJUST = T, K"""

    def __post_init__(self) -> None:
        self._require("KRR", 2, 3, 5, 6)
        self._require("LOCND2", False)
        self._require("CCONDENS", "CB02", "GAUS")
        self._require("CLAMBDA3", "CB", "NONE")
        self._require("CFRAC_ICE_ADJUST", "S", "T", "O", "N")
        if self.LSUBG_COND:
            self._require("LSIGMAS", True)
            self._require("CSUBG_MF_PDF", "TRIANGLE", "NONE")

    def _require(self, option: str, *supported: Value) -> None:
        value = getattr(self, option)
        if value not in supported:
            raise UnsupportedOption(option, value, supported)

    @property
    def uses_height(self) -> bool:
        """Whether the heights of the levels matter."""
        return self.LSUBG_COND and self.LSTATNW and self.LHGT_QS

    @property
    def ice_threshold_law(self) -> tuple[float, float]:
        """Slope (K-1) and intercept of lg q = slope (T - T_t) + intercept, with q in kg kg-1."""
        if not self.LCRIAUTI:
            return self.XACRIAUTI, self.XBCRIAUTI
        warm = self.XT0CRIAUTI
        slope = (math.log10(self.XCRIAUTI) - LG_THRESHOLD_AT_COLD) / (warm - COLD)
        return slope, LG_THRESHOLD_AT_COLD - slope * COLD
