"""Writes files as PHYEX's test programs read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe.phyex.layout import RAIN_ICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ice3_probe.phyex.layout import Layout


def write_records(path: Path, contents: Iterable[bytes], order: str = "big") -> Path:
    """Write records as Fortran does: each between two markers with its length."""
    with path.open("wb") as file:
        for content in contents:
            marker = len(content).to_bytes(4, order)  # type: ignore[arg-type]
            file.write(marker + content + marker)
    return path


def made_up(layout: Layout, columns: int, levels: int, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Return a block's records by name, of positive numbers: (column, level, species), species only if several."""
    random = np.random.default_rng(seed)
    made = {}
    for item in layout.items:
        depth = (levels,) if item.dims == "ijk" else ()
        several = (len(item.variables),) if len(item.variables) > 1 else ()
        made[item.name] = random.uniform(0.5, 1.5, (columns, *depth, *several))
    made["PPABSM"] = np.sort(made["PPABSM"], axis=1)
    return made


def block_records(
    layout: Layout, values: Mapping[str, NDArray[Any]], order: str = "big", real: int = 8, isize: int | None = None
) -> list[bytes]:
    """Return the records of a block: headers first, then arrays in Fortran order."""
    sign = ">" if order == "big" else "<"
    columns, levels = values["PPABSM"].shape
    found = [np.array([columns, 1, levels], f"{sign}i4").tobytes()]
    if layout is RAIN_ICE:
        active = np.count_nonzero(values["LLMICRO"] > 1.0) if isize is None else isize
        found = [
            np.array([active, active], f"{sign}i4").tobytes(),
            np.array([columns, 1, levels, 6], f"{sign}i4").tobytes(),
        ]
    for item in layout.items:
        kind = f"{sign}i4" if item.logical else f"{sign}f{real}"
        array = values[item.name] > 1.0 if item.logical else values[item.name]
        found.append(array.astype(kind).tobytes(order="F"))
    return found
