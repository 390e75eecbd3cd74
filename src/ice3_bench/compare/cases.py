"""Which benchmarks are compared: components and mixes of the matrix, on the domain of comparisons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ice3_bench.cell.probe import benchmarks_of
from ice3_bench.errors import UsageError
from ice3_bench.names import BenchmarkName, is_wanted, parse_domain
from ice3_probe.messages import STANDARD_ARRANGEMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.names import Domain
    from ice3_bench.settings.matrix import Cell, Settings
    from ice3_probe.messages import Arrangement, Benchmark

_SLASHES = 3
"""In the name of a benchmark: component/backend/precision/domain."""
COUNTED_DOMAIN = (16, 16, 60)
"""Largest domain on which instructions are counted; valgrind runs 50 times as long as the processor."""


def cpu_cells(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells that can be compared; raises UsageError if none can."""
    found = [cell for cell in cells if cell.backend.device == "cpu"]
    if not found:
        raise UsageError(
            f"Revisions cannot be compared in cell {cells[0].id}: the clock is CPU time. Compare CPU cells "
            f"(--cells cpu are all of them); nox -s {cells[0].session} measures this one."
        )
    return found


def default_cell(cells: Sequence[Cell]) -> Cell:
    """Return the cell that is compared unless the user names one: the first compiled CPU cell in float64.

    The first CPU cell stands in if there is none.

    Raises
    ------
    UsageError
        If there is no CPU cell.
    """
    found = cpu_cells(cells)
    compiled = [cell for cell in found if cell.backend.compiler is not None and cell.precision == "float64"]
    return (compiled or found)[0]


def select(
    cells: Sequence[Cell],
    domain: str | None = None,
    wanted: Sequence[str] = (),
    components: Sequence[str] = (),
    arrangement: Arrangement = STANDARD_ARRANGEMENT,
) -> dict[str, list[Benchmark]]:
    """Return the benchmarks of each cell, by its id: those whose name contains one of ``wanted``, if any is given.

    Parameters
    ----------
    domain
        Instead of the domain of comparisons of each backend.
    components
        Instead of the components of each backend.
    arrangement
        Where the columns of the weather stand, on both sides.

    Raises
    ------
    UsageError
        If no name does; the message lists the names.
    """
    known = {cell.id: benchmarks_of(cell, [_domain(cell, domain)], components, arrangement) for cell in cells}
    chosen = {cell: [one for one in group if is_wanted(one.name, wanted)] for cell, group in known.items()}
    if not any(chosen.values()):
        names = ", ".join(one.name for group in known.values() for one in group)
        raise UsageError(f"No benchmark contains {' or '.join(wanted)}: there are {names}.")
    return {cell: group for cell, group in chosen.items() if group}


def only(settings: Settings, text: str, arrangement: Arrangement) -> tuple[Cell, Benchmark]:
    """Return the one benchmark that ``text`` names, whole or in part; a part is looked for in the default cell.

    Raises
    ------
    UsageError
        If it names none, or several.
    """
    cell, domain, components = default_cell(settings.cells), None, list[str]()
    if text.count("/") >= _SLASHES:
        name = BenchmarkName.parse(text)
        cell, domain, components = settings.cell(name.backend, name.precision), name.extent, [name.component]
    (found,) = select(cpu_cells([cell]), domain, [text], components, arrangement).values()
    exact = [one for one in found if one.name == text] or found
    if len(exact) > 1:
        raise UsageError(f"'{text}' names {len(exact)} benchmarks, choose one: {', '.join(one.name for one in exact)}.")
    return cell, exact[0]


def counted(benchmark: Benchmark) -> Benchmark:
    """Return a benchmark on the small domain on which its instructions are counted."""
    if _points(benchmark.domain) <= _points(COUNTED_DOMAIN):
        return benchmark
    name = replace(BenchmarkName.parse(benchmark.name), domain=COUNTED_DOMAIN)
    return replace(benchmark, name=name.text, domain=COUNTED_DOMAIN)


def _domain(cell: Cell, domain: str | None) -> Domain:
    return parse_domain(domain or cell.backend.compare_domain or cell.backend.domains[0])


def _points(domain: Domain) -> int:
    i, j, k = domain
    return i * j * k
