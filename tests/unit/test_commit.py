"""The revision of a project, and what is said if there is none."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from ice3_bench.cell.machine import PACKED_COMMIT, describe_commit
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
