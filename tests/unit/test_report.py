from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, cast

import pytest
from rich.console import Console

from ice3_bench.commands.bench import _rescue
from ice3_bench.errors import UnreadableError, UsageError
from ice3_bench.report import FieldError, Machine, Metric, NotRun, Protocol, wrong_outputs
from ice3_bench.reports import load_report, save_report
from ice3_bench.show.compared import differences
from ice3_bench.show.tables import results_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.commands.common import Surroundings
    from ice3_bench.report import Report


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gt_cpu_ifirst-float64" / "report.json"


@pytest.fixture
def wrong() -> FieldError:
    return FieldError(data_set="lite", component="ice_adjust", field="rvs", error=1e-3, tolerance=1e-12, passed=False)


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


HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("commit", "dirty"), "no"),
        (("commit", "hash"), "HEAD"),
        (("commit", "hash"), HASH.upper()),
        (("id",), "1"),
        (("id",), "../../x"),
        (("created",), "2026-01-01T00:00:00"),
        (("created",), "9999-12-31T23:59:59Z"),
        (("created",), 1767225600),
        (("cell",), "gt_cpu_ifirst-float16"),
        (("machine", "cores"), "2"),
        (("machine", "cores"), 0),
        (("machine", "triad_bytes_per_second"), 0.0),
        (("protocol", "threads"), True),
        (("passes", 0, "seconds"), 1e300),
        (("passes", 0, "seconds"), -1.0),
        (("accuracy", 0, "tolerance"), 0.0),
        (("benchmarks", 0, "name"), "ice_adjust/gt_cpu_ifirst/float64/50x50x60](http://x)"),
        (("benchmarks", 0, "name"), "ice_adjust/gt_cpu_ifirst/float64/8x8x8"),
        (("benchmarks", 0, "component"), "rain_ice"),
        (("benchmarks", 0, "domain"), [50, 50]),
        (("benchmarks", 0, "measures", "latency", "value"), 0.0),
        (("benchmarks", 0, "measures", "latency", "value"), -1.0),
        (("benchmarks", 0, "measures", "latency", "value"), 1e300),
        (("benchmarks", 0, "measures", "latency", "value"), "1"),
        (("benchmarks", 0, "measures", "peak-memory", "value"), -1.0),
        (("benchmarks", 0, "rounds", "wall_ns"), []),
        (("benchmarks", 0, "rounds", "cpu_ns"), [1]),
        (("benchmarks", 0, "rounds", "switches", 0), -1),
        (("benchmarks", 0, "rounds", "wall_ns", 0), 1.5),
    ],
)
def test_what_cannot_be_is_not_valid(
    make_report: Callable[..., Report], path: Path, place: tuple[str | int, ...], value: object
) -> None:
    save_report(make_report(), path)
    data = json.loads(path.read_text(encoding="utf-8"))
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UsageError, match="is not valid: "):
        load_report(path)


@pytest.mark.parametrize("text", ["9" * 5000, "NaN", "1e999", "[" * 200_000, '"\\ud800"', "-"])
def test_text_that_is_no_json_of_ours_is_refused(make_report: Callable[..., Report], path: Path, text: str) -> None:
    save_report(make_report(cell="numpy-float64"), path)
    written = path.read_text(encoding="utf-8").replace('"numpy-float64"', text, 1)
    path.write_text(written, encoding="utf-8")
    with pytest.raises(UsageError, match=r"truncated or not JSON|is not valid"):
        load_report(path)


def test_a_pipe_and_a_huge_file_are_no_reports(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(UsageError, match="it is not a file"):
        load_report(path)
    path.unlink()
    with path.open("wb") as stream:
        stream.truncate(2**34)
    with pytest.raises(UsageError, match="more than"):
        load_report(path)


def test_what_may_not_be_read_is_not_corrupt(
    make_report: Callable[..., Report], path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a colleague's, in a shared folder: it stays where it is."""
    save_report(make_report(), path)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("ice3_bench.reports.read_limited", refuse)
    with pytest.raises(UnreadableError, match="chmod g\\+r"):
        load_report(path)
    _rescue(cast("Surroundings", None), path)
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]
    assert "Warning: The report" in capsys.readouterr().err


def test_free_text_is_made_harmless_and_nothing_measured_is_lost(
    make_report: Callable[..., Report], path: Path
) -> None:
    port = "bench/caf\udce9.py"  # a name that is not UTF-8
    save_report(make_report(port=port, incomplete="a\x1b[2Jb\rc\nd\te", remarks=["x" * 20_000]), path)
    report = load_report(path)
    assert report.port == r"bench/caf\udce9.py"
    assert report.incomplete == r"a\x1b[2Jb\rc" + "\nd\te"
    assert len(report.remarks[0]) == 10_003


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
        make_report(protocol=Protocol(**{**protocol.model_dump(), "arrangement": "coherent"})),
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
        console.print(results_table(report, {report.benchmarks[0].name: report}))
    shown = captured.get()
    assert max(len(line) for line in shown.splitlines()) <= width
    for value in ("ice_adjust 50x50x60", "1.00 to 1.03 ms", "6.67", "150.00", "25 %", "36.0 MB", "1.0e-15", "+0.0 ±"):
        assert value in shown
    assert ("benchmark" in shown) == (width == 160)


# --- Version 1, and what version 2 added ------------------------------------------------------------------------------


def version_one(report: Report) -> dict[str, Any]:
    """Return the report as version 1 would have written it."""
    data = json.loads(report.model_dump_json())
    for name in ("port", "settings", "accuracy_policy", "not_run", "not_produced", "left_out", "remarks", "lacking"):
        del data[name]
    for benchmark in data["benchmarks"]:
        del benchmark["remarks"], benchmark["marked"], benchmark["busy"]
    for build in data["stencils"]:
        del build["domain"]
    return {**data, "schema_version": 1}


def test_a_report_of_version_1_is_read(make_report: Callable[..., Report], path: Path) -> None:
    report = make_report()
    path.parent.mkdir()
    path.write_text(json.dumps(version_one(report)), encoding="utf-8")
    assert load_report(path) == report
    assert load_report(path).port == "ice3_gt4py.port"


def test_the_key_of_an_old_run_stays_as_it_was(make_report: Callable[..., Report]) -> None:
    assert make_report().comparability == "59acb1cd21d67e70"
    assert make_report(settings={"loops": "by-point"}).comparability == "59acb1cd21d67e70"


def test_a_report_that_does_not_name_its_weather_was_measured_on_shuffled_columns(
    make_report: Callable[..., Report], path: Path
) -> None:
    protocol = make_report().protocol.model_dump()
    del protocol["arrangement"]
    before = load_report(edited(make_report, path, protocol=protocol))
    assert before.protocol.arrangement == "shuffled"
    assert before.comparability == make_report().comparability
    now = make_report(protocol=Protocol(**{**protocol, "arrangement": "coherent"}))
    assert differences(now, before) == ["weather shuffled -> coherent"]
    assert differences(before, now) == ["weather coherent -> shuffled"]


def test_another_port_and_other_settings_of_it_have_other_keys(make_report: Callable[..., Report]) -> None:
    ours, theirs = make_report(), make_report(port="bench/port_jax.py")
    tuned = make_report(port="bench/port_jax.py", settings={"backend": "x"})
    assert len({ours.comparability, theirs.comparability, tuned.comparability}) == 3
    assert differences(theirs, ours) == ["port ice3_gt4py.port -> bench/port_jax.py"]
    assert differences(tuned, theirs) == ["setting backend none -> x"]


def test_an_unknown_measure_is_refused(make_report: Callable[..., Report]) -> None:
    data = json.loads(make_report().model_dump_json())
    data["benchmarks"][0]["measures"]["colour"] = {"value": 1.0}
    with pytest.raises(ValueError, match="'colour' is not a measure"):
        type(make_report()).model_validate(data)


def test_what_is_not_to_be_trusted(make_report: Callable[..., Report], wrong: FieldError) -> None:
    report = make_report()
    (benchmark,) = report.benchmarks
    assert report.distrust(benchmark, "latency") is None
    benchmark.marked = "the result was not ready"
    assert report.distrust(benchmark, "latency") == "its timing is marked: the result was not ready"
    assert report.distrust(benchmark, "peak-memory") is None
    different = make_report(accuracy_policy="report", accuracy=[wrong])
    assert different.physics_differs
    assert different.distrust(different.benchmarks[0], "peak-memory") == "the physics differs"
    assert differences(different, report) == ["physics within tolerance -> out of tolerance"]
    assert wrong_outputs([wrong, wrong], "ice_adjust") == ["rvs"]


@pytest.mark.parametrize("width", [50, 80, 200])
def test_what_must_be_said_is_in_the_table_and_below_it(
    make_report: Callable[..., Report], wrong: FieldError, width: int
) -> None:
    report = make_report(
        accuracy_policy="report",
        accuracy=[wrong],
        not_run=[NotRun(data_set="rain", component="rain_ice", reason="the option subg_cond is not supported")],
        not_produced={"ice_adjust": ["hlc_hrc", "hlc_hcf"]},
        left_out=1,
        remarks=["It used the time of 1.9 processors, although 1 was asked for."],
    )
    (benchmark,) = report.benchmarks
    benchmark.name = "ice_adjust:modular/gt_cpu_ifirst/float64/50x50x60"
    benchmark.component = "ice_adjust:modular"
    benchmark.marked = "the result was not ready"
    benchmark.measures |= {"compile-time": Metric(value=3.2e10), "wrong-outputs": Metric(value=1.0)}
    console = Console(width=width, no_color=True)
    with console.capture() as captured:
        console.print(results_table(report, {}))
    seen = " ".join(captured.get().split())
    for told in (
        "ice_adjust:modular 50x50x60",
        "32.00 s",
        "1 wrong",
        "1 output is out of tolerance",
        "rain_ice on rain: n/a, the",
        "2 outputs are not produced: hlc_hrc, hlc_hcf.",
        "1 cell was not compared",
        "the time of 1.9 processors",
        "its timing is doubtful: the result was not ready.",
    ):
        assert told in seen
    assert max(map(len, captured.get().splitlines())) <= width
    if width == 200:
        assert "physics differs" in seen
        assert "doubtful timing" in seen
        assert "benchmark" in seen  # it is a table


def test_nothing_is_marked_that_need_not_be(make_report: Callable[..., Report]) -> None:
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(results_table(make_report(), {}))
    assert not any(word in captured.get() for word in ("marked", "compile", "wrong"))
