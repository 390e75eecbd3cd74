"""A history that is corrupt is rebuilt from what it still tells and from the files of all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ice3_bench.bencher.upload import HISTORY, store
from ice3_bench.history.kept import keep, kept_file, kept_files
from ice3_bench.history.rebuilding import mended
from ice3_bench.history.schema import CorruptError
from ice3_bench.history.store import History

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report

    Make = Callable[..., Report]


def test_every_run_is_kept_in_a_file_of_its_own(make_report: Make, tmp_path: Path) -> None:
    reports = [make_report(), make_report(), make_report(cell="numpy-float64")]
    store(tmp_path, reports=reports)
    store(tmp_path, reports=reports[:1])  # known already
    files = kept_files(tmp_path)
    assert {cell: len(found) for cell, found in files.items()} == {"gt_cpu_ifirst-float64": 2, "numpy-float64": 1}
    assert kept_file(tmp_path, reports[2]) in files["numpy-float64"]


def test_what_is_not_a_run_is_not_taken_for_one(make_report: Make, tmp_path: Path) -> None:
    keep(tmp_path, [make_report()])
    (folder,) = (tmp_path / "runs").iterdir()
    (folder / "notes.json").write_text("{}", encoding="utf-8")
    (folder / "20260101T000000-0a0a0a0a.json").symlink_to(folder / "notes.json")
    assert [len(found) for found in kept_files(tmp_path).values()] == [1]


def test_a_sound_or_missing_history_is_left_alone(make_report: Make, tmp_path: Path) -> None:
    assert mended(tmp_path / HISTORY) == ""
    assert not (tmp_path / HISTORY).exists()
    store(tmp_path, reports=[make_report()])
    before = (tmp_path / HISTORY).read_bytes()
    assert mended(tmp_path / HISTORY) == ""
    assert (tmp_path / HISTORY).read_bytes() == before


def test_a_lost_history_is_rebuilt_from_the_files_and_sends_nothing_twice(make_report: Make, tmp_path: Path) -> None:
    reports = [make_report(), make_report()]
    store(tmp_path, reports=reports)
    (broken,) = [
        path for path in kept_files(tmp_path)["gt_cpu_ifirst-float64"] if path != kept_file(tmp_path, reports[0])
    ]
    broken.write_text("{", encoding="utf-8")
    path = tmp_path / HISTORY
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(CorruptError), History(path):
        pass
    new = make_report()
    stored = store(tmp_path, reports=[new])
    assert "1 run could be stored again. 1 file of runs cannot be read." in stored.mended
    (aside,) = tmp_path.glob("history.db.bad-*")
    assert aside.read_bytes() == b"not a database" * 100
    with History(path) as history:
        assert history.count() == 2
        assert history.queue.pending() == [new]


def test_what_a_damaged_file_still_tells_is_taken_over(make_report: Make, tmp_path: Path) -> None:
    """Runs of versions that kept no files, and which of them wait for Bencher."""
    sent, waiting = make_report(), make_report()
    path = tmp_path / HISTORY
    with History(path) as history:
        for report in (sent, waiting):
            history.add(report)
        history.queue.note_sent([sent.id])
        (page,) = history.connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'metric_series'"
        ).fetchone()
        (size,) = history.connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = bytes(size)  # an index is gone; the runs are there
    path.write_bytes(data)
    assert "2 runs could be stored again" in mended(path)
    with History(path) as history:
        history.require_sound()
        assert history.queue.pending() == [waiting]
