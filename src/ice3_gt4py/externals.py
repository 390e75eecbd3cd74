"""The constants and options of RainIce under the names that its stencils use."""

from __future__ import annotations

from dataclasses import asdict
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py import constants
from ice3_gt4py.autoconversion import ice_threshold_law
from ice3_gt4py.lookup import joined_tables
from ice3_gt4py.parameters import FALLING, GRAUPEL, SMALLEST, Parameters
from ice3_gt4py.rounding import rounding_externals
from ice3_gt4py.stencils.thermodynamics import thermodynamic_externals
from ice3_gt4py.tables import lookup_externals

if TYPE_CHECKING:
    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import RainIceOptions

CONTENT, NUMBER, CRYSTAL, SLOPE = 1e-4, 1e12, 1e-11, 1e3
"""Units in which logarithms are taken: contents (kg kg-1), numbers of droplets (kg-1), masses of crystals (kg), slopes
of size laws (m-1). Logarithms near 0 round little in float32."""
KINDS = {"IDLE": 0.0, "CLEAR": 1.0, "LIQUID": 2.0, "ICE": 3.0, "MIXED": 4.0}
"""Kinds of points: nothing to do; no hydrometeors; no ice, snow or graupel; only ice and snow; any."""


def externals(options: RainIceOptions, build: Build) -> dict[str, Any]:
    """Parameters under the names that the functions of the stencils use."""
    parameters = Parameters()
    names = ("CPV", "LMTT", "P00", "RV")
    slope, intercept = ice_threshold_law(options)
    return {
        **KINDS,
        **thermodynamic_externals(build.precision),
        **rounding_externals(build.precision),
        **{name: getattr(constants, name) for name in names},
        **asdict(parameters),
        **lookup_externals(parameters, SLOPE),
        **joined_tables()[1],
        **slope_externals(parameters),
        **fall_externals(parameters),
        "OVER_CONTENT": 1.0 / CONTENT,
        **{f"RTMIN_{species.upper()}": smallest for species, smallest in SMALLEST.items()},
        "EPSILO": constants.RD / constants.RV,
        "OVER_RHOLW": 1.0 / constants.RHOLW,
        "EX_G": GRAUPEL.x,
        "EXP_MBETA2_NU20": parameters.NU20 * exp(-parameters.BETA2),
        "EXPONENT_MAX": 88.0 if build.precision == "float32" else 700.0,
        "SHORTEST": float(np.finfo(np.float32).tiny) if build.precision == "float32" else 1e-80,
        "ACC_COLUMNS": 40,
        "DRY_COLUMNS": 80,
        "RIM_LAST": 78.99999,
        "RS_LAST": 38.99999,
        "RG_LAST": 38.99999,
        "SG_LAST": 78.99999,
        "FRACM90": options.XFRACM90,
        "CRIAUTC": options.XCRIAUTC,
        "CRIAUTI": options.XCRIAUTI,
        "ACRIAUTI": slope,
        "BCRIAUTI": intercept,
        "WARM": options.LWARM,
        "COLUMNS": build.tables == "columns",
    }


def slope_externals(parameters: Parameters) -> dict[str, float]:
    """Constants for slopes in units of ``SLOPE``: factors of their powers, and logarithms of LB.

    These take the place of the constants of the same names in SI units.
    """
    p = parameters
    of_snow, of_graupel = p.EXSRIMCG, GRAUPEL.x
    exponents = {
        "X0DEPS": p.EX0DEPS,
        "X1DEPS": p.EX1DEPS,
        "X0DEPG": p.EX0DEPG,
        "X1DEPG": p.EX1DEPG,
        "X0EVAR": p.EX0EVAR,
        "X1EVAR": p.EX1EVAR,
        "X0DEPI": -1.0,
        "X2DEPI": -3.0,
        "FIAGGS": p.EXIAGGS,
        "FCACCR": p.EXCACCR,
        "CRIMSS": p.EXCRIMSS,
        "FCDRYG": p.EXFCDRYG,
        "FIWETG": p.EXFCDRYG,
        "SRIMCG": p.EXSRIMCG,
        "SRIMCG2": p.EXSRIMCG2,
        "ICFRR": p.EXICFRR,
        "RCFRI": p.EXRCFRI,
        # Two species: the powers of both slopes, and -2 for the cross-section.
        "FRACCSS": -4.0 + 1.0 - 2.0,
        "FSACCRG": -1.0 + of_snow - 2.0,
        "FSWETG": of_snow + of_graupel - 2.0,
        "FRDRYG": -4.0 + of_graupel - 2.0,
    }
    values = asdict(p) | {"FIWETG": p.FIDRYG / p.COLIG, "FSWETG": p.FSDRYG / p.COLSG}
    return {
        **{name: values[name] * SLOPE**exponent for name, exponent in exponents.items()},
        **{f"LN_LB{x}": log(values[f"LB{x}"] * CONTENT ** values[f"LBEX{x}"] / SLOPE) for x in "RSG"},
        "LN_LBI": log(p.LBI * CRYSTAL**p.LBEXI / SLOPE),
        "OVER_CRYSTAL": 1.0 / CRYSTAL,
        "LN_LBDAS_MAX": log(p.LBDAS_MAX / SLOPE),
        "LN_LBDAI_MAX": log(1e8 / SLOPE),
    }


def fall_externals(parameters: Parameters) -> dict[str, float]:
    """Fall speeds, for logarithms of contents in units of ``CONTENT``, and from which content on cloud ice falls."""
    found = {"LN_CONTENT": log(CONTENT), "OVER_NUMBER": 1.0 / NUMBER, "FALLING_I": FALLING["i"]}
    for species in "RSG":
        exponent = getattr(parameters, f"EXSED{species}") - 1.0
        found[f"FALL_EX_{species}"] = exponent
        found[f"FALL_{species}"] = getattr(parameters, f"FSED{species}") * CONTENT**exponent
    return found | {"FALL_SIZE_C": (CONTENT / NUMBER) ** parameters.LBEXC}
