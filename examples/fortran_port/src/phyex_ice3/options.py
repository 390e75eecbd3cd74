"""The options of a case as PHYEX's namelists."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Option = bool | int | float | str

SUPPORTED: dict[str, tuple[Option, ...]] = {
    # The wrapper passes no arguments for other values.
    "KRR": (6,),
    "LOCND2": (False,),
    "LEXCLDROP": (False,),
    "LEXT_TEND": (True,),
    # Other values need inputs that the contract does not have: heights, cloud fraction, autoconversion thresholds.
    "LSIGMAS": (True,),
    "CSUBG_MF_PDF": ("TRIANGLE", "NONE"),
    "CSUBG_RR_EVAP": ("NONE",),
    "CSUBG_AUCV_RC": ("PDF", "NONE"),
    "CSUBG_PR_PDF": ("SIGM",),
    "CSUBG_AUCV_RI": ("NONE",),
    "LSNOW_T": (False,),  # PHYEX refuses it unless LRED is on
    # All values of PHYEX. It would cut others to four letters or one, and may then accept them.
    "CCONDENS": ("CB02", "GAUS"),
    "CLAMBDA3": ("CB", "NONE"),
    "CFRAC_ICE_ADJUST": ("S", "T", "O", "N"),
    "CSEDIM": ("STAT", "SPLI", "NONE"),
    "CSNOWRIMING": ("M90", "OLD"),
    "CSUBG_RC_RR_ACCR": ("NONE", "PRFR"),
    "CPRISTINE_ICE": ("PLAT", "COLU", "BURO"),
}
"""Options that are restricted."""
ARGUMENTS = ("KRR", "LOCND2", "LEXCLDROP", "LEXT_TEND", "OCOMPUTE_SRC")
"""Options that are no entries of a namelist."""
CLOUD = (
    "LSUBG_COND", "LSIGMAS", "CCONDENS", "CLAMBDA3", "CFRAC_ICE_ADJUST", "LSTATNW", "LHGT_QS", "LCONDBORN", "XTMAXMIX",
    "XTMINMIX",
)  # fmt: skip
"""Options of the group NAM_NEBn; the others belong to NAM_PARAM_ICEn."""
LONGER = ("XCRIAUTI", "XT0CRIAUTI", "XACRIAUTI", "XBCRIAUTI", "XCRIAUTC")
"""Options whose name ends with _NAM in the namelist."""


def namelists(options: Mapping[str, Option], *, whole_evaporation: bool) -> tuple[str, str]:
    """Write the groups NAM_PARAM_ICEn and NAM_NEBn.

    Parameters
    ----------
    whole_evaporation
        Whether the microphysics works point by point. PHYEX clears the evaporation of points that finish before others
        of their block, so only then is that output the rate that was applied. Other outputs keep their bits.
    """
    chosen = {name: value for name, value in options.items() if name not in ARGUMENTS}
    ice = {f"{name}_NAM" if name in LONGER else name: value for name, value in chosen.items() if name not in CLOUD}
    if whole_evaporation:
        ice["NPROMICRO"] = 1
    cloud: dict[str, Option] = {"CFRAC_ICE_SHALLOW_MF": "S", **{name: chosen[name] for name in CLOUD if name in chosen}}
    return _group("NAM_PARAM_ICEN", ice), _group("NAM_NEBN", cloud)


def _group(name: str, values: Mapping[str, Option]) -> str:
    return f"&{name} {', '.join(f'{key}={_literal(value)}' for key, value in values.items())} /"


def _literal(value: Option) -> str:
    if isinstance(value, bool):
        return ".TRUE." if value else ".FALSE."
    return f"'{value}'" if isinstance(value, str) else repr(value)
