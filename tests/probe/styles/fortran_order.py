"""A port whose arrays are (k, j, i) in Fortran order, with level 0 at the ground, and which computes in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ice3_probe.contract import ICE_ADJUST, Unsupported, active


def condense(rv: Any, rc: Any, rvs: Any, cldfr: Any, sigqsat: Any, timestep: float) -> None:
    """Overwrite ``rvs`` and add to ``cldfr``, which must be zero: axes (k, j, i), and (j, i) for ``sigqsat``."""
    rvs += sigqsat[np.newaxis] * (rv - rc) / timestep
    cldfr += rc > 0.0


class InPlace:
    outputs = frozenset({"rvs", "cldfr"})
    ignores = frozenset(field.name for field in ICE_ADJUST if field.is_input) - {"rv", "rc", "rvs", "sigqsat"}

    def __init__(self, case: Any, cell: Any) -> None:
        names = {"rv", "rc", "rvs", "cldfr", "sigqsat"}
        self.timestep = case.timestep
        self.state = {
            field.name: np.zeros(field.shape(case.domain)[::-1], cell.precision, order="F")
            for field in active(ICE_ADJUST, case.options)
            if field.name in names
        }

    def load(self, fields: Any) -> None:
        self.given = {name: array.T[::-1] if array.ndim == 3 else array.T for name, array in fields.items()}
        self.given = {name: array.astype(self.state[name].dtype, order="F") for name, array in self.given.items()}

    def reset(self) -> None:
        self.state["cldfr"][...] = 0.0
        for name, array in self.given.items():
            self.state[name][...] = array

    def run(self) -> None:
        condense(**self.state, timestep=self.timestep)

    def read(self) -> dict[str, Any]:
        return {name: self.state[name][::-1].T for name in self.outputs}


def create(case: Any, cell: Any) -> InPlace:
    if case.options["CCONDENS"] != "CB02":
        raise Unsupported("CCONDENS", case.options["CCONDENS"], ("CB02",))
    return InPlace(case, cell)
