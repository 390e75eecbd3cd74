"""Reports and histories that earlier versions wrote are read, and their series go on.

The files in tests/data/before were written by the last version with report schema 1 and history schema 3: twelve runs,
the sixth with uncommitted changes, ten of them in submissions, of which four were sent.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.bencher.document import Body, draft
from ice3_bench.history.schema import SCHEMA_VERSION
from ice3_bench.history.store import History
from ice3_bench.report import DEFAULT_PORT
from ice3_bench.reports import load_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

BEFORE = Path(__file__).parents[1] / "data/before"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(BEFORE / "history_schema_3.db", tmp_path / "history.db"))


def test_a_report_of_before_is_read() -> None:
    path = BEFORE / "report_schema_1.json"
    report = load_report(path)
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 1
    assert (report.schema_version, report.port, report.accuracy_policy) == (2, DEFAULT_PORT, "gate")
    assert not report.physics_differs
    assert report.benchmarks[0].measures["latency"].value == pytest.approx(1.011e6)


def test_a_history_of_before_goes_on(path: Path, make_report: Callable[..., Report]) -> None:
    new = make_report()
    with History(path) as history:
        assert history.branches() == {"main": 11}
        history.add(new)
        (latency,) = (points for key, points in history.series(trusted=True).items() if key.measure == "latency")
        previous = history.previous(new)
    assert len(latency) == 12  # one series, from before until now
    assert previous is not None
    assert previous.id.endswith("11")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def test_what_was_queued_before_can_be_sent(path: Path, settings: Settings) -> None:
    with History(path) as history:
        queued = history.queue.queued()
        assert [one.number for one in queued] == [5, 6, 7, 8, 9, 10]
        assert Body(queued[0].body).testbed == "laptop"
        history.queue.enqueue(lambda reports: draft(reports, settings.bencher, None, {}))
        assert len(history.queue.queued()) == 8
        assert history.queue.pending() == []


# Measured by the last version before ports had a contract: the NumPy backend, 8x8x30.


def test_a_measured_report_of_before_is_read() -> None:
    report = load_report(BEFORE / "measured_report.json")
    assert (report.cell, report.port, len(report.benchmarks)) == ("numpy-float64", DEFAULT_PORT, 5)
    assert all("latency" in benchmark.measures for benchmark in report.benchmarks)


@pytest.mark.parametrize(("schema", "runs"), [(1, 1), (2, 1), (3, 2)])
def test_measured_histories_of_every_schema_go_on(schema: int, runs: int, tmp_path: Path) -> None:
    path = Path(shutil.copy(BEFORE / f"measured_history_schema_{schema}.db", tmp_path / "history.db"))
    with History(path) as history:
        (latest,) = history.latest_of_each()
        found = history.series()
        assert history.add(latest.model_copy(update={"id": "another"}))
        longer = history.series()
    assert latest.cell == "numpy-float64"
    assert {len(points) for points in found.values()} == {runs}
    assert {len(points) for points in longer.values()} == {runs + 1}
    assert {key.measure for key in found} == {"latency", "throughput", "bandwidth", "peak-memory", "accuracy"}
