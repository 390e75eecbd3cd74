"""What every task needs: the settings and the variables of the environment, and errors without tracebacks."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit as InvokeExit

from ice3_bench.arguments import repeated
from ice3_bench.bencher.client import Bencher, Patience
from ice3_bench.bencher.connection import KEY_PATTERN, Connection, Missing, anonymous, connection
from ice3_bench.bencher.document import Revision
from ice3_bench.cell.machine import describe_commit
from ice3_bench.errors import BenchError, Exit, UsageError
from ice3_bench.files import SHARED, SPACE, is_forbidden
from ice3_bench.git import nearest
from ice3_bench.github.actions import Actions, revision_of_event
from ice3_bench.gitlab.pipeline import Pipeline
from ice3_bench.programs import PARENT, end_with_parent
from ice3_bench.settings.matrix import Settings, find_project, load_settings
from ice3_bench.streams import enduring_streams, tell
from ice3_bench.text import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ice3_bench.provenance import Commit


@dataclass(frozen=True)
class Surroundings:
    """The project of the current folder, its settings and the variables of the environment, read once by each task."""

    project: Path
    settings: Settings
    results: Path
    branch: str | None
    """Branch to upload to, if the checkout does not know it (``BENCHER_BRANCH``)."""
    actions: Actions | None
    pipeline: Pipeline | None
    jobs_failed: bool
    """Whether a job that measures failed, as the workflow says (``ICE3_BENCH_JOBS_FAILED``)."""
    _variables: dict[str, str] = field(repr=False)

    @classmethod
    def read(cls) -> Surroundings:
        """Read pyproject.toml and the environment."""
        variables = dict(os.environ)
        project = find_project(Path.cwd())
        if KEY_PATTERN.search(variables.get("BENCHER_BRANCH", "")):
            raise UsageError("BENCHER_BRANCH holds a key instead of the name of a branch.")
        bases = variables.get("ICE3_BENCH_BASE_BRANCHES", "").replace(",", " ").split()
        return cls(
            project=project,
            settings=load_settings(project).with_bases(bases),
            results=Path(os.path.expanduser(variables.get("ICE3_BENCH_RESULTS") or project / "results")).absolute(),  # noqa: PTH111
            branch=variables.get("BENCHER_BRANCH") or None,
            actions=Actions.read(variables),
            pipeline=Pipeline.read(variables),
            jobs_failed=variables.get("ICE3_BENCH_JOBS_FAILED") == "true",
            _variables=variables,
        )

    def where(self) -> Connection | Missing:
        """Return where to send; raises UsageError if a variable of Bencher's is wrong."""
        names = ("BENCHER_HOST", "BENCHER_PROJECT", "BENCHER_API_KEY", "BENCHER_API_TOKEN")
        return connection(*(self._variables.get(name) for name in names))

    def anonymous(self) -> Connection:
        """Return where to look without a credential; raises UsageError if a variable of Bencher's is wrong."""
        return anonymous(self._variables.get("BENCHER_HOST"), self._variables.get("BENCHER_PROJECT"))

    def revision(self) -> Revision | None:
        """Return what continuous integration knows about the commit; None outside of it."""
        policy = self.settings.bencher
        if self.branch:
            commit = describe_commit(self.project).hash
            return Revision(branch=self.branch, hash=commit) if commit else None
        run = self.actions
        if run is None:
            return self.pipeline.revision(policy) if self.pipeline else None
        return revision_of_event(run.event_name, run.event, run.repository, run.ref, run.sha, policy, again=run.again)

    def branches(self) -> dict[str | None, str]:
        """Return the branch of the commit by its hash, where the variables of the environment tell it."""
        revision = self.revision()
        if revision is not None:
            return {revision.hash: revision.branch}
        return {None: self.branch} if self.branch else {}

    def placed(self, commit: Commit) -> Commit:
        """Return a commit with its branch and that branch's base, as far as the environment or git knows them."""
        policy, revision = self.settings.bencher, self.revision()
        branch = self.branches().get(commit.hash, commit.branch)
        told = revision.base if revision is not None and revision.hash == commit.hash else commit.base
        if told is None and branch not in policy.base_branches and len(policy.base_branches) > 1:
            told = nearest(self.project, policy.base_branches)
        return commit.model_copy(update={"branch": branch, "base": told})

    def client(self, deadline: float | None = None) -> Bencher:
        """Return a client of Bencher; raises UsageError if no credential is set."""
        where = self.where()
        if isinstance(where, Missing):
            raise UsageError(where.reason)
        return Bencher(where, Patience(deadline=deadline or self.settings.bencher.deadline))


def arguments() -> list[str]:
    """Return what the user wrote after ``--``; Invoke's own remainder loses quotes."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


def _own_words() -> list[str]:
    """Return what stands before ``--`` on the command line: commands and their options."""
    return sys.argv[1 : sys.argv.index("--") if "--" in sys.argv else None]


@contextmanager
def interruptible() -> Iterator[None]:
    """Treat SIGTERM and a lost terminal like Ctrl-C; after the first, ignore all of them to clean up."""
    if threading.current_thread() is not threading.main_thread():  # others cannot be interrupted
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def interrupt(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number, handler in before.items():
        if number != signal.SIGHUP or handler is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:  # otherwise the process is ending, and must not be disturbed
            for number, handler in before.items():
                signal.signal(number, handler)


def explained(body: Callable[..., None]) -> Callable[..., None]:
    """End a task with the message and exit code of the error, not with a traceback.

    Its options without a default must be given by name: Invoke would take ``--help`` for one that is given by position.
    """
    given = signature(body).parameters.values()
    required = [one.name for one in given if one.default is one.empty and not one.name.startswith("_")]

    @wraps(body)
    def run(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        with enduring_streams():
            try:
                if missing := [name for name in required if options.get(name) is None]:
                    names = listed([f"--{name.replace('_', '-')}" for name in missing])
                    raise UsageError(f"{names} must be given: --help lists the options.")
                with interruptible():
                    end_with_parent(os.environ.get(PARENT))
                    if name := repeated(_own_words(), options):
                        raise UsageError(f"{name} is given twice: which one is meant?")
                    body(*arguments, **options)
            except BenchError as error:
                raise _end(f"Error: {error}", error.code) from error
            except OSError as error:
                told = _remedy(error)
                if told is None:
                    raise  # nothing that a user could fix
                raise _end(f"Error: {error.filename or 'A file'} {told}", Exit.USAGE) from error
            except KeyboardInterrupt as error:
                raise _end("Interrupted.", Exit.INTERRUPTED) from error

    return run


def _end(told: str, code: Exit) -> InvokeExit:
    """Print why a task ends, where all is printed, and return what ends it."""
    tell(told)
    return InvokeExit(code=int(code))


def _remedy(error: OSError) -> str | None:
    """Say what happened to a file, and what mends it; None if a user cannot."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return f"cannot be written: {error.strerror}. {SPACE}"
    if is_forbidden(error):
        return f"may not be read or written: {error.strerror}. {SHARED}"
    return None
