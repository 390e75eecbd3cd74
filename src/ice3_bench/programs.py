"""How other programs are called: without secrets or git's variables, and so that they end when this process does."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

SECRETS = (
    *("BENCHER_API_KEY", "BENCHER_API_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"),
    *("ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
)
"""Variables that no other program should see."""
REPOSITORY_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE"),
    *("GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE"),
    *("GIT_INTERNAL_SUPER_PREFIX", "GIT_REF_STORAGE_FORMAT"),
)
"""What ``git rev-parse --local-env-vars`` lists.

Git sets some of them for its hooks: a command that inherits them works on the index of the commit under way, even in
another folder.
"""
PARENT = "ICE3_BENCH_PARENT"
"""Variable with the number of the process with which the harness must end: nox's, which starts it."""
PR_SET_PDEATHSIG = 1
"""Number of the option of prctl(2)."""


def inherited() -> dict[str, str]:
    """Return the variables of the environment that other programs may see."""
    return {name: value for name, value in os.environ.items() if name not in (*SECRETS, *REPOSITORY_VARIABLES)}


@contextmanager
def tied() -> Iterator[tuple[int, Callable[[int], None]]]:
    """Tie the life of a process group to that of this process: when this one ends, however it ends, so does the group.

    Yields a descriptor that the first process of the group must inherit, and the function to call with the group's
    number. The descriptor is one end of a pipe, whose other end this process alone holds. When the system closes that
    end, it sends SIGKILL to the group. Where the system cannot (not Linux), nothing is tied.
    """
    reader, writer = os.pipe()

    def tie(group: int) -> None:
        if hasattr(fcntl, "F_SETSIG"):
            fcntl.fcntl(reader, fcntl.F_SETOWN, -group)
            fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(reader, fcntl.F_SETFL, fcntl.fcntl(reader, fcntl.F_GETFL) | os.O_ASYNC)

    try:
        yield reader, tie
    finally:
        os.close(reader)
        os.close(writer)


def end_with_parent(parent: str | None) -> None:
    """Have SIGTERM sent to this process when its parent ends, if the parent has this number (Linux only)."""
    if parent != str(os.getppid()) or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if parent != str(os.getppid()):  # it ended meanwhile
        os.kill(os.getpid(), signal.SIGTERM)


def finished(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    timeout: float | None = None,
    given: bytes | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and return what it prints; what it started ends with this process.

    Parameters
    ----------
    variables
        Variables of its environment besides those that it inherits.
    given
        Its standard input.

    Raises
    ------
    OSError
        If the program is missing, or the folder.
    subprocess.TimeoutExpired
        If it takes longer than ``timeout`` seconds.
    """
    with tied() as (end, tie):
        running = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited(), **(variables or {})},
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(end,),
            process_group=0,
        )
        with running:
            try:
                tie(running.pid)
                printed, said = running.communicate(given, timeout=timeout)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
                raise
    return subprocess.CompletedProcess(command, running.returncode, printed, said)


def run_program(
    command: Sequence[str | Path], *, variables: Mapping[str, str] | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program as ``finished`` does; what it prints is read as UTF-8, and what is none is escaped."""
    done = finished(command, variables=variables, timeout=timeout)
    texts = (output.decode("utf-8", "backslashreplace") for output in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(command, done.returncode, *texts)
