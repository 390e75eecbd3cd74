"""Results of other suites: real files of pytest-benchmark, and Bencher Metric Format."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.bencher.document import draft
from ice3_bench.errors import Exit, UsageError
from ice3_bench.export.table import Selection, rows
from ice3_bench.foreign.bmf import read_bmf
from ice3_bench.foreign.pytest_benchmark import read_pytest_benchmark
from ice3_bench.foreign.results import Place, as_report, component_of
from ice3_bench.history.checks import check
from ice3_bench.history.newest import last_of_each
from ice3_bench.history.series import collect
from ice3_bench.history.store import History
from ice3_bench.names import BenchmarkName
from ice3_bench.report import Commit, Report
from ice3_bench.show.page.commits import Commits
from ice3_bench.show.page.document import Latest, page

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.settings.matrix import Settings

PROJECT = Path(__file__).parents[2]
PLACE = Place("sorting", "float64", (1, 1, 1))
SUITE = """
import pytest

@pytest.mark.parametrize("n", [10, 100])
def test_list(benchmark, n):
    benchmark(sorted, list(range(n)))

def test_sum(benchmark):
    benchmark(sum, [1.0] * 100)
"""
BMF = {"ice_adjust/mine/float64": {"latency": {"value": 2e6, "upper_value": 2.5e6}, "peak-memory": {"value": 1e6}}}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pytest-benchmark writes about a small suite."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_sorting.py").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--benchmark-max-time=0.01", "--benchmark-json=out.json"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # no worker of xdist
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout
    return folder / "out.json"


def changed(path: Path, to: Path, change: Callable[[Any], None]) -> Path:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    to.write_text(json.dumps(data), encoding="utf-8")
    return to


def test_a_file_of_pytest_benchmark_becomes_a_report(measured: Path) -> None:
    foreign = read_pytest_benchmark(measured, None)
    report = as_report(foreign, PLACE)
    data = json.loads(measured.read_text(encoding="utf-8"))
    assert report.cell == "sorting-float64"
    assert [one.name for one in report.benchmarks] == [
        "test_sorting:test_list-10/sorting/float64/1x1x1",
        "test_sorting:test_list-100/sorting/float64/1x1x1",
        "test_sorting:test_sum/sorting/float64/1x1x1",
    ]
    for benchmark, told in zip(report.benchmarks, data["benchmarks"], strict=True):
        assert told["fullname"] in benchmark.remarks[0]
        latency = benchmark.measures["latency"]
        assert latency.value == latency.lower_value == pytest.approx(1e9 * told["stats"]["min"])
        assert latency.upper_value == pytest.approx(1e9 * told["stats"]["q3"])
    assert report.machine.cores == data["machine_info"]["cpu"]["count"]
    assert report.machine.triad_bytes_per_second is None
    assert report.created == datetime.fromisoformat(data["datetime"])
    assert report.commit.dirty  # the folder is no repository
    assert Report.model_validate_json(report.model_dump_json(), strict=True) == report
    assert as_report(foreign, PLACE).id == report.id
    assert as_report(replace(foreign, commit=Commit(hash="1" * 40)), PLACE).id != report.id


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("tests/unit/test_a.py::TestB::test_c[1-x]", "test_a:testb-test_c-1-x"),
        ("test_c", "test_c"),
        ("test_c[x y]", "test_c:x-y"),
        ("2d/solver", "b2d:solver"),
        ("a/b/c", "a:b-c"),
    ],
)
def test_names_become_components(name: str, component: str) -> None:
    assert component_of(name) == component


@pytest.mark.parametrize("name", ["", "é", "test[1.5]", "a" * 80, "::", "a/" + "b/" * 60, "test[+]", "_x[..]"])
def test_names_that_lose_something_get_a_digest(name: str) -> None:
    component = component_of(name)
    assert re.search(r"[:-][0-9a-f]{6}$", component)
    assert len(component) <= 64
    assert BenchmarkName.parse(f"{component}/x/float64/1x1x1").component == component
    assert component_of(name + "!") != component


def test_imported_runs_are_series_with_checks_changes_page_export_and_upload(
    measured: Path, settings: Settings, tmp_path: Path
) -> None:
    foreign = read_pytest_benchmark(measured, "node")
    start = datetime(2026, 5, 4, tzinfo=UTC)
    with History(tmp_path / "history.db") as history:
        for number in range(30):
            factor = (1.0 + 0.001 * (number * 7 % 5)) * (1.5 if number >= 20 else 1.0)
            values = {
                name: {
                    measure: metric.model_copy(update={"value": factor * 1000.0})
                    for measure, metric in measures.items()
                }
                for name, measures in foreign.values.items()
            }
            commit = Commit(hash=f"{number:040x}", branch="main")
            run = replace(foreign, values=values, created=start + timedelta(days=number), commit=commit)
            report = as_report(run, PLACE)
            assert history.add(report)
            assert {one.verdict for one in check(report, history, settings)} == {
                "unchecked" if number < 10 else "worse" if 20 <= number < 24 else "fine"
            }
        found = collect(history, None, "main", measures=["latency"])
        assert [[change.index for change in one.detection.changes] for one in found] == [[20]] * 3
        latest = [Latest(report, check(report, history, settings))]
        text = page(found, last_of_each(history), latest, {}, Commits(), start)
        assert "sorting-float64" in text
        assert {row.component for row in rows(history, settings, Selection())} == {
            "test_sorting:test_list-10", "test_sorting:test_list-100", "test_sorting:test_sum",
        }  # fmt: skip
        problems: dict[str, str] = {}
        assert len(draft(history.queue.pending(), settings.bencher, None, problems)) == 30
        assert problems == {}


def test_metric_format_is_of_this_machine_and_checkout(tmp_path: Path) -> None:
    path = tmp_path / "bmf.json"
    path.write_text(json.dumps(BMF), encoding="utf-8")
    report = as_report(read_bmf(path, PROJECT, "node"), Place("mine", "float32", (50, 50, 60)))
    (benchmark,) = report.benchmarks
    assert benchmark.name == "ice_adjust:mine-float64/mine/float32/50x50x60"
    assert {name: metric.value for name, metric in benchmark.measures.items()} == {"latency": 2e6, "peak-memory": 1e6}
    assert benchmark.measures["latency"].upper_value == 2.5e6
    assert report.machine.testbed == "node"
    assert report.machine.memory_bytes


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"x": {"file-size": {"value": 1}}}, "unknown measure 'file-size': expected one of 'latency', 'throughput'"),
        ({"x": {"latency": {"value": 0}}}, "latency is 0.0, which is impossible"),
        ({"x": {"latency": {"value": -1}}}, "latency is -1.0, which is impossible"),
        ({"x": {"latency": {}}}, "x.latency.value: Field required"),
        ({"x": {"latency": {"value": 1, "mean": 2}}}, "x.latency.mean: Extra inputs"),
        ([], "top level: Input should be"),
        ({}, "holds no benchmark"),
        (
            {"x y": {"latency": {"value": 1}}, "x-y": {"latency": {"value": 1}}},
            "'x y', 'x-y' would both be called 'x:y/",
        ),
    ],
)
def test_bad_metric_format_is_told_in_a_sentence(tmp_path: Path, document: object, told: str) -> None:
    path = tmp_path / "bmf.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UsageError) as error:
        as_report(read_bmf(path, PROJECT, None), PLACE)
    assert told in str(error.value)


def test_bad_files_of_pytest_benchmark_are_told(measured: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"

    def told(change: Callable[[Any], None]) -> str:
        with pytest.raises(UsageError) as error:
            read_pytest_benchmark(changed(measured, path, change), None)
        return str(error.value)

    def zero(data: Any) -> None:
        data["benchmarks"][0]["stats"]["min"] = 0.0

    assert "latency is 0.0, which is impossible" in told(zero)
    assert "holds a benchmark twice: 'test_sorting.py::test_sum'" in told(
        lambda data: data["benchmarks"].append(data["benchmarks"][2])
    )
    assert "benchmarks: Field required" in told(lambda data: data.pop("benchmarks"))
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="is not JSON of pytest-benchmark: top level: Invalid JSON"):
        read_pytest_benchmark(path, None)
    with pytest.raises(UsageError, match="cannot be read"):
        read_pytest_benchmark(tmp_path / "none.json", None)


def invoked(results: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ice3_bench", *words],
        cwd=PROJECT,
        env={**os.environ, "ICE3_BENCH_RESULTS": str(results)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_stores_once_and_the_export_shows_it(measured: Path, tmp_path: Path) -> None:
    words = (
        "import",
        "--pytest-benchmark",
        str(measured),
        "--suite",
        "sorting",
        "--commit",
        "a" * 40,
        "--branch",
        "main",
    )
    first, second = invoked(tmp_path, *words), invoked(tmp_path, *words)
    assert (first.returncode, first.stderr) == (Exit.OK, "")
    assert "3 benchmarks of pytest-benchmark: cell sorting-float64." in first.stdout
    assert "Stored 1 new report" in first.stdout
    assert "Stored 0 new reports" in second.stdout
    shown = invoked(tmp_path, "export", "--", "--output", "-", "--measures", "latency")
    assert shown.returncode == Exit.OK
    assert shown.stdout.count(f",{'a' * 40},main,false,") == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import",), "Error: Name one file: --pytest-benchmark FILE or --bmf FILE.\n"),
        (("import", "--bmf", "x", "--suite", "A b"), "Error: 'A b' is no id: "),
        (("import", "--bmf", "x", "--precision", "half"), "Error: 'half' is not a precision: "),
        (("export", "--", "--format", "xml"), "argument --format: invalid choice: 'xml' (choose from "),
        (("export", "--", "--measures", "speed"), "argument --measures: invalid choice: 'speed' (choose from "),
        (("export", "--", "--since", "May"), "'May' is not a date: write 2026-11-30"),
        (("export", "--", "--history"), "Error: --history and --serve belong to --format openmetrics.\n"),
        (("export", "--"), "Error: There is no history at "),
    ],
)
def test_bad_words_end_with_one_sentence(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = invoked(tmp_path, *words)
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
