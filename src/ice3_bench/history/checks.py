"""A run against the local history: every measure with a threshold gets a verdict that explains itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Literal, NamedTuple

from ice3_bench.history.store import SeriesKey
from ice3_bench.history.thresholds import boundary, selected
from ice3_bench.measures import MEASURES, written
from ice3_bench.text import changed, count

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from ice3_bench.history.store import History, Point
    from ice3_bench.history.thresholds import Boundary
    from ice3_bench.report import Benchmark, Report
    from ice3_bench.settings.matrix import Settings
    from ice3_bench.settings.policy import Threshold

Verdict = Literal["fine", "worse", "better", "unchecked"]
"""``worse`` and ``better`` lie beyond a limit."""


@dataclass(frozen=True)
class Check:
    """The verdict on one measure of one benchmark.

    Attributes
    ----------
    branch
        Branch whose runs are the history.
    boundary
        Limits drawn from them.
    relative
        Change against the baseline; None without a baseline or with one of zero.
    reason
        The rule and its numbers, or what would decide.
    near
        Whether a fine value lies in the last fifth before a limit. It is shown, and fails nothing.
    """

    benchmark: str
    label: str
    measure: str
    value: float
    verdict: Verdict
    branch: str
    boundary: Boundary
    relative: float | None
    reason: str
    near: bool = False

    @property
    def violation(self) -> bool:
        """Whether a limit was crossed, on either side: a policy names the sides that matter to it."""
        return self.verdict in ("worse", "better")


def check(report: Report, history: History, settings: Settings) -> list[Check]:
    """Check a report against the comparable runs before it, by the table ``[tool.ice3-bench.history]``.

    The history is that of its base branch, so that a slowdown cannot hide among the earlier runs of its own branch.
    If the base branch has too few comparable runs, it is that of the report's own branch. Runs on no known branch are
    nobody's history. Runs with uncommitted changes are checked, but are not part of any history. Doubtful values are
    neither checked nor part of a history: marked timings, and all values of a report whose physics differs. The report
    may be stored already.

    Raises
    ------
    UsageError
        If the history cannot be read.
    """
    base = settings.bencher.base_of(report.commit.branch, report.commit.base)
    branches = filter(None, dict.fromkeys((base, report.commit.branch)))
    which = {"key": report.comparability, "cell": report.cell, "before": report.id}
    histories = {branch: history.series(branch, **which, trusted=True) for branch in branches}
    return [
        _judge(report, benchmark, measure, model, histories, settings.history.least_change.get(measure, 0.0))
        for benchmark in report.benchmarks
        for measure, model in settings.history.thresholds.items()
        if measure in benchmark.measures and benchmark.error is None
    ]


def _judge(
    report: Report,
    benchmark: Benchmark,
    measure: str,
    model: Threshold,
    histories: Mapping[str, Mapping[SeriesKey, Sequence[Point]]],
    least_change: float,
) -> Check:
    key = SeriesKey(benchmark.name, measure, report.key_of(measure))
    values = {
        branch: [(point.created, Timed(point.metric.value, point.busy)) for point in reversed(series.get(key, ()))]
        for branch, series in histories.items()
    }
    branch, drawn = limits(model, values, report.created)
    value = benchmark.measures[measure].value
    distrust = report.distrust(benchmark, measure)
    if distrust is not None:
        return Check(benchmark.name, benchmark.label, measure, value, "unchecked", branch, drawn, None, distrust)
    relative = value / drawn.baseline - 1.0 if drawn.baseline else None
    side = drawn.crossed(value)
    verdict = judged(measure, value, drawn, least_change)
    counts = drawn.at_least(least_change)
    close = counts.near(value) if verdict == "fine" else None
    if drawn.skipped is not None:
        reason = f"{drawn.skipped} on '{branch}'"
    elif close is not None:
        limit, own = (counts.upper, drawn.upper) if close == "upper" else (counts.lower, drawn.lower)
        widened = "" if limit == own else f" (widened to the {least_change:.0%} that count)"
        reason = (
            f"{written(measure, value)} is in the last fifth before {written(measure, limit or 0.0)}, the limit by "
            f"{_rule(model, drawn, measure, branch)}{widened}"
        )
    elif side is None:
        reason = f"within {_rule(model, drawn, measure, branch)}"
    else:
        limit = drawn.upper if side == "upper" else drawn.lower
        reason = (
            f"{written(measure, value)} is {'above' if side == 'upper' else 'below'} {written(measure, limit or 0.0)}, "
            f"the limit by {_rule(model, drawn, measure, branch)}"
        )
        if relative is not None:
            reason += f"; {changed(relative)} from the baseline"
            if verdict == "fine":
                reason += f", less than the {least_change:.0%} that count"
        if benchmark.busy and MEASURES[measure].timing:
            reason += f"; the machine was busy: {benchmark.busy}"
    return Check(
        benchmark.name,
        benchmark.label,
        measure,
        value,
        verdict,
        branch,
        drawn,
        relative,
        reason,
        near=close is not None,
    )


def judged(measure: str, value: float, drawn: Boundary, least_change: float) -> Verdict:
    """Judge a value by its limits; beyond one, it must also differ from the baseline by ``least_change``, relative."""
    if drawn.skipped is not None:
        return "unchecked"
    side = drawn.crossed(value)
    if side is None or (drawn.baseline and abs(value / drawn.baseline - 1.0) < least_change):
        return "fine"
    return "worse" if (side == "upper") != MEASURES[measure].larger_is_better else "better"


class Timed(NamedTuple):
    """A value of a history, and whether the machine was busy while it was measured."""

    value: float
    busy: bool = False


def limits(
    model: Threshold, histories: Mapping[str, Collection[tuple[datetime, Timed]]], now: datetime
) -> tuple[str, Boundary]:
    """Compute the limits from the first branch with enough runs, or say what the one with most runs lacks.

    Values from a busy machine count only if the others are too few.

    Parameters
    ----------
    histories
        By branch: pairs of time and value, newest first.
    now
        When the value under test was measured.
    """
    drawn = []
    for branch, points in histories.items():
        found = selected(model, points, now)
        quiet = [one.value for one in found if not one.busy]
        values = quiet if len(quiet) >= model.needed else [one.value for one in found]
        drawn.append((branch, boundary(model, values)))
        if len(values) >= model.needed:
            return drawn[-1]
    return max(drawn, key=lambda pair: pair[1].count)


def _rule(model: Threshold, drawn: Boundary, measure: str, branch: str) -> str:
    """Write a test with the numbers it used."""
    sides = {"-": model.lower_boundary, "+": model.upper_boundary}
    given = " and ".join(f"{sign}{bound:g}" for sign, bound in sides.items() if bound is not None)
    if model.test == "static":
        return "a static threshold"
    baseline = written(measure, drawn.baseline or 0.0)
    spread = drawn.spread or 0.0
    runs = f"of {count(drawn.count, 'run')} of '{branch}'"
    if model.test == "percentage":
        percent = " and ".join(f"{sign}{100 * bound:g} %" for sign, bound in sides.items() if bound is not None)
        return f"percentage: mean {baseline} {runs}, {percent}"
    if model.test == "iqr":
        return f"iqr: median {baseline} {runs}, {given} times their interquartile range {written(measure, spread)}"
    if model.test == "delta_iqr":
        return f"delta_iqr: median {baseline} {runs}, {given} times the interquartile range {spread:.2%} of its changes"
    probabilities = " and ".join(f"{bound:g}" for bound in sides.values() if bound is not None)
    if model.test == "log_normal":
        return f"log_normal: {baseline} {runs}, logarithms' deviation {spread:.3g}, quantile {probabilities}"
    return f"{model.test}: mean {baseline} {runs}, deviation {written(measure, spread)}, quantile {probabilities}"


def summary(checks: Sequence[Check]) -> list[str]:
    """Return sentences on a run's checks: how many of each verdict, what is near a limit, what the unchecked lack."""
    if not checks:
        return []
    counts = Counter(one.verdict for one in checks)
    words: dict[Verdict, str] = {
        "worse": "worse",
        "better": "better than the limit",
        "fine": "fine",
        "unchecked": "not checked",
    }
    lines = ["Against the history: " + ", ".join(f"{counts[v]} {w}" for v, w in words.items() if counts[v]) + "."]
    lines += [f"Near a limit: {one.label} {one.measure}: {one.reason}." for one in checks if one.near]
    lacking = Counter((one.measure, one.reason) for one in checks if one.verdict == "unchecked")
    for (measure, reason), number in lacking.items():
        lines.append(f"Not checked: {measure} of {count(number, 'benchmark')}, {reason}.")
    return lines


@dataclass(frozen=True)
class Change:
    """Relative change of the latency; positive is slower."""

    relative: float
    spread: float
    """Spread of the change: the distances of median and minimum in the two runs, added in quadrature.

    One run is one process, so this says how noisy the rounds were, not whether the change is real: that takes
    ``bench-compare``."""


def change(after: Benchmark, before: Benchmark) -> Change | None:
    """Change of the latency from ``before`` to ``after``; None if one of them was not timed or by another clock."""
    new, old = after.measures.get("latency"), before.measures.get("latency")
    if new is None or old is None or not old.value or after.clock != before.clock:
        return None
    return Change(new.value / old.value - 1.0, hypot(after.spread, before.spread))
