"""Options of the components under PHYEX's bare names, with the values of PHYEX's AROME test programs as defaults."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

Option = bool | int | float | str
Options = TypeVar("Options", bound="IceAdjustOptions | RainIceOptions")

_KINDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


@dataclass(frozen=True)
class IceAdjustOptions:
    """Options of IceAdjust (PHYEX: namelists PARAM_ICEN and NEBN).

    Raises
    ------
    ValueError
        If a value is of the wrong type; the message names the option.
    """

    KRR: int = 6
    """number of water species"""
    LSUBG_COND: bool = True
    """subgrid condensation and mass-flux cloud; otherwise all or nothing"""
    LSIGMAS: bool = True
    """standard deviation from the turbulence scheme (field ``sigs``)"""
    CCONDENS: str = "CB02"
    """distribution of the saturation deficit"""
    CLAMBDA3: str = "CB"
    """amplification of the second-order moment for negative Q1"""
    CFRAC_ICE_ADJUST: str = "S"
    """ice fraction: of the input condensate (S), of temperature (T, O), none (N)"""
    CSUBG_MF_PDF: str = "TRIANGLE"
    """distribution inside the mass-flux cloud"""
    LSTATNW: bool = False
    LHGT_QS: bool = False
    """height dependence of sigqsat; acts with LSTATNW only"""
    LCONDBORN: bool = False
    """upper bounds of the standard deviation and of the condensate"""
    LCRIAUTI: bool = True
    """ice threshold through two points, otherwise with fixed coefficients"""
    LOCND2: bool = False
    OCOMPUTE_SRC: bool = True
    """produce ``srcs``"""
    XCRIAUTC: float = 1.0e-3
    """liquid autoconversion threshold, kg m-3"""
    XCRIAUTI: float = 2.0e-4
    """upper value of the ice autoconversion threshold, kg kg-1"""
    XT0CRIAUTI: float = -5.0
    """first temperature of the ice threshold law, deg C"""
    XACRIAUTI: float = 0.06
    """slope of the ice threshold law if LCRIAUTI is off, K-1"""
    XBCRIAUTI: float = -3.5
    """intercept of the ice threshold law if LCRIAUTI is off"""
    XTMAXMIX: float = 273.16
    XTMINMIX: float = 253.16
    """bounds of the mixed phase for CFRAC_ICE_ADJUST = T, K"""

    def __post_init__(self) -> None:
        _require_types(self)


@dataclass(frozen=True)
class RainIceOptions:
    """Options of RainIce and of its process rates (PHYEX: namelist PARAM_ICEN).

    Raises
    ------
    ValueError
        If a value is of the wrong type, or a limit is negative; the message names the option.
    """

    KRR: int = 6
    """number of water species"""
    CSEDIM: str = "STAT"
    """statistical sedimentation"""
    LSEDIC: bool = True
    """cloud droplets fall"""
    LSEDIM_AFTER: bool = False
    LDEPOSC: bool = False
    """cloud droplets deposit on the ground"""
    XVDEPOSC: float = 0.02
    """speed of that deposition, m s-1"""
    LWARM: bool = True
    """autoconversion, accretion and evaporation of rain"""
    LFEEDBACKT: bool = True
    LEVLIMIT: bool = True
    LCRFLIMIT: bool = True
    LNULLWETG: bool = True
    LWETGPOST: bool = True
    CSNOWRIMING: str = "M90"
    XFRACM90: float = 0.1
    """fraction of Murakami's conversion of snow"""
    CSUBG_RC_RR_ACCR: str = "NONE"
    CSUBG_RR_EVAP: str = "NONE"
    CSUBG_AUCV_RC: str = "PDF"
    CSUBG_PR_PDF: str = "SIGM"
    CSUBG_AUCV_RI: str = "NONE"
    CPRISTINE_ICE: str = "PLAT"
    LEXT_TEND: bool = True
    LSNOW_T: bool = False
    LOCND2: bool = False
    LKOGAN: bool = False
    LMODICEDEP: bool = False
    LEXCLDROP: bool = False
    XTSTEP_TS: float = 0.0
    """longest time between two evaluations of the processes, s; 0: unlimited"""
    XMRSTEP: float = 0.0
    """largest change of a mixing ratio between two evaluations, kg kg-1; 0: unlimited"""
    NMAXITER_MICRO: int = 5
    """largest number of evaluations"""
    LCRIAUTI: bool = True
    """ice threshold through two points, otherwise with fixed coefficients"""
    XCRIAUTC: float = 1.0e-3
    """liquid autoconversion threshold, kg m-3"""
    XCRIAUTI: float = 2.0e-4
    """upper value of the ice autoconversion threshold, kg kg-1"""
    XT0CRIAUTI: float = -5.0
    """first temperature of the ice threshold law, deg C"""
    XACRIAUTI: float = 0.06
    """slope of the ice threshold law if LCRIAUTI is off, K-1"""
    XBCRIAUTI: float = -3.5
    """intercept of the ice threshold law if LCRIAUTI is off"""

    def __post_init__(self) -> None:
        _require_types(self)
        for name in ("XTSTEP_TS", "XMRSTEP", "NMAXITER_MICRO"):
            if getattr(self, name) < 0:
                raise ValueError(f"Option {name} = {getattr(self, name)} is negative.")


def _require_types(options: Any) -> None:  # noqa: ANN401
    for field in fields(options):
        value, kind = getattr(options, field.name), type(field.default)
        if kind is float:
            right = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        else:
            right = type(value) is kind
        if not right:
            raise ValueError(f"Option {field.name} = {value!r} is not usable: expected {_KINDS[kind]}.")


NAMELISTS = {IceAdjustOptions: ("PARAM_ICEN", "NEBN"), RainIceOptions: ("PARAM_ICEN",)}
"""Namelists of PHYEX that hold the options."""


def from_phyex(kind: type[Options], config: str | Mapping[str, Mapping[str, Any]], krr: int = 6) -> Options:
    """Take the options of a component from PHYEX's namelists (a mapping of namelists, or its JSON text).

    Raises
    ------
    ValueError
        If ``config`` is not a mapping of namelists, or an option is of the wrong type.
    """
    given = json.loads(config) if isinstance(config, str) else config
    known = {field.name for field in fields(kind)}
    namelists = NAMELISTS[kind]
    try:
        values = [item for namelist in namelists for item in given.get(namelist, {}).items()]
    except AttributeError as error:
        raise ValueError(f"The options are not a mapping of namelists ({', '.join(namelists)}): {given!r}.") from error
    chosen: dict[str, Any] = {name: value for long, value in values if (name := long.removesuffix("_NAM")) in known}
    return kind(**{**chosen, "KRR": krr})


def select(kind: type[Options], options: Mapping[str, Option]) -> Options:
    """Pick the options of ``kind`` from those of a case, which may be the union of two components'."""
    chosen: dict[str, Any] = {field.name: options[field.name] for field in fields(kind) if field.name in options}
    return kind(**chosen)
