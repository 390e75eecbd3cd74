from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell.lock import locked
from ice3_bench.errors import UsageError
from ice3_bench.files import write_atomically
from ice3_bench.history import schema as history_module
from ice3_bench.history.schema import SCHEMA_VERSION
from ice3_bench.history.store import DETACHED, History, SeriesKey
from ice3_bench.report import Commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "history.db"


def test_a_report_is_stored_once(make_report: Callable[..., Report], path: Path) -> None:
    report = make_report()
    with History(path) as history:
        assert history.add(report)
        assert not history.add(report)
    with History(path) as history:
        assert history.queue.pending() == [report]
        series = history.series()
    assert set(series) == {
        SeriesKey(report.benchmarks[0].name, measure, report.comparability) for measure in report.benchmarks[0].measures
    }
    (point,) = series[SeriesKey(report.benchmarks[0].name, "latency", report.comparability)]
    assert point.metric.value == 1e6
    assert point.commit == report.commit.hash


def test_previous_is_the_last_comparable_run_of_the_cell(make_report: Callable[..., Report], path: Path) -> None:
    first, second, third = make_report(), make_report(), make_report()
    other_cell = make_report(cell="numpy-float64")
    other_machine = make_report(machine=first.machine.model_copy(update={"testbed": "node"}))
    with History(path) as history:
        for report in (first, second, other_cell, other_machine):
            history.add(report)
        assert history.previous(second) == first
        assert history.previous(first) is None
        assert history.previous(third) == second  # not stored yet
        assert history.previous(other_machine) is None
        assert history.latest_other(first) == other_machine


def test_a_series_is_of_one_branch_if_asked(make_report: Callable[..., Report], path: Path) -> None:
    main, other = make_report(), make_report(commit=Commit(branch="topic"))
    nowhere = make_report(commit=Commit())
    key = SeriesKey(main.benchmarks[0].name, "latency", main.comparability)
    with History(path) as history:
        for report in (main, other, nowhere):
            history.add(report)
        assert len(history.series()[key]) == 3
        assert len(history.series("topic")[key]) == 1
        assert len(history.series(DETACHED)[key]) == 1
        assert history.series("elsewhere") == {}
        assert history.branches() == {"main": 1, "topic": 1, DETACHED: 1}


def test_a_series_holds_committed_comparable_and_earlier_runs(make_report: Callable[..., Report], path: Path) -> None:
    first = make_report(1.0)
    dirty = make_report(3.0, commit=Commit(branch="main", dirty=True))
    second = make_report(2.0)
    machine = make_report(4.0, machine=first.machine.model_copy(update={"testbed": "node"}))
    with History(path) as history:
        for report in (first, dirty, machine, second):
            history.add(report)
        key = SeriesKey(first.benchmarks[0].name, "latency", first.comparability)
        assert [point.metric.value for point in history.series("main")[key]] == [1.0, 2.0]
        assert [point.metric.value for point in history.series("main", before=second.id)[key]] == [1.0]
        assert set(history.series(key=machine.comparability)) == {
            SeriesKey(key.benchmark, measure, machine.comparability) for measure in machine.benchmarks[0].measures
        }
        assert [report.id for report in history.latest_of_each()] == [machine.id, second.id]


def test_uncommitted_runs_of_an_older_file_are_known_as_such(
    make_report: Callable[..., Report], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = history_module.MIGRATIONS[:2]
    with monkeypatch.context() as patch:
        patch.setattr(history_module, "MIGRATIONS", older)
        patch.setattr(history_module, "SCHEMA_VERSION", len(older))
        with History(path):
            pass
    clean, dirty = make_report(), make_report(commit=Commit(branch="main", dirty=True))
    with sqlite3.connect(path) as connection:
        for report in (clean, dirty):
            connection.execute(
                "INSERT INTO run (id, created, cell, commit_hash, branch, comparability, report)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (report.id, "2026-01-01T00:00:00+00:00", report.cell, None, "main", "k", report.model_dump_json()),
            )
        connection.execute("INSERT INTO run (id, created, cell, comparability, report) VALUES ('x', '', '', '', '{')")
    connection.close()
    with History(path) as history:
        assert history.branches() == {"main": 1, DETACHED: 1}


def test_a_corrupt_file_is_named_with_the_remedy(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(UsageError, match=r"corrupt.*mv .*history\.db"), History(path):
        pass


def test_a_truncated_file_is_refused(make_report: Callable[..., Report], path: Path) -> None:
    with History(path) as history:
        for _ in range(20):
            history.add(make_report())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UsageError, match=r"history\.db"), History(path) as history:
        history.queue.pending()


def test_a_newer_schema_is_refused(path: Path) -> None:
    with History(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(UsageError, match="newer than this program's"), History(path):
        pass


def test_migrations_bring_an_older_file_up_to_date(
    make_report: Callable[..., Report], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = make_report()
    with History(path) as history:
        history.add(report)
    later = (*history_module.MIGRATIONS, ("ALTER TABLE run ADD COLUMN note TEXT",))
    monkeypatch.setattr(history_module, "MIGRATIONS", later)
    monkeypatch.setattr(history_module, "SCHEMA_VERSION", len(later))
    with History(path) as history:
        assert history.queue.pending() == [report]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT note FROM run").fetchall() == [(None,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(later),)
    connection.close()


def test_a_failing_transaction_leaves_nothing_behind(make_report: Callable[..., Report], path: Path) -> None:
    good, bad = make_report(), make_report()
    bad.benchmarks.append(bad.benchmarks[0])  # the same metric twice: the second insertion fails
    with History(path) as history:
        history.add(good)
        with pytest.raises(UsageError, match="UNIQUE"):
            history.add(bad)
        assert history.queue.pending() == [good]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said(path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    with pytest.raises(UsageError, match=r"cannot be used.*umask 002"), History(path):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_belongs_to_a_colleague_is_said_with_how_it_is_shared(
    make_report: Callable[..., Report], path: Path
) -> None:
    with History(path) as history:
        history.add(make_report())
    path.chmod(0o444)
    with History(path) as history:
        assert len(history.latest_of_each()) == 1
        with pytest.raises(UsageError, match=r"cannot be used.*chmod -R g\+rwX FOLDER"):
            history.add(make_report())
    path.parent.chmod(0o555)
    try:
        with pytest.raises(UsageError, match=r"cannot be written: Permission denied\. .*umask 002"):
            write_atomically(path.parent / "report.json", "{}")
        with (
            pytest.raises(UsageError, match=r"cannot be written: Permission denied\. .*umask 002"),
            locked(path.parent / ".lock"),
        ):
            pass
    finally:
        path.parent.chmod(0o755)


def test_a_folder_that_cannot_be_made_is_said(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="cannot be created"), History(path):
        pass


def test_a_folder_in_place_of_the_file_is_said(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be used"), History(path):
        pass


def test_many_writers_lose_nothing(make_report: Callable[..., Report], path: Path) -> None:
    reports = [make_report() for _ in range(40)]

    def write(report: Report) -> None:
        with History(path) as history:
            history.add(report)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, reports))
    with History(path) as history:
        assert {report.id for report in history.queue.pending()} == {report.id for report in reports}


# --- The order of runs ------------------------------------------------------------------------------------------------


def hashed(number: int) -> str:
    return f"{number:040x}"


def shown(history: History) -> list[float]:
    (points,) = (points for key, points in history.series("main").items() if key.measure == "latency")
    return [point.metric.value for point in points]


def test_runs_are_ordered_by_the_time_of_their_measurement_however_they_were_stored(
    make_report: Callable[..., Report], path: Path
) -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))  # the zone of the text must not matter
    reports = [
        make_report(1e6 + number, created=(start + timedelta(hours=number)).astimezone(UTC if number % 2 else None))
        for number in range(30)
    ]
    with History(path) as history:
        for report in sorted(reports, key=lambda one: one.id):
            history.add(report)
        assert shown(history) == [1e6 + number for number in range(30)]
        assert history.previous(reports[7]) == reports[6]
        assert history.latest_of_each() == [reports[29]]
        assert history.latest_of_each_benchmark() == [reports[29]]
        before = history.series(before=reports[10].id)
        assert {len(points) for points in before.values()} == {10}


def test_where_git_knows_the_commits_their_order_counts(make_report: Callable[..., Report], path: Path) -> None:
    """Measured backwards, as by a search for a slowdown; two commits of one second, and one from the future."""
    now = datetime.now(UTC)
    dates = [1000.0, 2000.0, 2000.0, 4e9]
    reports = [
        make_report(
            1e6 + number, created=now - timedelta(minutes=number), commit=Commit(hash=hashed(number), branch="main")
        )
        for number in range(4)
    ]
    with History(path) as history:
        for report in reversed(reports):
            history.add(report)
        history.add(make_report(9e6, created=now - timedelta(days=1), commit=Commit(hash=hashed(9), branch="main")))
        assert shown(history) == [9e6, 1e6 + 3, 1e6 + 2, 1e6 + 1, 1e6]
        history.place(
            lambda commits: {name: (dates[int(name, 16)], int(name, 16)) for name in commits if name != hashed(9)}
        )
        assert shown(history) == [1e6, 1e6 + 1, 1e6 + 2, 9e6, 1e6 + 3]
        assert history.previous(reports[2]) == reports[1]
        assert history.latest_of_each() == [reports[3]]
        asked: list[str] = []

        def ask(commits: list[str]) -> dict[str, tuple[float, int]]:
            asked.extend(commits)
            return {}

        history.place(ask)
        assert asked == [hashed(9)]


def test_another_report_with_a_known_id_is_not_dropped_silently(make_report: Callable[..., Report], path: Path) -> None:
    report = make_report()
    with History(path) as history:
        assert history.add(report)
        with pytest.raises(UsageError, match=f"Another report of {report.cell} has the id {report.id}"):
            history.add(make_report(2e6, id=report.id))
        assert history.queue.pending() == [report]


def test_a_stored_report_that_is_not_valid_costs_only_itself(make_report: Callable[..., Report], path: Path) -> None:
    good, bad = make_report(), make_report()
    bad.created = bad.created.replace(tzinfo=None)
    with History(path) as history:
        history.add(good)
        history.add(bad)
        history.connection.execute("UPDATE metric SET value = 'x' WHERE run = 2 AND measure = 'latency'")
        assert history.queue.pending() == [good]
        assert "created: " in history.set_aside[bad.id]
        assert shown(history) == [1e6]
        assert history.previous(make_report()) == good


def test_a_new_file_has_the_permissions_that_the_umask_leaves(path: Path) -> None:
    before = os.umask(0o002)
    try:
        with History(path):
            pass
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o664


WRITER = """
import sys
from pathlib import Path
from uuid import uuid4
from ice3_bench.history.store import History
from ice3_bench.report import Report
report = Report.model_validate_json(Path(sys.argv[2]).read_text())
with History(Path(sys.argv[1])) as history:
    while True:
        history.add(report.model_copy(update={"id": str(uuid4())}))
        print("stored", flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01])
def test_a_killed_writer_leaves_whole_runs(
    make_report: Callable[..., Report], path: Path, tmp_path: Path, delay: float
) -> None:
    (tmp_path / "report.json").write_text(make_report().model_dump_json(), encoding="utf-8")
    command = [sys.executable, "-c", WRITER, str(path), str(tmp_path / "report.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        stored = sum(1 for _ in zip(range(5), writer.stdout, strict=False))
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        stored += len(writer.stdout.readlines())
    with History(path) as history:
        reports = history.queue.pending()
        assert stored <= len(reports) <= stored + 1
        key = SeriesKey(reports[0].benchmarks[0].name, "latency", reports[0].comparability)
        assert len(history.series()[key]) == len(reports)
        assert history.add(make_report())
