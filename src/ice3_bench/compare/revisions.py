"""Revisions to compare: a git worktree or a copy of each, and their removal whatever happens. git and files only."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.lock import locked
from ice3_bench.errors import UsageError
from ice3_bench.git import changes, nearest, run_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WORKTREE = "worktree"
"""The contender that is the files as they are, uncommitted and untracked ones included."""
PREFIX = "ice3-bench-compare-"
"""Begins the names of the temporary folders that hold revisions."""
MARKER = "comparison.lock"
"""File in such a folder whose lock its comparison holds."""
YOUNG = 60.0
"""Seconds in which a folder is left alone."""


class RevisionError(UsageError):
    """A revision cannot be measured with the port."""


@dataclass(frozen=True)
class Revision:
    """A tree to measure.

    Attributes
    ----------
    name
        What the user called it.
    uncommitted
        Whether the files differ from the commit.
    """

    name: str
    commit: str
    tree: Path
    uncommitted: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.commit[:12]}{' and uncommitted changes' if self.uncommitted else ''})"


def git(project: Path, *arguments: str) -> str:
    """Run git in ``project`` and return what it prints.

    Raises
    ------
    UsageError
        If git fails, with its message, or is missing.
    """
    try:
        run = run_git(project, *arguments)
    except FileNotFoundError as error:
        raise UsageError("git is needed to compare revisions and is not on PATH: apt-get install git.") from error
    if run.returncode:
        said = run.stderr.decode(errors="backslashreplace").strip()
        raise UsageError(f"git {' '.join(arguments)} failed: {said}")
    return os.fsdecode(run.stdout).strip()


def default_base(project: Path, base_branches: Sequence[str] = ()) -> str:
    """Return the merge base with the base branch; on that branch itself, the commit before.

    If the repository has none of ``base_branches``, it is the merge base with the default branch. Of several, it is
    that with the nearest.

    Raises
    ------
    UsageError
        If no default branch is found, or the history is too shallow to hold the merge base.
    """
    head = resolved(project, "HEAD")  # raises if git knows no commit at all
    name = nearest(project, base_branches)
    first = () if name is None else (f"origin/{name}", name)
    for branch in (*first, "origin/HEAD", "origin/main", "origin/master", "main", "master"):
        try:
            tip = git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{branch}^{{commit}}")
        except UsageError:
            continue
        base = _merge_base(project, tip, branch)
        return base if base != head or changes(project) else resolved(project, "HEAD~1")
    raise UsageError(
        "There is no branch main or master to compare with: name a revision with --base REV." + _if_shallow(project)
    )


def _merge_base(project: Path, commit: str, name: str) -> str:
    try:
        return git(project, "merge-base", commit, "HEAD")
    except UsageError as error:
        raise UsageError(
            f"HEAD and {name} have no commit in common, so there is no merge base: name a revision with --base REV."
            + _if_shallow(project)
        ) from error


def _if_shallow(project: Path) -> str:
    """Say that a clone is shallow, and what mends it; empty if it is not."""
    shallow = git(project, "rev-parse", "--is-shallow-repository") == "true"
    return " This clone is shallow, so git does not know the history: git fetch --unshallow." if shallow else ""


@contextmanager
def checked_out(project: Path, name: str) -> Iterator[Revision]:
    """Check out a revision in a worktree that is removed at the end; ``REV...`` is the merge base of REV and HEAD.

    ``worktree`` is a copy of the files as they are, including uncommitted and untracked ones, but not ignored ones.
    Edits during the comparison therefore have no effect.

    Raises
    ------
    UsageError
        If git knows no such revision.
    """
    commit = resolved(project, "HEAD" if name == WORKTREE else name)
    _remove_abandoned(project)
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder,
        locked(Path(folder) / MARKER),
    ):
        tree = Path(folder) / commit[:12]
        if name == WORKTREE:
            try:
                copy_files(project, tree)
            except OSError as error:
                raise UsageError(
                    f"The files cannot be copied to {tree}: {error}. Set TMPDIR to another folder."
                ) from error
            yield Revision(name, commit, tree, bool(changes(project)))
            return
        try:
            git(project, "worktree", "add", "--detach", str(tree), commit)
            yield Revision(name, commit, tree)
        finally:
            remove_worktree(project, tree)


def remove_worktree(project: Path, tree: Path) -> None:
    """Remove a worktree, complete or not; nothing happens if git knows none there."""
    # Forced twice: git locks a worktree until it is complete.
    run_git(project, "worktree", "remove", "--force", "--force", str(tree))


def _remove_abandoned(project: Path) -> None:
    """Remove the worktrees and copies of comparisons that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if not _abandoned(folder):
            continue
        for tree in folder.iterdir():
            if tree.is_dir() and not tree.is_symlink():
                remove_worktree(project, tree)  # harmless for a copy, which git refuses
        shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    """Tell whether a folder was made by a comparison of this user that does not run any more, on whatever host.

    A comparison holds the lock of its marker. One that began just now may not hold it yet.
    """
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or time.time() - status.st_mtime < YOUNG:
            return False
        marker = os.open(folder / MARKER, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(marker)
    return True


def resolved(project: Path, name: str) -> str:
    """Return the commit that a revision names; ``REV...`` is the merge base of REV and HEAD.

    Raises
    ------
    UsageError
        If git knows none, or the project is not in a repository.
    """
    git(project, "rev-parse", "--git-dir")  # raises if there is no repository, or one that git does not trust
    if name.endswith("..."):  # as in git diff REV...
        return _merge_base(project, resolved(project, name.removesuffix("...")), name.removesuffix("..."))
    for spelling in (name, f"refs/remotes/origin/{name}"):  # a clone of one branch has the others there only
        try:
            found = git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{spelling}^{{commit}}")
        except UsageError:
            continue
        if not git(project, "ls-files", "--", "."):
            raise UsageError(f"The git repository around {project} has none of its files: it is not the project's.")
        return found
    raise UsageError(f"git knows no revision '{name}': name a branch, tag or commit." + _if_shallow(project))


def copy_files(project: Path, tree: Path) -> None:
    """Copy the files as they are, including uncommitted and untracked ones, but not ignored ones."""
    tree.mkdir(parents=True, exist_ok=True)
    for name in git(project, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0"):
        source, target = project / name, tree / name
        if name and (source.is_file() or source.is_symlink()):  # neither a deleted file nor a submodule
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def require_port(project: Path, revision: Revision, port: str, pythonpath: Sequence[str]) -> None:
    """Refuse a revision from before its project had the port.

    A port that is a file is taken from the working tree, so a revision needs only the folders on its ``pythonpath``; a
    port that is a module is the revision's own.

    Raises
    ------
    RevisionError
        If the revision's tree lacks them; the message names the first revision that can be compared.
    """
    wanted = _wanted(revision.tree, port, pythonpath)
    if not wanted:
        return
    first = _first_with(project, revision, wanted)
    can = f"the first revision that can be compared is {first}" if first else "no commit has it: commit it first"
    raise RevisionError(f"{revision} cannot be compared, since it lacks {wanted[0]} of port {port}; {can}.")


def _wanted(tree: Path, port: str, pythonpath: Sequence[str]) -> list[str]:
    """Return what a tree lacks to be measured with a port: one of these files, or folders."""
    if port.endswith(".py"):
        return [entry for entry in pythonpath if not (tree / entry).exists()][:1]
    module = port.replace(".", "/")
    files = [
        (Path(entry) / name).as_posix() for entry in pythonpath for name in (f"{module}.py", f"{module}/__init__.py")
    ]
    return [] if any((tree / name).exists() for name in files) else files


def _first_with(project: Path, revision: Revision, files: Sequence[str]) -> str | None:
    """Return the commit that added one of ``files``: its hash, date and subject."""
    found = git(
        project,
        *("-c", "log.showRoot=true", "log", "--reverse", "--topo-order", "--diff-filter=A", "--format=%H %cs %s"),
        *("HEAD", revision.commit, "--", *files),
    )
    if not found:
        return None
    commit, date, subject = found.splitlines()[0].split(" ", 2)
    return f"{commit[:12]} ({date}, '{subject}')"
