"""Revisions in a git repository of its own."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.compare.conftest import git

from ice3_bench.cell.lock import locked
from ice3_bench.compare.comparison import LOGS, Request, compare_revisions
from ice3_bench.compare.pairs import Protocol as Procedure
from ice3_bench.compare.revisions import MARKER, PREFIX, WORKTREE, checked_out, default_base, require_port
from ice3_bench.errors import UsageError
from ice3_bench.programs import REPOSITORY_VARIABLES

if TYPE_CHECKING:
    from ice3_bench.settings.matrix import Settings


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


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def left_by_a_comparison(project: Path, folder: Path, *, seconds_ago: float = 3600.0) -> Path:
    """Make what a killed comparison leaves: a worktree, locked since it was not complete, and a copy."""
    git(project, "worktree", "add", "--detach", str(folder / "tree"), "HEAD")
    git(project, "worktree", "lock", "--reason", "initializing", str(folder / "tree"))
    (folder / "copy").mkdir()
    (folder / MARKER).write_text("process 1 on another host", encoding="utf-8")
    then = time.time() - seconds_ago
    os.utime(folder, (then, then))
    return folder


def test_what_a_killed_comparison_left_is_removed_by_the_next(project: Path, temporary: Path) -> None:
    left = left_by_a_comparison(project, temporary / f"{PREFIX}left")
    running = left_by_a_comparison(project, temporary / f"{PREFIX}running")
    with (running / MARKER).open() as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)  # as a process of another container would, whose number says nothing here
        with checked_out(project, "HEAD"):
            pass
    assert not left.exists()
    assert (running / "tree/file").exists()
    assert len(git(project, "worktree", "list").splitlines()) == 2


def test_what_no_comparison_left_is_not_touched(project: Path, temporary: Path) -> None:
    work = temporary / "work"
    git(project, "worktree", "add", "--detach", str(work), "HEAD")
    (work / "file").write_text("not committed", encoding="utf-8")
    (temporary / f"{PREFIX}link").symlink_to(work)
    (temporary / f"{PREFIX}file.json").write_text("a report", encoding="utf-8")
    (temporary / f"{PREFIX}no-marker").mkdir()
    young = left_by_a_comparison(project, temporary / f"{PREFIX}young", seconds_ago=0.0)
    left = left_by_a_comparison(project, temporary / f"{PREFIX}left")
    (left / "elsewhere").symlink_to(work)
    os.utime(left, (0, 0))
    unreadable = left_by_a_comparison(project, temporary / f"{PREFIX}unreadable")
    (unreadable / MARKER).unlink()
    (unreadable / MARKER).symlink_to(work / "file")
    os.utime(unreadable, (0, 0))
    with checked_out(project, "HEAD"):
        pass
    assert (work / "file").read_text(encoding="utf-8") == "not committed"
    assert not left.exists()
    assert sorted(path.name.removeprefix(PREFIX) for path in temporary.iterdir()) == sorted(
        ["work", "link", "file.json", "no-marker", "young", "unreadable"]
    )
    assert (young / "tree/file").exists()


def test_a_hook_of_git_does_not_lend_its_index(project: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "file").write_text("staged", encoding="utf-8")
    git(project, "add", "file")
    before = git(project, "diff", "--cached")
    monkeypatch.setenv("GIT_DIR", str(project / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(project / ".git/index"))
    monkeypatch.setenv("GIT_PREFIX", "")
    for name in ("HEAD~1", WORKTREE):
        with checked_out(project, name) as revision:
            found = (revision.tree / "file").read_text(encoding="utf-8")
            assert found == ("0" if name == "HEAD~1" else "staged")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX"):
        monkeypatch.delenv(name)
    assert git(project, "diff", "--cached") == before
    assert list(temporary.iterdir()) == []


def test_all_variables_that_name_a_repository_are_known(project: Path) -> None:
    assert set(git(project, "rev-parse", "--local-env-vars").split()) <= set(REPOSITORY_VARIABLES)


def test_a_file_may_have_any_name(project: Path) -> None:
    name = b"\xff\xfe.txt"
    Path(os.fsdecode(bytes(project) + b"/" + name)).write_text("odd", encoding="utf-8")
    with checked_out(project, WORKTREE) as revision:
        assert name in os.listdir(bytes(revision.tree))  # noqa: PTH208 (names as bytes)


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


@pytest.mark.parametrize("name", ["HEAD~1", "elsewhere", "origin/main..."])
def test_what_a_shallow_clone_lacks_is_explained_by_that(project: Path, tmp_path: Path, name: str) -> None:
    git(project, "checkout", "-b", "topic")
    git(project, "commit", "--allow-empty", "-m", "topic")
    git(project, "checkout", "main")
    git(tmp_path, "clone", "--depth=1", "--no-single-branch", "--branch=topic", f"file://{project}", "shallow")
    with pytest.raises(UsageError, match="git fetch --unshallow"), checked_out(tmp_path / "shallow", name):
        pass
    with pytest.raises(UsageError, match=r"no merge base.*git fetch --unshallow"):
        default_base(tmp_path / "shallow")


def test_a_branch_that_is_on_the_server_only_is_found(project: Path, tmp_path: Path) -> None:
    """As in a job, which checks out one branch."""
    main = git(project, "rev-parse", "HEAD").strip()
    git(project, "checkout", "-b", "topic")
    git(project, "commit", "--allow-empty", "-m", "topic")
    git(tmp_path, "clone", "--branch=topic", str(project), "clone")
    for name in ("main", "main..."):
        with checked_out(tmp_path / "clone", name) as revision:
            assert revision.commit == main
    assert default_base(tmp_path / "clone") == main


def test_the_repository_around_a_project_is_not_its_own(project: Path) -> None:
    (project / "unpacked").mkdir()
    (project / "unpacked/file").touch()
    with pytest.raises(UsageError, match="has none of its files"), checked_out(project / "unpacked", WORKTREE):
        pass


def test_untracked_source_files_are_uncommitted_changes(project: Path) -> None:
    for name, uncommitted in (("notes.txt", False), ("results/tool.py", False), ("new.py", True)):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).touch()
        with checked_out(project, WORKTREE) as revision:
            assert revision.uncommitted is uncommitted


def test_two_comparisons_at_once_do_not_share_their_logs(project: Path, tmp_path: Path, settings: Settings) -> None:
    request = Request([settings.cell("numpy", "float64")], 1, Procedure())
    kept = tmp_path / "results" / LOGS / "numpy-float64" / "base-1.log"
    kept.parent.mkdir(parents=True)
    kept.touch()
    with (
        locked(tmp_path / "results" / LOGS / ".lock"),
        pytest.raises(UsageError, match=r"Revisions are being compared by process \d+ on "),
    ):
        compare_revisions(
            project,
            tmp_path / "results",
            settings,
            request,
            "unknown",
            store=lambda _comparison: None,
            notify=lambda _what: None,
        )
    assert kept.exists()


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
