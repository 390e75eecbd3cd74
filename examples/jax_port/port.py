# ruff: noqa: INP001 (a port is a file, its folder is not a package)
"""The adapter: JAX's saturation adjustment under the contract of ICE3's ports."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import jax
import jax_ice3
import numpy as np

from ice3_probe.contract import ICE_ADJUST, UnknownComponent, Unsupported, active

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ice3_probe.contract import Case, Cell


def create(case: Case, cell: Cell) -> IceAdjust:
    """Set JAX up for the cell and make the component ready; see the contract for what it raises."""
    if case.component != "ice_adjust":
        raise UnknownComponent(case.component, ("ice_adjust",))
    chosen: dict[str, Any] = {field.name: case.options[field.name] for field in dataclasses.fields(jax_ice3.Options)}
    try:
        options = jax_ice3.Options(**chosen)
    except jax_ice3.UnsupportedOption as error:
        raise Unsupported(error.option, chosen[error.option], error.supported) from error
    os.environ["NPROC"] = str(cell.threads)  # size of XLA's thread pool, which starts with the first array
    jax.config.update("jax_enable_x64", cell.precision == "float64")
    jax.config.update("jax_compilation_cache_dir", str(cell.cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # keep every program
    return IceAdjust(case, cell, options)


class IceAdjust:
    """The component: a pure function, so that nothing is overwritten."""

    ignores: frozenset[str] = frozenset()

    def __init__(self, case: Case, cell: Cell, options: jax_ice3.Options) -> None:
        self._active = active(ICE_ADJUST, case.options)
        self.outputs = frozenset(field.name for field in self._active if field.is_output)
        self._timestep, self._options, self._dtype = case.timestep, options, cell.precision
        self._results: dict[str, Any] = {}

    def load(self, fields: Mapping[str, NDArray[np.float64]]) -> None:
        """Copy the inputs: ``jax.numpy.asarray`` would alias them."""
        names = [field.name for field in self._active if field.is_input]
        self._fields = jax_ice3.Fields(**{name: jax.numpy.array(fields[name], self._dtype) for name in names})

    def reset(self) -> None:
        """Forget the results."""
        self._results = {}

    def run(self) -> None:
        """Compute and wait; the first run compiles."""
        adjusted = jax_ice3.ice_adjust(self._fields, self._timestep, self._options)
        self._results = jax.block_until_ready(adjusted)._asdict()

    def read(self) -> dict[str, NDArray[Any]]:
        """Return the results in JAX's memory."""
        return {name: np.asarray(self._results[name]) for name in self.outputs}
