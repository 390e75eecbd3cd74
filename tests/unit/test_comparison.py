"""Revisions in a git repository of its own, and the worker of the real physics on backend numpy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.comparison import (
    Case,
    CellComparison,
    Comparison,
    Pairs,
    Protocol,
    Side,
    Worker,
    WorkerError,
    exit_code,
)
from ice3_bench.errors import UsageError
from ice3_bench.render import comparison_markdown
from ice3_bench.revisions import WORKTREE, checked_out, default_base, environment
from ice3_bench.verdict import Decision, Verdict

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


def test_the_worktree_is_the_project_itself(repository: Path) -> None:
    with checked_out(repository, WORKTREE) as revision:
        assert revision.tree == repository
    assert repository.exists()


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


# The worker -------------------------------------------------------------------------------------------------------

CASE = Case.parse("ice_adjust/numpy/float64/8x8x20")


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Worker]]:
    folder = tmp_path_factory.mktemp("workers")
    options = ["--backend=numpy", "--precision=float64", f"--cache={folder}"]
    side = Side("base", Path(sys.executable), PROJECT)
    with (
        Worker(side, options, 1, folder / "base.log") as base,
        Worker(side, options, 1, folder / "contender.log") as contender,
    ):
        for worker in (base, contender):
            assert worker.request("load", component="ice_adjust")["protocol"] == 1
        yield {"base": base, "contender": contender}


def test_workers_take_turns(workers: dict[str, Worker]) -> None:
    pairs = Pairs()
    for _ in range(2):
        pairs.measure(workers, CASE, Protocol(rounds=2, turns=2))
    assert len(pairs.ratios) == 2
    assert len(pairs.switched) == 2 * 2 * 4 * 2
    assert all(0.1 < ratio < 10.0 for ratio in pairs.ratios)


def test_extra_calls_slow_the_contender(workers: dict[str, Worker]) -> None:
    pairs = Pairs()
    for _ in range(3):
        pairs.measure(workers, CASE, Protocol(rounds=5, turns=1), extra=1.0)
    assert all(0.3 < extra < 3.0 for extra in pairs.extra)
    assert sorted(pairs.ratios)[1] > 1.2


def test_a_bad_request_is_answered_and_the_worker_lives(workers: dict[str, Worker]) -> None:
    with pytest.raises(WorkerError, match=r"In the base: There is no benchmark of 'hail': there are ice_adjust"):
        workers["base"].request("load", component="hail")
    with workers["base"].process():
        with pytest.raises(WorkerError, match="Nothing is prepared"):
            workers["base"].request("run", rounds=1)
        workers["base"].request("prepare", **CASE.request)
        assert len(workers["base"].request("run", rounds=3)["cpu_ns"]) == 3


def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    side = Side("contender", Path(sys.executable), tmp_path)
    with (
        Worker(side, ["--backend=nonsense", "--precision=float64"], 1, tmp_path / "log") as worker,
        pytest.raises(WorkerError, match=r"The worker of the contender ended: .*"),
    ):
        worker.request("load", component="ice_adjust")


# What comes of it -------------------------------------------------------------------------------------------------


def compared(verdict: Verdict, **changes: object) -> list[CellComparison]:
    decision = Decision(verdict, 0.0, -0.01, 0.01, 1.0, 0.012, 8, "because | of this")
    benchmark = Comparison("a|b", decision, 1.0, 1.0, 0.0, 0.0, 100, 100)
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
        (Verdict.SAME, {"contender_bytes": 102}, 1),
        (Verdict.SAME, {"contender_bytes": 101}, 0),
        (Verdict.SAME, {"missing": "it does not build"}, 1),
    ],
)
def test_the_exit_code(verdict: Verdict, changes: dict[str, object], code: int) -> None:
    assert exit_code(compared(verdict, **changes), undecided=4) == code


def test_less_accurate_fails() -> None:
    cells = compared(Verdict.SAME)
    cells[0].less_accurate.append("ice_adjust")
    assert exit_code(cells, undecided=0) == 1


def test_names_cannot_break_the_markdown_table() -> None:
    lines = comparison_markdown(compared(Verdict.SAME), "base", "contender").splitlines()
    table = [line.replace("\\|", "") for line in lines if line.startswith("|")]
    assert {line.count("|") for line in table} == {10}
