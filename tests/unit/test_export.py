"""The history in formats of other programs, read back by those programs or by the libraries they use."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ice3_bench.errors import UsageError
from ice3_bench.export.benchmark_action import one_direction, write_benchmark_action
from ice3_bench.export.csv_file import write_csv
from ice3_bench.export.openmetrics import metric_name, write_history, write_newest
from ice3_bench.export.output import opened
from ice3_bench.export.parquet_file import write_parquet
from ice3_bench.export.phyex_perf import write_phyex_perf
from ice3_bench.export.series import series
from ice3_bench.export.table import Row, Selection, newest, rows
from ice3_bench.history.checks import check
from ice3_bench.history.store import History
from ice3_bench.measures import MEASURES
from ice3_bench.report import Commit, FieldError, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

START = datetime(2026, 5, 4, 12, 30, 0, 123456, tzinfo=UTC)
ALL = Selection()


@pytest.fixture
def reports(make_report: Callable[..., Report]) -> list[Report]:
    """Sixty runs of two machines, branches and norms: some doubtful, some on a busy machine, some uncommitted."""
    random, made = Random(5), []  # noqa: S311 (no secret)
    for number in range(60):
        branch = ("main", "main", "main", "topic")[number % 4]
        commit = Commit(hash=f"{number // 2:040x}", branch=branch, dirty=number % 13 == 5)
        report = make_report(
            1e6 * random.gauss(1.2 if number > 50 else 1.0, 0.01),
            created=START + timedelta(hours=number),
            commit=commit,
        )
        report.machine.testbed = "laptop" if number % 5 else "node"
        if number % 11 == 3:
            report.benchmarks[0].marked = "something else ran"
        if number % 7 == 2:
            report.benchmarks[0].busy = "it waited"
        if number > 40:
            report.accuracy_norm = 2
        if number % 17 == 4:
            report.accuracy = [
                FieldError(data_set="x", component="ice_adjust", field="rvs", error=1.0, tolerance=1e-9, passed=False)
            ]
        report.benchmarks[0].measures["peak-memory"] = Metric(value=36e6 * (1.0 + 0.01 * (number % 3)))
        made.append(report)
    return made


@pytest.fixture
def history(tmp_path: Path, reports: list[Report]) -> Iterator[History]:
    with History(tmp_path / "history.db") as history:
        for report in reports:
            assert history.add(report)
        yield history


def test_a_row_holds_all_of_a_value(history: History, settings: Settings, reports: list[Report]) -> None:
    table = list(rows(history, settings, ALL))
    assert len(table) == 60 * 5
    (row,) = (row for row in table if row.run == reports[5].id and row.measure == "latency")
    latency = reports[5].benchmarks[0].measures["latency"]
    assert row == Row(
        reports[5].id, reports[5].created, "gt_cpu_ifirst-float64", "ice_adjust/gt_cpu_ifirst/float64/50x50x60",
        "ice_adjust", "gt_cpu_ifirst", "float64", "50x50x60", None, "latency", "ns",
        latency.value, latency.lower_value, latency.upper_value, f"{2:040x}", "main", True,
        "node", reports[5].comparability, True, "unchecked",
    )  # fmt: skip


def test_verdicts_are_those_that_the_runs_met(history: History, settings: Settings, reports: list[Report]) -> None:
    verdicts = {(row.run, row.measure): row.verdict for row in rows(history, settings, ALL)}
    for report in reports:
        checks = {one.measure: one.verdict for one in check(report, history, settings)}
        assert {measure: verdicts[report.id, measure] for measure in MEASURES if (report.id, measure) in verdicts} == {
            measure: checks.get(measure) for measure in reports[0].benchmarks[0].measures
        }
    assert {"fine", "worse", "unchecked", None} == set(verdicts.values())


def test_a_selection_changes_no_verdict(history: History, settings: Settings) -> None:
    table = list(rows(history, settings, ALL))
    since = START + timedelta(hours=50)
    chosen = Selection(since, ("gt_cpu_ifirst-float64",), ("latency",), "main", committed=True)
    expected = [
        row
        for row in table
        if row.created >= since and row.measure == "latency" and row.branch == "main" and not row.uncommitted
    ]
    assert expected
    assert list(rows(history, settings, chosen)) == expected


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        (Selection(cells=("numpy-float64",)), "no run of cell 'numpy-float64': there are 'gt_cpu_ifirst-float64'"),
        (Selection(branch="x"), "no run of branch 'x': there are 'main', 'topic'"),
        (Selection(since=START + timedelta(days=99)), "is selected by these arguments"),
        (Selection(measures=("compile-time",)), "is selected by these arguments"),
    ],
)
def test_what_is_not_there_is_told(history: History, settings: Settings, selection: Selection, told: str) -> None:
    for read in (lambda: list(rows(history, settings, selection)), lambda: list(series(history, selection))):
        with pytest.raises(UsageError, match=told):
            read()


def test_an_empty_history_is_told(tmp_path: Path, settings: Settings) -> None:
    stream = io.BytesIO()
    with History(tmp_path / "empty.db") as history, pytest.raises(UsageError, match="holds no run: measure a cell"):
        write_csv(rows(history, settings, ALL), stream)
    assert stream.getvalue() == b""


def test_the_history_is_not_locked_while_a_reader_is_slow(
    history: History, settings: Settings, make_report: Callable[..., Report]
) -> None:
    """Otherwise a bench session that ends meanwhile could not store its results."""
    slow = rows(history, settings, ALL)
    next(slow)
    with History(history.path) as other:
        other.connection.execute("PRAGMA busy_timeout = 0")
        assert other.add(make_report())
    assert sum(1 for _ in slow) == 60 * 5 - 1


def test_pandas_and_polars_read_what_was_written(history: History, settings: Settings, tmp_path: Path) -> None:
    table = list(rows(history, settings, ALL))
    for name, write in (("t.csv", write_csv), ("t.parquet", write_parquet)):
        with opened(str(tmp_path / name)) as stream:
            assert write(rows(history, settings, ALL), stream) == len(table)
    parquet = tmp_path / "t.parquet"
    frame = pl.read_parquet(parquet)
    assert frame.rows() == [tuple(row) for row in table]
    assert str(frame.schema["created"]) == "Datetime(time_unit='us', time_zone='UTC')"
    panda = pd.read_parquet(parquet)
    assert list(panda.columns) == list(Row._fields)
    assert panda["value"].tolist() == [row.value for row in table]
    assert panda["created"].tolist() == [pd.Timestamp(row.created) for row in table]
    assert panda["gated"].tolist() == [row.gated for row in table]
    text = pl.read_csv(tmp_path / "t.csv", infer_schema_length=None)
    assert text["value"].to_list() == [row.value for row in table]
    assert text["uncommitted"].to_list() == [row.uncommitted for row in table]
    assert text["verdict"].to_list() == [row.verdict for row in table]
    assert pd.read_csv(tmp_path / "t.csv", parse_dates=["created"])["created"].tolist() == panda["created"].tolist()


def test_hostile_names_stay_one_value(make_report: Callable[..., Report], tmp_path: Path, settings: Settings) -> None:
    report = make_report(commit=Commit(hash="0" * 40, branch='a"b,c\\d é'))
    report.machine.testbed = 'n"o\\de, 1'
    with History(tmp_path / "history.db") as history:
        history.add(report)
        stream = io.BytesIO()
        write_csv(rows(history, settings, ALL), stream)
        read = list(csv.DictReader(io.StringIO(stream.getvalue().decode())))
        assert {(row["branch"], row["testbed"]) for row in read} == {('a"b,c\\d é', 'n"o\\de, 1')}
        for written in (_newest(history, settings), _history(history)):
            for family in families_in(written):
                for sample in family.samples:
                    assert (sample.labels["branch"], sample.labels["testbed"]) == ('a"b,c\\d é', 'n"o\\de, 1')


def families_in(text: str) -> list[Any]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def _newest(history: History, settings: Settings) -> str:
    stream = io.BytesIO()
    write_newest(newest(history, settings, Selection(committed=True)), stream)
    return stream.getvalue().decode()


def _history(history: History) -> str:
    stream = io.BytesIO()
    write_history(series(history, Selection(committed=True)), stream)
    return stream.getvalue().decode()


def test_metrics_have_base_units_and_no_times(history: History, settings: Settings, reports: list[Report]) -> None:
    assert [metric_name(measure) for measure in MEASURES.values()][:6] == [
        "ice3_bench_latency_seconds",
        "ice3_bench_throughput_points_per_second",
        "ice3_bench_peak_memory_bytes",
        "ice3_bench_accuracy",
        "ice3_bench_bandwidth_ratio",
        "ice3_bench_transfer_in_seconds",
    ]
    families = {family.name: family.samples for family in families_in(_newest(history, settings))}
    assert all(sample.timestamp is None for samples in families.values() for sample in samples)
    last = next(
        report for report in reversed(reports) if report.commit.branch == "topic" and report.machine.testbed == "laptop"
    )
    assert not last.commit.dirty
    labels = {
        "component": "ice_adjust",
        "backend": "gt_cpu_ifirst",
        "precision": "float64",
        "domain": "50x50x60",
        "mix": "",
        "testbed": "laptop",
        "branch": "topic",
        "comparability": last.comparability,
    }
    values = {
        name: [sample.value for sample in samples if labels.items() <= sample.labels.items()]
        for name, samples in families.items()
    }
    assert values["ice3_bench_latency_seconds"] == [
        pytest.approx(1e-9 * last.benchmarks[0].measures["latency"].value, rel=1e-12)
    ]
    assert values["ice3_bench_run_timestamp_seconds"] == [last.created.timestamp()]
    (info,) = (s for s in families["ice3_bench_run_info"] if labels.items() <= s.labels.items())
    assert info.labels["commit"] == last.commit.hash
    worse = {
        sample.labels["measure"]: sample.value
        for sample in families["ice3_bench_worse"]
        if labels.items() <= sample.labels.items()
    }
    expected = {one.measure: one.verdict for one in check(last, history, settings) if one.verdict != "unchecked"}
    assert expected
    assert worse == {measure: float(verdict == "worse") for measure, verdict in expected.items()}


def test_the_history_of_metrics_has_every_committed_value_at_its_time(history: History, reports: list[Report]) -> None:
    families = {family.name: family.samples for family in families_in(_history(history))}
    assert set(families) == {metric_name(MEASURES[name]) for name in reports[0].benchmarks[0].measures}
    found = {
        (sample.labels["branch"], sample.labels["testbed"], round(1000 * float(sample.timestamp or 0))): sample.value
        for sample in families["ice3_bench_latency_seconds"]
    }
    assert found == {
        (report.commit.branch, report.machine.testbed, round(1000 * report.created.timestamp())): pytest.approx(
            1e-9 * report.benchmarks[0].measures["latency"].value, rel=1e-12
        )
        for report in reports
        if not report.commit.dirty
    }


def test_github_action_benchmark_gets_one_entry_for_each_series(history: History, settings: Settings) -> None:
    stream = io.BytesIO()
    chosen = Selection(measures=one_direction(()), committed=True)
    number = write_benchmark_action(newest(history, settings, chosen), stream)
    entries = json.loads(stream.getvalue())
    names = [entry["name"] for entry in entries]
    assert len(names) == len(set(names)) == number == 3 * 2  # latency, memory, accuracy on two machines
    (entry,) = (one for one in entries if "latency on laptop" in one["name"])
    assert entry["unit"] == "ns"
    assert isinstance(entry["value"], float)
    assert all(isinstance(entry[key], str) for key in ("name", "unit", "range", "extra"))


def test_measures_of_one_file_have_one_direction() -> None:
    assert "throughput" not in one_direction(())
    assert one_direction(("throughput",)) == ["throughput"]
    with pytest.raises(UsageError, match="larger is better for 'throughput' only"):
        one_direction(("latency", "throughput"))


def test_lines_for_phyex_have_single_blanks_and_seconds_per_column(
    make_report: Callable[..., Report], tmp_path: Path, settings: Settings
) -> None:
    report = make_report(5e6)
    report.machine.testbed = "my node"
    with History(tmp_path / "history.db") as history:
        history.add(report)
        history.add(make_report(commit=Commit(branch="main")))  # of no commit
        stream = io.BytesIO()
        assert write_phyex_perf(rows(history, settings, Selection(committed=True)), stream) == 1
    assert stream.getvalue().decode() == (
        f"{report.commit.hash} gt_cpu_ifirst-float64@my_node ice_adjust/50x50x60 2e-06\n"
    )


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.prom"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    with opened(str(path)) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"
    assert path.stat().st_mode & 0o777 == 0o640

    def fail() -> None:
        with opened(str(path)) as stream:
            stream.write(b"half")
            raise sqlite3.OperationalError

    with pytest.raises(sqlite3.OperationalError):
        fail()
    assert [one.name for one in tmp_path.iterdir()] == ["metrics.prom"]
    assert path.read_text(encoding="utf-8") == "new"


def test_a_pipe_is_written_to_and_a_link_stays(tmp_path: Path) -> None:
    pipe, target, link = tmp_path / "pipe", tmp_path / "target", tmp_path / "link"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with opened(str(pipe)) as stream:
        stream.write(b"told")
    assert os.read(reader, 99) == b"told"
    os.close(reader)
    assert pipe.is_fifo()
    target.write_bytes(b"")
    link.symlink_to(target)
    with opened(str(link)) as stream:
        stream.write(b"told")
    assert link.is_symlink()
    assert target.read_bytes() == b"told"


def test_a_folder_is_not_written_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: Is a directory"), opened(str(tmp_path)):
        pass
