"""The search for the first slower commit as a table, with the result below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ice3_bench.compare.verdict import Verdict
from ice3_bench.show.comparison import STYLES
from ice3_bench.show.console import Fitting
from ice3_bench.text import count

if TYPE_CHECKING:
    from ice3_bench.compare.bisect import Bisection, Finding, Step

SHORT = 12
"""Characters of a commit's hash."""


def bisection_table(found: Bisection) -> Group:
    """Make the table of all comparisons, and the sentences that name the first slower commit or the suspects."""
    table = Table(title=f"{found.benchmark} against {found.good[:SHORT]}", title_justify="left")
    for heading in ("commit", "date", "verdict", "change", "99 % interval", "subject"):
        table.add_column(heading, no_wrap=heading == "commit")
    for step in found.steps:
        table.add_row(
            step.commit[:SHORT], step.date, *_cells(step.finding), step.subject, style=STYLES.get(_verdict(step))
        )
    passed_over = [
        f"{step.commit[:SHORT]}: {step.finding.why}" for step in found.steps if _verdict(step) is Verdict.UNDECIDED
    ]
    return Group(Fitting(table), *map(Text, passed_over), Text(conclusion(found), style="bold"))


def conclusion(found: Bisection) -> str:
    """Say which commit is the first slower one, or among which it is, and how many comparisons that took."""
    took = f"That took {count(len(found.steps), 'comparison')}."
    last = found.suspects[-1]
    step = found.step(last)
    if len(found.suspects) > 1 or step is None:
        names = ", ".join(one[:SHORT] for one in found.suspects)
        return f"The first slower commit is one of {names}: the others could not be decided. {took}"
    change, interval, *_ = _cells(step.finding)[1:]
    return (
        f"First slower commit: {last[:SHORT]} ({step.date}, '{step.subject}'), {change} [{interval}] against "
        f"{found.good[:SHORT]}. {took}"
    )


def _verdict(step: Step) -> Verdict:
    return step.finding.verdict or Verdict.UNDECIDED


def _cells(finding: Finding) -> tuple[str, str, str]:
    """Return verdict, change and interval."""
    if finding.change is None or finding.low is None or finding.high is None:
        return finding.verdict or "not compared", "–", "not measured"
    return finding.verdict or "not compared", f"{finding.change:+.2%}", f"{finding.low:+.2%} … {finding.high:+.2%}"
