from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ice3_bench.errors import UsageError
from ice3_bench.report import Machine, Metric, Protocol, load_report, save_report
from ice3_bench.show.tables import results_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gt_cpu_ifirst-float64" / "report.json"


def test_a_report_survives_the_round_trip(make_report: Callable[..., Report], path: Path) -> None:
    report = make_report()
    save_report(report, path)
    assert load_report(path) == report
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


def test_a_missing_report_names_the_session_to_run(path: Path) -> None:
    with pytest.raises(UsageError, match="nox -s bench-gt_cpu_ifirst-float64"):
        load_report(path)


@pytest.mark.parametrize("keep", [0, 1, 100, -2])
def test_a_truncated_report_is_refused(make_report: Callable[..., Report], path: Path, keep: int) -> None:
    save_report(make_report(), path)
    path.write_text(path.read_text(encoding="utf-8")[:keep], encoding="utf-8")
    with pytest.raises(UsageError, match="truncated or not JSON"):
        load_report(path)


def test_a_binary_file_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        load_report(path)


def edited(make_report: Callable[..., Report], path: Path, **fields: object) -> Path:
    save_report(make_report(), path)
    data = json.loads(path.read_text(encoding="utf-8")) | fields
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_a_newer_schema_is_refused_with_the_remedy(make_report: Callable[..., Report], path: Path) -> None:
    with pytest.raises(UsageError, match=r"newer than this program's \(2\): update"):
        load_report(edited(make_report, path, schema_version=3))


@pytest.mark.parametrize(
    ("field", "value"), [("benchmarks", None), ("cell", 3), ("unknown", 1), ("machine", {}), ("schema_version", "1")]
)
def test_a_report_with_a_wrong_field_names_it(
    make_report: Callable[..., Report], path: Path, field: str, value: object
) -> None:
    with pytest.raises(UsageError, match=field):
        load_report(edited(make_report, path, **{field: value}))


def test_a_list_is_no_report(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match="not valid"):
        load_report(path)


def test_a_benchmark_given_twice_is_refused(make_report: Callable[..., Report]) -> None:
    report = make_report()
    with pytest.raises(ValueError, match="given twice: ice_adjust"):
        make_report(benchmarks=[*report.benchmarks, *report.benchmarks])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_is_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Metric(value=value)


def test_what_must_not_be_compared_has_another_key(make_report: Callable[..., Report]) -> None:
    report = make_report()
    machine, protocol = report.machine, report.protocol
    others = [
        make_report(machine=Machine(**{**machine.model_dump(), "testbed": "other"})),
        make_report(machine=Machine(**{**machine.model_dump(), "cpu": "other"})),
        make_report(machine=Machine(**{**machine.model_dump(), "device": "H200"})),
        make_report(protocol=Protocol(**{**protocol.model_dump(), "threads": 2})),
        make_report(protocol=Protocol(**{**protocol.model_dump(), "compile_args": ["-O2"]})),
        make_report(software=report.software.model_copy(update={"compiler": "clang 19"})),
        make_report(software=report.software.model_copy(update={"python": "3.99.1"})),
    ]
    assert make_report(latency=2e6).comparability == report.comparability
    keys = {other.comparability for other in others} | {report.comparability}
    assert len(keys) == len(others) + 1


def test_the_triad_is_no_part_of_the_key(make_report: Callable[..., Report]) -> None:
    report = make_report()
    faster = report.machine.model_copy(update={"triad_bytes_per_second": 3e10})
    assert make_report(machine=faster).comparability == report.comparability


def test_a_full_disk_is_said_and_leaves_the_old_report(
    make_report: Callable[..., Report], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_report()
    save_report(old, path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        save_report(make_report(), path)
    assert load_report(path) == old
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


def test_versions_that_changed_between_two_runs_are_named(make_report: Callable[..., Report]) -> None:
    before, after = make_report().software, make_report().software
    assert after.differences(before) == []
    after.python, after.packages = "3.13.0", {**before.packages, "gt4py": "9.9", "new": "1"}
    old = before.packages.get("gt4py", "none")
    assert after.differences(before) == [
        f"gt4py {old} -> 9.9",
        "new none -> 1",
        f"python {before.python} -> 3.13.0",
    ]


@pytest.mark.parametrize("width", [50, 80, 100, 160])
def test_the_results_are_whole_in_a_terminal_of_any_width(make_report: Callable[..., Report], width: int) -> None:
    report = make_report()
    console = Console(width=width, no_color=True)
    with console.capture() as captured:
        console.print(results_table(report, report))
    shown = captured.get()
    assert max(len(line) for line in shown.splitlines()) <= width
    for value in ("ice_adjust 50x50x60", "1.00 ms +3.0 %", "6.67", "150.00", "25 %", "36.0 MB", "1.0e-15", "+0.0 ±"):
        assert value in shown
    assert ("benchmark" in shown) == (width == 160)
