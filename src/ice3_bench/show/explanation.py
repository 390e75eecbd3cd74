"""Why the physics of a cell differs: where outputs are wrong, which option decides, which known mistakes fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ice3_bench.text import count, listed, percent
from ice3_probe.messages import Deciding, Diagnosis, Explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from ice3_probe.messages import KnownMistake, Message, WrongOutput

EVERYWHERE = 0.95
"""Share of wrong cells from which an output counts as wrong everywhere."""
ZERO_CELSIUS = 273.15


def explanation(messages: Iterable[Message]) -> RenderableType:
    """Say what the explain pass found, for each data set and each component."""
    parts: list[RenderableType] = []
    for message in messages:
        if isinstance(message, Explained) and message.wrong:
            parts += ["", *_explained(message)]
        elif isinstance(message, Deciding):
            parts += ["", Text(_deciding(message))]
        elif isinstance(message, Diagnosis):
            parts += ["", *_diagnosis(message)]
    return Group(*(parts or ["", Text("Nothing differs: every output is within its tolerance.")]))


def _explained(one: Explained) -> list[RenderableType]:
    first = one.wrong[0]
    table = Table(title=f"{one.component} on {one.data_set}: where it differs", title_justify="left")
    table.add_column("output", no_wrap=True)
    for heading in ("cells", "largest", "levels", "temperature"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("where (and share of those cells)")
    for wrong in one.wrong:
        table.add_row(
            wrong.field,
            percent(wrong.share),
            f"{wrong.maximum:.1e}",
            _range(wrong.levels, "") if wrong.levels else "",
            _range([round(kelvin - ZERO_CELSIUS) for kelvin in wrong.temperatures], " °C"),
            _where(wrong),
        )
    outputs = f"{len(one.wrong)} of {count(one.compared, 'output')} {'is' if len(one.wrong) == 1 else 'are'}"
    said = f"{outputs} out of tolerance. The first in the scheme's order is {first.field} ({first.step})."
    return [table, Text(said)]


def _range(ends: Sequence[int], unit: str) -> str:
    first, last = ends
    return f"{first}{unit}" if first == last else f"{first} to {last}{unit}"


def _where(one: WrongOutput) -> str:
    if one.share >= EVERYWHERE:
        return "everywhere"
    if not one.condition:
        return "no simple pattern"
    only = "only" if one.recall == 1.0 else "almost only"
    level = "" if one.levels else " at the lowest level"
    return f"{only} {one.condition}{level} ({percent(one.precision)})"


def _deciding(one: Deciding) -> str:
    outputs = f"{listed(one.outputs)} of {one.component} {'is' if len(one.outputs) == 1 else 'are'} wrong"
    if not one.option:
        return f"{outputs} on {listed(one.wrong_with)} and right on {listed(one.right_with)}: no single option decides."
    return (
        f"{outputs} only with {one.option} = {' or '.join(one.wrong_with)}, and right with "
        f"{' or '.join(one.right_with)}."
    )


def _diagnosis(one: Diagnosis) -> list[RenderableType]:
    skipped = [Text(f"The known mistakes could not be tried on {reason}") for reason in one.not_tried]
    if not one.tried:
        return [*skipped]
    if not one.mistakes:
        none = f"None of {one.tried} known mistakes explains {one.component}, alone or with others."
        return [Text(none), *skipped]
    several = len(one.mistakes) > 1
    verb, them = ("together explain", "them") if several else ("explains", "it")
    what = "all that differs" if one.outputs_after == 0 else "a part of what differs"
    said: list[RenderableType] = [
        Text(f"{count(len(one.mistakes), 'known mistake')} {verb} {what} in {one.component}:")
    ]
    said += [_bullet(mistake) for mistake in one.mistakes]
    if one.outputs_after:
        values = f"{percent(one.wrong_after)} of the values differ instead of {percent(one.wrong_before)}"
        outputs = f"{count(one.outputs_after, 'output')} instead of {one.outputs_before}"
        said.append(Text(f"Against the NumPy implementation with {them}, {values}, and {outputs}."))
    if one.alternatives:
        said.append(Text("These data sets cannot tell one of these from:"))
        said += [_bullet(mistake) for mistake in one.alternatives]
    return [*said, *skipped]


def _bullet(mistake: KnownMistake) -> RenderableType:
    return Padding(Text(f"{mistake.what}\nRight: {mistake.right}."), (0, 0, 0, 4), expand=False)
