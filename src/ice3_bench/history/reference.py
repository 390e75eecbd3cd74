"""The reference of the table of all cells: which cells it is, and how many times faster the others are."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, hypot, log10
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError
from ice3_bench.names import parse_domain
from ice3_bench.text import quoted, significant
from ice3_probe.messages import base_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ice3_bench.history.newest import Result
    from ice3_bench.names import Domain
    from ice3_bench.settings.matrix import Backend, Settings


@dataclass(frozen=True)
class Ratio:
    """How many times faster a result is than that of the reference.

    Attributes
    ----------
    reference
        The cell of the reference.
    spread
        Distances of median and minimum of the rounds, relative, of both results added in quadrature.
    """

    reference: str
    value: float
    spread: float

    @property
    def text(self) -> str:
        """The ratio with two significant digits, or one if the spread is more than half a unit of the first digit.

        More digits would not repeat: the shortest times drift by some percent between runs.
        """
        unit = 10.0 ** floor(log10(self.value))
        return f"{significant(self.value, 1 if self.value * self.spread > unit / 2.0 else 2)}x"


@dataclass(frozen=True)
class Reference:
    """What results are compared with.

    Attributes
    ----------
    backend
        Id of the backend.
    precision
        Compare everything with this precision; None compares each precision with itself.
    sessions
        Sessions of nox that measure it.
    components
        What it has.
    domains
        Those that it is measured on if no others are asked for.
    """

    backend: str
    precision: str | None
    sessions: tuple[str, ...]
    components: tuple[str, ...]
    domains: tuple[Domain, ...]

    @property
    def text(self) -> str:
        """Id of the cell or of the backend."""
        return f"{self.backend}-{self.precision}" if self.precision else self.backend

    def holds(self, result: Result) -> bool:
        """Tell whether a result is the reference's own."""
        return result.name.backend == self.backend and self.precision in (None, result.name.precision)

    def ratios(self, results: Sequence[Result]) -> dict[str, Ratio]:
        """Compare results with those of the reference among them; return what could be compared, by benchmark.

        Component, mix or data, and domain are the same. A variant is compared with the plain component if the reference
        has no such variant.
        """
        own = {_key(one, one.name.component, one.name.precision): one for one in results if self.holds(one)}
        found = {}
        for result in results:
            if self.holds(result):
                continue
            component, precision = result.name.component, self.precision or result.name.precision
            twin = own.get(_key(result, component, precision)) or own.get(_key(result, base_of(component), precision))
            if twin is not None and twin.per_point and result.per_point:
                spread = hypot(twin.benchmark.spread, result.benchmark.spread)
                found[result.benchmark.name] = Ratio(twin.report.cell, twin.per_point / result.per_point, spread)
        return found

    def lacking(self, results: Iterable[Result], ratios: Collection[str]) -> dict[tuple[str, ...], list[Result]]:
        """Return the results that it could be compared with if it were measured, by the words of a session for that."""
        found: dict[tuple[str, ...], list[Result]] = {}
        for result in results:
            name = result.name
            base = base_of(name.component)
            if self.holds(result) or name.text in ratios or not result.per_point or base not in self.components:
                continue
            usual: tuple[str, ...] = () if name.domain in self.domains else ("--domain", name.extent)
            found.setdefault(("--data", "FOLDER") if name.is_data else usual, []).append(result)
        return found

    def measured(self, results: Iterable[Result]) -> bool:
        """Tell whether results of the reference are among these."""
        return any(self.holds(result) and result.per_point for result in results)


def _key(result: Result, component: str, precision: str) -> tuple[object, ...]:
    return component, precision, result.name.domain, result.name.mix, result.digest


def _extent(backend: Backend) -> tuple[tuple[str, ...], tuple[Domain, ...]]:
    return tuple(map(base_of, backend.components)), tuple(map(parse_domain, backend.domains))


def reference_of(settings: Settings, name: str) -> Reference:
    """Find the reference by the id of a cell, or by the id or name of a backend.

    Raises
    ------
    UsageError
        If the matrix has neither; the message lists the known ones.
    """
    for cell in settings.cells:
        if name == cell.id:
            return Reference(cell.backend.id, cell.precision, (cell.session,), *_extent(cell.backend))
    for backend in settings.backends:
        if name in (backend.id, backend.name):
            sessions = tuple(cell.session for cell in settings.cells if cell.backend == backend)
            return Reference(backend.id, None, sessions, *_extent(backend))
    ids = [backend.id for backend in settings.backends]
    raise UsageError(
        f"Unknown reference '{name}': expected a backend, one of {quoted(ids)}, or a cell such as "
        f"'{settings.cells[0].id}'."
    )
