"""Stencils that take slab after slab of the columns, so that their fields and temporaries stay in cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ice3_gt4py.compilation import freeze
from ice3_gt4py.storages import is_one_row
from ice3_probe.contract import RAIN_ICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ice3_gt4py.compilation import Build
    from ice3_probe.contract import Shape

    Step = tuple[Callable[..., None], tuple[str, ...]]

SLAB = 384
"""Columns that a call takes through all stencils before the next ones; on a GPU it takes all at once."""


class Slabs:
    """Stencils of RainIce, run one after the other on each slab.

    Parameters
    ----------
    stencils
        Each with the names of its arguments.
    domain
        Points (i, j, k).
    """

    def __init__(self, stencils: Sequence[tuple[Any, tuple[str, ...]]], domain: Shape, build: Build) -> None:
        columns = domain[0] * domain[1]
        slab = columns if build.on_device else SLAB
        self._steps = _freeze(stencils, domain, slab)
        self._i_first = build.layout == "i-first"
        used = {name for _, names in stencils for name in names}
        self._fields = [field.name for field in RAIN_ICE if field.name in used]
        self._steps_of_row = _freeze(stencils, (columns, 1, domain[2]), slab)

    def run(self, arguments: Mapping[str, Any]) -> None:
        """Run them on fields and scalars; where the columns of all fields follow each other in memory, as one row."""
        given = (arguments[name] for name in self._fields)
        one_row = self._i_first and is_one_row(field for field in given if field is not None)
        for step, names in self._steps_of_row if one_row else self._steps:
            step(**{name: arguments[name] for name in names})


def _freeze(stencils: Sequence[tuple[Any, tuple[str, ...]]], domain: Shape, size: int) -> list[Step]:
    """Fix the stencils on slab after slab of about ``size`` columns, which are part of a row or whole rows."""
    i, j, k = domain
    if j == 1:
        slabs = [((first, 0), (min(size, i - first), 1)) for first in range(0, i, size)]
    else:
        rows = max(1, size // i)
        slabs = [((0, first), (i, min(rows, j - first))) for first in range(0, j, rows)]
    return [
        (freeze(stencil, origin=_origins(names, origin), domain=(*shape, k)), names)
        for origin, shape in slabs
        for stencil, names in stencils
    ]


def _origins(names: Iterable[str], origin: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Origin of each argument, on a slab of columns that begins at ``origin``."""
    flat = {field.name for field in RAIN_ICE if field.dims == "ij"} | {"flux_i"}
    origins: dict[str, tuple[int, ...]] = {name: origin if name in flat else (*origin, 0) for name in names}
    return origins | {"level": (0,), "tables": (0,)}
