"""The lookup tables of RainIce laid end to end, as its stencils take them."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_gt4py.tables import build_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Shape

ARGUMENTS = ("tables", "columns", "level")
"""Arguments of the stencils that hold the tables."""


@cache
def joined_tables() -> tuple[NDArray[np.float64], dict[str, int]]:
    """All tables end to end, row by row, and where each begins; snow comes first in those of snow with rain."""
    tables = asdict(build_tables())
    tables["sr_large"] = tables["sr_large"].T
    offsets, size = {}, 0
    for name, table in tables.items():
        offsets[name.upper()] = size
        size += table.size
    return np.concatenate([table.ravel() for table in tables.values()]), offsets


def table_arguments(domain: Shape, build: Build) -> dict[str, Any]:
    """Return the tables as the stencils take them: as a global table, or along the vertical of a repeated field."""
    from gt4py import storage  # noqa: PLC0415 (importing GT4Py takes seconds)

    values = joined_tables()[0].astype(build.dtype)
    if build.tables == "columns":
        columns = np.broadcast_to(values, (*domain[:2], len(values)))
        return {"tables": None, "columns": columns, "level": np.arange(domain[2], dtype=np.int32)}
    tables = storage.from_array(values, dtype=build.dtype, backend=build.backend)
    return {"tables": tables, "columns": None, "level": None}
