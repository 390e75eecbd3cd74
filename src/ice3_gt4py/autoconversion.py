"""The law of the ice autoconversion threshold, which both components use (Chaboureau & Pinty 2006)."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ice3_probe.contract import IceAdjustOptions, RainIceOptions


def ice_threshold_law(options: IceAdjustOptions | RainIceOptions) -> tuple[float, float]:
    """Slope (K-1) and intercept of log10 of the ice autoconversion threshold against T - T_t."""
    if not options.LCRIAUTI:
        return options.XACRIAUTI, options.XBCRIAUTI
    cold, cold_log, warm = -40.0, log10(1.25e-6), options.XT0CRIAUTI
    intercept = -(log10(options.XCRIAUTI) - cold_log * warm / cold) * cold / (warm - cold)
    return (cold_log - intercept) / cold, intercept
