"""Revisions in a git repository of its own."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.compare.conftest import git

from ice3_bench.compare.revisions import WORKTREE, checked_out, default_base, require_port
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    for number in range(2):
        (tmp_path / "file").write_text(str(number), encoding="utf-8")
        git(tmp_path, "add", "file")
        git(tmp_path, "commit", "-m", f"commit {number}")
    return tmp_path


def test_a_revision_is_checked_out_and_removed(project: Path) -> None:
    with checked_out(project, "HEAD~1") as revision:
        assert (revision.tree / "file").read_text(encoding="utf-8") == "0"
    assert not revision.tree.exists()
    assert len(git(project, "worktree", "list").splitlines()) == 1


def test_nothing_is_left_behind_after_ctrl_c(project: Path) -> None:
    def interrupted() -> None:
        with checked_out(project, "HEAD~1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(git(project, "worktree", "list").splitlines()) == 1
    assert git(project, "status", "--porcelain") == ""


def test_what_a_killed_comparison_left_is_removed_by_the_next(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    left, running = (tmp_path / f"temporary/ice3-bench-{number}-x" for number in (ended.pid, os.getpid()))
    for folder in (left, running):
        git(project, "worktree", "add", "--detach", str(folder / "tree"), "HEAD")
    git(project, "worktree", "lock", "--reason", "initializing", str(left / "tree"))
    (left / "copy").mkdir()
    with checked_out(project, "HEAD"):
        pass
    assert not left.exists()
    assert (running / "tree/file").exists()
    assert len(git(project, "worktree", "list").splitlines()) == 2


def test_no_repository_and_one_without_commits_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a git repository"):
        default_base(tmp_path)
    git(tmp_path, "init")
    with pytest.raises(UsageError, match="git knows no revision 'HEAD'"):
        default_base(tmp_path)


def test_the_base_of_a_shallow_clone_is_said_to_be_missing(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--depth=1", f"file://{project}", "shallow")
    with pytest.raises(UsageError, match="git fetch --unshallow"):
        default_base(tmp_path / "shallow")


def test_the_worktree_is_copied_with_all_that_is_not_ignored(project: Path) -> None:
    (project / "file").write_text("changed", encoding="utf-8")
    (project / "untracked").mkdir()
    (project / "untracked/new").write_text("new", encoding="utf-8")
    (project / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (project / "ignored").write_text("x", encoding="utf-8")
    with checked_out(project, WORKTREE) as revision:
        (project / "file").write_text("changed again", encoding="utf-8")
        assert (revision.tree / "file").read_text(encoding="utf-8") == "changed"
        assert (revision.tree / "untracked/new").exists()
        assert not (revision.tree / "ignored").exists()
        assert str(revision).endswith(" and uncommitted changes)")
    assert not revision.tree.exists()
    assert (project / "file").read_text(encoding="utf-8") == "changed again"


def test_a_file_that_is_deleted_but_not_committed_is_not_in_the_copy(project: Path) -> None:
    (project / "file").unlink()
    with checked_out(project, WORKTREE) as revision:
        assert not (revision.tree / "file").exists()


def test_the_merge_base_with_a_revision_can_be_named(project: Path) -> None:
    fork = git(project, "rev-parse", "HEAD").strip()
    git(project, "checkout", "-b", "topic")
    git(project, "commit", "--allow-empty", "-m", "topic")
    git(project, "checkout", "main")
    git(project, "commit", "--allow-empty", "-m", "main goes on")
    git(project, "checkout", "topic")
    with checked_out(project, "main...") as revision:
        assert revision.commit == fork


def test_an_unknown_revision_is_named(project: Path) -> None:
    with pytest.raises(UsageError, match="no-such-revision"), checked_out(project, "no-such-revision"):
        pass


def test_the_default_base_is_the_merge_base(project: Path) -> None:
    before, head = git(project, "rev-parse", "HEAD~1", "HEAD").split()
    assert default_base(project) == before
    (project / "file").write_text("changed", encoding="utf-8")
    assert default_base(project) == head
    git(project, "checkout", "-b", "topic")
    git(project, "commit", "-am", "topic")
    assert default_base(project) == head


PORT_FILE = "src/small/port.py"


@pytest.fixture
def ported(project: Path) -> Path:
    """A project whose third commit adds a port, and whose fourth changes it."""
    (project / "src/small").mkdir(parents=True)
    for text in ("add", "change"):
        (project / PORT_FILE).write_text(text, encoding="utf-8")
        git(project, "add", "--all")
        git(project, "commit", "-m", f"{text} the port")
    return project


def refusal(project: Path, name: str, port: str, pythonpath: tuple[str, ...]) -> str:
    with checked_out(project, name) as revision, pytest.raises(UsageError) as caught:
        require_port(project, revision, port, pythonpath)
    return str(caught.value)


@pytest.mark.parametrize(("port", "lacking"), [("small.port", PORT_FILE), ("bench/port.py", "src")])
def test_a_revision_without_the_port_is_told_the_first_that_has_it(ported: Path, port: str, lacking: str) -> None:
    """A port that is a file is the working tree's: a revision only needs the package that is measured."""
    first = git(ported, "rev-parse", "HEAD~1").strip()
    said = refusal(ported, "HEAD~2", port, ("src",))
    assert f"it lacks {lacking} of port {port}; the first revision that can be compared is {first[:12]} (" in said
    assert "'add the port'" in said
    for name in ("HEAD~1", "HEAD", WORKTREE):
        with checked_out(ported, name) as revision:
            require_port(ported, revision, port, ("src",))


def test_a_port_that_is_a_package_and_one_that_needs_nothing_of_the_revision_are_found(ported: Path) -> None:
    git(ported, "mv", PORT_FILE, "src/small/moved.py")
    (ported / "src/small/port").mkdir()
    git(ported, "mv", "src/small/moved.py", "src/small/port/__init__.py")
    git(ported, "commit", "-m", "a package")
    with checked_out(ported, "HEAD") as revision:
        require_port(ported, revision, "small.port", (".", "src"))
    with checked_out(ported, "HEAD~3") as revision:
        require_port(ported, revision, "bench/port.py", ())
        require_port(ported, revision, "bench/port.py", (".",))


def test_a_port_that_was_never_committed_is_said(project: Path) -> None:
    assert "no commit has it: commit it first" in refusal(project, "HEAD", "small.port", ("src",))
