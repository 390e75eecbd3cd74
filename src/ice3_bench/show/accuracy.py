"""The table of the accuracy of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ice3_bench.show.console import Fitting
from ice3_bench.text import count, listed, significant
from ice3_probe.messages import base_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from ice3_probe.messages import Checked, FieldError

LONGEST_NAME = 10
"""Characters of the names of most outputs: tables one below the other are of one width."""


def accuracy_table(checked: Sequence[Checked], asked: Sequence[str] = ()) -> RenderableType:
    """Make a table of the outputs for each component and data set, and say below them what was not compared.

    The last sentence sums it up.

    Parameters
    ----------
    asked
        Components that were to be checked.
    """
    parts: list[RenderableType] = []
    said = []
    for one in checked:
        where = f"{one.component} on {one.data_set}"
        if one.fields:
            parts.append(_table(where, one.fields))
        if one.unsupported:
            said.append(f"{where}: n/a, {one.unsupported}")
        if one.not_produced:
            said.append(f"{where}: not produced: {listed(one.not_produced)}.")
        if one.lacking:
            said.append(
                f"{where}: {one.lacking}. This adds it: invoke reference.make --component {base_of(one.component)} "
                f"--inputs FILE --out NEW.nc, where FILE is the path of {one.data_set}."
            )
        if one.not_compared:
            said.append(f"{where}: not compared, since the data set does not hold them: {listed(one.not_compared)}.")
        said += [f"{one.data_set}: {remark}" for remark in one.remarks if f"{one.data_set}: {remark}" not in said]
        if one.left_out:
            said.append(f"{where}: {count(one.left_out, 'cell')} left out: inputs that the port ignores affect them.")
    compared = {one.component for one in checked if one.fields}
    said += [
        f"{component}: not checked, nothing of it was compared with reference data."
        for component in asked
        if component not in compared
    ]
    return Group(*parts, *map(Text, said), Text(summary(checked), "bold"))


def _table(title: str, fields: Sequence[FieldError]) -> RenderableType:
    table = Table(title=title, title_justify="left", show_edge=False)
    table.add_column("output", no_wrap=True, min_width=LONGEST_NAME)
    for heading in ("error", "tolerance", "largest", "at column, level"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for field in fields:
        table.add_row(
            *(field.field, f"{field.error:.1e}", f"{field.tolerance:.0e}", f"{field.maximum:.1e}"),
            f"{field.column}, {field.level}",
            Text("✓", "green") if field.passed else Text("✗ wrong", "bold red"),
        )
    return Fitting(table)


def summary(checked: Sequence[Checked]) -> str:
    """Say in a sentence how many outputs are within their tolerances, and how far the worst one is from its own."""
    found = [(one, field) for one in checked for field in one.fields]
    if not found:
        return "Nothing was compared with reference data."
    wrong = [(one, field) for one, field in found if not field.passed]
    one, worst = max(wrong or found, key=lambda pair: pair[1].error / pair[1].tolerance)
    ratio = worst.error / worst.tolerance
    distance = (
        "without any error"
        if not ratio
        else f"{significant(1.0 / ratio, 2)} times below the tolerance {worst.tolerance:.0e}"
        if ratio <= 1.0
        else f"{significant(ratio, 2)} times the tolerance {worst.tolerance:.0e}"
    )
    if wrong and ratio <= 1.0:  # more cells than may be are far off
        distance = f"in too many cells far beyond the tolerance {worst.tolerance:.0e}"
    state = count(len(wrong), "is", "are") + " out of tolerance" if wrong else "all are within their tolerances"
    error = "" if not ratio else f"with an error of {worst.error:.1e}, "
    return (
        f"{count(len(found), 'output was', 'outputs were')} compared: {state}. The worst is {worst.field} of "
        f"{one.component} on {one.data_set}, {error}{distance}; it is largest at column {worst.column}, level "
        f"{worst.level}."
    )
