"""The newest values as github-action-benchmark takes them (``customSmallerIsBetter``, ``customBiggerIsBetter``)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ice3_bench.errors import UsageError
from ice3_bench.measures import MEASURES
from ice3_bench.text import quoted, short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import BinaryIO

    from ice3_bench.export.table import Row


def one_direction(measures: Collection[str]) -> list[str]:
    """Return the measures of one file: larger values of all of them are better, or worse, as if none is given.

    Raises
    ------
    UsageError
        If both kinds are given.
    """
    larger = [name for name, measure in MEASURES.items() if measure.larger_is_better]
    smaller = [name for name in MEASURES if name not in larger]
    given = [name for name in MEASURES if name in measures] or smaller
    if not (set(given) <= set(larger) or set(given) <= set(smaller)):
        raise UsageError(
            f"A file of github-action-benchmark holds measures of one direction: of {quoted(given)}, larger is better "
            f"for {quoted([name for name in given if name in larger])} only. Export them to another file."
        )
    return given


def write_benchmark_action(rows: Iterable[Row], stream: BinaryIO) -> int:
    """Write the newest values, the last one of each name; return their number."""
    entries = {_name(row): _entry(row) for row in sorted(rows, key=lambda row: row.created)}
    stream.write(
        (json.dumps([entries[name] for name in sorted(entries)], indent=1, ensure_ascii=False) + "\n").encode()
    )
    return len(entries)


def _name(row: Row) -> str:
    """Name a series: the action tells series apart by nothing else."""
    return f"{row.benchmark} {row.measure} on {row.testbed or 'an unknown machine'}"


def _entry(row: Row) -> dict[str, Any]:
    spread = {} if row.upper_value is None else {"range": f"{row.lower_value:.6g} to {row.upper_value:.6g}"}
    about = f"{short(row.commit)} of {row.created:%Y-%m-%d %H:%M} UTC, comparability {row.comparability}"
    return {"name": _name(row), "unit": row.unit, "value": row.value, **spread, "extra": about}
