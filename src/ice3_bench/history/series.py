"""The series of the local history: which there are, what noise they have, and where their level changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ice3_bench.errors import UsageError
from ice3_bench.history.change_points import RESOLUTION, Detection, critical, detect
from ice3_bench.history.store import DETACHED, History, SeriesKey
from ice3_bench.measures import MEASURES, place, written
from ice3_bench.names import BenchmarkName, is_wanted
from ice3_bench.text import changed, count, quoted, short

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ice3_bench.history.change_points import ChangePoint
    from ice3_bench.history.store import Point
    from ice3_bench.report import Report


@dataclass(frozen=True)
class Series:
    """One benchmark and measure over the comparable runs of a branch, oldest first."""

    key: SeriesKey
    branch: str
    latest: Report
    """The last report with this series' machine and settings."""
    points: Sequence[Point]

    @property
    def values(self) -> list[float]:
        """Values in the unit of the measure."""
        return [point.metric.value for point in self.points]

    @cached_property
    def detection(self) -> Detection:
        """Changes of level; takes milliseconds, once."""
        return detect(self.values)

    def worse(self, change: ChangePoint) -> bool:
        """Tell whether a change is for the worse."""
        return MEASURES[self.key.measure].worse(change.before, change.after)

    def where(self, change: ChangePoint) -> str:
        """Say between which commits a change lies."""
        before, after = self.points[change.index - 1], self.points[change.index]
        return f"between {short(before.commit)} and {short(after.commit)} ({after.created:%Y-%m-%d})"

    def sentence(self, change: ChangePoint) -> str:
        """Say what changed and how sure that is."""
        found, measure = self.detection, self.key.measure
        return (
            f"{self.key.benchmark} {measure} {changed(change.relative)} ({written(measure, change.before)} to "
            f"{written(measure, change.after)}; statistic {change.statistic:.0f}, needed {critical(found.count):.0f})"
        )

    def verdict(self) -> str:
        """Say what the test of this series found, with its numbers."""
        found = self.detection
        if found.skipped is not None:
            return f"not tested: {found.skipped}"
        changes = len(found.changes)
        changed_so_often = count(changes, "change")
        if found.count < len(self.points):
            changed_so_often += f" in the newest {found.count} runs"
        if (found.scatter or 0.0) <= RESOLUTION * abs(found.level or 0.0):
            return f"{changed_so_often}, otherwise always the same" if changes else "always the same"
        return (
            f"{changed_so_often}; noise {self.noise}, autocorrelation {found.correlation:.1f}; "
            f"best {'further ' if changes else ''}change: {found.statistic:.1f} of the {found.needed:.1f} needed"
        )

    @property
    def noise(self) -> str:
        """Standard deviation of the noise, relative to the level."""
        found = self.detection
        if found.scatter is None or not found.level:
            return "–"
        return f"{100 * found.scatter / abs(found.level):.1f} %"

    def as_json(self) -> dict[str, Any]:
        """Return everything that is known, for programs."""
        found = self.detection
        return {
            "benchmark": self.key.benchmark,
            "measure": self.key.measure,
            "unit": MEASURES[self.key.measure].unit,
            "branch": self.branch,
            "testbed": self.latest.machine.testbed,
            "comparability": self.key.comparability,
            "runs": [
                {
                    "created": point.created.isoformat(),
                    "commit": point.commit,
                    "trusted": point.trusted,
                    "value": point.metric.value,
                    "lower_value": point.metric.lower_value,
                    "upper_value": point.metric.upper_value,
                }
                for point in self.points
            ],
            "changes": [
                {
                    "index": change.index,
                    "commit_before": self.points[change.index - 1].commit,
                    "commit": self.points[change.index].commit,
                    "created": self.points[change.index].created.isoformat(),
                    "before": change.before,
                    "after": change.after,
                    "statistic": change.statistic,
                    "worse": self.worse(change),
                }
                for change in found.changes
            ],
            "statistic": found.statistic,
            "needed": found.needed,
            "autocorrelation": found.correlation,
            "scatter": found.scatter,
            "verdict": self.verdict(),
        }


def collect(
    history: History,
    branch: str | None,
    base: str,
    *,
    benchmarks: Sequence[str] = (),
    measures: Collection[str] = tuple(MEASURES),
    older: bool = False,
) -> list[Series]:
    """Return the series of a branch, sorted by component, cell, domain and mix, then by measure.

    Parameters
    ----------
    branch
        Name of the branch; None takes the base branch, or the branch with most runs if the base has none. Runs on no
        branch are shown if ``DETACHED`` is given, or if there are no others.
    base
        Name of the base branch.
    benchmarks
        Only benchmarks whose name contains one of these; all if empty.
    measures
        Only these measures.
    older
        Also series that ended when a machine's settings changed (a new compiler, other flags).

    Raises
    ------
    UsageError
        If there is no run at all, none on the branch, or no series is selected.
    """
    branches = history.branches()
    if not branches:
        raise UsageError(f"{history.path} holds no run without uncommitted changes: commit, then measure a cell.")
    named = [name for name in branches if name != DETACHED] or [DETACHED]
    chosen = branch or (base if base in named else named[0])
    if chosen not in branches:
        raise UsageError(f"There is no run of branch '{chosen}': there are {quoted(branches)}.")
    found = history.series(chosen)
    latest = {(report.comparability, report.cell): report for report in history.latest_of_each()}
    by_key: dict[SeriesKey, Report] = {
        SeriesKey(benchmark.name, measure, report.key_of(measure)): report
        for report in latest.values()
        for benchmark in report.benchmarks
        for measure in benchmark.measures
    }
    selected = [
        Series(key, chosen, report, points)
        for key, points in found.items()
        if key.measure in measures and is_wanted(key.benchmark, benchmarks)
        if (report := by_key.get(key) or _any_report(latest.values(), key)) is not None
    ]
    if not older:
        newest = {
            (one.key.benchmark, one.key.measure, one.latest.machine.testbed): one for one in sorted(selected, key=_age)
        }
        selected = list(newest.values())
    if not selected:
        names = sorted({key.benchmark for key in found})
        kinds = sorted({key.measure for key in found})
        raise UsageError(
            f"No series is selected: '{chosen}' has the measures {', '.join(kinds)} of the benchmarks {quoted(names)}."
        )
    return sorted(
        selected, key=lambda one: (BenchmarkName.parse(one.key.benchmark).order, place(one.key.measure), _age(one))
    )


def _any_report(reports: Collection[Report], key: SeriesKey) -> Report | None:
    """Return a report of the same machine and settings, for a benchmark that the last run did not have; None: none."""
    return next((report for report in reports if report.comparability == key.comparability.partition(" ")[0]), None)


def _age(series: Series) -> int:
    return series.points[-1].rank
