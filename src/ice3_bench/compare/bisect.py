"""Find the first commit that is slower than a good one: git halves the commits that are left, a comparison judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from ice3_bench.compare.revisions import git, resolved
from ice3_bench.compare.verdict import Verdict
from ice3_bench.errors import UsageError
from ice3_bench.fields import Line, Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMA_VERSION: Literal[1] = 1
FILE = "bisection.json"
"""Name of the file in the results folder."""


class Finding(BaseModel):
    """What a comparison of a commit with the good one said.

    Attributes
    ----------
    verdict
        None if the commit could not be compared.
    change, low, high
        Relative change of the time and its interval; None if nothing was measured.
    why
        The reason of the verdict.
    """

    model_config = ConfigDict(frozen=True)

    verdict: Verdict | None
    why: Text
    change: float | None = None
    low: float | None = None
    high: float | None = None


class Step(BaseModel):
    """A commit that was looked at."""

    model_config = ConfigDict(frozen=True)

    commit: Line
    date: Line
    subject: Text
    finding: Finding


class Bisection(BaseModel):
    """The search for the first slower commit.

    Attributes
    ----------
    steps
        In the order in which the commits were compared; the first is the bad one.
    suspects
        Commits of which one is the first slower one, oldest first; a single one if it was found.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    benchmark: Line
    good: Line
    bad: Line
    steps: list[Step] = Field(default_factory=list)
    suspects: list[Line] = Field(default_factory=list)

    def step(self, commit: str) -> Step | None:
        """Return the step that looked at a commit."""
        return next((step for step in self.steps if step.commit == commit), None)


def bisect(
    project: Path,
    benchmark: str,
    good: str,
    bad: str,
    judge: Callable[[str], Finding],
    store: Callable[[Bisection], None],
) -> Bisection:
    """Find the first commit after ``good``, up to ``bad``, that is slower than ``good``.

    Commits that stay undecided, or cannot be compared, are passed over. If they hide the first slower commit, it is one
    of several suspects.

    Parameters
    ----------
    good, bad
        Revisions.
    judge
        Compares a commit with the good one.
    store
        Called after each comparison, so that an interruption loses none.

    Raises
    ------
    UsageError
        If a revision is not known, the good one is not an ancestor of the bad one, or the bad one is not slower.
    """
    first, last = resolved(project, good), resolved(project, bad)
    if first == last or not _is_ancestor(project, first, last):
        raise UsageError(
            f"{good} ({first[:12]}) is not an earlier commit of {bad} ({last[:12]}): name one with --good."
        )
    found = Bisection(benchmark=benchmark, good=first, bad=last)

    def look_at(commit: str) -> Verdict | None:
        date, subject = git(project, "show", "--no-patch", "--format=%cs %s", commit).split(" ", 1)
        finding = judge(commit)
        found.steps.append(Step(commit=commit, date=date, subject=subject, finding=finding))
        store(found)
        return finding.verdict

    if look_at(last) is not Verdict.SLOWER:
        raise UsageError(f"There is nothing to find: {_said(bad, good, found.steps[0].finding)}.")
    fine = [first]
    while left := [one for one in _between(project, fine, last) if found.step(one) is None]:
        verdict = look_at(left[0])
        if verdict is Verdict.SLOWER:
            last = left[0]
        elif verdict in (Verdict.SAME, Verdict.FASTER):
            fine.append(left[0])
    found.suspects = git(project, "rev-list", "--reverse", "--topo-order", last, "--not", *fine).splitlines()
    store(found)
    return found


def _between(project: Path, fine: list[str], slower: str) -> list[str]:
    """Return the commits that may be the first slower one; the one that divides them best comes first."""
    lines = git(project, "rev-list", "--bisect-all", slower, "--not", *fine).splitlines()
    return [line.split(maxsplit=1)[0] for line in lines]


def _is_ancestor(project: Path, first: str, last: str) -> bool:
    return git(project, "merge-base", "--all", first, last).splitlines() == [first]


def _said(bad: str, good: str, finding: Finding) -> str:
    if finding.verdict is None:
        return f"{bad} cannot be compared with {good}. {finding.why.rstrip('.')}"
    if finding.verdict is Verdict.UNDECIDED:
        return f"whether {bad} is slower than {good} is undecided, {finding.why}"
    return f"{bad} is not slower than {good}, but {finding.verdict}, {finding.why}"
