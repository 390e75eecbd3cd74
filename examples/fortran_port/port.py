# ruff: noqa: INP001 (a port is a file, its folder is not a package)
"""The adapter: PHYEX itself under the contract of ICE3's ports."""

from __future__ import annotations

import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import phyex_ice3

from ice3_probe.contract import ICE_ADJUST, MICROPHYSICS, RAIN_ICE, Unavailable, UnknownComponent, Unsupported, active

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ice3_probe.contract import Case, Cell

TABLES = {"ice_adjust": ICE_ADJUST, "rain_ice": RAIN_ICE, "microphysics": MICROPHYSICS}
load_library = lru_cache(phyex_ice3.Phyex)


def create(case: Case, cell: Cell) -> Fortran:
    """Build PHYEX if that is not done, and make a component ready; see the contract for what it raises."""
    if case.component not in phyex_ice3.COMPONENTS:
        raise UnknownComponent(case.component, tuple(phyex_ice3.COMPONENTS))
    for name, values in phyex_ice3.SUPPORTED.items():
        if case.options.get(name, values[0]) not in values:
            raise Unsupported(name, case.options[name], values)
    if "phyex" not in cell.settings:
        raise Unavailable(
            'This cell builds PHYEX, and no checkout of it is named: write phyex = "FOLDER" in [tool.ice3-bench] of '
            "pyproject.toml, or set the variable PHYEX_DIR (git clone https://github.com/UMR-CNRM/PHYEX)."
        )
    flags = shlex.split(cell.settings["compile-args"])
    try:
        library = phyex_ice3.build(Path(cell.settings["phyex"]), cell.cache, cell.precision, flags)
        return Fortran(case, cell, library)
    except (phyex_ice3.SourceError, phyex_ice3.LibraryError) as error:
        raise Unavailable(str(error)) from error


class Fortran:
    """A component of PHYEX. Its options are set again whenever another case may have set others."""

    ignores: frozenset[str] = frozenset()

    def __init__(self, case: Case, cell: Cell, library: phyex_ice3.Library) -> None:
        self.cached = not library.built
        self._case, self._cell, self._library = case, cell, library
        self._phyex = load_library(library.path, cell.precision)
        self._whole = cell.settings["profile"] == "strict"
        self._namelists = phyex_ice3.namelists(case.options, whole_evaporation=self._whole)
        self._configure()
        self._table = active(TABLES[case.component.partition(":")[0]], case.options)
        self._pool = ThreadPoolExecutor(cell.threads) if cell.threads > 1 else None
        self._component = self._allocate((1, 1, 1), 1)  # only to see which fields there are: load() makes them
        self._pristine: dict[str, NDArray[Any]] = {}
        produced = {field.name for field in self._table if field.is_output and field.name in self._component.fields}
        self.outputs = frozenset(produced if self._whole else produced - {"evap3d"})

    @property
    def remark(self) -> str:
        """What was built, and how it is called."""
        loops = "loops written by pyfortool" if self._library.expanded else "array syntax as it is, without pyfortool"
        return f"blocks of {self._component.blocks.size} columns, {loops}, PHYEX sources {self._library.sources}"

    @property
    def reset_bytes(self) -> int:
        """Bytes of the copies that ``reset`` needs."""
        return sum(copy.nbytes for copy in self._pristine.values())

    def load(self, fields: Mapping[str, NDArray[np.float64]]) -> None:
        """Copy the inputs into blocks of the size that is fastest here."""
        columns = self._case.domain[0] * self._case.domain[1]
        of = "-".join([self._library.path.stem, self._case.component.replace(":", "-"), *map(str, self._case.domain)])
        kept = self._library.path.with_name(f"{of}.json")  # another version of PHYEX has another library
        size = phyex_ice3.block_size(kept, columns, lambda size: self._time(fields, size))
        self._fill(fields, self._case.domain, size)

    def reset(self) -> None:
        """Restore the fields that a run overwrites, and PHYEX's options."""
        self._configure()
        for name, initial in self._pristine.items():
            self._component.fields[name][...] = initial

    def run(self) -> None:
        """Compute all blocks; each thread has a share of them."""
        self._configure()  # does nothing unless another case was prepared since reset()
        count = self._component.blocks.count
        if self._pool is None:
            self._component.call(self._phyex, 1, count, self._case.timestep)
            return
        ends = np.linspace(0, count, self._cell.threads + 1).astype(int)

        def work(part: int) -> None:
            self._component.call(self._phyex, int(ends[part]) + 1, int(ends[part + 1]), self._case.timestep)

        list(self._pool.map(work, range(self._cell.threads)))

    def read(self) -> dict[str, NDArray[Any]]:
        """Return the results, shape (i, j, k) or (i, j)."""
        return {name: self._component.blocks.take(self._component.fields[name]) for name in self.outputs}

    def _configure(self) -> None:
        self._phyex.configure(self._namelists, self._case.timestep)

    def _allocate(self, domain: tuple[int, int, int], size: int) -> phyex_ice3.Component:
        blocks = phyex_ice3.Blocks(domain, size, np.dtype(self._cell.precision))
        return phyex_ice3.COMPONENTS[self._case.component](blocks)

    def _fill(self, fields: Mapping[str, NDArray[np.float64]], domain: tuple[int, int, int], size: int) -> None:
        self._component.fields.clear()  # before the others are made
        self._pristine.clear()
        self._component = self._allocate(domain, size)
        for field in self._table:
            if field.is_input:
                self._component.blocks.put(fields[field.name], self._component.fields[field.name])
        overwritten = [field.name for field in self._table if field.intent == "inout"]
        self._pristine = {name: self._component.fields[name].copy() for name in overwritten}

    def _time(self, fields: Mapping[str, NDArray[np.float64]], size: int) -> float:
        """Time a run with blocks of a size, on a part of the columns."""
        columns = min(self._case.domain[0] * self._case.domain[1], phyex_ice3.MOST_COLUMNS)
        part = {name: values.reshape(-1, 1, *values.shape[2:])[:columns] for name, values in fields.items()}
        self._fill(part, (columns, 1, self._case.domain[2]), size)
        # Another process on the same core disturbs CPU time less; that of threads would be a sum.
        clock = time.process_time if self._pool is None else time.perf_counter
        return phyex_ice3.shortest(self.reset, self.run, clock)
