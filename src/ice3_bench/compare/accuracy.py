"""Errors of both sides against the reference data, and which of them grew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ice3_bench.compare.result import Inaccuracy
from ice3_bench.compare.sides import LABELS, Sides
from ice3_bench.components import concerned
from ice3_bench.text import count

if TYPE_CHECKING:
    from ice3_bench.compare.result import CellComparison
    from ice3_bench.compare.sides import Label
    from ice3_probe.messages import Checked, FieldError

Key = tuple[str, str, str]
"""Data set, component and output."""


@dataclass(frozen=True)
class Accuracy:
    """What the accuracy pass of a side found.

    Attributes
    ----------
    problems
        Why something could not be checked.
    """

    checked: tuple[Checked, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def errors(self) -> dict[Key, FieldError]:
        """The error of every output that was compared."""
        return {(one.data_set, one.component, entry.field): entry for one in self.checked for entry in one.fields}

    @property
    def unsupported(self) -> dict[tuple[str, str], str]:
        """Why the port does not run a component on a data set."""
        return {(one.data_set, one.component): one.unsupported for one in self.checked if one.unsupported}

    @property
    def left_out(self) -> dict[tuple[str, str], int]:
        """Number of cells that were not compared, because the port ignores an input that is not zero there."""
        return {(one.data_set, one.component): one.left_out for one in self.checked if not one.unsupported}

    @property
    def out_of_tolerance(self) -> set[str]:
        """Components with an output that is out of tolerance."""
        return {one.component for one in self.checked if not one.passed}


def compare_accuracy(cell: CellComparison, found: Sides[Accuracy]) -> None:
    """Write into ``cell`` which outputs are less accurate, what only one side has, and what could not be checked."""
    for label, side in found.items():
        cell.remarks += [f"the accuracy of the {label} cannot be checked: {problem}" for problem in side.problems]
        if side.problems:
            cell.broken = label  # the contender comes last
    known = {component for side in found for _, component, _ in side.errors}
    for benchmark in cell.benchmarks:
        benchmark.unchecked = benchmark.component not in known
    if cell.broken is None:
        cell.remarks += [
            f"{component}: its accuracy is not checked, no output was compared with reference data"
            for component in dict.fromkeys(one.component for one in cell.benchmarks if one.unchecked)
        ]
    if all(side.checked for side in found):
        cell.remarks += _differences(found)
    errors = found.map(lambda side: side.errors)
    for key, entry in errors.contender.items():
        before = errors.base.get(key)
        failed = not entry.passed and (before is None or before.passed)
        if failed or (before is not None and entry.error > before.error):
            data_set, component, field = key
            cell.less_accurate.append(
                Inaccuracy(
                    data_set=data_set,
                    component=component,
                    field=field,
                    base=before.error if before else None,
                    contender=entry.error,
                    tolerance=entry.tolerance,
                    failed=failed,
                )
            )
    if cell.accuracy_policy == "report":
        differing = found.base.out_of_tolerance | found.contender.out_of_tolerance
        for benchmark in cell.benchmarks:
            benchmark.physics_differs = concerned(benchmark.component, differing)


def _differences(found: Sides[Accuracy]) -> list[str]:
    """Say what was checked on one side only, or differently."""
    said = []
    explained = set()
    for label in LABELS:
        mine, theirs = found[label], found[_other(label)]
        for case, reason in mine.unsupported.items():
            explained.add(case)
            if case not in theirs.unsupported:
                said.append(f"{case[1]} on {case[0]} is n/a for the {label}: {reason}")
    for label in LABELS:
        mine, theirs = found[label], found[_other(label)]
        lacking = [key for key in mine.errors if key not in theirs.errors and key[:2] not in explained]
        if lacking:
            data_set, _, field = lacking[0]
            said.append(
                f"the accuracy of {count(len(lacking), 'output')}, such as '{field}' in {data_set}, is known for the "
                f"{label} only: components or outputs differ"
            )
    base, contender = found.base.left_out, found.contender.left_out
    said += [
        f"{component} on {data_set}: the base leaves out {count(cells, 'cell')} and the contender "
        f"{contender[data_set, component]}, so their errors are not of the same cells"
        for (data_set, component), cells in base.items()
        if contender.get((data_set, component), cells) != cells
    ]
    return said


def _other(label: Label) -> Label:
    return "contender" if label == "base" else "base"
