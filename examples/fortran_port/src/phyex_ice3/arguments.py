"""The argument lists that the wrapper was written for, and how those of a checkout differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from phyex_ice3.sources import COMMON, SourceError

if TYPE_CHECKING:
    from pathlib import Path

_ARGUMENTS = {
    "ice_adjust": """
        D CST ICEP NEBN TURBN PARAMI BUCONF KRR HBUNAME PTSTEP PSIGQSAT PRHODJ PEXNREF PRHODREF PSIGS LMFCONV PMFCONV
        PPABST PZZ PEXN PCF_MF PRC_MF PRI_MF PWEIGHT_MF_CLOUD PICLDFR PWCLDFR PSSIO PSSIU PIFR PRV PRC PRVS PRCS PTH
        PTHS OCOMPUTE_SRC PSRCS PCLDFR PRR PRI PRIS PRS PRG TBUDGETS KBUDGETS PICE_CLD_WGT PRH POUT_RV POUT_RC POUT_RI
        POUT_TH PHLC_HRC PHLC_HCF PHLI_HRI PHLI_HCF PHLC_HRC_MF PHLC_HCF_MF PHLI_HRI_MF PHLI_HCF_MF
    """,
    "rain_ice": """
        D CST PARAMI ICEP ICED ELECP ELECD BUCONF LIMAP LIMAC LIMAM OELEC OSEDIM_BEARD PTHVREFZIKB PTSTEP KRR PEXN PDZZ
        PRHODJ PRHODREF PEXNREF PPABST PCIT PCLDFR PICLDFR PSSIO PSSIU PIFR PHLC_HRC PHLC_HCF PHLI_HRI PHLI_HCF PTHT
        PRT PTHS PRS PINPRC PINPRR PEVAP3D PINPRS PINPRG PINDEP PRAINFR PSIGS TBUDGETS KBUDGETS PQPIT PQCT PQRT PQIT
        PQST PQGT PQNIT PQPIS PQCS PQRS PQIS PQSS PQGS PQNIS PEFIELDW PLATHAM_IAGGS PSEA PTOWN PCONC3D PINPRH PFPR PQHT
        PQHS
    """,
}
EXPECTED = {routine: names.split() for routine, names in _ARGUMENTS.items()}
"""Dummy arguments by routine, in order: those of PHYEX 0.9.1."""


def require_known_arguments(checkout: Path) -> None:
    """Compare the interfaces of a checkout with those that the wrapper calls.

    Raises
    ------
    SourceError
        If an interface cannot be read, or has other arguments; the message names them.
    """
    for routine, expected in EXPECTED.items():
        path = checkout / COMMON / "micro" / f"modi_{routine}.F90"
        found = read_arguments(path, routine)
        if found != expected:
            raise SourceError(
                f"{routine.upper()} of {checkout} {_difference(found, expected)}. Supported is PHYEX 0.9.1 and what "
                "has the same arguments: check out that version."
            )


def read_arguments(path: Path, routine: str) -> list[str]:
    """Return the dummy arguments of a routine, upper case, from the file of its interface; raises SourceError."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    text = re.sub(r"!.*", "", text)
    text = re.sub(r"&\s*&?", " ", text)
    found = re.search(rf"\bsubroutine\s+{routine}\s*\(([^)]*)\)", text, re.IGNORECASE)
    if found is None:
        raise SourceError(f"{path} has no SUBROUTINE {routine.upper()} with arguments.")
    return [name.strip().upper() for name in found[1].split(",")]


def _difference(found: list[str], expected: list[str]) -> str:
    lacking = [name for name in expected if name not in found]
    further = [name for name in found if name not in expected]
    told = [f"lacks {', '.join(lacking)}"] if lacking else []
    told += [f"has {', '.join(further)} besides"] if further else []
    return " and ".join(told) or "has its arguments in another order"
