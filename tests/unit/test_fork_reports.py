"""Reports of forks: whatever is not as our own sessions write it is refused."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.errors import UsageError
from ice3_bench.github.fork_reports import read_reports
from ice3_bench.report import Commit, Report
from ice3_bench.reports import save_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.settings.matrix import Settings

A, F = "a" * 40, "f" * 40


def _spoil_name(report: Report) -> None:
    report.benchmarks[0].name = "ice_adjust/gt_cpu_ifirst/float64/50x50x60](http://evil)"


def _spoil_component(report: Report) -> None:
    report.benchmarks[0].component = "@everybody"


def _spoil_domain(report: Report) -> None:
    report.benchmarks[0].name = "ice_adjust/gt_cpu_ifirst/float64/1x1x1"


def _spoil_variant(report: Report) -> None:
    report.benchmarks[0].component = "ice_adjust:modular"
    report.benchmarks[0].name = "ice_adjust:modular/gt_cpu_ifirst/float64/50x50x60"


def _spoil_mix(report: Report) -> None:
    report.benchmarks[0].name += "/stormy"


def _spoil_chosen_mix(report: Report) -> None:
    report.benchmarks[0].name += "/rich"  # a mix of the weather, but not of this component


def _spoil_id(report: Report) -> None:
    report.id = "../../x"


def _spoil_key(report: Report) -> None:
    report.settings = {"\n::error::x": "y"}
    report.port = "\x1b[2J"


def _spoil_rounds(report: Report) -> None:
    assert report.benchmarks[0].rounds is not None
    report.benchmarks[0].rounds.wall_ns = []


def _spoil_latency(report: Report) -> None:
    report.benchmarks[0].measures["latency"].value = 0.0


def _spoil_points(report: Report) -> None:
    report.benchmarks[0].domain = (1, 1, 1)


def _spoil_port(report: Report) -> None:
    report.port = "elsewhere.port"


def _spoil_policy(report: Report) -> None:
    report.accuracy_policy = "report"


def _spoil_testbed(report: Report) -> None:
    report.machine.testbed = "<img src=x>"


def _spoil_cell(report: Report) -> None:
    report.cell = "numpy-float64"


def _spoil_commit(report: Report) -> None:
    report.commit.hash = A


def _spoil_changes(report: Report) -> None:
    report.commit.dirty = True


def _spoil_time(report: Report) -> None:
    report.created = datetime(9999, 1, 1, tzinfo=UTC)


def _spoil_zone(report: Report) -> None:
    report.created = report.created.replace(tzinfo=None)


def _spoil_duration(report: Report) -> None:
    report.passes[0].seconds = 1e300


@pytest.mark.parametrize(
    "spoil",
    [
        _spoil_name,
        _spoil_component,
        _spoil_domain,
        _spoil_variant,
        _spoil_mix,
        _spoil_points,
        _spoil_chosen_mix,
        _spoil_id,
        _spoil_key,
        _spoil_rounds,
        _spoil_latency,
        _spoil_port,
        _spoil_policy,
        _spoil_testbed,
        _spoil_cell,
        _spoil_commit,
        _spoil_changes,
        _spoil_time,
        _spoil_zone,
        _spoil_duration,
    ],
)
def test_what_a_fork_must_not_say_is_refused(
    make_report: Callable[..., Report], settings: Settings, tmp_path: Path, spoil: Callable[[Report], None]
) -> None:
    report = make_report(commit=Commit(hash=F))
    save_report(report, tmp_path / "bench-x" / "report.json")
    assert read_reports(tmp_path, settings, F) == [report]
    spoil(report)
    save_report(report, tmp_path / "bench-x" / "report.json")
    with pytest.raises(UsageError, match="refused"):
        read_reports(tmp_path, settings, F)


def test_large_linked_doubled_and_unknown_reports_of_a_fork_are_refused(
    make_report: Callable[..., Report], settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no reports"):
        read_reports(tmp_path, settings, F)
    path = tmp_path / "bench-x" / "report.json"
    save_report(make_report(commit=Commit(hash=F)), path)
    (tmp_path / "bench-y").mkdir()
    link = tmp_path / "bench-y" / "report.json"
    link.symlink_to(path)
    with pytest.raises(UsageError, match="refused"):
        read_reports(tmp_path, settings, F)
    link.unlink()
    link.parent.rmdir()
    elsewhere = tmp_path.parent / "elsewhere"
    save_report(make_report(commit=Commit(hash=F), cell="gt_cpu_kfirst-float64"), elsewhere / "report.json")
    link.parent.symlink_to(elsewhere)
    with pytest.raises(UsageError, match="is not a file of at most"):
        read_reports(tmp_path, settings, F)
    link.parent.unlink()
    link.parent.mkdir()
    shutil.copy(path, link)
    with pytest.raises(UsageError, match="several reports of one cell"):
        read_reports(tmp_path, settings, F)
    link.write_bytes(b" " * (4 * 2**20 + 1))
    with pytest.raises(UsageError, match="refused"):
        read_reports(tmp_path, settings, F)
    save_report(make_report(commit=Commit(hash=F), cell="cupy-float64"), link)
    with pytest.raises(UsageError, match="Unknown cell"):
        read_reports(tmp_path, settings, F)
    link.write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(UsageError, match=r"nested|not JSON"):
        read_reports(tmp_path, settings, F)


def test_a_variant_of_the_matrix_is_let_in(
    make_report: Callable[..., Report], settings: Settings, tmp_path: Path
) -> None:
    cell = settings.cell_by_id("gt_cpu_ifirst-float64")
    backend = cell.backend.model_copy(update={"components": ("ice_adjust:modular",)})
    backends = tuple(backend if one.id == backend.id else one for one in settings.backends)
    report = make_report(commit=Commit(hash=F))
    _spoil_variant(report)
    save_report(report, tmp_path / "bench-x" / "report.json")
    assert read_reports(tmp_path, settings.model_copy(update={"backends": backends}), F) == [report]


def test_two_reports_with_one_id_are_refused(
    make_report: Callable[..., Report], settings: Settings, tmp_path: Path
) -> None:
    first = make_report(commit=Commit(hash=F))
    save_report(first, tmp_path / "bench-x" / "report.json")
    second = make_report(commit=Commit(hash=F), id=first.id, cell="numpy-float64", backend="numpy", benchmarks=[])
    save_report(second, tmp_path / "bench-y" / "report.json")
    with pytest.raises(UsageError, match="several reports of one id"):
        read_reports(tmp_path, settings, F)


def test_many_benchmarks_are_refused_at_once(
    make_report: Callable[..., Report], settings: Settings, tmp_path: Path
) -> None:
    data = json.loads(make_report(commit=Commit(hash=F)).model_dump_json())
    (benchmark,) = data["benchmarks"]
    small: dict[str, Any] = {"component": "ice_adjust", "measures": {}, "rounds": None}
    data["benchmarks"] = [
        {**benchmark, **small, "name": f"ice_adjust/x/float64/1x1x{k}", "domain": [1, 1, k]} for k in range(1, 20_001)
    ]
    path = tmp_path / "bench-x" / "report.json"
    path.parent.mkdir()
    path.write_text(json.dumps(data, separators=(",", ":")), encoding="utf-8")
    start = time.monotonic()
    with pytest.raises(UsageError, match="refused"):
        read_reports(tmp_path, settings, F)
    assert time.monotonic() - start < 5.0
