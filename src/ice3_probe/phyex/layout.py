"""The records of PHYEX's files, and which variable of a data set each one becomes.

Lists of records and their meaning: docs/phyex_data.md. Order of species: v c r i s g.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SPECIES = 6


@dataclass(frozen=True)
class Item:
    """A record.

    Attributes
    ----------
    name
        PHYEX's name, also that of the variable in dwarf-p-ice3's netCDF.
    variables
        Variables of the data set, one for each species; empty for what is not used.
    dims
        ``ijk`` for arrays (level, column), ``ij`` for (column,); species come before both.
    logical
        Whether it holds logicals of 4 bytes.
    alias
        Another name of it in netCDF files.
    """

    name: str
    variables: tuple[str, ...] = ("",)
    dims: Literal["ijk", "ij"] = "ijk"
    logical: bool = False
    alias: str = ""

    @property
    def is_input(self) -> bool:
        """Whether an input comes from it."""
        return any(name.startswith("in_") for name in self.variables)


@dataclass(frozen=True)
class Layout:
    """The files of one of PHYEX's test programs.

    Attributes
    ----------
    component
        Component whose states they hold.
    headers
        Lengths in bytes of the records of integers at the start.
    items
        The other records.
    """

    component: str
    headers: tuple[int, ...]
    items: tuple[Item, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all records."""
        return (*(f"header {number + 1}" for number in range(len(self.headers))), *(item.name for item in self.items))


def _sources(prefix: str, symbols: str = "vcrisg") -> tuple[str, ...]:
    """Variables of the sources of all species; those of species that are not in ``symbols`` are not used."""
    return tuple(f"{prefix}_r{one}s" if one in symbols else "" for one in "vcrisg")


ICE_ADJUST = Layout(
    "ice_adjust",
    (12,),
    (
        Item("PRHODJ"),
        Item("PEXNREF", ("in_exn",)),
        Item("PRHODREF", ("in_rhodref",)),
        Item("PSIGS", ("in_sigs",)),
        Item("PMFCONV"),
        Item("PPABSM", ("in_pabs",)),
        Item("ZZZ", ("in_zz",)),
        Item("PCF_MF", ("in_cf_mf",)),
        Item("PRC_MF", ("in_rc_mf",)),
        Item("PRI_MF", ("in_ri_mf",)),
        Item("ZRS", ("in_th", "in_rv", "in_rc", "in_rr", "in_ri", "in_rs", "in_rg")),
        Item("PRS", _sources("in", "vci")),
        Item("PTHS", ("in_ths",)),
        Item("PRS_OUT", _sources("out", "vci")),
        Item("PSRCS_OUT", ("out_srcs",)),
        Item("PCLDFR_OUT", ("out_cldfr",)),
        Item("PHLC_HRC_OUT", ("out_hlc_hrc",)),
        Item("PHLC_HCF_OUT", ("out_hlc_hcf",)),
        Item("PHLI_HRI_OUT", ("out_hli_hri",)),
        Item("PHLI_HCF_OUT", ("out_hli_hcf",)),
    ),
)
EVAPORATION = "out_evap3d_npromicro1"
RAIN_ICE = Layout(
    "rain_ice",
    (8, 16),
    (
        Item("LLMICRO", logical=True),
        Item("PEXNREF", ("in_exn",)),
        Item("PDZZ", ("in_dzz",)),
        Item("PRHODJ"),
        Item("PRHODREF", ("in_rhodref",)),
        Item("PEXNREF2"),  # PEXNREF again
        Item("PPABSM", ("in_pabs",)),
        Item("PCIT", ("in_cit",)),
        Item("PCLDFR"),
        Item("PHLC_HRC"),
        Item("PHLC_HCF"),
        Item("PHLI_HRI"),
        Item("PHLI_HCF"),
        Item("PTHT", ("in_tht",)),
        Item("PRT", tuple(f"in_r{one}t" for one in "vcrisg")),
        Item("PTHS", ("in_ths",)),
        Item("PRS", _sources("in")),
        Item("PSIGS", ("in_sigs",)),
        Item("PSEA", ("in_sea",), "ij"),
        Item("PTOWN", ("in_town",), "ij"),
        Item("PCIT_OUT", ("out_cit",)),
        Item("PRS_OUT", _sources("out")),
        Item("ZINPRC_OUT", ("out_inprc",), "ij", alias="PINPRC_OUT"),
        Item("PINPRR_OUT", ("out_inprr",), "ij"),
        Item("PEVAP_OUT", (EVAPORATION,)),
        Item("PINPRS_OUT", ("out_inprs",), "ij"),
        Item("PINPRG_OUT", ("out_inprg",), "ij"),
        Item("ZINDEP_OUT", ("out_indep",), "ij"),
        Item("ZRAINFR_OUT"),
        # RAIN_ICE never writes the flux of vapour.
        Item("PFPR_OUT", ("", *(f"out_fpr_{one}" for one in "crisg"))),
    ),
)
LAYOUTS = (ICE_ADJUST, RAIN_ICE)
