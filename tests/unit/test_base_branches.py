"""Several base branches: which one a commit belongs to, and that each has its own history and thresholds."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.bencher.document import Revision, draft
from ice3_bench.commands.common import Surroundings
from ice3_bench.compare.revisions import default_base
from ice3_bench.errors import UsageError
from ice3_bench.export.table import Selection, rows
from ice3_bench.git import nearest
from ice3_bench.history.checks import check
from ice3_bench.history.store import History
from ice3_bench.report import Commit
from ice3_bench.settings.matrix import load_settings
from ice3_bench.settings.policy import BencherPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

PROJECT = Path(__file__).parents[2]
TWO = BencherPolicy(base_branches=("main", "dev"))


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "tester@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **names}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path) -> str:
    # Commits of one second with the same parent and message would be the same commit.
    git(folder, "commit", "--quiet", "--allow-empty", f"--message={uuid.uuid4()}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose ``dev`` is two commits ahead of ``main``."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    description = text.replace('base-branches = ["main"]', 'base-branches = ["main", "dev"]')
    (folder / "pyproject.toml").write_text(description, encoding="utf-8")
    git(folder, "add", ".")
    commit(folder)
    git(folder, "checkout", "--quiet", "-b", "dev")
    for _ in range(2):
        commit(folder)
    return folder


@pytest.fixture
def two(settings: Settings) -> Settings:
    return settings.with_bases(["main", "dev"])


@pytest.mark.parametrize(
    ("lines", "bases"),
    [
        ('base-branches = ["main", "dev"]', ("main", "dev")),
        ("", ("main",)),
        ('[tool.ice3-bench.bencher]\nbase-branch = "trunk"', ("trunk",)),
    ],
)
def test_base_branches_are_read(tmp_path: Path, lines: str, bases: tuple[str, ...]) -> None:
    backend = '\n[[tool.ice3-bench.backends]]\nname = "a"\nid = "a"\nport = "p.py"\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.ice3-bench]\n{lines}{backend}", encoding="utf-8")
    assert load_settings(tmp_path).bencher.base_branches == bases
    assert load_settings(tmp_path).with_bases(["one", "two"]).bencher.base_branches == ("one", "two")
    assert load_settings(tmp_path).with_bases([]) == load_settings(tmp_path)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("base-branches = []", "base-branches: "),
        ('base-branches = "main"', "base-branches: "),
        ('base-branches = ["main", ""]', "base-branches.1: "),
        ('base-branches = ["main"]\n[tool.ice3-bench.bencher]\nbase-branch = "dev"', "bencher.base-branch: Extra"),
    ],
)
def test_wrong_base_branches_are_refused_by_the_name_they_were_given(tmp_path: Path, lines: str, told: str) -> None:
    backend = '\n[[tool.ice3-bench.backends]]\nname = "a"\nid = "a"\nport = "p.py"\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.ice3-bench]\n{lines}{backend}", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_settings(tmp_path)
    assert f"is not valid: {told}" in str(caught.value)


def test_a_base_branch_is_its_own_base_and_protected() -> None:
    assert [TWO.base_of(name) for name in ("main", "dev", "topic", None)] == ["main", "dev", "main", "main"]
    assert [TWO.base_of(name, "dev") for name in ("main", "topic")] == ["main", "dev"]
    assert [TWO.protects(name) for name in ("main", "dev", "topic")] == [True, True, False]


def test_the_nearest_base_is_the_one_that_the_branch_left(repository: Path) -> None:
    bases = ("main", "dev")
    assert nearest(repository, bases) == "dev"
    git(repository, "checkout", "--quiet", "-b", "from-dev")
    commit(repository)
    assert nearest(repository, bases) == "dev"
    git(repository, "checkout", "--quiet", "-b", "from-main", "main")
    commit(repository)
    assert nearest(repository, bases) == nearest(repository, ("dev", "main")) == "main"
    assert nearest(repository, ("trunk",)) is None
    assert nearest(repository.parent, bases) is None  # no repository


def test_a_working_tree_is_compared_with_the_base_that_it_left(repository: Path) -> None:
    dev = git(repository, "rev-parse", "dev")
    git(repository, "checkout", "--quiet", "-b", "topic")
    commit(repository)
    assert default_base(repository, ("main", "dev")) == dev
    git(repository, "clone", "--quiet", repository.as_posix(), "../clone")
    clone = repository.parent / "clone"
    assert default_base(clone, ("main", "dev")) == dev  # which is only a branch of origin there
    assert default_base(clone, ("main",)) == git(repository, "rev-parse", "main")


def test_a_commit_is_told_its_branch_and_base(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    for name in ("BENCHER_BRANCH", "GITHUB_ACTIONS", "GITLAB_CI", "ICE3_BENCH_RESULTS", "ICE3_BENCH_BASE_BRANCHES"):
        monkeypatch.delenv(name, raising=False)
    git(repository, "checkout", "--quiet", "-b", "topic")
    here = Commit(hash=commit(repository), branch="topic")
    assert Surroundings.read().placed(here) == Commit(hash=here.hash, branch="topic", base="dev")
    assert Surroundings.read().placed(Commit(branch="dev")).base is None  # it is its own
    monkeypatch.setenv("ICE3_BENCH_BASE_BRANCHES", "main, trunk")
    assert Surroundings.read().settings.bencher.base_branches == ("main", "trunk")
    assert Surroundings.read().placed(here).base == "main"


def test_a_pull_request_is_checked_against_its_own_base(
    make_report: Callable[..., Report], tmp_path: Path, two: Settings
) -> None:
    """1.3 ms is usual on dev, and a regression on main."""
    with History(tmp_path / "history.db") as history:
        for number in range(12):
            history.add(make_report(1e6 + number, commit=Commit(hash=f"{number:040x}", branch="main")))
            history.add(make_report(1.3e6 + number, commit=Commit(hash=f"{number + 99:040x}", branch="dev")))
        slow = make_report(1.3e6, commit=Commit(branch="topic", base="dev"))
        other = make_report(1.3e6, commit=Commit(branch="topic"))
        found = {name: check(one, history, two)[0] for name, one in (("dev", slow), ("main", other))}
        itself = check(make_report(1.3e6, commit=Commit(branch="dev")), history, two)[0]
        assert (found["dev"].verdict, found["dev"].branch) == ("fine", "dev")
        assert (found["main"].verdict, found["main"].branch) == ("worse", "main")
        assert (itself.verdict, itself.branch) == ("fine", "dev")
        history.add(slow)
        history.add(other)
        exported = {row.run: row.verdict for row in rows(history, two, Selection()) if row.measure == "latency"}
    assert (exported[slow.id], exported[other.id]) == ("fine", "worse")


def test_each_base_branch_sets_its_thresholds_and_the_others_start_from_their_base(
    make_report: Callable[..., Report], two: Settings
) -> None:
    hashes = {name: letter * 40 for name, letter in (("main", "a"), ("dev", "b"), ("topic", "c"), ("pull", "d"))}
    reports = [
        make_report(commit=Commit(hash=hashes["main"], branch="main")),
        make_report(commit=Commit(hash=hashes["dev"], branch="dev")),
        make_report(commit=Commit(hash=hashes["topic"], branch="topic", base="dev")),
        make_report(commit=Commit(hash=hashes["dev"], branch="dev", dirty=True)),
        make_report(commit=Commit(hash=hashes["pull"])),
    ]
    event = Revision(branch="pull", hash=hashes["pull"], base="dev", base_hash=hashes["dev"], pull_request=1)
    bodies = [json.loads(one.body) for one in draft(reports, two.bencher, event, {})]
    assert [body["branch"] for body in bodies] == ["main", "dev", "topic", "dev-uncommitted", "pull"]
    assert ["thresholds" in body for body in bodies] == [True, True, False, False, False]
    starts = [body.get("start_point", {}).get("branch") for body in bodies]
    assert starts == [None, None, "dev", "dev", "dev"]
    assert bodies[-1]["start_point"]["hash"] == hashes["dev"]
