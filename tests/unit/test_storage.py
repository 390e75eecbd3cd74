"""What results and caches take, and what of it is removed: only what is ours, and old."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from invoke.context import Context

from ice3_bench.commands import cleaning
from ice3_bench.history.kept import keep
from ice3_bench.storage import DAY, Entry, entries, mark_of, prunable, remove, taken, touch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report


@pytest.fixture
def disk(tmp_path: Path, make_report: Callable[..., Report]) -> tuple[Path, Path]:
    """Make results and a cache: an entry of each kind, used ten days ago, and what is not ours beside each."""
    results, cache = tmp_path / "results", tmp_path / "project" / ".cache"
    keep(results, [make_report()])
    (results / "runs" / "gt_cpu_ifirst-float64" / "notes.txt").write_text("mine", encoding="utf-8")
    old = time.time() - 10 * DAY
    for kind in ("environments", "stencils", "probe"):
        for name in ("0123456789ab", "my-folder"):
            (cache / kind / name).mkdir(parents=True)
            (cache / kind / name / "file").write_text(100 * "x", encoding="utf-8")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text(1000 * "x", encoding="utf-8")
    (cache / "stencils" / "ffffffffffff").symlink_to(outside)
    (cache / "stencils" / "0123456789ab" / "link").symlink_to(outside)
    for path in (*results.glob("runs/*/*.json"), *cache.glob("*/0123456789ab")):
        os.utime(path, (old, old))
    return results, cache


def test_only_what_is_ours_is_found(disk: tuple[Path, Path]) -> None:
    found = entries(*disk)
    assert sorted(one.kind for one in found) == ["environments", "probe", "runs", "stencils"]
    assert {one.bytes for one in found if one.kind != "runs"} == {100}  # what links lead to does not count
    assert taken(disk[1] / "stencils" / "ffffffffffff") == 0


def test_nothing_is_chosen_unless_asked_for_and_nothing_that_was_just_used(disk: tuple[Path, Path]) -> None:
    found = entries(*disk)
    assert prunable(found, None, None) == []
    assert len(prunable(found, 9, None)) == 4
    assert prunable(found, 11, None) == []
    assert len(prunable(found, None, 0)) == 4
    assert prunable(found, None, 1) == []
    touch(disk[1] / "stencils" / "0123456789ab")
    assert "stencils" not in {one.kind for one in prunable(entries(*disk), 0, 0)}


def test_the_last_used_of_each_cell_and_kind_stay(tmp_path: Path) -> None:
    found = [
        Entry(kind, cell, tmp_path / f"{cell}{number}", 1, (10 - number) * DAY)
        for number in range(3)
        for kind, cell in (("runs", "a"), ("runs", "b"), ("probe", ""))
    ]
    chosen = prunable(found, None, 2, now=20 * DAY)
    assert [one.path.name for one in chosen] == ["a2", "b2", "2"]
    assert [one.path.name for one in prunable(found, 11.5, 1, now=20 * DAY)] == ["a2", "b2", "2"]  # both are asked for


def test_removal_leaves_what_links_lead_to(disk: tuple[Path, Path]) -> None:
    for one in prunable(entries(*disk), 1, None):
        remove(one)
    assert entries(*disk) == []
    assert (disk[0].parent / "outside" / "file").exists()
    for kind in ("environments", "stencils", "probe"):
        assert (disk[1] / kind / "my-folder" / "file").exists()
    assert (disk[0] / "runs" / "gt_cpu_ifirst-float64" / "notes.txt").exists()


def test_the_command_shows_and_removes(
    disk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results, cache = disk
    table = '[tool.ice3-bench]\n[[tool.ice3-bench.backends]]\nname = "x"\nid = "x"\nport = "x"\n'
    (cache.parent / "pyproject.toml").write_text(table, encoding="utf-8")
    monkeypatch.chdir(cache.parent)
    monkeypatch.setenv("ICE3_BENCH_RESULTS", str(results))
    cleaning.clean(Context())
    shown = capsys.readouterr().out
    assert "environments" in shown
    assert "Nothing was removed" in shown
    cleaning.clean(Context(), days="9", only="stencils", dry_run=True)
    assert "Would remove .cache/stencils/0123456789ab" in capsys.readouterr().out
    assert (cache / "stencils" / "0123456789ab").exists()
    cleaning.clean(Context(), days="9", only="stencils,probe")
    assert "2 entries of 200 B removed." in capsys.readouterr().out
    assert {one.kind for one in entries(*disk)} == {"environments", "runs"}


def test_a_mark_that_cannot_be_written_disturbs_nothing_and_goes_with_its_folder(disk: tuple[Path, Path]) -> None:
    touch(disk[1] / "missing" / "0123456789ab")
    folder = disk[1] / "probe" / "0123456789ab"
    touch(folder)
    assert mark_of(folder).exists()
    assert list(folder.iterdir()) == [folder / "file"]  # a port's cache tells by its files whether it changed
    remove(next(one for one in entries(*disk) if one.path == folder))
    assert not mark_of(folder).exists()
