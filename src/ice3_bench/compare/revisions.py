"""Revisions to compare: a git worktree and an environment for each, and their removal whatever happens."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.machine import PACKAGES, build_variables, compiler_version, processor
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKTREE = "worktree"
"""The contender that is the files as they are, uncommitted and untracked ones included."""


@dataclass(frozen=True)
class Revision:
    """A tree to measure."""

    name: str
    """What the user called it."""
    commit: str
    tree: Path

    def __str__(self) -> str:
        return f"{self.name} ({self.commit[:12]}{self.commit[40:]})"


def git(project: Path, *arguments: str) -> str:
    """Run git in ``project`` and return what it prints.

    Raises
    ------
    UsageError
        If git fails, with its message, or is missing.
    """
    try:
        run = subprocess.run(
            ["git", *arguments],
            cwd=project,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is needed to compare revisions and is not on PATH: apt-get install git.") from error
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
        return base if base != git(project, "rev-parse", "HEAD") or changed else _commit(project, "HEAD~1")
    _commit(project, "HEAD")  # says so where git knows nothing at all
    raise UsageError("There is no branch main or master to compare with: name a revision with --base REV.")


@contextmanager
def checked_out(project: Path, name: str) -> Iterator[Revision]:
    """Check out a revision in a worktree that is removed at the end; ``REV...`` is the merge base of REV and HEAD.

    ``worktree`` is a copy of the files as they are, uncommitted and untracked ones included and ignored ones not, so
    that what is edited meanwhile disturbs nothing.

    Raises
    ------
    UsageError
        If git knows no such revision.
    """
    commit = _commit(project, "HEAD" if name == WORKTREE else name)
    _remove_abandoned(project)
    with tempfile.TemporaryDirectory(prefix=f"ice3-bench-{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / commit[:12]
        if name == WORKTREE:
            try:
                _copy(project, tree)
            except OSError as error:
                raise UsageError(
                    f"The files cannot be copied to {tree}: {error}. TMPDIR names another folder."
                ) from error
            changed = git(project, "status", "--porcelain")
            yield Revision(name, commit + (" and uncommitted changes" if changed else ""), tree)
            return
        try:
            git(project, "worktree", "add", "--detach", str(tree), commit)
            yield Revision(name, commit, tree)
        finally:
            _remove_worktree(project, tree)


def _remove_worktree(project: Path, tree: Path) -> None:
    # Forced twice: one whose making was interrupted is locked.
    command = ["git", "worktree", "remove", "--force", "--force", str(tree)]
    subprocess.run(command, cwd=project, capture_output=True, check=False)


def _remove_abandoned(project: Path) -> None:
    """Remove the worktrees and copies of comparisons that were killed."""
    for folder in Path(tempfile.gettempdir()).glob("ice3-bench-*-*"):
        maker = re.match(r"ice3-bench-(\d+)-", folder.name)
        if maker and not _runs(int(maker[1])):
            for tree in folder.iterdir():
                _remove_worktree(project, tree)  # a copy is none, which git says without harm
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def _commit(project: Path, name: str) -> str:
    git(project, "rev-parse", "--git-dir")  # says so where there is no repository, or one that git does not trust
    if name.endswith("..."):  # as in git diff REV...
        return git(project, "merge-base", _commit(project, name.removesuffix("...")), "HEAD")
    try:
        return git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except UsageError as error:
        raise UsageError(
            f"git knows no revision '{name}': name a branch, tag or commit. In a shallow clone, git fetch --unshallow."
        ) from error


def benchmarks(revision: Revision) -> dict[str, list[str]]:
    """Return the benchmarks of a revision, with the weather mixes of each.

    Raises
    ------
    UsageError
        If they cannot be listed, since the revision is too old or its components cannot be imported.
    """
    program = "import json; from ice3_gt4py.components import BENCHMARKS; print(json.dumps(BENCHMARKS))"
    environment = {**os.environ, "PYTHONPATH": str(revision.tree / "src")}
    run = subprocess.run(
        [sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode:
        why = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
        raise UsageError(f"The benchmarks of {revision.name} ({revision.commit[:12]}) cannot be listed: {why}")
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


def _copy(project: Path, tree: Path) -> None:
    for name in git(project, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0"):
        source, target = project / name, tree / name
        if name and (source.is_file() or source.is_symlink()):  # not one that is deleted, nor a submodule
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


@dataclass(frozen=True)
class Environment:
    """Where a revision runs: its Python, and the versions of the packages that matter to the results."""

    python: Path
    packages: dict[str, str]


def environment(revision: Revision, extra: str, cache: Path, side: str) -> Environment:
    """Create, or find again, the environment of a revision.

    It holds the dependencies that the revision's pyproject.toml asks for with ``extra``, and memray; the code itself is
    taken from the tree.

    Raises
    ------
    UsageError
        If there is no pyproject.toml or the installation fails; the message quotes its last lines.
    """
    what = f"The environment of {revision.name} ({revision.commit[:12]})"
    try:
        description = (revision.tree / "pyproject.toml").read_text(encoding="utf-8") + extra + sys.version
    except OSError as error:
        raise UsageError(f"{what} cannot be made: there is no pyproject.toml.") from error
    folder = cache / f"{side}-{hashlib.sha256(description.encode()).hexdigest()[:12]}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"
    if complete.exists():
        return Environment(python, json.loads(complete.read_text(encoding="utf-8")))
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv")
    create = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)] if uv else None
    install = [uv, "pip", "install", "--quiet", "--python", str(python)] if uv else None
    commands = [
        create or [sys.executable, "-m", "venv", str(folder)],
        [*(install or [str(python), "-m", "pip", "install", "--quiet"]), f"{revision.tree}[{extra}]", "memray"],
        [str(python), "-c", _VERSIONS],
    ]
    try:
        for command in commands:
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                lines = "\n".join((run.stderr or run.stdout).strip().splitlines()[-5:])
                raise UsageError(f"{what} cannot be made:\n{lines}")
        found = json.loads(run.stdout)
        packages = {name: found[name] for name in ("python", *PACKAGES) if name in found}
        complete.write_text(json.dumps(packages), encoding="utf-8")
    finally:
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
    return Environment(python, packages)


_VERSIONS = """
import importlib.metadata, json, platform
found = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
print(json.dumps(found | {"python": platform.python_version()}))
"""


def stencils(project: Path, revision: Revision, packages: dict[str, str], threads: int) -> Path:
    """Folder of the compiled stencils of a revision: one for all that GT4Py's hash does not see.

    These are the tool chain, the processor (``-march=native``), the number of threads (which changes what DaCe
    generates), and the revision's own headers.
    """
    headers = sorted((revision.tree / "src").rglob("*.hpp"))
    texts = [path.read_text(encoding="utf-8") for path in headers]
    tools = {**packages, **build_variables()}
    basis = json.dumps([tools, compiler_version(), processor(), threads, texts], sort_keys=True)
    return project / ".cache" / "stencils" / hashlib.sha256(basis.encode()).hexdigest()[:12]
