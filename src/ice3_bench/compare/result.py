"""The records of a comparison, and the only place that writes and reads ``comparison.json``.

Console, page and pull request show a comparison from these records. Changing the meaning of a field, or removing
one, raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field

from ice3_bench.compare.sides import Label
from ice3_bench.compare.verdict import Decision, Verdict
from ice3_bench.errors import Exit, UsageError
from ice3_bench.fields import Count as Octets
from ice3_bench.fields import Error, Line, Positive, Share, Text
from ice3_bench.files import read_limited
from ice3_bench.reports import first_fault
from ice3_probe.messages import FORMER_ARRANGEMENT, Arrangement

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_VERSION: Literal[1] = 1
LARGEST = 16 * 2**20
"""Bytes of a comparison."""
FILE, MARKDOWN = "comparison.json", "comparison.md"
"""Names of the files in the results folder; the second one is what a job summary shows."""

LARGER = 0.01
"""Relative growth of the peak memory that counts; the peak itself repeats to 0.1 %."""
LARGER_BYTES = 2**16
"""Smallest growth of the peak memory that counts: on the smallest domains Python's own objects are several percent."""
GROWN = 2.0
"""Growth of an error that counts although it is in tolerance, as in the checks against the history."""
ROUNDING = 1e-3
"""Share of the tolerance below which no growth of an error counts: a different order of operations causes as much."""
MORE = 0.001
"""Relative change from which instruction counts differ; they repeat to 0.01 %."""


class _Record(BaseModel):
    # Derived values are written for other readers; they are computed again when read.
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class Compared(_Record):
    """A revision of a comparison."""

    name: Line
    """What the user called it."""
    commit: Line
    uncommitted: bool = False
    """Whether its files differ from the commit."""
    requirements: list[Line] = Field(default_factory=list)
    """What it had instead of the requirements of its own."""

    @property
    def text(self) -> str:
        """Name, short commit, and what it had instead of its own requirements."""
        others = f" with {' '.join(self.requirements)}" if self.requirements else ""
        return f"{self.name} ({self.commit[:12]}{' and uncommitted changes' if self.uncommitted else ''}){others}"


class Count(_Record):
    """Instructions of one run on both sides."""

    base: Positive
    contender: Positive

    @computed_field  # type: ignore[prop-decorator]
    @property
    def change(self) -> float:
        """Relative change; positive is more."""
        return self.contender / self.base - 1.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Literal["more", "fewer", "equal"]:
        """Whether the contender needs more instructions."""
        if abs(self.change) < MORE:
            return "equal"
        return "more" if self.change > 0.0 else "fewer"


class BenchmarkComparison(_Record):
    """One benchmark compared."""

    name: Line
    component: Line
    decision: Decision | None = None
    """None if it could not be compared."""
    base_ns: Error | None = None
    """CPU time of a run, ns: the median over processes of the minimum."""
    contender_ns: Error | None = None
    wall_change: float | None = None
    preempted: Share | None = None
    """Share of the rounds with an involuntary context switch; if it is large, wall time is not judged."""
    base_bytes: Octets | None = None
    """Peak memory of a run."""
    contender_bytes: Octets | None = None
    seconds: Share = 0.0
    """Time spent on its pairs of processes."""
    missing: Text | None = None
    """Why it could not be compared."""
    at_fault: Label | None = None
    """The side on which it failed."""
    instructions: Count | None = None
    physics_differs: bool = False
    """Whether an output of the component, a variant or a part of it is out of tolerance on either side.

    Only in cells with accuracy = "report"."""
    unchecked: bool = False
    """Whether no output of its component was compared with reference data, on either side."""
    marked: Text | None = None
    """Why its timing is doubtful."""
    remarks: list[Text] = Field(default_factory=list)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def larger(self) -> bool:
        """Whether the contender needs more memory."""
        if self.base_bytes is None or self.contender_bytes is None:
            return False
        return self.contender_bytes - self.base_bytes > max(LARGER * self.base_bytes, LARGER_BYTES)


class Inaccuracy(_Record):
    """An output whose error against the reference data is larger in the contender than in the base."""

    data_set: Line
    component: Line
    field: Line
    base: Error | None
    """None if only the contender has the output."""
    contender: Error
    tolerance: Annotated[Error, Field(gt=0.0)]
    failed: bool
    """Whether it is out of tolerance and was not in the base."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def counts(self) -> bool:
        """Whether the contender is less accurate: out of tolerance, or twice the error."""
        return self.failed or self.contender > max(GROWN * (self.base or 0.0), ROUNDING * self.tolerance)


class CellComparison(_Record):
    """The benchmarks of a cell, and the accuracy of both revisions."""

    cell: Line
    accuracy_policy: Literal["gate", "report"] = "gate"
    """With "report" no change of time, memory or accuracy decides the exit code."""
    benchmarks: list[BenchmarkComparison] = Field(default_factory=list)
    less_accurate: list[Inaccuracy] = Field(default_factory=list)
    remarks: list[Text] = Field(default_factory=list)
    """What concerns the whole cell, such as environments that differ."""
    broken: Label | None = None
    """The side whose accuracy could not be checked; the contender if it failed on both."""


class Comparison(_Record):
    """Two revisions compared on one machine."""

    schema_version: Literal[1] = SCHEMA_VERSION
    base: Compared
    contender: Compared
    arrangement: Arrangement = FORMER_ARRANGEMENT
    """Where the columns of the weather stood; comparisons that do not say so were made on shuffled ones."""
    calibration: Text
    """What is known about the error rates of the comparison on this machine."""
    cells: list[CellComparison] = Field(default_factory=list)

    @property
    def benchmarks(self) -> list[BenchmarkComparison]:
        """Those of all cells."""
        return [benchmark for cell in self.cells for benchmark in cell.benchmarks]

    def as_json(self) -> str:
        """Write everything, derived values included, as JSON."""
        return self.model_dump_json(indent=1)


def load_comparison(path: Path) -> Comparison:
    """Read what ``Comparison.as_json`` wrote.

    Raises
    ------
    UsageError
        If the file cannot be read, was written by another version, or is something else.
    """
    remedy = "run nox -s bench-compare again, or remove the file"
    try:
        text = read_limited(path, LARGEST)
        found = _Version.model_validate_json(text, strict=True).schema_version
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # ValidationError is one
        raise UsageError(f"{path} is not a comparison of revisions: {remedy}.") from error
    if found != SCHEMA_VERSION:
        age = "an earlier" if found is None or found < SCHEMA_VERSION else "a later"
        raise UsageError(f"{path} was written by {age} version of ice3-bench: {remedy}.")
    try:
        return Comparison.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise UsageError(f"{path} is not a valid comparison ({first_fault(error)}): {remedy}.") from error


class _Version(BaseModel):
    schema_version: int | None = None


def exit_code(comparison: Comparison, undecided: int) -> int:
    """Return the exit code of a comparison.

    1 if the contender is slower, larger or less accurate, or fails; otherwise ``undecided`` if something is not
    decided, because there were too few pairs or the base fails; otherwise 0. In cells with accuracy = "report" only a
    side that fails counts.
    """
    if any(_worse(cell) for cell in comparison.cells):
        return int(Exit.FAILED)
    return undecided if any(_open(cell) for cell in comparison.cells) else int(Exit.OK)


def _worse(cell: CellComparison) -> bool:
    if cell.broken == "contender" or any(benchmark.at_fault == "contender" for benchmark in cell.benchmarks):
        return True
    if cell.accuracy_policy == "report":
        return False
    slower = any(b.decision is not None and b.decision.verdict is Verdict.SLOWER for b in cell.benchmarks)
    return slower or any(b.larger for b in cell.benchmarks) or any(entry.counts for entry in cell.less_accurate)


def _open(cell: CellComparison) -> bool:
    if cell.broken or any(benchmark.missing for benchmark in cell.benchmarks):
        return True
    if cell.accuracy_policy == "report":
        return False
    return any(b.decision is not None and b.decision.verdict is Verdict.UNDECIDED for b in cell.benchmarks)
