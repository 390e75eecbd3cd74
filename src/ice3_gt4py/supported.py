"""The values of PHYEX's options that the components implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_probe.contract import Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_probe.contract import IceAdjustOptions, Option, RainIceOptions

ICE_ADJUST: dict[str, tuple[Option, ...]] = {
    "KRR": (6,),
    "CCONDENS": ("CB02", "GAUS"),
    "CLAMBDA3": ("CB", "NONE"),
    "CFRAC_ICE_ADJUST": ("S", "T", "O", "N"),
    "CSUBG_MF_PDF": ("TRIANGLE", "NONE"),
    "LSIGMAS": (True,),
    "LOCND2": (False,),
}
"""Options of IceAdjust that are restricted; every value of the others is implemented."""

RAIN_ICE: dict[str, tuple[Option, ...]] = {
    "KRR": (6,),
    "CSEDIM": ("STAT",),
    "LSEDIM_AFTER": (False,),
    "LFEEDBACKT": (True,),
    "LEVLIMIT": (True,),
    "LCRFLIMIT": (True,),
    "LNULLWETG": (True,),
    "LWETGPOST": (True,),
    "CSNOWRIMING": ("M90",),
    "CSUBG_RC_RR_ACCR": ("NONE",),
    "CSUBG_RR_EVAP": ("NONE",),
    "CSUBG_AUCV_RC": ("PDF",),
    "CSUBG_PR_PDF": ("SIGM",),
    "CSUBG_AUCV_RI": ("NONE",),
    "CPRISTINE_ICE": ("PLAT",),
    "LEXT_TEND": (True,),
    "LSNOW_T": (False,),
    "LOCND2": (False,),
    "LKOGAN": (False,),
    "LMODICEDEP": (False,),
    "LEXCLDROP": (False,),
}
"""Options of RainIce that are restricted; every value of the others is implemented."""


def require_supported(options: IceAdjustOptions | RainIceOptions, supported: Mapping[str, tuple[Option, ...]]) -> None:
    """Raise Unsupported, naming the option and what is implemented, if an option has another value."""
    for name, values in supported.items():
        value = getattr(options, name)
        if value not in values:
            raise Unsupported(name, value, values)
