"""States made by hand, and one step of a component from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py.storages import from_arrays

if TYPE_CHECKING:
    from tests.port.invariants import Fields

WATER = "vcrisg"


def uniform(domain: tuple[int, int, int], timestep: float, **values: float) -> Fields:
    """Make fields with the same values everywhere; contents that are not named are 0."""
    names = ("exn", "exnref", "rhodref", "pabs", "dzz", "zz", "tht", *(f"r{x}t" for x in WATER), "sigs", "cit")
    names = (*names, "evap3d", "cf_mf", "rc_mf", "ri_mf", "weight_mf_cloud")
    usual = {"exn": 1.0, "exnref": 1.0, "rhodref": 1.0, "pabs": 1e5, "dzz": 100.0, "tht": 280.0}
    fields: Fields = {name: np.full(domain, (usual | values).get(name, 0.0)) for name in names}
    for name in ("sea", "town", "sigqsat"):
        fields[name] = np.full(domain[:2], values.get(name, 0.0))
    return with_sources(fields, timestep)


def with_sources(fields: Fields, timestep: float) -> Fields:
    """Add sources that keep the state, and the state under the names of IceAdjust."""
    fields |= {f"{name[:-1]}s": fields[name] / timestep for name in ("tht", *(f"r{x}t" for x in WATER))}
    return fields | {"th": fields["tht"], **{f"r{x}": fields[f"r{x}t"] for x in WATER}}


def run(component: Any, fields: Fields, timestep: float) -> Fields:
    state = from_arrays(component.fields, fields, component.domain, component.build)
    component(state, timestep)
    return state
