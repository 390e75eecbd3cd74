"""The constants and options of RainIce under the names that its stencils use."""

from __future__ import annotations

from dataclasses import asdict
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py import constants
from ice3_gt4py.autoconversion import ice_threshold_law
from ice3_gt4py.lookup import joined_tables
from ice3_gt4py.parameters import GRAUPEL, SMALLEST, Parameters
from ice3_gt4py.rounding import rounding_externals
from ice3_gt4py.stencils.thermodynamics import thermodynamic_externals
from ice3_gt4py.tables import lookup_externals

if TYPE_CHECKING:
    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import RainIceOptions

CONTENT, NUMBER = 1e-4, 1e12
"""Units in which contents (kg kg-1) and numbers of droplets (kg-1) fall: the logarithms round little in float32."""
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
        **lookup_externals(parameters),
        **joined_tables()[1],
        **fall_externals(parameters),
        **{f"RTMIN_{species.upper()}": smallest for species, smallest in SMALLEST.items()},
        "EPSILO": constants.RD / constants.RV,
        "OVER_RHOLW": 1.0 / constants.RHOLW,
        "LN_LBR": log(parameters.LBR),
        "LN_LBI": log(parameters.LBI),
        "LN_LBS": log(parameters.LBS),
        "LN_LBG": log(parameters.LBG),
        "LN_LBDAS_MAX": log(parameters.LBDAS_MAX),
        "EX_G": GRAUPEL.x,
        "FIWETG": parameters.FIDRYG / parameters.COLIG,
        "FSWETG": parameters.FSDRYG / parameters.COLSG,
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


def fall_externals(parameters: Parameters) -> dict[str, float]:
    """Fall speeds of rain, snow, graupel and droplets, for logarithms of what falls in its units."""
    found = {"OVER_CONTENT": 1.0 / CONTENT, "LN_CONTENT": log(CONTENT), "OVER_NUMBER": 1.0 / NUMBER}
    for species in "RSG":
        exponent = getattr(parameters, f"EXSED{species}") - 1.0
        found[f"FALL_EX_{species}"] = exponent
        found[f"FALL_{species}"] = getattr(parameters, f"FSED{species}") * CONTENT**exponent
    return found | {"FALL_SIZE_C": (CONTENT / NUMBER) ** parameters.LBEXC}
