"""Revisions in a git repository of its own, and the worker of the real physics on backend numpy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.compare.calibration import Calibration, statements
from ice3_bench.compare.instructions import Count
from ice3_bench.compare.result import (
    Case,
    CellComparison,
    Comparison,
    Inaccuracy,
    Pairs,
    Protocol,
    _compare_accuracy,
    as_json,
    exit_code,
    judge,
)
from ice3_bench.compare.revisions import WORKTREE, Revision, checked_out, default_base, environment, stencils
from ice3_bench.compare.verdict import Decision, Rule, Verdict
from ice3_bench.compare.workers import Side, Worker, WorkerError
from ice3_bench.errors import UsageError
from ice3_bench.show.tables import comparison_markdown, comparison_table, make_console
from ice3_gt4py.compilation import Build
from ice3_gt4py.worker import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    for number in range(2):
        (tmp_path / "file").write_text(str(number), encoding="utf-8")
        git(tmp_path, "add", "file")
        git(tmp_path, "commit", "-m", f"commit {number}")
    return tmp_path


def test_a_revision_is_checked_out_and_removed(repository: Path) -> None:
    with checked_out(repository, "HEAD~1") as revision:
        assert (revision.tree / "file").read_text(encoding="utf-8") == "0"
    assert not revision.tree.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_nothing_is_left_behind_after_ctrl_c(repository: Path) -> None:
    def interrupted() -> None:
        with checked_out(repository, "HEAD~1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert git(repository, "status", "--porcelain") == ""


def test_what_a_killed_comparison_left_is_removed_by_the_next(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    left, running = (tmp_path / f"temporary/ice3-bench-{number}-x" for number in (ended.pid, os.getpid()))
    for folder in (left, running):
        git(repository, "worktree", "add", "--detach", str(folder / "tree"), "HEAD")
    git(repository, "worktree", "lock", "--reason", "initializing", str(left / "tree"))
    (left / "copy").mkdir()
    with checked_out(repository, "HEAD"):
        pass
    assert not left.exists()
    assert (running / "tree/file").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 2


def test_no_repository_and_one_without_commits_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a git repository"):
        default_base(tmp_path)
    git(tmp_path, "init")
    with pytest.raises(UsageError, match="git knows no revision 'HEAD'"):
        default_base(tmp_path)


def test_the_base_of_a_shallow_clone_is_said_to_be_missing(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--depth=1", f"file://{repository}", "shallow")
    with pytest.raises(UsageError, match="git fetch --unshallow"):
        default_base(tmp_path / "shallow")


def test_the_worktree_is_copied_with_all_that_is_not_ignored(repository: Path) -> None:
    (repository / "file").write_text("changed", encoding="utf-8")
    (repository / "untracked").mkdir()
    (repository / "untracked/new").write_text("new", encoding="utf-8")
    (repository / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (repository / "ignored").write_text("x", encoding="utf-8")
    with checked_out(repository, WORKTREE) as revision:
        (repository / "file").write_text("changed again", encoding="utf-8")
        assert (revision.tree / "file").read_text(encoding="utf-8") == "changed"
        assert (revision.tree / "untracked/new").exists()
        assert not (revision.tree / "ignored").exists()
        assert str(revision).endswith(" and uncommitted changes)")
    assert not revision.tree.exists()
    assert (repository / "file").read_text(encoding="utf-8") == "changed again"


def test_a_file_that_is_deleted_but_not_committed_is_not_in_the_copy(repository: Path) -> None:
    (repository / "file").unlink()
    with checked_out(repository, WORKTREE) as revision:
        assert not (revision.tree / "file").exists()


def test_the_merge_base_with_a_revision_can_be_named(repository: Path) -> None:
    fork = git(repository, "rev-parse", "HEAD").strip()
    git(repository, "checkout", "-b", "topic")
    git(repository, "commit", "--allow-empty", "-m", "topic")
    git(repository, "checkout", "main")
    git(repository, "commit", "--allow-empty", "-m", "main goes on")
    git(repository, "checkout", "topic")
    with checked_out(repository, "main...") as revision:
        assert revision.commit == fork


def test_an_unknown_revision_is_named(repository: Path) -> None:
    with pytest.raises(UsageError, match="no-such-revision"), checked_out(repository, "no-such-revision"):
        pass


def test_the_default_base_is_the_merge_base(repository: Path) -> None:
    before, head = git(repository, "rev-parse", "HEAD~1", "HEAD").split()
    assert default_base(repository) == before
    (repository / "file").write_text("changed", encoding="utf-8")
    assert default_base(repository) == head
    git(repository, "checkout", "-b", "topic")
    git(repository, "commit", "-am", "topic")
    assert default_base(repository) == head


def test_an_environment_that_cannot_be_made_says_why(repository: Path, tmp_path: Path) -> None:
    (repository / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    with (
        checked_out(repository, WORKTREE) as revision,
        pytest.raises(UsageError, match=r"The environment of worktree .* cannot be made"),
    ):
        environment(revision, "cpu", tmp_path / "environments", "base")
    assert not list((tmp_path / "environments").glob("*/complete"))


def test_what_the_hash_of_stencils_does_not_see_has_its_own_folder(tmp_path: Path) -> None:
    revision = Revision("a", "0" * 40, tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/stride.hpp").write_text("1", encoding="utf-8")
    first = stencils(tmp_path, revision, {"gt4py": "1"}, 1)
    assert stencils(tmp_path, revision, {"gt4py": "1"}, 1) == first
    assert stencils(tmp_path, revision, {"gt4py": "2"}, 1) != first
    assert stencils(tmp_path, revision, {"gt4py": "1"}, 2) != first
    (tmp_path / "src/stride.hpp").write_text("2", encoding="utf-8")
    assert stencils(tmp_path, revision, {"gt4py": "1"}, 1) != first


# The worker -------------------------------------------------------------------------------------------------------

CASE = Case.parse("ice_adjust/numpy/float64/8x8x20")


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Side:
    options = ("--backend=numpy", "--precision=float64", f"--cache={tmp_path_factory.mktemp('cache')}")
    return Side("base", Path(sys.executable), PROJECT, options)


@pytest.fixture(scope="module")
def workers(side: Side, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Worker]]:
    folder = tmp_path_factory.mktemp("workers")
    with Worker.started(side, folder / "base.log") as base, Worker.started(side, folder / "contender.log") as contender:
        for worker in (base, contender):
            assert "ice_adjust" in worker.request("load", **CASE.request)["benchmarks"]
        yield {"base": base, "contender": contender}


def test_workers_take_turns(workers: dict[str, Worker]) -> None:
    pairs = Pairs(CASE)
    for _ in range(2):
        pairs.measure(workers, Protocol(rounds=2, turns=2))
    assert len(pairs) == len(pairs.ratios("cpu")) == len(pairs.ratios("wall")) == 2
    assert len(pairs.switched) == 2 * 2 * 4 * 2
    assert all(0.1 < ratio < 10.0 for ratio in pairs.ratios("cpu"))


def test_extra_calls_slow_the_contender(workers: dict[str, Worker]) -> None:
    pairs = Pairs(CASE, extra=1.0)
    for _ in range(3):
        pairs.measure(workers, Protocol(rounds=5, turns=1))
    assert all(0.3 < added < 3.0 for added in pairs.added)
    assert sorted(pairs.ratios("cpu"))[1] > 1.2


def test_slow_calls_are_measured_less_often() -> None:
    protocol = Protocol()
    assert protocol.blocks(1.3e6) == (10, 3)
    assert protocol.blocks(20e6) == (3, 3)
    assert protocol.blocks(2e9) == (1, 1)


def test_a_bad_request_is_answered_and_the_worker_lives(workers: dict[str, Worker]) -> None:
    base = workers["base"]
    with pytest.raises(WorkerError, match=r"base: ValueError: There is no benchmark 'hail': there are ice_adjust"):
        base.request("load", component="hail", domain=(2, 2, 3), mix="rich")
    with pytest.raises(WorkerError, match="Nothing is prepared"), base.process():
        base.request("run", rounds=1)
    with base.process():
        base.request("prepare", **CASE.request)
        assert len(base.request("run", rounds=3)["cpu_ns"]) == 3


def test_every_process_lies_elsewhere_in_memory() -> None:
    """Also where they are forked from one process, whose generator of random numbers they share."""
    server = Server(Build("numpy"))
    sizes = set()
    for _ in range(4):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            server.shift()
            os.write(writer, str(len(server.padding[0])).encode())
            os._exit(0)
        os.waitpid(child, 0)
        sizes.add(os.read(reader, 100))
        os.close(reader)
        os.close(writer)
    assert len(sizes) > 2


def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    side = Side("contender", Path(sys.executable), tmp_path, ("--backend=nonsense", "--precision=float64"))
    with (
        Worker.started(side, tmp_path / "log") as worker,
        pytest.raises(WorkerError, match=r"contender: the worker ended: .*"),
    ):
        worker.request("load", **CASE.request)


# Calibration ------------------------------------------------------------------------------------------------------


def test_a_broken_calibration_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="--fresh"):
        Calibration.load(path)
    assert statements(tmp_path, "machine", Protocol()) == []


# What comes of it -------------------------------------------------------------------------------------------------


def compared(verdict: Verdict, **changes: object) -> list[CellComparison]:
    decision = Decision(verdict, 0.0, -0.01, 0.01, 1.0, 0.012, 8, "because | of this")
    benchmark = Comparison("a|b", decision, 1.0, 1.0, 0.0, 0.0, 10_000_000, 10_000_000)
    for name, value in changes.items():
        setattr(benchmark, name, value)
    return [CellComparison("numpy-float64", [benchmark])]


@pytest.mark.parametrize(
    ("verdict", "changes", "code"),
    [
        (Verdict.SAME, {}, 0),
        (Verdict.FASTER, {}, 0),
        (Verdict.SLOWER, {}, 1),
        (Verdict.UNDECIDED, {}, 4),
        (Verdict.SAME, {"contender_bytes": 10_200_000}, 1),
        (Verdict.SAME, {"contender_bytes": 10_090_000}, 0),
        (Verdict.SAME, {"base_bytes": 150_000, "contender_bytes": 160_000}, 0),  # Python's own objects
        (Verdict.SAME, {"missing": "it does not build", "at_fault": "contender"}, 1),
        (Verdict.SAME, {"missing": "it does not build", "at_fault": "base"}, 4),
    ],
)
def test_the_exit_code(verdict: Verdict, changes: dict[str, object], code: int) -> None:
    assert exit_code(compared(verdict, **changes), undecided=4) == code


@pytest.mark.parametrize(
    ("error", "failed", "code", "said"),
    [
        (2e-12, True, 1, "OUT OF TOLERANCE"),
        (9e-13, False, 1, "in tolerance, more than doubled"),
        (5e-16, False, 0, "in tolerance:"),  # what another order of the operations makes
    ],
)
def test_less_accurate_is_shown_and_fails_beyond_rounding(error: float, failed: bool, code: int, said: str) -> None:
    cells = compared(Verdict.SAME)
    cells[0].less_accurate.append(Inaccuracy("ice_adjust", "rvs", 1e-17, error, 1e-12, failed))
    assert exit_code(cells, undecided=0) == code
    text = comparison_markdown(cells, "base", "contender", "")
    assert said in text
    assert f"'rvs', whose error is {error:.2e} and was 1.00e-17" in text
    assert ("1 less accurate" in text) == bool(code)


@pytest.mark.parametrize(("side", "code"), [("base", 4), ("contender", 1)])
def test_an_accuracy_that_cannot_be_checked_is_loud(side: str, code: int) -> None:
    cells = compared(Verdict.SAME)
    cells[0].broken = side
    assert exit_code(cells, undecided=4) == code
    assert "1 ACCURACY NOT CHECKED" in comparison_markdown(cells, "base", "contender", "")


def test_the_accuracy_is_compared_of_what_both_have(monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(side: Side, *_: str) -> tuple[int, str, str]:
        extra = {"base": "ris", "contender": "rgs"}[side.label]
        fields = [{"field": name, "error": 1e-15, "tolerance": 1e-12, "passed": True} for name in ("rvs", extra)]
        return 0, json.dumps([{"data_set": "one.nc", "component": "ice_adjust", "fields": fields}]), ""

    monkeypatch.setattr(Side, "run", ran)
    (cell,) = compared(Verdict.SAME)
    _compare_accuracy(cell, {label: Side(label, Path(), PROJECT, ()) for label in ("base", "contender")})
    assert not cell.less_accurate
    told = "\n".join(cell.remarks)
    assert "1 outputs, 'ris' in one.nc among them, is known of the base only" in told
    assert "1 outputs, 'rgs' in one.nc among them, is known of the contender only" in told


def test_names_cannot_break_the_markdown_table() -> None:
    lines = comparison_markdown(compared(Verdict.SAME), "base", "contender", "").splitlines()
    table = [line.replace("\\|", "") for line in lines if line.startswith("|")]
    assert {line.count("|") for line in table} == {10}


def test_instructions_are_a_column_where_they_were_counted() -> None:
    cells = compared(Verdict.SAME, instructions=Count(1_000_000, 1_030_000))
    (line,) = json.loads(as_json(cells, "base", "contender", ""))["cells"][0]["benchmarks"]
    assert line["instructions"]["verdict"] == "more"
    text = comparison_markdown(cells, "base", "contender", "")
    assert "| more (+3.000%) |" in text
    assert "counted by callgrind" in text
    console = make_console()
    with console.capture() as captured:
        console.print(comparison_table(cells, "base", "contender", "Calibration: none."))
    assert "more" in captured.get()
    assert "Calibration: none." in captured.get()


@pytest.mark.parametrize(("contender", "verdict"), [(1_000_100, "equal"), (1_002_000, "more"), (998_000, "fewer")])
def test_counts_differ_from_a_thousandth(contender: int, verdict: str) -> None:
    assert Count(1_000_000, contender).verdict == verdict


# Both clocks ------------------------------------------------------------------------------------------------------


def both_clocks(cpu: float, wall: float, *, preempted: bool = False) -> Pairs:
    """Pairs whose contender takes so much more CPU and wall time."""
    pairs = Pairs(CASE)
    for number in range(16):
        base = 1.0 + 1e-4 * (number % 5)
        pairs.minimum["base"].append(base)
        pairs.minimum["contender"].append((1.0 + cpu) * (1.0 + 1e-4 * (number % 3)))
        pairs.wall["base"].append(base)
        pairs.wall["contender"].append((1.0 + wall) * (1.0 + 1e-4 * (number % 3)))
    pairs.switched = [preempted]
    return pairs


@pytest.mark.parametrize(
    ("cpu", "wall", "preempted", "threads", "verdict"),
    [
        (0.0, 0.0, False, 1, Verdict.SAME),
        (0.03, 0.03, False, 1, Verdict.SLOWER),
        (0.0, 0.1, False, 1, Verdict.SLOWER),  # it waits
        (0.0, 0.1, True, 1, Verdict.SAME),
        (0.0, -0.1, False, 1, Verdict.SAME),
        (0.0, 0.1, False, 2, Verdict.SLOWER),  # it scales worse
        (0.05, -0.3, False, 2, Verdict.FASTER),  # it scales better
        (0.05, -0.3, True, 2, Verdict.SLOWER),
    ],
)
def test_wall_time_is_judged_where_nothing_was_preempted(
    cpu: float, wall: float, preempted: bool, threads: int, verdict: Verdict
) -> None:
    (decision,) = judge([both_clocks(cpu, wall, preempted=preempted)], Rule(), 1, threads)
    assert decision.verdict is verdict
    assert ("wall time" in decision.reason) == (verdict is not Verdict.SAME and cpu != wall and not preempted)


def test_both_clocks_are_paid_for() -> None:
    pairs = both_clocks(0.03, 0.03)
    (alone,) = judge([pairs], Rule(), 1, 1)
    (among_many,) = judge([pairs], Rule(), 10, 1)
    assert among_many.p == pytest.approx(10 * alone.p)
