# ruff: noqa: INP001 (a port is a file, its folder is not a package)
"""The adapter: NumPy's saturation adjustment under the contract of ICE3's ports."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy_ice3

from ice3_probe.contract import ICE_ADJUST, UnknownComponent, Unsupported, active

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ice3_probe.contract import Case, Cell

COMPONENTS = ("ice_adjust",)


def create(case: Case, cell: Cell) -> IceAdjust:
    """Make a component ready; see the contract for what it raises."""
    if case.component not in COMPONENTS:
        raise UnknownComponent(case.component, COMPONENTS)
    chosen: dict[str, Any] = {field.name: case.options[field.name] for field in dataclasses.fields(numpy_ice3.Options)}
    try:
        options = numpy_ice3.Options(**chosen)
    except numpy_ice3.UnsupportedOption as error:
        raise Unsupported(error.option, error.value, error.supported) from error
    return IceAdjust(case, cell, options)


class IceAdjust:
    """The component: it leaves its inputs alone and returns new arrays."""

    ignores: frozenset[str] = frozenset()
    generated = "none"  # it runs as it stands

    def __init__(self, case: Case, cell: Cell, options: numpy_ice3.Options) -> None:
        self.outputs = frozenset(field.name for field in active(ICE_ADJUST, case.options) if field.is_output)
        self._case, self._dtype, self._options = case, np.dtype(cell.precision), options
        self._inputs: dict[str, Any] = {}
        self._results: dict[str, NDArray[Any]] = {}

    def load(self, fields: Mapping[str, NDArray[np.float64]]) -> None:
        """Copy the inputs in the cell's precision; those that do not matter under the options may be missing."""
        for field in ICE_ADJUST:
            if field.is_input:
                values = fields[field.name] if field.name in fields else np.zeros(field.shape(self._case.domain))
                self._inputs[field.name] = np.array(values, dtype=self._dtype)

    def reset(self) -> None:
        """Forget the results: a functional port has no state to restore."""
        self._results = {}

    def run(self) -> None:
        """Compute."""
        self._results = numpy_ice3.ice_adjust(**self._inputs, timestep=self._case.timestep, options=self._options)

    def read(self) -> dict[str, NDArray[Any]]:
        """Return the results."""
        return self._results
