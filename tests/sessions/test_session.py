"""Whole sessions with a fake port: what is stored and what the user is told, in good and bad runs."""

from __future__ import annotations

import fcntl
import json
import resource
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from tests.sessions.conftest import CELL

from ice3_bench.cell.busy import UNSTEADY
from ice3_bench.cell.options import parse_arguments
from ice3_bench.errors import Exit, UsageError
from ice3_bench.history.store import History
from ice3_bench.reports import load_report
from ice3_probe.messages import NORM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sessions.conftest import Place

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

NAMES = [
    "ice_adjust/fake/float64/8x8x16",
    "rain_ice/fake/float64/8x8x16/rich",
    "rain_ice/fake/float64/8x8x16/typical",
    "rain_ice/fake/float64/8x8x16/sparse",
]
SINGLE = "single-float64"


def test_a_session_measures_stores_and_compares(place: Place) -> None:  # noqa: PLR0915 (a session takes long)
    first = place.bench(misbehaviour="cold")
    assert first.returncode == Exit.OK, first.stderr
    report = load_report(place.results / CELL / "report.json")
    assert [benchmark.name for benchmark in report.benchmarks] == NAMES
    usual = {"latency", "throughput", "peak-memory", "accuracy"}
    for number, benchmark in enumerate(report.benchmarks):
        assert set(benchmark.measures) - {"bandwidth"} == usual | ({"compile-time"} if number < 2 else set())
        assert len(benchmark.triads) == 2
        low, high = sorted(benchmark.triads)
        assert ("bandwidth" in benchmark.measures) == (1.0 - low / high <= UNSTEADY)
        assert benchmark.rounds is not None
        lengths = {len(benchmark.rounds.wall_ns), len(benchmark.rounds.cpu_ns), len(benchmark.rounds.switches)}
        assert lengths == {len(benchmark.rounds.wall_ns)}
        assert len(benchmark.rounds.wall_ns) >= 10
        assert benchmark.measures["latency"].value == min(benchmark.rounds.cpu_ns)
        assert benchmark.measures["peak-memory"].value >= 2 * 8 * 8 * 16 * 8
        assert Path(benchmark.memray_dump or "").exists()
    assert {build.component: build.cached for build in report.stencils} == {"ice_adjust": False, "rain_ice": False}
    assert [record.name for record in report.passes] == ["environment", "compile", "accuracy", "timing", "memory"]
    assert report.protocol.arrangement == "coherent"
    assert (report.port, report.settings, report.accuracy_policy) == ("bench/fake_port.py", {}, "gate")
    assert "ths" in report.not_produced["ice_adjust"]
    assert {"numpy", "pytest", "memray"} <= report.software.packages.keys()
    logs = sorted(path.name for path in (place.results / CELL).glob("*.log"))
    assert logs == ["compile.log", "memory.log", "timing.log"]  # the accuracy is checked by the process that compiles
    assert not place.leftovers()
    assert "rain_ice for a fake" in first.stdout  # what is being compiled
    assert "first run" in first.stdout
    assert "memray flamegraph" in first.stdout
    assert report.accuracy_norm == NORM

    partial = place.bench("-k", "ice_adjust", "--arrangement=coherent")
    assert partial.returncode == Exit.OK, partial.stderr
    assert "A partial run: 1 benchmark was measured, and 3 of those of the cell in the matrix not." in partial.stdout
    assert "Compared with the run of" in partial.stdout
    assert load_report(place.results / CELL / "report.json").id == report.id
    assert Path(report.benchmarks[-1].memray_dump or "").exists()

    second = place.bench()
    assert second.returncode == Exit.OK, second.stderr
    assert "first run" not in second.stdout
    assert "ice_adjust 8x8x16: compared with the run of" in second.stdout
    assert "rich, rain_ice 8x8x16 typical and rain_ice 8x8x16 sparse: compared with the run of" in second.stdout
    assert "±" in second.stdout
    assert place.stored() == 3
    assert not any(
        "compile-time" in one.measures for one in load_report(place.results / CELL / "report.json").benchmarks
    )
    assert "Not checked: latency of 4 benchmarks" in second.stdout

    assert "To connect: sign up" in first.stdout
    assert "To connect" not in second.stdout  # once is enough

    third = place.bench("--threads", "2", "-k", "rain_ice and rich")
    assert third.returncode == Exit.OK, third.stderr
    assert "since it differs: threads 1 -> 2; OMP_NUM_THREADS 1 -> 2." in third.stdout
    chosen = load_report(place.results / CELL / "report-partial.json")
    (benchmark,) = chosen.benchmarks  # quoted arguments reach pytest whole
    assert (benchmark.name, benchmark.clock) == (NAMES[1], "wall")
    assert chosen.lacking == [NAMES[0], *NAMES[2:]]


def test_more_threads_than_cores_and_an_unknown_revision_are_remarked_on(place: Place) -> None:
    environment = {**place.environment(), "BENCHER_BRANCH": "topic", "LC_ALL": "en_US.ISO-8859-1"}
    environment |= {"PYTHONIOENCODING": "ascii", "FORCE_COLOR": "1"}
    del environment["NO_COLOR"]
    run = subprocess.run(
        place.command("--threads", "64", "-k", "ice_adjust", backend="single"),
        cwd=place.project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == Exit.OK, run.stderr
    told = " ".join(run.stdout.split())
    assert "64 threads were asked for" in told
    assert "The revision is unknown, so the run counts as one with uncommitted changes: fatal: not a git" in told
    assert "\x1b[?25" not in run.stdout
    report = load_report(place.results / SINGLE / "report.json")
    assert (report.commit.hash, report.commit.branch, report.commit.dirty) == (None, "topic", True)
    assert "64 threads were asked for" in report.remarks[1]


def test_a_run_beyond_the_limits_of_its_history_is_a_regression_and_quiet_says_nothing_else(place: Place) -> None:
    run = place.bench("--quiet", backend="single")
    assert (run.returncode, run.stdout, run.stderr) == (Exit.OK, "", "")
    stored = load_report(place.results / SINGLE / "report.json")
    with History(place.results / "history.db") as history:
        for _ in range(12):  # of a program that was a hundred times faster, in half the memory
            older = stored.model_copy(deep=True, update={"id": str(uuid4())})
            older.commit.branch, older.commit.dirty = "main", False
            for benchmark in older.benchmarks:
                benchmark.marked = None
                benchmark.measures["latency"].value /= 100.0
                benchmark.measures["peak-memory"].value /= 2.0
            history.add(older)
    run = place.bench("--quiet", backend="single")
    assert run.returncode == Exit.FAILED
    assert run.stdout == ""
    for told in (
        "Regression: ice_adjust 8x8x16 peak-memory:",
        "10 runs of 'main', +2 %",
    ):
        assert told in run.stderr
    assert place.stored() == 14  # a regression is stored like any run


def test_wrong_physics_stops_before_timing(place: Place) -> None:
    run = place.bench(misbehaviour="wrong-physics", backend="single")
    assert run.returncode == Exit.FAILED
    command = "ice3-bench accuracy --backend single --precision float64 --explain"
    for told in ("'rvs'", "column 7, level 42", "5e-11", command):
        assert told in run.stderr
    assert "timing" not in run.stdout
    assert place.nothing_is_stored()
    assert (place.results / SINGLE / "compile.log").exists()
    assert not place.leftovers()


def test_wrong_physics_of_a_cell_that_reports_is_timed_marked_and_gates_nothing(place: Place) -> None:
    run = place.bench(misbehaviour="wrong-physics", backend="reporting")
    assert run.returncode == Exit.OK, run.stderr
    report = load_report(place.results / "reporting-float64" / "report.json")
    assert report.physics_differs
    assert report.benchmarks[0].measures["wrong-outputs"].value == 1.0
    assert "latency" in report.benchmarks[0].measures
    assert "the physics differs" in run.stdout


def test_a_disk_that_fills_up_is_said_without_a_traceback(place: Place) -> None:
    run = subprocess.run(
        place.command(backend="single"),
        cwd=place.project,
        # coverage cannot write its own file either, and would say so with a traceback
        env={name: value for name, value in place.environment().items() if not name.startswith("COVERAGE_")},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, 2**18)),
    )
    assert run.returncode == Exit.USAGE
    assert "cannot be written: File too large. Free space or choose another folder" in run.stderr
    assert "Traceback" not in run.stderr
    assert place.nothing_is_stored()


def test_a_second_session_of_a_cell_names_the_first(place: Place) -> None:
    (place.results / SINGLE).mkdir(parents=True)
    with (place.results / SINGLE / ".lock").open("w") as lock:
        lock.write("process 17 on a-node\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = place.bench(backend="single")
    assert run.returncode == Exit.USAGE
    assert f"Cell {SINGLE} is being measured by process 17 on a-node" in run.stderr


def test_ports_see_no_secret_and_nothing_of_the_users_python(place: Place) -> None:
    port = place.project / "bench/fake_port.py"
    text = port.read_text(encoding="utf-8")
    said = 'print({name: value for name, value in os.environ.items() if "TOKEN" in name or "KEY" in name}, os.getcwd())'
    port.write_text(f"{text}\n\n{said}\nprint('PYTHONWARNINGS' in os.environ)\n", encoding="utf-8")
    secrets = {"GITHUB_TOKEN": "swordfish", "PYTHONWARNINGS": "error", "PYTEST_ADDOPTS": "--nonsense"}
    run = subprocess.run(
        place.command(backend="single"),
        cwd=place.project,
        env={**place.environment(), **secrets},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == Exit.OK, run.stderr
    log = (place.results / SINGLE / "compile.log").read_text(encoding="utf-8")
    assert "swordfish" not in log
    assert "False" in log
    assert "/scratch" in log
    assert not list(place.project.glob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--domain", "9x9"), "50x50x60"),
        (("--components", "hail"), "--components hail: unknown component 'hail': expected 'ice_adjust'"),
        (("--components", "ice_adjust,"), "--components ice_adjust,: unknown component ''"),
        (("--components", "ice_adjust", "hail"), "--components ice_adjust hail: unknown component 'hail'"),
        (("--threads", "0"), "at least one thread"),
        (("--threads", "many"), "threads"),
        (("--device", "-1"), "--device"),
        (("--profile", "fast"), "choose from"),
        (("--arrangement", "sorted"), "'sorted' (choose from"),
        (("--profile", "instructions"), "choose from"),
        (("--precision", "float32"), "--precision: the session sets this itself"),
        (("--compile-arg=-O0",), "--compile-arg=-O0: the session sets this itself"),
        (("--benchmark-warmup=off",), "the session sets this itself"),
        (("--collect-only",), "the session sets this itself"),
    ],
)
def test_wrong_arguments_are_named(settings: Settings, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arguments(arguments, settings)
    assert told in str(caught.value)


def test_an_option_that_pytest_does_not_know_is_named(place: Place) -> None:
    run = place.bench("--nonsense", backend="single")
    assert run.returncode == Exit.USAGE
    assert "--nonsense: unrecognized arguments: --nonsense" in run.stderr


def test_help_shows_the_options_and_measures_nothing(place: Place) -> None:
    run = place.bench("--help")
    assert run.returncode == Exit.OK
    for option in ("--threads", "--device", "--profile", "--quiet", "--domain", "--components"):
        assert option in run.stdout
    assert place.nothing_is_stored()


def test_an_unknown_backend_lists_the_known_ones(place: Place) -> None:
    run = place.bench(backend="gt:tpu")
    assert run.returncode == Exit.USAGE
    assert "'a fake'" in run.stderr


def test_chosen_components_alone_are_built_checked_and_measured(place: Place) -> None:
    run = place.bench("--components", "rain_ice")
    assert run.returncode == Exit.OK, run.stderr
    report = load_report(place.results / CELL / "report-partial.json")
    assert [benchmark.name for benchmark in report.benchmarks] == NAMES[1:]
    assert {build.component for build in report.stencils} == {"rain_ice"}
    assert {entry.component for entry in report.accuracy} == {"rain_ice"}


@pytest.mark.parametrize("chosen", ["ice_adjust,ice_adjust:modular", "rain_ice:sedimentation"])
def test_a_variant_or_part_that_the_port_lacks_is_named(place: Place, chosen: str) -> None:
    run = place.bench("--components", chosen)
    assert run.returncode == Exit.USAGE
    lacking = chosen.rpartition(",")[2]
    assert f"The port has no component '{lacking}': it has ice_adjust, rain_ice." in run.stderr
    assert place.nothing_is_stored()


def test_the_accuracy_alone(place: Place) -> None:
    words = ("accuracy", "--backend", "single", "--precision", "float64")
    right = place.harness(*words)
    assert right.returncode == Exit.OK, right.stderr
    assert "ice_adjust_lite.nc" in right.stdout
    assert "not produced: rcs, ris, ths" in right.stdout
    wrong = place.harness(*words, "--as-json", misbehaviour="wrong-physics")
    assert wrong.returncode == Exit.FAILED
    (checked,) = json.loads(wrong.stdout)
    assert [field["passed"] for field in checked["fields"]] == [False]
    lacking = place.harness(*words, "--components", "ice_adjust:modular")
    assert lacking.returncode == Exit.USAGE
    assert "The port has no component 'ice_adjust:modular'" in lacking.stderr
    missing = place.harness(*words, "--file", "no.nc")
    assert missing.returncode == Exit.USAGE
    assert "no.nc cannot be read: No such file" in missing.stderr


def test_what_differs_is_explained(place: Place) -> None:
    words = ("accuracy", "--backend", "single", "--precision", "float64", "--explain")
    assert "Nothing differs: every output is within its tolerance." in place.harness(*words).stdout
    wrong = place.harness(*words, misbehaviour="wrong-physics")
    assert (wrong.returncode, "Error" in wrong.stderr) == (Exit.FAILED, False)
    assert "1 of 1 output is out of tolerance. The first in the scheme's order is rvs" in wrong.stdout
    assert "None of 21 known mistakes explains ice_adjust" in wrong.stdout
    told = json.loads(place.harness(*words, "--as-json", misbehaviour="wrong-physics").stdout)
    assert [one["component"] for one in told["accuracy"]] == ["ice_adjust"]
    explained, diagnosis = told["explanation"]
    assert (explained["kind"], explained["wrong"][0]["levels"]) == ("Explained", [42, 42])
    assert (diagnosis["kind"], diagnosis["mistakes"]) == ("Diagnosis", [])
    assert not place.leftovers()


@pytest.mark.parametrize(
    ("misbehaviour", "name"), [("hang-compile", "compile"), ("hang-accuracy", "accuracy"), ("hang", "timing")]
)
def test_ctrl_c_ends_the_pass_and_stores_nothing(place: Place, misbehaviour: str, name: str) -> None:
    code, errors = place.interrupted(misbehaviour, name, after=3.0)
    assert code == Exit.INTERRUPTED
    assert f"Interrupted in the {name} pass" in errors
    assert place.nothing_is_stored()
    assert not place.leftovers()
    assert not place.processes()


def test_ctrl_c_in_the_memory_pass_keeps_the_timing(place: Place) -> None:
    code, errors = place.interrupted("hang-traced", "memory", after=4.0)
    assert code == Exit.INTERRUPTED
    assert "Interrupted in the memory pass. The timing is stored." in errors
    report = load_report(place.results / SINGLE / "report.json")
    assert report.incomplete == "Interrupted in the memory pass."
    assert all("latency" in benchmark.measures for benchmark in report.benchmarks)
    assert place.stored() == 1


def test_a_results_folder_that_cannot_be_written_is_found_out_first(place: Place) -> None:
    place.results.write_text("a file where the folder should be")
    run = place.bench(backend="single")
    assert run.returncode == Exit.USAGE
    assert "cannot be written" in run.stderr
    assert "ICE3_BENCH_RESULTS" in run.stderr
    assert "compile" not in run.stdout


def test_a_corrupt_history_is_kept_aside_before_anything_else_and_rebuilt(place: Place) -> None:
    assert place.bench(backend="single").returncode == Exit.OK
    kept = list(place.results.glob(f"runs/{SINGLE}/*.json"))
    assert len(kept) == 1
    (place.results / "history.db").write_bytes(b"not a database" * 100)
    run = place.bench("--no-such-option", backend="single")
    assert run.returncode == Exit.USAGE
    assert "history.db was corrupt: it is kept as history.db.bad-" in run.stderr
    assert "1 run could be stored again" in run.stderr
    assert len(list(place.results.glob("history.db.bad-*"))) == 1
    with History(place.results / "history.db") as history:
        assert history.count() == 1
    (place.results / "history.db").write_bytes(b"not a database" * 100)
    assert place.harness("upload").returncode == Exit.OK
    with History(place.results / "history.db") as history:
        assert history.count() == 1


def test_only_what_pytest_selects_is_built_checked_and_measured(place: Place) -> None:
    run = place.bench("-k", "ice_adjust")
    assert run.returncode == Exit.OK, run.stderr
    assert "ice_adjust for a fake" in run.stdout
    assert "rain_ice" not in run.stdout
    refused = place.bench("-k", "ice_adjust and")
    nothing = place.bench("-k", "hail")
    for one in (refused, nothing):
        assert one.returncode == Exit.USAGE
        assert "compile" not in one.stdout
    assert "pytest refuses the arguments -k 'ice_adjust and'" in refused.stderr.replace(
        "--benchmark-max-time=0.01 ", ""
    )
    assert "No benchmark is selected by the arguments" in nothing.stderr


def test_a_cell_that_was_measured_with_this_commit_is_left_out_by_resume(place: Place) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=place.project, check=True)

    (place.project / ".gitignore").write_text(".cache/\n__pycache__/\n", encoding="utf-8")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "one")):
        git(*words)
    first = place.bench("--resume", backend="single")
    assert (first.returncode, "latency" in first.stdout) == (Exit.OK, True), first.stderr
    second = place.bench("--resume", backend="single")
    assert second.returncode == Exit.OK, second.stderr
    assert "with this commit and configuration: not measured again" in second.stdout
    assert "latency" not in second.stdout
    other = place.bench("--resume", "--arrangement", "shuffled", backend="single")
    assert "latency" in other.stdout
    with (place.project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")  # uncommitted: nobody knows what was measured
    assert "latency" in place.bench("--resume", "--arrangement", "shuffled", backend="single").stdout


def test_a_corrupt_last_report_does_not_disturb_a_new_run(place: Place) -> None:
    (place.results / SINGLE).mkdir(parents=True)
    (place.results / SINGLE / "report.json").write_text("{", encoding="utf-8")
    run = place.bench(backend="single")
    assert run.returncode == Exit.OK, run.stderr
    assert "is truncated or not JSON" in run.stderr
    assert (place.results / SINGLE / "report.json.bad").read_text(encoding="utf-8") == "{"
    assert place.stored() == 1


def test_upload_without_results_says_what_to_run(place: Place) -> None:
    run = place.harness("upload")
    assert run.returncode == Exit.USAGE
    assert "nox -s bench-numpy-float64" in run.stderr


def test_the_history_is_shown_and_written_as_a_page(place: Place, make_report: Callable[..., Report]) -> None:
    invoke = place.harness
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
