"""The revision of a project, and what is said if there is none."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell.machine import PACKED_COMMIT, describe_commit, identified
from ice3_bench.git import Told, commit_places, commits_told, is_branch_name, web_address
from ice3_bench.provenance import Commit

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN = Commit(hash=None, branch=None, dirty=True)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def make_repository(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=rain")
    (folder / "file").write_text("first", encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    return git(folder, "rev-parse", "HEAD")


def test_a_checkout_is_clean_until_a_file_is_changed(tmp_path: Path) -> None:
    commit = make_repository(tmp_path)
    (tmp_path / "untracked").touch()
    assert describe_commit(tmp_path) == Commit(hash=commit, branch="rain", dirty=False)
    (tmp_path / "file").write_text("second", encoding="utf-8")
    assert describe_commit(tmp_path) == Commit(hash=commit, branch="rain", dirty=True)


@pytest.mark.parametrize("name", ["new.py", "src/kernel.F90", "include/x.hpp", "pyproject.toml"])
def test_an_untracked_source_file_counts(tmp_path: Path, name: str) -> None:
    commit = make_repository(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert describe_commit(tmp_path) == Commit(hash=commit, branch="rain", dirty=True)
    (tmp_path / ".gitignore").write_text(f"{name}\n", encoding="utf-8")
    assert not describe_commit(tmp_path).dirty


def test_what_the_harness_writes_is_no_source(tmp_path: Path) -> None:
    make_repository(tmp_path)
    for name in (".cache/environments/x/y.py", ".nox/x.py", "results/x.h", "port/.cache/x.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "port/.cache/x.py").unlink()
    assert not describe_commit(tmp_path).dirty


def test_no_branch_is_a_branch(tmp_path: Path) -> None:
    commit = make_repository(tmp_path)
    git(tmp_path, "tag", "rain")  # names of tags do not matter
    assert describe_commit(tmp_path).branch == "rain"
    git(tmp_path, "checkout", "--quiet", "--detach")
    assert describe_commit(tmp_path) == Commit(hash=commit, branch=None, dirty=False)


def test_git_that_refuses_or_is_missing_leaves_the_revision_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    make_repository(project)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # as in a container whose user is another one
    commit, why = identified(project)
    assert (commit, "dubious ownership" in why) == (UNKNOWN, True)
    (tmp_path / "programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    assert identified(project) == (UNKNOWN, "git is not installed")


def test_the_places_of_commits_follow_their_ancestry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = [make_repository(tmp_path)]
    for day in ("2026-03-03", "2026-03-01", "2026-03-03"):  # the clock of the second committer was behind
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{day}T12:00:00Z")
        git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=x")
        commits.append(git(tmp_path, "rev-parse", "HEAD"))
    unknown = "b" * 40
    places = commit_places(tmp_path, [*reversed(commits), unknown, "no hash; rm -rf"])
    assert sorted(places, key=lambda name: places[name]) == commits
    assert commit_places(tmp_path / "elsewhere", commits) == {}


def test_a_project_may_be_a_folder_of_its_repository(tmp_path: Path) -> None:
    (tmp_path / "port").mkdir()
    (tmp_path / "port" / "file").touch()
    commit = make_repository(tmp_path)
    assert describe_commit(tmp_path / "port") == Commit(hash=commit, branch="rain", dirty=False)


def test_what_cannot_be_determined_is_not_clean(tmp_path: Path) -> None:
    assert describe_commit(tmp_path / "no such folder") == UNKNOWN
    project = tmp_path / "project"
    project.mkdir()
    (project / "file").touch()
    assert describe_commit(project) == UNKNOWN
    git(project, "init", "--quiet")
    git(project, "add", ".")
    assert describe_commit(project) == UNKNOWN  # there is no commit yet


def test_the_repository_around_a_project_is_not_taken_for_its_own(tmp_path: Path) -> None:
    make_repository(tmp_path)
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "file").touch()
    assert describe_commit(tmp_path / "unpacked") == UNKNOWN


def test_a_packed_project_knows_its_revision(tmp_path: Path) -> None:
    make_repository(tmp_path)
    packed = Commit(hash="a" * 40, branch="snow", dirty=False)
    (tmp_path / PACKED_COMMIT).write_text(packed.model_dump_json(), encoding="utf-8")
    assert describe_commit(tmp_path) == packed
    (tmp_path / PACKED_COMMIT).write_text("{", encoding="utf-8")
    assert describe_commit(tmp_path) == UNKNOWN


NAMES = ["main", "MAIN", "pr/7/someone/topic", "release/1.0", "a-b_c", "x.locks", "a@b", "{", "ä/é", "-x"]
REFUSED = [
    *("", "@", ".x", "a/.x", "x.lock", "a.lock/b", "a@{b", "a//b", "/a", "a/", "a.", "a..b", "a b", "a~1", "a^", "a:b"),
    *("a?", "a*", "a[b", "a\\b", "a\x7f", "a\tb"),
]


@pytest.mark.parametrize("name", [*NAMES, *REFUSED])
def test_names_of_branches_are_those_that_git_takes(name: str) -> None:
    taken = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False).returncode == 0
    assert is_branch_name(name) == (name in NAMES)
    assert taken == (name in NAMES) or name == "@"  # git takes it as a part of a name only


def test_authors_tell_of_the_commits_that_are_there(tmp_path: Path) -> None:
    first = make_repository(tmp_path)
    subject = "fix: <b>ice</b>, 'snow'\t\N{SNOWFLAKE} \x1b[31m"
    dated = ("--allow-empty", "--quiet", "--date=2026-05-03T10:00:00+0200", f"--message={subject}\n\nBody")
    git(tmp_path, "commit", *dated)
    second = git(tmp_path, "rev-parse", "HEAD")
    told = commits_told(tmp_path, [second, "f" * 40, "--all", first])
    assert told[second] == Told("fix: <b>ice</b>, 'snow'\t\N{SNOWFLAKE} \\x1b[31m", "2026-05-03 10:00")
    assert set(told) == {first, second}
    assert commits_told(tmp_path, []) == {}
    assert commits_told(tmp_path / "none", [first]) == {}


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b"),
        ("https://x-access-token:secret@github.com/a/b", "https://github.com/a/b"),
        ("git@gitlab.com:a/b/c.git", "https://gitlab.com/a/b/c"),
        ("ssh://git@example.org:2222/a/b.git/", "https://example.org/a/b"),
        ("https://example.org:8443/a/b", "https://example.org:8443/a/b"),
        ("/work/a", None),
        ("file:///work/a", None),
        ('https://example.org/a"><script>', None),
    ],
)
def test_the_address_of_a_repository_is_without_secrets(tmp_path: Path, remote: str, address: str | None) -> None:
    make_repository(tmp_path)
    assert web_address(tmp_path) is None
    git(tmp_path, "remote", "add", "origin", remote)
    assert web_address(tmp_path) == address
