"""Single passes with the fake port: what they answer, and what is said if a port misbehaves."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell import passes, physics, records
from ice3_bench.cell.options import Options
from ice3_bench.cell.processes import run
from ice3_bench.cell.session import own_folder, prepare
from ice3_bench.errors import PassError, UsageError
from ice3_bench.settings.matrix import load_settings
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sessions.conftest import Place

    from ice3_bench.cell.workplace import Workplace

    Make = Callable[..., Workplace]

NAMES = [
    "ice_adjust/fake/float64/8x8x16",
    "rain_ice/fake/float64/8x8x16/rich",
    "rain_ice/fake/float64/8x8x16/typical",
    "rain_ice/fake/float64/8x8x16/sparse",
]


@pytest.fixture
def make(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make the workplace of a cell whose port misbehaves."""
    settings = load_settings(place.project).model_copy(update={"max_time": 0.01})

    def workplace(misbehaviour: str = "", backend: str = "fake", *pytest_args: str) -> Workplace:
        monkeypatch.setenv("FAKE_PORT", misbehaviour)
        cell = settings.cell(backend, "float64")
        folder = tmp_path / "run"
        folder.mkdir()
        return prepare(place.project, folder, tmp_path / "shown", cell, settings, Options(pytest_args=pytest_args))

    return workplace


def test_a_timing_pass_answers_for_every_benchmark(make: Make) -> None:
    heard: list[messages.Message] = []
    place = replace(make(), notify=heard.append)
    answers = passes.measure_time(place)
    assert (answers.code, answers.failures, answers.incomplete) == (0, {}, "")
    assert [message.benchmark for message in heard if isinstance(message, messages.Started)] == NAMES
    assert [message.count for message in heard if isinstance(message, messages.Collected)] == [4]
    benchmarks = records.timed_benchmarks(place, answers, 1e10)
    assert [benchmark.name for benchmark in benchmarks] == NAMES
    for benchmark in benchmarks:
        latency, throughput = benchmark.measures["latency"], benchmark.measures["throughput"]
        assert latency.value == min(benchmark.times)
        assert math.isclose(throughput.value * latency.value, 1e9 * benchmark.points)
        assert benchmark.clock == "cpu"


@pytest.mark.parametrize(
    ("misbehaviour", "told"),
    [("fail-ice_adjust", "it rains upwards"), ("nan-ice_adjust", "'rvs' is not finite")],
)
def test_a_failing_benchmark_leaves_the_others(make: Make, misbehaviour: str, told: str) -> None:
    place = make(misbehaviour)
    answers = passes.measure_time(place)
    assert list(answers.failures) == NAMES[:1]
    assert told in answers.failures[NAMES[0]]
    first, *others = records.timed_benchmarks(place, answers, 1e10)
    assert (first.error, first.measures) == (answers.failures[NAMES[0]], {})
    assert [one.name for one in others] == NAMES[1:]
    assert all(one.error is None and "latency" in one.measures for one in others)


def test_a_benchmark_that_kills_its_process_leaves_the_others_and_what_was_timed_is_kept(make: Make) -> None:
    place = make("killed-rain_ice")
    answers = passes.measure_time(place)
    assert list(answers.failures) == NAMES[1:]
    logs = ("timing", "timing-2", "timing-3")
    told = [f"its process was killed by signal 9, see {place.shown_log(log)}" for log in logs]
    assert list(answers.failures.values()) == told
    assert all(place.log(log).exists() for log in logs)
    assert [timed.benchmark for timed in answers.of(messages.Timed)] == NAMES[:1]  # once
    assert answers.incomplete == ""


def test_the_memory_pass_isolates_benchmarks(make: Make) -> None:
    place = make("keeps")
    answers = passes.measure_memory(place)
    peaks = answers.of(messages.Peak)
    assert [peak.benchmark for peak in peaks] == NAMES
    assert min(peak.bytes for peak in peaks) > 10_000_000  # what one leaves allocated counts for the next one too
    assert all(Path(peak.dump).parent == place.folder / "memray" for peak in peaks)
    benchmarks = [records._benchmark(place, benchmark) for benchmark in place.benchmarks]
    records.add_memory(benchmarks, answers, Path("shown"))
    assert all(benchmark.memray_dump and benchmark.memray_dump.startswith("shown/peak") for benchmark in benchmarks)


def test_the_memory_pass_forks_before_a_port_starts_threads(make: Make) -> None:
    answers = passes.measure_memory(make("threads"))
    assert answers.failures == {}
    assert [peak.benchmark for peak in answers.of(messages.Peak)] == NAMES


def test_a_benchmark_killed_in_the_memory_pass_is_said(make: Make) -> None:
    place = make("killed-when-traced", "single")
    answers = passes.measure_memory(place)
    (benchmark,) = (records._benchmark(place, benchmark) for benchmark in place.benchmarks)
    records.add_memory([benchmark], answers, Path("shown"))
    assert benchmark.error == "memory pass: call: its process was killed by signal 9"


@pytest.mark.parametrize(
    ("misbehaviour", "kind", "told"),
    [
        ("no-compiler", UsageError, "needs a compiler"),
        ("compile-crash", PassError, "template depth exceeded"),
    ],
)
def test_a_failing_compile_pass_says_why(make: Make, misbehaviour: str, kind: type[Exception], told: str) -> None:
    place = make(misbehaviour, "single")
    with pytest.raises(kind, match=told) as caught:
        physics.compile_stencils(place)
    if kind is PassError:
        assert f"The output of the compile pass is in {place.shown_log('compile')}." in str(caught.value)
        assert "Traceback" in place.log("compile").read_text(encoding="utf-8")


def test_a_failing_accuracy_pass_says_why(make: Make) -> None:
    with pytest.raises(PassError, match="no such variable"):
        physics.check_accuracy(make("accuracy-crash", "single"))


def test_a_pass_that_a_port_ends_early_has_failed(make: Make) -> None:
    with pytest.raises(PassError, match="The accuracy pass ended early, with exit code 0"):
        physics.check_accuracy(make("accuracy-leaves", "single"))


def test_the_pass_that_explains_sees_nothing_of_the_port(make: Make, place: Place, tmp_path: Path) -> None:
    """The port may have a package of the same name as the implementation that it is compared with."""
    (place.project / "bench" / "numpy_ice3.py").write_text("raise ValueError('not this one')", encoding="utf-8")
    kept = tmp_path / "kept"
    kept.mkdir()
    work = make("wrong-physics", "single")
    assert not all(one.passed for one in physics.check_accuracy(work, kept))
    explained, diagnosis = passes.explain_accuracy(work, kept)
    assert isinstance(explained, messages.Explained)
    assert [(one.field, one.levels) for one in explained.wrong] == [("rvs", (42, 42))]
    assert isinstance(diagnosis, messages.Diagnosis)
    assert diagnosis.not_tried == ()


def test_what_the_port_does_not_support_is_not_run(make: Make) -> None:
    checked = physics.check_accuracy(make("unsupported", "single"))
    (one,) = records.not_run(checked)
    assert (one.component, "CSUBG_RC_RR_ACCR" in one.reason) == ("ice_adjust", True)
    assert records.field_errors(checked) == []


def test_what_a_port_prints_is_in_the_log_and_disturbs_nothing(make: Make) -> None:
    place = make("prints", "single")
    assert [built.component for built in physics.compile_stencils(place)] == ["ice_adjust"]
    assert '"kind": "Done"' in place.log("compile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("-k", "hail"), "No benchmark is selected"), (("--benchmrk-max-time=1",), "--benchmrk-max-time")],
)
def test_what_pytest_refuses_is_quoted(make: Make, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        passes.measure_time(make("", "single", *arguments))
    assert told in str(caught.value)


@pytest.mark.parametrize("line", ["words", '{"version": 99, "kind": "Done"}'])
def test_what_is_not_a_message_ends_the_pass(make: Make, line: str) -> None:
    place = make("", "single")
    written = (line + "\n").encode()
    program = f"import os, sys; os.write(int(sys.argv[2].partition('=')[2]), {written!r})"
    with pytest.raises(PassError, match="wrote on its channel"):
        run(place.interpreter, ("-c", program), place.job, place.log("x"), lambda _message: None)


def test_a_process_that_a_port_leaves_behind_is_ended_and_does_not_hold_the_pass(make: Make) -> None:
    place = make("", "single")
    program = (
        "import subprocess, sys; channel = int(sys.argv[2].partition('=')[2]);"
        "print(subprocess.Popen(['sleep', '600'], pass_fds=[channel]).pid, flush=True)"
    )
    assert run(place.interpreter, ("-c", program), place.job, place.log("x"), lambda _message: None) == 0
    left = Path("/proc", place.log("x").read_text(encoding="utf-8").splitlines()[-1], "cmdline")
    assert not left.exists() or not left.read_bytes()  # gone, or waiting to be reaped


def test_a_run_publishes_its_logs_and_removes_those_of_earlier_processes(place: Place, tmp_path: Path) -> None:
    cell = load_settings(place.project).cell("fake", "float64")
    results = tmp_path / "results"
    (results / "memray").mkdir(parents=True)
    for name in ("timing.log", "timing-2.log", "memory.log", "memray/old.bin"):
        (results / name).write_text("old", encoding="utf-8")

    def fail() -> None:
        with own_folder(results, cell) as folder:
            (folder / "timing.log").write_text("new", encoding="utf-8")
            raise PassError("it fails")

    with pytest.raises(PassError, match="it fails"):
        fail()
    assert (results / "timing.log").read_text(encoding="utf-8") == "new"
    assert (results / "memory.log").read_text(encoding="utf-8") == "old"
    assert not (results / "timing-2.log").exists()
    assert (results / "memray/old.bin").exists()
    with own_folder(results, cell) as folder:
        for name in ("timing.log", "timing-1.log"):
            (folder / name).write_text("newer", encoding="utf-8")
        (folder / "memray").mkdir()
        (folder / "memray/new.bin").touch()
    assert [path.name for path in (results / "memray").iterdir()] == ["new.bin"]
    assert (results / "timing-1.log").read_text(encoding="utf-8") == "newer"
    assert not [path for path in results.iterdir() if path.name.startswith((".run-", ".writable"))]
