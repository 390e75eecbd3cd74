"""Conditions on the inputs of a cell that may tell where an output goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ice3_probe.constants import ALPW, BETAW, CPD, EPSILO, GAMW, P00, RD, TT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ice3_probe.reference import Array, DataSet

    Mask = NDArray[np.bool_]

SPECIES = {"c": "cloud liquid", "r": "rain", "i": "cloud ice", "s": "snow", "g": "graupel"}
PRESENT = {"c": 1e-20, "r": 1e-20, "i": 1e-20, "s": 1e-15, "g": 1e-15}
"""Mixing ratio above which PHYEX counts a species as present, kg kg-1."""


def temperature(data: DataSet) -> Array:
    """Return the temperature of the cells (column, level), K."""
    exner = data.variables.get("in_exn")
    if exner is None:  # a part that does not need it
        exner = (data["in_pabs"] / P00) ** (RD / CPD)
    return np.asarray(data[f"in_th{_suffix(data)}"] * exner)


def conditions(data: DataSet) -> dict[str, Mask]:
    """Return the cells (column, level) that meet each condition, in words that follow "only".

    All but those on the cloud of the reference are conditions on the inputs.
    """
    t = temperature(data)
    level = np.broadcast_to(np.arange(data.shape[1]), data.shape)
    last = data.shape[1] - 1
    return {
        "below 0 °C": t < TT,
        "above 0 °C": t >= TT,
        "between -20 and 0 °C": (t >= TT - 20.0) & (t < TT),
        "below -20 °C": t < TT - 20.0,
        "below -35 °C": t < TT - 35.0,
        **_species(data),
        **(_cloud(data) if data.component == "ice_adjust" else {}),
        **_moisture(data, t),
        **(
            {"where exn and exnref differ": data["in_exn"] != data["in_exnref"]}
            if "in_exnref" in data.variables
            else {}
        ),
        "at the top level": level == 0,
        "at the lowest level": level == last,
        "in the upper half of the levels": level <= last // 2,
        "in the lower half of the levels": level > last // 2,
    }


def _suffix(data: DataSet) -> str:
    """Return what follows the names of the state's variables: PHYEX's t for values at t, but nothing in IceAdjust."""
    return "" if "in_th" in data.variables else "t"


def _species(data: DataSet) -> dict[str, Mask]:
    present = {}
    for letter, least in PRESENT.items():
        state = data.variables.get(f"in_r{letter}{_suffix(data)}")
        present[letter] = data[f"in_r{letter}s"] * data.timestep > least if state is None else state > least
    cloud = present["c"] | present["i"]
    found = {"with cloud liquid or ice": cloud, "without cloud liquid and ice": ~cloud}
    for letter, name in SPECIES.items():
        found[f"with {name}"] = present[letter]
        found[f"without {name}"] = ~present[letter]
    return found


def _moisture(data: DataSet, t: Array) -> dict[str, Mask]:
    """Conditions on saturation, if the data set has the vapour."""
    vapour = data.variables.get(f"in_rv{_suffix(data)}")
    if vapour is None:
        return {}
    supersaturated = vapour > _saturation(data, t)
    return {"in air supersaturated over liquid": supersaturated, "in air subsaturated over liquid": ~supersaturated}


def _cloud(data: DataSet) -> dict[str, Mask]:
    """Conditions on the mass-flux cloud, and on the cloud of the reference if the data set has it."""
    fraction = data.reference("cldfr")
    return {
        "in mass-flux cloud": data["in_cf_mf"] > 0.0,
        "outside mass-flux cloud": data["in_cf_mf"] <= 0.0,
        "with liquid in the mass-flux cloud": data["in_rc_mf"] > 0.0,
        "with ice in the mass-flux cloud": data["in_ri_mf"] > 0.0,
        "where mass-flux cloud has a weight": data["in_weight_mf_cloud"] > 0.0,
        **({} if fraction is None else {"where the reference has cloud": fraction > 0.0}),
        **({} if fraction is None else {"where the reference has no cloud": fraction <= 0.0}),
    }


def _saturation(data: DataSet, t: Array) -> Array:
    """Saturation mixing ratio over liquid, kg kg-1."""
    pressure = data["in_pabs"]
    vapour = np.minimum(np.exp(ALPW - BETAW / t - GAMW * np.log(t)), 0.99 * pressure)
    return np.asarray(EPSILO * vapour / (pressure - vapour))
