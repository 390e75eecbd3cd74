"""The table of the accuracy of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ice3_bench.text import count, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from ice3_probe.messages import Checked


def accuracy_table(checked: Sequence[Checked]) -> RenderableType:
    """Make a table with a row for each output of each data set, and say below it what was not compared."""
    table = Table(title="Accuracy", title_justify="left")
    for heading in ("data set", "component", "output"):
        table.add_column(heading)
    for heading in ("error", "tolerance", "largest", "at column, level"):
        table.add_column(heading, justify="right")
    table.add_column("")
    said = []
    for one in checked:
        where = f"{one.data_set}, {one.component}"
        if one.unsupported:
            table.add_row(one.data_set, one.component, "n/a", "", "", "", "", "")
            said.append(f"{where}: {one.unsupported}")
        for field in one.fields:
            table.add_row(
                *(one.data_set, one.component, field.field),
                *(f"{field.error:.1e}", f"{field.tolerance:.0e}", f"{field.maximum:.1e}"),
                f"{field.column}, {field.level}",
                Text("✓", "green") if field.passed else Text("✗ out of tolerance", "bold red"),
            )
        if one.not_produced:
            said.append(f"{where}: not produced: {listed(one.not_produced)}.")
        if one.not_compared:
            said.append(f"{where}: not compared, since the data set does not hold them: {listed(one.not_compared)}.")
        said += [f"{one.data_set}: {remark}" for remark in one.remarks if f"{one.data_set}: {remark}" not in said]
        if one.lacking:
            said.append(f"{where}: {one.lacking}. reference.make --inputs {one.data_set} adds what it lacks.")
        if one.left_out:
            said.append(f"{where}: {count(one.left_out, 'cell')} left out: inputs that the port ignores affect them.")
    return Group(table, *(Text(line) for line in said))
