"""Whole sessions with a stand-in for the physics: what is stored and what the user is told, in good and bad runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from ice3_bench.errors import Exit
from ice3_bench.history.store import History
from ice3_bench.report import load_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.report import Report

PROJECT = Path(__file__).parents[2]
CELL = "numpy-float64"
DOMAIN = ("--domain", "32x32x16", "--benchmark-max-time=0.01")


class Place:
    """A project with the real benchmarks and the stand-in physics."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.results = folder / "results"
        for name in ("pyproject.toml", "tasks", "tests/performance"):
            source, target = PROJECT / name, self.project / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        (self.project / "tests/data").mkdir()
        (self.project / "tests/data/one.nc").write_bytes(b"")

    def environment(self, misbehaviour: str = "") -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("BENCHER", "PYTEST"))},
            "PYTHONPATH": str(PROJECT / "tests/unit/stand_in"),
            "STAND_IN": misbehaviour,
            "ICE3_BENCH_RESULTS": str(self.results),
            "NO_COLOR": "1",
        }

    def command(self, *arguments: str, backend: str = "numpy") -> list[str]:
        words = [sys.executable, "-m", "invoke", "bench", "--backend", backend, "--precision", "float64"]
        return [*words, "--", *DOMAIN, *arguments]

    def bench(
        self, *arguments: str, misbehaviour: str = "", backend: str = "numpy"
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, backend=backend),
            cwd=self.project,
            env=self.environment(misbehaviour),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def interrupted(self, misbehaviour: str, name: str, after: float) -> tuple[int, str]:
        """Press Ctrl-C so many seconds into a pass; return the exit code and the errors."""
        with subprocess.Popen(
            self.command(),
            cwd=self.project,
            env=self.environment(misbehaviour),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as session:
            assert session.stdout is not None
            for line in session.stdout:
                if f"] {name}" in line:
                    break
            time.sleep(after)
            os.killpg(session.pid, signal.SIGINT)  # as a terminal does: to the session and the pass
            _, errors = session.communicate(timeout=30)
        return session.returncode, errors

    def stored(self) -> int:
        if not (self.results / "history.db").exists():
            return 0
        with History(self.results / "history.db") as history:
            return len(history.queue.pending())

    def nothing_is_stored(self) -> bool:
        return self.stored() == 0 and not (self.results / CELL / "report.json").exists()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_session_measures_stores_and_compares(place: Place) -> None:
    first = place.bench()
    assert first.returncode == Exit.OK, first.stderr
    report = load_report(place.results / CELL / "report.json")
    assert [benchmark.name for benchmark in report.benchmarks] == [
        "alpha/numpy/float64/32x32x16",
        "beta/numpy/float64/32x32x16",
    ]
    for benchmark in report.benchmarks:
        assert set(benchmark.measures) == {"latency", "throughput", "bandwidth", "peak-memory", "accuracy"}
        assert benchmark.rounds is not None
        lengths = {len(benchmark.rounds.wall_ns), len(benchmark.rounds.cpu_ns), len(benchmark.rounds.switches)}
        assert lengths == {len(benchmark.rounds.wall_ns)}
        assert len(benchmark.rounds.wall_ns) >= 10
        assert benchmark.measures["latency"].value == min(benchmark.rounds.cpu_ns)
        fields_bytes = 2 * 32 * 32 * 16 * 8
        assert benchmark.measures["peak-memory"].value >= fields_bytes
        assert Path(benchmark.memray_dump or "").exists()
    assert [record.name for record in report.passes] == ["compile", "accuracy", "timing", "memory"]
    assert "first run" in first.stdout
    assert "memray flamegraph" in first.stdout

    second = place.bench()
    assert second.returncode == Exit.OK, second.stderr
    assert "Compared with the run of" in second.stdout
    assert "±" in second.stdout
    assert place.stored() == 2

    assert "Against the history" in second.stdout
    assert "Not checked: latency of 2 benchmarks" in second.stdout
    assert "of the 10 runs needed" in second.stdout

    third = place.bench("--threads", "2")
    assert third.returncode == Exit.OK, third.stderr
    assert "Not compared" in third.stdout
    assert "threads" in third.stdout


def test_a_run_beyond_the_limits_of_its_history_is_a_regression(place: Place) -> None:
    assert place.bench("--quiet").returncode == Exit.OK
    stored = load_report(place.results / CELL / "report.json")
    with History(place.results / "history.db") as history:
        for _ in range(12):  # of a program that was a hundred times faster, in half the memory
            older = stored.model_copy(deep=True, update={"id": str(uuid4())})
            older.commit.branch, older.commit.dirty = "main", False
            for benchmark in older.benchmarks:
                benchmark.measures["latency"].value /= 100.0
                benchmark.measures["peak-memory"].value /= 2.0
            history.add(older)
    run = place.bench("--quiet")
    assert run.returncode == Exit.FAILED
    assert run.stdout == ""
    for told in (
        "Regression: alpha 32x32x16 latency:",
        "Regression: beta 32x32x16 peak-memory:",
        "the limit by percentage: mean",
        "10 runs of 'main', +2 %",
        f"nox -s bench-compare -- --base main --cells {CELL}",
    ):
        assert told in run.stderr
    assert place.stored() == 14  # a regression is stored like any run


def test_quiet_prints_nothing_when_all_is_well(place: Place) -> None:
    run = place.bench("--quiet")
    assert (run.returncode, run.stdout, run.stderr) == (Exit.OK, "", "")
    assert place.stored() == 1


def test_quoted_arguments_reach_pytest_whole(place: Place) -> None:
    run = place.bench("-k", "beta and not alpha")
    assert run.returncode == Exit.OK, run.stderr
    (benchmark,) = load_report(place.results / CELL / "report.json").benchmarks
    assert benchmark.component == "beta"


def test_wrong_physics_stops_before_timing(place: Place) -> None:
    run = place.bench(misbehaviour="wrong-physics")
    assert run.returncode == Exit.FAILED
    for told in ("'rvs'", "5.00e-02", "column 7, level 42", "1e-10", "invoke accuracy"):
        assert told in run.stderr
    assert "timing" not in run.stdout
    assert place.nothing_is_stored()


@pytest.mark.parametrize("misbehaviour", ["fail-alpha", "nan-alpha"])
def test_a_failing_benchmark_leaves_the_others(place: Place, misbehaviour: str) -> None:
    run = place.bench(misbehaviour=misbehaviour)
    assert run.returncode == Exit.FAILED
    assert "alpha/numpy/float64/32x32x16 failed" in run.stderr
    assert ("it rains upwards" if misbehaviour == "fail-alpha" else "'y' is not finite") in run.stderr
    report = load_report(place.results / CELL / "report.json")
    good = {benchmark.component: benchmark.error is None for benchmark in report.benchmarks}
    assert good == {"alpha": False, "beta": True}
    assert place.stored() == 1


def test_what_a_benchmark_leaves_allocated_counts_for_the_next_one_too(place: Place) -> None:
    assert place.bench(misbehaviour="keeps").returncode == Exit.OK
    benchmarks = load_report(place.results / CELL / "report.json").benchmarks
    peaks = [benchmark.measures["peak-memory"].value for benchmark in benchmarks]
    assert len(peaks) == 2
    assert min(peaks) > 10_000_000


def test_a_benchmark_killed_in_the_memory_pass_keeps_its_timing(place: Place) -> None:
    run = place.bench(misbehaviour="killed-when-traced")
    assert run.returncode == Exit.FAILED
    assert "alpha/numpy/float64/32x32x16 failed: memory pass: call: its process was killed by signal 9" in run.stderr
    report = load_report(place.results / CELL / "report.json")
    assert all("latency" in benchmark.measures for benchmark in report.benchmarks)


@pytest.mark.parametrize(
    ("misbehaviour", "code", "told"),
    [
        ("no-compiler", Exit.USAGE, "needs a C++20 compiler"),
        ("compile-crash", Exit.FAILED, "template depth exceeded"),
        ("accuracy-crash", Exit.FAILED, "no such variable"),
    ],
)
def test_a_failing_pass_says_why_and_stores_nothing(place: Place, misbehaviour: str, code: Exit, told: str) -> None:
    run = place.bench(misbehaviour=misbehaviour)
    assert run.returncode == code
    assert told in run.stderr
    assert "Traceback" not in run.stderr.splitlines()[0]
    assert place.nothing_is_stored()


@pytest.mark.parametrize(("misbehaviour", "survivors"), [("killed-alpha", ["beta"]), ("killed", [])])
def test_a_benchmark_that_is_killed_leaves_the_others(place: Place, misbehaviour: str, survivors: list[str]) -> None:
    run = place.bench(misbehaviour=misbehaviour)
    assert run.returncode == Exit.FAILED
    assert "alpha/numpy/float64/32x32x16 failed: its process was killed by signal 9" in run.stderr
    benchmarks = load_report(place.results / CELL / "report.json").benchmarks
    assert [benchmark.component for benchmark in benchmarks if benchmark.error is None] == survivors
    assert sorted(benchmark.component for benchmark in benchmarks) == ["alpha", "beta"]
    for benchmark in benchmarks:
        assert ("latency" in benchmark.measures) == (benchmark.component in survivors)


def test_a_disk_that_fills_up_is_said_without_a_traceback(place: Place) -> None:
    (place.results / CELL).mkdir(parents=True)
    (place.results / CELL / "compile.log").symlink_to("/dev/full")
    run = place.bench()
    assert run.returncode == Exit.USAGE
    assert "cannot be written: No space left on device. Free space or choose another folder" in run.stderr
    assert "Traceback" not in run.stderr
    assert place.nothing_is_stored()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-k", "hail"), "No benchmark is selected"),
        (("--benchmrk-max-time=1",), "--benchmrk-max-time"),
        (("--domain", "9x9"), "50x50x60"),
        (("--threads", "0"), "at least one thread"),
        (("--threads", "many"), "threads"),
        (("--profile", "fast"), "choose from"),
        (("--profile", "instructions"), "choose from"),
        (("--precision", "float32"), "--precision: the session sets this itself"),
        (("--compile-arg=-O0",), "--compile-arg=-O0: the session sets this itself"),
        (("--benchmark-warmup=off",), "the session sets this itself"),
        (("--collect-only",), "the session sets this itself"),
    ],
)
def test_wrong_arguments_are_named(place: Place, arguments: tuple[str, ...], told: str) -> None:
    run = place.bench(*arguments)
    assert run.returncode == Exit.USAGE, run.stderr
    assert told in run.stderr
    assert place.nothing_is_stored()


def test_help_shows_the_options_and_measures_nothing(place: Place) -> None:
    run = place.bench("--help")
    assert run.returncode == Exit.OK
    for option in ("--threads", "--device", "--profile", "--quiet", "--domain"):
        assert option in run.stdout
    assert place.nothing_is_stored()


def test_an_unknown_backend_lists_the_known_ones(place: Place) -> None:
    run = place.bench(backend="gt:tpu")
    assert run.returncode == Exit.USAGE
    assert "'gt:cpu_ifirst'" in run.stderr


@pytest.mark.parametrize(
    ("misbehaviour", "name"), [("hang-compile", "compile"), ("hang-accuracy", "accuracy"), ("hang", "timing")]
)
def test_ctrl_c_ends_the_pass_and_stores_nothing(place: Place, misbehaviour: str, name: str) -> None:
    code, errors = place.interrupted(misbehaviour, name, after=1.0)
    assert code == Exit.INTERRUPTED
    assert f"Interrupted in the {name} pass" in errors
    assert place.nothing_is_stored()


def test_ctrl_c_in_the_memory_pass_keeps_the_timing(place: Place) -> None:
    code, errors = place.interrupted("hang-traced", "memory", after=2.0)
    assert code == Exit.INTERRUPTED
    assert "Interrupted in the memory pass. The timing is stored." in errors
    report = load_report(place.results / CELL / "report.json")
    assert report.incomplete == "Interrupted in the memory pass."
    assert all("latency" in benchmark.measures for benchmark in report.benchmarks)
    assert place.stored() == 1


def test_a_results_folder_that_cannot_be_written_is_found_out_first(place: Place) -> None:
    place.results.write_text("a file where the folder should be")
    run = place.bench()
    assert run.returncode == Exit.USAGE
    assert "cannot be written" in run.stderr
    assert "ICE3_BENCH_RESULTS" in run.stderr
    assert "compile" not in run.stdout


def test_a_corrupt_history_is_named_and_the_report_is_kept(place: Place) -> None:
    place.results.mkdir()
    (place.results / "history.db").write_bytes(b"not a database" * 100)
    run = place.bench()
    assert run.returncode == Exit.USAGE
    assert "corrupt" in run.stderr
    assert load_report(place.results / CELL / "report.json").benchmarks
    (place.results / "history.db").rename(place.results / "history.db.bad")
    mended = subprocess.run(
        [sys.executable, "-m", "invoke", "upload"],
        cwd=place.project,
        env=place.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert mended.returncode == Exit.OK, mended.stderr
    assert place.stored() == 1


def test_a_corrupt_last_report_does_not_disturb_a_new_run(place: Place) -> None:
    (place.results / CELL).mkdir(parents=True)
    (place.results / CELL / "report.json").write_text("{", encoding="utf-8")
    run = place.bench()
    assert run.returncode == Exit.OK, run.stderr
    assert "is truncated or not JSON" in run.stderr
    assert (place.results / CELL / "report.json.bad").read_text(encoding="utf-8") == "{"
    assert place.stored() == 1


def test_upload_without_results_says_what_to_run(place: Place) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "invoke", "upload"],
        cwd=place.project,
        env=place.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == Exit.USAGE
    assert "nox -s bench-numpy-float64" in run.stderr


def test_the_history_is_shown_and_written_as_a_page(place: Place, make_report: Callable[..., Report]) -> None:
    def invoke(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=place.project,
            env=place.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    for task in ("history", "report"):
        nothing = invoke(task)
        assert nothing.returncode == Exit.USAGE
        assert "nox -s bench-numpy-float64" in nothing.stderr
        assert not (place.results / "history.db").exists()
    with History(place.results / "history.db") as history:
        history.add(make_report())
    shown = invoke("history", "--", "--measures", "latency", "--json")
    assert shown.returncode == Exit.OK, shown.stderr
    assert [one["benchmark"] for one in json.loads(shown.stdout)] == ["ice_adjust/gt_cpu_ifirst/float64/50x50x60"]
    assert "Not tested: 1 series, 1 of the 12 runs needed" in invoke("history", "--", "--measures", "latency").stdout
    assert invoke("history", "--", "--benchmarks", "hail").returncode == Exit.USAGE
    assert invoke("history", "--", "--sort", "colour").returncode == Exit.USAGE
    run = invoke("report")
    assert run.returncode == Exit.OK, run.stderr
    assert "ice_adjust/gt_cpu_ifirst/float64/50x50x60" in (place.results / "report.html").read_text(encoding="utf-8")
