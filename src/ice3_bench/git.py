"""What git says about the repository of a folder, whatever repository the variables of the environment name."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from ice3_bench.programs import finished
from ice3_bench.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SOURCES = (
    *("*.py", "*.pyx", "*.pxd", "*.pyi", "*.toml", "*.cfg", "*.ini", "*.c", "*.cc", "*.cpp", "*.cxx", "*.cu", "*.cuh"),
    *("*.h", "*.hh", "*.hpp", "*.hxx", "*.inc", "*.[fF]", "*.[fF]90", "*.[fF]95", "*.[fF]03", "*.[fF]08", "*.so"),
)
"""Untracked files that may be part of what is measured."""
NO_SOURCES = (".cache", ".nox", ".venv", "venv", "results")
"""Folders that the harness writes, or environments are made in: untracked files there are no source."""
_NO_BRANCH = re.compile(r"[\x00- \x7f~^:?*\[\\]|\.\.|@\{|//|(^|/)\.|\.lock(/|$)|^/|[/.]$|^@$|^$")
"""What no name of a branch may hold: git-check-ref-format(1)."""
HASH = r"[0-9a-f]{40}|[0-9a-f]{64}"
"""Pattern of the hash of a commit."""
PATIENCE = 60.0
"""Seconds that git may take."""
_URL = re.compile(
    r"(?P<scheme>https?|ssh|git)://([^@/]*@)?(?P<host>[\w.-]+)(?P<port>:\d+)?/(?P<path>[\w./~-]+?)(\.git)?/?"
)
_REMOTE_PATH = re.compile(r"([\w.-]+@)?(?P<host>[\w-]+(\.[\w-]+)+):(?P<path>[\w./~-]+?)(\.git)?/?")


class Told(NamedTuple):
    """What the author of a commit says about it."""

    subject: str
    date: str
    """Date and time of the author, in the author's time zone."""


def run_git(
    folder: Path, *arguments: str, timeout: float | None = None, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; what it prints is bytes, since names of files may be anything (``os.fsdecode``).

    Raises
    ------
    OSError
        If git is missing, or the folder.
    subprocess.TimeoutExpired
        If it takes longer than ``timeout`` seconds.
    """
    return finished(["git", *arguments], folder=folder, variables={"LC_ALL": "C"}, timeout=timeout, given=given)


def changes(folder: Path) -> str:
    """Say which files of a folder differ from its commit, untracked source files included; empty if none does.

    What git cannot say is not empty.
    """
    untracked = ("ls-files", "--others", "--exclude-standard", "--", *SOURCES)
    excluded = [f":(exclude){name}" for name in NO_SOURCES]
    said = []
    for arguments in (("status", "--porcelain", "--untracked-files=no"), (*untracked, *excluded)):
        try:
            done = run_git(folder, *arguments, timeout=PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"git cannot say: {error}"
        if done.returncode:
            return f"git cannot say: {told(done.stderr)}"
        said.append(told(done.stdout))
    return "\n".join(filter(None, said))


def _asked(folder: Path, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes] | None:
    """Run git; None if it is missing or takes too long."""
    try:
        return run_git(folder, *arguments, timeout=PATIENCE, given=given)
    except (OSError, subprocess.TimeoutExpired):
        return None


def nearest(folder: Path, branches: Sequence[str]) -> str | None:
    """Return the branch that HEAD is most probably meant for; None if the repository has none of them.

    It is the one that lacks fewest commits of HEAD, then the one of which HEAD lacks fewest, then the first. A branch
    of ``origin`` counts before the local one, which may be old.
    """
    found: dict[tuple[int, int], str] = {}
    for branch in branches:
        for name in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
            done = _asked(folder, "rev-list", "--left-right", "--count", f"{name}...HEAD", "--")
            if done is None:
                return None
            if not done.returncode:
                behind, ahead = map(int, done.stdout.split())
                found.setdefault((ahead, behind), branch)
                break
    return found[min(found)] if found else None


def changed_lines(folder: Path, base: str, head: str, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the first and last line of the first change of each file that ``head`` adds or changes.

    The names are those from the root of the repository, only of files below ``paths`` of the folder. Empty if git does
    not know one of the commits.
    """
    options = ("--unified=0", "--no-color", "--no-ext-diff", "--no-renames", "--diff-filter=AM")
    done = _asked(folder, "-c", "core.quotePath=off", "diff", *options, base, head, "--", *paths)
    if done is None:
        return {}
    found: dict[str, tuple[int, int]] = {}
    name = ""
    for line in os.fsdecode(done.stdout).splitlines() if not done.returncode else ():
        if line.startswith("+++ b/"):
            name = line.removeprefix("+++ b/").rstrip("\t")
        elif (hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)) and name not in found:
            start = max(int(hunk[1]), 1)
            found[name] = start, start + max(int(hunk[2] or 1), 1) - 1
    return found


def told(output: bytes) -> str:
    """Read what git prints for people."""
    return output.decode("utf-8", "backslashreplace").strip()


def is_branch_name(name: str) -> bool:
    """Tell whether git takes a name for a branch."""
    return _NO_BRANCH.search(name) is None


def commit_places(folder: Path, commits: Sequence[str]) -> dict[str, tuple[float, int]]:
    """Return date (seconds since 1970) and number of ancestors of the commits that the repository has.

    The date is the latest of the commit and its ancestors: no commit is before an ancestor, whatever clocks said.
    """
    wanted = [name for name in commits if re.fullmatch(HASH, name)]
    found: dict[str, tuple[float, int]] = {}
    if not wanted:
        return found
    try:
        known = run_git(folder, "cat-file", "--batch-check", timeout=PATIENCE, given="\n".join(wanted).encode())
        for line in told(known.stdout).splitlines():
            name, kind, *_ = line.split()
            if kind == "commit":
                dates = told(run_git(folder, "log", "--format=%ct", name, "--", timeout=PATIENCE).stdout).split()
                found[name] = (max(map(float, dates)), len(dates))
    except (OSError, ValueError, subprocess.TimeoutExpired):  # they keep the place that the time gives them
        return found
    return found


def commits_told(folder: Path, commits: Sequence[str]) -> dict[str, Told]:
    """Return what the authors say of the commits that the repository has."""
    wanted = [name for name in commits if re.fullmatch(HASH, name)]
    if not wanted:
        return {}
    form = ("--format=%ad%x09%s", "--date=format:%Y-%m-%d %H:%M", "--encoding=UTF-8")
    options = ("--no-walk=unsorted", "--ignore-missing", *form, "--stdin")
    done = _asked(folder, "rev-list", *options, given="\n".join(wanted).encode())
    if done is None:  # the commits have their hashes
        return {}
    lines = iter(told(done.stdout).split("\n"))
    found = {}
    for heading, line in zip(lines, lines, strict=False):
        date, _, subject = line.partition("\t")
        found[heading.removeprefix("commit ")] = Told(plain(subject)[:200], date)
    return found


def web_address(folder: Path) -> str | None:
    """Return the address of the pages of the repository that a clone has as ``origin``; None if that is not on the web.

    User names and passwords in the remote's address are left out.
    """
    done = _asked(folder, "remote", "get-url", "origin")
    if done is None:
        return None
    remote = told(done.stdout)
    found = _URL.fullmatch(remote) or _REMOTE_PATH.fullmatch(remote)
    if found is None:
        return None
    parts = {"scheme": "https", "port": "", **{name: text or "" for name, text in found.groupdict().items()}}
    if not parts["scheme"].startswith("http"):
        parts |= {"scheme": "https", "port": ""}
    return "{scheme}://{host}{port}/{path}".format(**parts)
