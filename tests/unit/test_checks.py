"""A run against the local history: which runs count, what is said, and what is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ice3_bench.errors import UsageError
from ice3_bench.history.checks import Check, check, summary
from ice3_bench.history.series import collect
from ice3_bench.history.store import DETACHED, History
from ice3_bench.names import BenchmarkName
from ice3_bench.report import Benchmark, Commit, FieldError, Metric
from ice3_bench.settings.policy import HistoryPolicy, Threshold
from ice3_bench.show.console import make_console
from ice3_bench.show.tables import history_table, results_table, sparkline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

    Make = Callable[..., Report]

NEEDED = 10


def times(count: int, seed: int = 0) -> list[float]:
    """Latencies of 1 ms that vary by 0.5 %."""
    return [float(value) for value in 1e6 * (1.0 + 0.005 * np.random.default_rng(seed).standard_normal(count))]


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.db")


def fill(history: History, make_report: Make, values: Sequence[float], **fields: Any) -> None:
    for value in values:
        history.add(make_report(value, **fields))


def latency(checks: list[Check]) -> Check:
    (one,) = (check for check in checks if check.measure == "latency")
    return one


def test_a_first_run_is_unchecked_and_says_what_is_needed(
    make_report: Make, history: History, settings: Settings
) -> None:
    with history:
        checks = check(make_report(), history, settings)
    assert {one.measure: one.verdict for one in checks} == dict.fromkeys(settings.history.thresholds, "unchecked")
    assert latency(checks).reason == f"0 of the {NEEDED} runs needed on 'main'"
    assert f"Not checked: latency of 1 benchmark, 0 of the {NEEDED} runs needed on 'main'." in summary(checks)
    assert not any(one.violation for one in checks)


@pytest.mark.parametrize(("runs", "verdict"), [(NEEDED - 1, "unchecked"), (NEEDED, "worse")])
def test_a_slowdown_is_worse_once_there_is_enough_history(
    make_report: Make, history: History, settings: Settings, runs: int, verdict: str
) -> None:
    with history:
        fill(history, make_report, times(runs))
        one = latency(check(make_report(1.2e6), history, settings))
    assert one.verdict == verdict
    if verdict == "worse":
        assert one.violation
        for told in (
            "1.20 ms is above",
            "iqr: median 1.00 ms",
            f"{runs} runs of 'main'",
            "+4 times",
            "from the baseline",
        ):
            assert told in one.reason


def test_usual_runs_are_fine(make_report: Make, history: History, settings: Settings) -> None:
    with history:
        fill(history, make_report, times(20))
        for value in times(50, seed=1):
            checks = check(make_report(value), history, settings)
            assert {one.verdict for one in checks} == {"fine"}
        assert summary(checks) == ["Against the history: 3 fine."]


def test_a_small_change_beyond_the_limit_does_not_count(
    make_report: Make, history: History, settings: Settings
) -> None:
    with history:
        fill(history, make_report, [1e6 + index for index in range(12)])  # quieter than any machine
        small = latency(check(make_report(1.02e6), history, settings))
        large = latency(check(make_report(1.05e6), history, settings))
    assert (small.verdict, large.verdict) == ("fine", "worse")
    assert "+2.0 % from the baseline, less than the 3% that count" in small.reason


def test_memory_and_accuracy_are_checked_from_the_second_run(
    make_report: Make, history: History, settings: Settings
) -> None:
    worse = make_report()
    worse.benchmarks[0].measures["peak-memory"] = Metric(value=37e6)
    worse.benchmarks[0].measures["accuracy"] = Metric(value=2.1e-15)
    with history:
        history.add(make_report())
        verdicts = {one.measure: one for one in check(worse, history, settings)}
    assert verdicts["latency"].verdict == "unchecked"
    assert verdicts["peak-memory"].verdict == "worse"
    assert verdicts["peak-memory"].reason == (
        "37.0 MB is above 36.7 MB, the limit by percentage: mean 36.0 MB of 1 run of 'main', +2 %; "
        "+2.8 % from the baseline"
    )
    assert verdicts["accuracy"].verdict == "worse"


def test_a_branch_is_checked_against_the_base_and_not_its_own_slow_runs(
    make_report: Make, history: History, settings: Settings
) -> None:
    topic = Commit(hash="a" * 40, branch="topic")
    with history:
        fill(history, make_report, times(12))
        fill(history, make_report, [1.2 * value for value in times(30)], commit=topic)
        one = latency(check(make_report(1.2e6, commit=topic), history, settings))
    assert (one.verdict, one.branch) == ("worse", "main")


def test_where_the_base_was_not_measured_the_own_branch_is_the_history(
    make_report: Make, history: History, settings: Settings
) -> None:
    own = Commit(hash="a" * 40, branch="topic")
    with history:
        fill(history, make_report, times(3))
        fill(history, make_report, times(12), commit=own)
        one = latency(check(make_report(1.2e6, commit=own), history, settings))
        elsewhere = latency(check(make_report(1.2e6, commit=Commit(branch="other")), history, settings))
    assert (one.verdict, one.branch) == ("worse", "topic")
    assert (elsewhere.verdict, elsewhere.reason) == ("unchecked", f"3 of the {NEEDED} runs needed on 'main'")


def test_runs_on_no_known_branch_are_nobodys_history(make_report: Make, history: History, settings: Settings) -> None:
    """A slow merge request would hide a slowdown of another branch."""
    nowhere = Commit(hash="a" * 40, branch=None)
    with history:
        fill(history, make_report, [2.0 * time for time in times(20)], commit=nowhere)
        fill(history, make_report, times(3))
        one = latency(check(make_report(1.2e6, commit=nowhere), history, settings))
        assert (one.verdict, one.reason) == ("unchecked", f"3 of the {NEEDED} runs needed on 'main'")
        fill(history, make_report, times(12))
        assert latency(check(make_report(1.2e6, commit=nowhere), history, settings)).verdict == "worse"
        fill(history, make_report, times(1), commit=Commit(branch="topic"))
        assert {one.branch for one in collect(history, None, "elsewhere")} == {"main"}  # though HEAD has more runs
        assert {one.branch for one in collect(history, DETACHED, "main")} == {DETACHED}


def test_uncommitted_and_incomparable_runs_are_no_history(
    make_report: Make, history: History, settings: Settings
) -> None:
    report = make_report(1.2e6)
    with history:
        fill(history, make_report, times(20), commit=Commit(branch="main", dirty=True))
        fill(history, make_report, times(20), machine=report.machine.model_copy(update={"testbed": "node"}))
        fill(history, make_report, times(20), software=report.software.model_copy(update={"compiler": "g++ 13"}))
        assert latency(check(report, history, settings)).verdict == "unchecked"
        fill(history, make_report, times(12))
        dirty = make_report(1.2e6, commit=Commit(branch="main", dirty=True))
        assert latency(check(dirty, history, settings)).verdict == "worse"


def test_a_report_is_no_part_of_its_own_history_nor_are_later_ones(
    make_report: Make, history: History, settings: Settings
) -> None:
    with history:
        fill(history, make_report, times(12))
        report = make_report(1.2e6)
        before = check(report, history, settings)
        history.add(report)
        fill(history, make_report, [1.2e6] * 20)
        assert check(report, history, settings) == before


def test_failed_benchmarks_and_missing_measures_are_left_out(
    make_report: Make, history: History, settings: Settings
) -> None:
    report = make_report()
    report.benchmarks[0].measures.pop("peak-memory")
    report.benchmarks.append(
        Benchmark(
            name="rain_ice/gt_cpu_ifirst/float64/50x50x60/rich", component="rain_ice", domain=(50, 50, 60), error="no"
        )
    )
    with history:
        assert [one.measure for one in check(report, history, settings)] == ["latency", "accuracy"]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"test": "static", "upper_boundary": 1.1e6}, "above 1.10 ms, the limit by a static threshold"),
        ({"test": "z_score", "upper_boundary": 0.99}, "z_score: mean 1.00 ms of 12 runs of 'main', deviation"),
        ({"test": "t_test", "upper_boundary": 0.99}, "t_test: mean 1.00 ms"),
        ({"test": "log_normal", "upper_boundary": 0.99}, "log_normal: 1.00 ms"),
        ({"test": "delta_iqr", "upper_boundary": 2.0}, "delta_iqr: median 1.00 ms"),
        ({"test": "percentage", "lower_boundary": 0.3, "upper_boundary": 0.1}, "-30 % and +10 %"),
    ],
)
def test_every_rule_is_written_with_its_numbers(
    make_report: Make, history: History, settings: Settings, model: dict[str, Any], told: str
) -> None:
    policy = HistoryPolicy.model_construct(thresholds={"latency": Threshold(**model)}, least_change={})
    settings = settings.model_copy(update={"history": policy})
    with history:
        fill(history, make_report, times(12))
        (one,) = check(make_report(1.2e6), history, settings)
    assert told in one.reason
    assert one.verdict == "worse"


def test_a_lower_limit_is_better_for_a_time_and_worse_for_a_throughput(
    make_report: Make, history: History, settings: Settings
) -> None:
    low = Threshold(test="percentage", lower_boundary=0.1)
    policy = HistoryPolicy.model_construct(thresholds={"latency": low, "throughput": low}, least_change={})
    settings = settings.model_copy(update={"history": policy})
    with history:
        fill(history, make_report, times(12))
        assert [one.verdict for one in check(make_report(0.8e6), history, settings)] == ["better", "fine"]
        assert [one.verdict for one in check(make_report(1.2e6), history, settings)] == ["fine", "worse"]


def test_the_table_marks_what_is_worse(make_report: Make, history: History, settings: Settings) -> None:
    report = make_report(1.2e6)
    console = make_console()
    with history:
        first = check(report, history, settings)
        fill(history, make_report, times(12))
        checks = check(report, history, settings)
    with console.capture() as captured:
        console.print(results_table(report, {}, first))
        console.print(results_table(report, {}, checks))
        console.print(results_table(make_report(), {}, checks[1:] + first[:1]))
    text = captured.get()
    assert "not checked" in text
    assert "✗ latency" in text
    assert "✓ memory, error │" in text  # of the latency, too few runs are known


# --- Series -----------------------------------------------------------------------------------------------------------


def test_series_know_their_changes_and_say_so(make_report: Make, history: History, settings: Settings) -> None:
    hashes = [f"{number:040x}" for number in range(1, 41)]
    values = [*times(25), *(1.1 * value for value in times(15, seed=1))]
    with history:
        for value, name in zip(values, hashes, strict=True):
            history.add(make_report(value, commit=Commit(hash=name[::-1], branch="main")))
        history.add(make_report(commit=Commit(branch="topic")))
        series = collect(history, None, settings.bencher.base_branch)
        assert {one.branch for one in series} == {"main"}
        assert [one.key.measure for one in series] == ["latency", "throughput", "peak-memory", "accuracy", "bandwidth"]
        time, rate, memory = series[:3]
    (change,) = time.detection.changes
    assert change.index == 25
    assert time.worse(change)
    assert rate.worse(rate.detection.changes[0])
    assert memory.detection.changes == ()
    entry = json.loads(json.dumps(time.as_json()))
    assert (entry["unit"], entry["testbed"], len(entry["runs"])) == ("ns", "laptop", 40)
    assert entry["changes"][0]["commit"] == hashes[25][::-1]
    assert entry["changes"][0]["commit_before"] == hashes[24][::-1]
    console = make_console()
    with console.capture() as captured:
        console.print(history_table(series))
    text = captured.get()
    for told in ("latency", "+10", f"at {hashes[25][::-1][:10]}", "Changed between", "statistic"):
        assert told in text


def test_series_are_selected_and_what_is_missing_is_said(
    make_report: Make, history: History, settings: Settings
) -> None:
    base = settings.bencher.base_branch
    with history:
        with pytest.raises(UsageError, match="no run without uncommitted changes"):
            collect(history, None, base)
        fill(history, make_report, times(3), commit=Commit(branch="topic"))
        newer = make_report(commit=Commit(branch="topic"))
        newer = newer.model_copy(update={"software": newer.software.model_copy(update={"compiler": "g++ 13"})})
        history.add(newer)
        series = collect(history, None, base, measures=["latency"])
        assert [(one.branch, one.key.comparability) for one in series] == [("topic", newer.comparability)]
        assert series[0].verdict() == "not tested: 1 of the 12 runs needed"
        assert len(collect(history, "topic", base, measures=["latency"], older=True)) == 2
        assert collect(history, None, base, benchmarks=["adjust"])
        with pytest.raises(UsageError, match="no run of branch 'main': there are 'topic'"):
            collect(history, "main", base)
        with pytest.raises(
            UsageError,
            match=r"No series is selected: 'topic' has the measures .*latency.* of the benchmarks 'ice_adjust",
        ):
            collect(history, None, base, benchmarks=["hail"])


def test_a_sparkline_spans_from_the_smallest_to_the_largest_value() -> None:
    assert sparkline([3.0, 1.0, 2.0]) == "█▁▅"
    assert sparkline([1.0, 1.0]) == sparkline([0.0, 0.0]) == "▁▁"
    assert sparkline([36e6, 36.001e6, 36e6]) == "▁▁▁"  # 0.003 % is no news
    assert len(sparkline([float(number) for number in range(100)])) == 24


def test_what_is_not_to_be_trusted_neither_gates_nor_judges(
    make_report: Callable[..., Report], settings: Settings, tmp_path: Path
) -> None:
    wrong = FieldError(data_set="lite", component="ice_adjust", field="rvs", error=1.0, tolerance=1e-12, passed=False)
    with History(tmp_path / "history.db") as history:
        for number in range(12):
            history.add(make_report(1e6 * (1 + number / 1000)))
            history.add(make_report(9e6, accuracy=[wrong], accuracy_policy="report"))
            unsure = make_report(1e3)
            unsure.benchmarks[0].marked = "the result was not ready"
            history.add(unsure)
        different = make_report(9e9, accuracy=[wrong], accuracy_policy="report")
        checks = check(different, history, settings)
        assert {one.verdict for one in checks} == {"unchecked"}
        assert summary(checks)[1] == "Not checked: latency of 1 benchmark, the physics differs."
        marked = make_report(9e9)
        marked.benchmarks[0].marked = "the result was not ready"
        verdicts = {one.measure: one.verdict for one in check(marked, history, settings)}
        assert verdicts == {"latency": "unchecked", "peak-memory": "fine", "accuracy": "fine"}
        slow = make_report(1.2e6)
        (latency, *_) = check(slow, history, settings)
        assert (latency.measure, latency.verdict) == ("latency", "worse")
        # A run is compared with the last one of its kind, and all of them are on show.
        before, other = history.previous(different), history.latest_other(make_report())
        assert before is not None
        assert other is not None
        assert before.physics_differs
        assert other.physics_differs
        (points,) = (points for key, points in history.series("main").items() if key.measure == "latency")
        assert [point.trusted for point in points] == [True, False, False] * 12


def test_errors_in_another_norm_are_not_compared_but_times_are(
    make_report: Make, history: History, settings: Settings
) -> None:
    with history:
        fill(history, make_report, times(12))
        now = make_report(accuracy_norm=2)
        now.benchmarks[0].measures["accuracy"] = Metric(value=1e-12)  # a thousand times as much
        found = {one.measure: one for one in check(now, history, settings)}
        assert found["accuracy"].verdict == "unchecked"
        assert found["accuracy"].reason == "0 of the 1 run needed on 'main'"
        assert found["latency"].verdict == "fine"
        history.add(now)
        again = make_report(accuracy_norm=2)
        again.benchmarks[0].measures["accuracy"] = Metric(value=3e-12)
        (one,) = (one for one in check(again, history, settings) if one.measure == "accuracy")
        assert one.verdict == "worse"
        shown = [(one.key.measure, len(one.points)) for one in collect(history, "main", "main")]
        all_of_it = collect(history, "main", "main", older=True)
    assert ("latency", 13) in shown
    assert [number for measure, number in shown if measure == "accuracy"] == [1]
    assert [len(one.points) for one in all_of_it if one.key.measure == "accuracy"] == [12, 1]


@pytest.mark.parametrize(("quiet", "verdict"), [(NEEDED, "worse"), (NEEDED - 1, "fine")])
def test_runs_on_a_busy_machine_count_only_if_the_others_are_too_few(
    make_report: Make, history: History, settings: Settings, quiet: int, verdict: str
) -> None:
    with history:
        for number in range(16):
            report = make_report(1e6 + number if number < quiet else 2e6 + number)
            if number >= quiet:
                report.benchmarks[0].busy = "it waited"
            history.add(report)
        one = latency(check(make_report(1.5e6), history, settings))
    assert one.verdict == verdict


def test_a_slow_run_on_a_busy_machine_says_so(make_report: Make, history: History, settings: Settings) -> None:
    with history:
        fill(history, make_report, times(12))
        slow = make_report(1.5e6)
        slow.benchmarks[0].busy = "wall time 3.6 times the CPU time"
        one = latency(check(slow, history, settings))
    assert one.violation
    assert one.reason.endswith("; the machine was busy: wall time 3.6 times the CPU time")


def test_series_are_in_the_order_of_components_sizes_and_mixes(make_report: Make, history: History) -> None:
    names = [
        "ice_adjust/numpy/float64/50x50x60",
        "ice_adjust/numpy/float64/100x100x90",
        "rain_ice/numpy/float64/50x50x60/rich",
        "rain_ice/numpy/float64/50x50x60/sparse",
        "rain_ice/numpy/float64/100x100x90/rich",
        "microphysics/numpy/float64/50x50x60/rich",
    ]
    report = make_report(cell="numpy-float64")
    (first,) = report.benchmarks
    report.benchmarks = [
        first.model_copy(
            update={"name": name, "component": name.partition("/")[0], "domain": BenchmarkName.parse(name).domain}
        )
        for name in reversed(names)
    ]
    with history:
        history.add(report)
        found = collect(history, "main", "main", measures=["latency"])
    assert [one.key.benchmark for one in found] == names
