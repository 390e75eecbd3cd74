"""What RainIce must keep in every state: water, enthalpy and signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ice3_gt4py import constants

SPECIES = ("rvs", "rcs", "rrs", "ris", "rss", "rgs")
Fields = dict[str, Any]


def imbalances(before: Fields, after: Fields, least: float = 1e-30) -> dict[str, float]:
    """Return the largest errors of the budgets, relative to what a column or a point holds.

    Parameters
    ----------
    before, after
        Float64, the fields of RainIce with its fluxes.
    least
        Source of water, s-1, that errors are at least relative to.
    """
    mass = before["rhodref"] * before["dzz"]
    change = {name: after[name] - before[name] for name in (*SPECIES, "ths")}
    # Water: what a column loses reaches the ground.
    lost = -np.sum([(mass * change[name]).sum(axis=2) for name in SPECIES], axis=0)
    ground = constants.RHOLW * np.sum([after[name] for name in ("inprc", "inprr", "inprs", "inprg")], axis=0)
    content = np.sum([(mass * np.abs(before[name])).sum(axis=2) for name in SPECIES], axis=0)
    # Water and enthalpy of a point: only the fluxes change its total; conversions of phase heat it.
    fallen = {}
    for letter in "crisg":
        flux = after[f"fpr_{letter}"]
        arriving = np.concatenate([np.zeros_like(flux[:, :, :1]), flux[:, :, :-1]], axis=2)
        fallen[f"r{letter}s"] = (arriving - flux) / mass
    converted = {name: change[name] - fallen.get(name, 0.0) for name in SPECIES}
    scale = np.sum([np.abs(before[name]) + np.abs(fallen.get(name, 0.0)) for name in SPECIES], axis=0)
    t = before["tht"] * before["exn"]
    capacity = constants.CPD + constants.CPV * before["rvt"] + constants.CL * (before["rct"] + before["rrt"])
    capacity = (capacity + constants.CI * (before["rit"] + before["rst"] + before["rgt"])) * before["exnref"]
    liquid = (constants.LVTT + (constants.CPV - constants.CL) * (t - constants.TT)) / capacity
    solid = (constants.LSTT + (constants.CPV - constants.CI) * (t - constants.TT)) / capacity
    heating = liquid * (converted["rcs"] + converted["rrs"])
    heating = heating + solid * (converted["ris"] + converted["rss"] + converted["rgs"])
    return {
        "water of a column": _largest(lost - ground, np.maximum(content, least * mass.sum(axis=2))),
        "water": _largest(np.sum(list(converted.values()), axis=0), np.maximum(scale, least)),
        "heat": _largest(change["ths"] - heating, np.abs(before["ths"]) + solid * scale),
    }


def _largest(error: Any, scale: Any) -> float:
    return float((np.abs(error) / scale).max())


def assert_nothing_negative(before: Fields, after: Fields, unit: float) -> None:
    for name in (*SPECIES[1:], "cit", "evap3d", "inprc", "inprr", "inprs", "inprg"):
        assert after[name].min() >= 0.0, name
    held = np.sum([np.abs(before[name]) for name in SPECIES], axis=0).max()
    assert after["rvs"].min() >= -(4 * unit * held + 1e-19), "vapour; the repair of negative sources neglects 1e-20"


def assert_invariants(before: Fields, after: Fields, unit: float) -> None:
    """Assert that budgets are closed to 100 units of rounding, and that nothing is negative."""
    for budget, error in imbalances(before, after).items():
        assert error <= 100 * unit, budget
    assert_nothing_negative(before, after, unit)
