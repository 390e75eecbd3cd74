"""What every task does with errors and with the variables of the environment."""

from __future__ import annotations

import errno
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from invoke.exceptions import Exit as InvokeExit
from tests.unit.test_commit import git, make_repository

from ice3_bench.commands.common import Surroundings, explained
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2]
KEY = "bencher_user_" + "k" * 30


def task_that_raises(error: Exception) -> Callable[..., None]:
    @explained
    def task() -> None:
        raise error

    return task


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.EACCES, "chmod -R g+rwX"), (errno.EPERM, "umask 002"), (errno.ENOSPC, "Free space")],
)
def test_what_a_user_can_mend_is_explained(capsys: pytest.CaptureFixture[str], number: int, told: str) -> None:
    with pytest.raises(InvokeExit) as caught:
        task_that_raises(OSError(number, "not allowed", "/shared/compile.log"))()
    assert caught.value.code == 2
    printed = capsys.readouterr().err
    assert "/shared/compile.log" in printed
    assert told in printed


def test_an_error_that_quotes_a_stranger_gives_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvokeExit):
        task_that_raises(UsageError("bad name\n::error::x ##[error]y \x1b[2J"))()
    assert capsys.readouterr().err == "Error: bad name\n: :error::x ## [error]y \\x1b[2J\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    make_repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("BENCHER_BRANCH", "GITHUB_ACTIONS", "ICE3_BENCH_RESULTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_branch_is_told_by_the_variable_where_the_checkout_is_detached(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(project, "checkout", "--quiet", "--detach")
    assert Surroundings.read().branches() == {}
    monkeypatch.setenv("BENCHER_BRANCH", "topic")
    assert Surroundings.read().branches() == {git(project, "rev-parse", "HEAD"): "topic"}
    subprocess.run(["rm", "-rf", ".git"], check=True)
    assert Surroundings.read().branches() == {None: "topic"}


def test_the_branch_is_told_by_the_event_of_a_job(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(project, "rev-parse", "HEAD")
    for name, value in (("ACTIONS", "true"), ("REPOSITORY", "org/ice3"), ("REF", "refs/heads/main"), ("SHA", commit)):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
    assert Surroundings.read().branches() == {commit: "main"}
    monkeypatch.setenv("GITHUB_REF", "refs/tags/main")
    assert Surroundings.read().branches() == {}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("variable", ["BENCHER_BRANCH", "BENCHER_PROJECT", "BENCHER_HOST"])
def test_a_key_in_the_wrong_variable_is_not_quoted(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("BENCHER_API_KEY", KEY)
    monkeypatch.setenv("BENCHER_PROJECT", "ice3")
    monkeypatch.setenv(variable, KEY)
    with pytest.raises(UsageError, match=variable) as caught:
        Surroundings.read().where()
    assert KEY[13:] not in str(caught.value)


def test_results_may_be_below_a_home_that_does_not_exist(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICE3_BENCH_RESULTS", "~/x")
    assert Surroundings.read().results == Path.home() / "x"
    monkeypatch.setenv("ICE3_BENCH_RESULTS", "~no-such-user/x")
    assert Surroundings.read().results == project / "~no-such-user/x"
