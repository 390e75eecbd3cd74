"""Data of PHYEX as benchmarks of a cell."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError
from ice3_bench.names import DATA, BenchmarkName
from ice3_bench.text import listed
from ice3_probe.messages import MIXES, Benchmark, base_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ice3_bench.cell.options import Options
    from ice3_bench.settings.matrix import Cell
    from ice3_probe.messages import Checked, DataSetFound

_BLOCK = 2**20


def named(path: str) -> str:
    """Return the name of a data set in the name of a benchmark, such as ``data:ice_adjust``."""
    return DATA + re.sub(r"[^A-Za-z0-9_.-]", "_", Path(path).name)


def data_benchmarks(cell: Cell, found: Sequence[DataSetFound], options: Options) -> tuple[Benchmark, ...]:
    """Return the benchmarks on data of PHYEX: every component of the cell, and variant of it, that they belong to.

    Raises
    ------
    UsageError
        If the cell has no such component, or two sets have the same name.
    """
    made: dict[str, Benchmark] = {}
    components = options.components or cell.backend.components
    for one in found:
        own = [component for component in components if base_of(component) == one.component]
        if not own:
            raise UsageError(f"{one.path} is data of {one.component}, and what is timed is {listed(components)}.")
        columns, levels = options.columns or one.columns, one.levels
        for domain in options.domains or ((columns, 1, levels),):
            for component in own:
                mix = named(one.path)
                name = BenchmarkName(component, cell.backend.id, cell.precision, domain, mix).text
                if name in made:
                    raise UsageError(f"Two data sets are called {Path(one.path).name}: rename one.")
                benchmark = Benchmark(name, component, domain, MIXES[0], options.arrangement)
                made[name] = replace(benchmark, data=one.path, namelist=options.namelist)
    return tuple(made.values())


def digests(found: Iterable[DataSetFound], namelist: str) -> dict[str, str]:
    """Return a digest of all files of each data set, and of the namelist, by the name of the set."""
    return {one.name: _digest(Path(one.path), namelist) for one in found}


def _digest(path: Path, namelist: str) -> str:
    files = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in (*files, *([Path(namelist)] if namelist else [])):
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()[:16]


def said_of(found: Iterable[DataSetFound], checked: Iterable[Checked]) -> list[str]:
    """Say what a reader of the results must know of the data, and which outputs have no reference in them."""
    names = {one.name for one in found}
    said = [f"{one.name}: {remark}" for one in found for remark in one.remarks]
    return said + [
        f"{one.component} on {one.data_set}: not compared, since the data do not define them: "
        f"{listed(one.not_compared)}."
        for one in checked
        if one.data_set in names and one.not_compared
    ]
