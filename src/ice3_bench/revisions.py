"""Revisions to compare: a git worktree and an environment for each, and their removal whatever happens."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKTREE = "worktree"
"""The contender that is the files as they are, uncommitted changes included."""


@dataclass(frozen=True)
class Revision:
    """A tree to measure."""

    name: str
    """What the user called it."""
    commit: str
    tree: Path


def git(project: Path, *arguments: str) -> str:
    """Run git in ``project`` and return what it prints.

    Raises
    ------
    UsageError
        If git fails; the message is git's.
    """
    run = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)
    if run.returncode:
        raise UsageError(f"git {' '.join(arguments)} failed: {run.stderr.strip()}")
    return run.stdout.strip()


def default_base(project: Path) -> str:
    """Return the merge base with the default branch; on that branch itself, the commit before.

    Raises
    ------
    UsageError
        If there is no default branch to be found.
    """
    for branch in ("origin/HEAD", "origin/main", "origin/master", "main", "master"):
        try:
            base = git(project, "merge-base", "HEAD", branch)
        except UsageError:
            continue
        changed = git(project, "status", "--porcelain", "--untracked-files=no")
        return base if base != git(project, "rev-parse", "HEAD") or changed else git(project, "rev-parse", "HEAD~1")
    raise UsageError("There is no branch main or master to compare with: name a revision with --base REV.")


@contextmanager
def checked_out(project: Path, name: str) -> Iterator[Revision]:
    """Check out a revision in a worktree that is removed at the end; ``worktree`` is the project as it is.

    Raises
    ------
    UsageError
        If git knows no such revision.
    """
    if name == WORKTREE:
        yield Revision(WORKTREE, git(project, "rev-parse", "HEAD") + " and uncommitted changes", project)
        return
    commit = git(project, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    folder = Path(tempfile.mkdtemp(prefix="ice3-bench-"))
    tree = folder / commit[:12]
    try:
        git(project, "worktree", "add", "--detach", str(tree), commit)
        yield Revision(name, commit, tree)
    finally:
        subprocess.run(
            ["git", "worktree", "remove", "--force", str(tree)], cwd=project, capture_output=True, check=False
        )
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["git", "worktree", "prune"], cwd=project, capture_output=True, check=False)


def environment(revision: Revision, extra: str, cache: Path, side: str) -> Path:
    """Create, or find again, the environment of a revision; return its Python.

    It holds the dependencies that the revision's pyproject.toml asks for with ``extra``, and memray; the code itself is
    taken from the tree.

    Raises
    ------
    UsageError
        If the installation fails; the message quotes its last lines.
    """
    description = (revision.tree / "pyproject.toml").read_text(encoding="utf-8") + extra + sys.version
    folder = cache / f"{side}-{hashlib.sha256(description.encode()).hexdigest()[:12]}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"
    if complete.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv")
    create = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)] if uv else None
    install = [uv, "pip", "install", "--quiet", "--python", str(python)] if uv else None
    commands = [
        create or [sys.executable, "-m", "venv", str(folder)],
        [*(install or [str(python), "-m", "pip", "install", "--quiet"]), f"{revision.tree}[{extra}]", "memray"],
    ]
    for command in commands:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            lines = "\n".join((run.stderr or run.stdout).strip().splitlines()[-5:])
            raise UsageError(f"The environment of {revision.name} ({revision.commit[:12]}) cannot be made:\n{lines}")
    complete.touch()
    return python
