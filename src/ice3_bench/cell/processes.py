"""The processes that measure: started with a channel of their own, ended whatever happens."""

from __future__ import annotations

import os
import queue
import shlex
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ice3_bench.errors import PassError
from ice3_bench.programs import inherited, tied
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "PYTHONSTARTUP", "VIRTUAL_ENV")
"""Variables of the user's Python that would change what is measured, besides all of pytest's and memray's."""
GRACE = 5.0
"""Seconds that a process has to end after it was asked to."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that measures, and what its processes see.

    Attributes
    ----------
    path
        Folders that it imports from before its own packages.
    variables
        Variables of the environment that are fixed for its processes.
    scratch
        Working directory of its processes.
    """

    python: Path
    path: tuple[Path, ...]
    variables: Mapping[str, str]
    scratch: Path

    @property
    def environment(self) -> dict[str, str]:
        """All variables of its processes: the user's without secrets, and those that are fixed."""
        kept = {
            name: value
            for name, value in inherited().items()
            if name not in FOREIGN and not name.startswith(("PYTEST_", "MEMRAY_"))
        }
        programs = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", os.defpath)])
        return {**kept, "PATH": programs, "PYTHONPATH": os.pathsep.join(map(str, self.path)), **self.variables}


@dataclass
class Process:
    """A process of the probe; ``started`` makes one."""

    popen: subprocess.Popen[str]
    log: Path
    _received: queue.Queue[messages.Message | PassError | None] = field(default_factory=queue.Queue)
    _ended: bool = False

    def send(self, request: messages.Request) -> None:
        """Ask a worker; ``receive`` says what happened if it has ended."""
        assert self.popen.stdin is not None  # noqa: S101 (it is a pipe)
        with suppress(BrokenPipeError):
            self.popen.stdin.write(messages.encode(request) + "\n")
            self.popen.stdin.flush()

    def receive(self, timeout: float | None = None) -> messages.Message | None:
        """Wait for the next message; None: the process has closed its channel, and nothing more will come.

        Raises
        ------
        TimeoutError
            If none comes within ``timeout`` seconds.
        PassError
            If something came that is not a message.
        """
        if self._ended:
            return None
        try:
            received = self._received.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no message within {timeout:.0f} s") from None
        if received is None:
            self._ended = True
        if isinstance(received, PassError):
            raise received
        return received

    def follow(self, notify: Callable[[messages.Message], None], *, until_done: bool = False) -> int:
        """Pass on messages as they come, to the end; return the exit code as ``wait`` does.

        Parameters
        ----------
        until_done
            Return 0 at the end of a pass, while the process goes on with the next one.

        Raises
        ------
        PassError
            If something comes that is not a message.
        """
        while (message := self.receive()) is not None:
            notify(message)
            if until_done and isinstance(message, messages.Done):
                return 0
        return self.wait()

    def wait(self) -> int:
        """Wait for the end of the process; return its exit code, negative if a signal ended it."""
        if self.popen.stdin is not None:
            with suppress(BrokenPipeError):
                self.popen.stdin.close()
        return self.popen.wait()

    def last_lines(self, count: int = 12) -> list[str]:
        """Return the end of what the process wrote to its log."""
        return self.log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()[-count:]

    def _listen(self, channel: IO[bytes]) -> None:
        with channel:
            for line in channel:
                try:
                    self._received.put(messages.decode(line.decode("utf-8")))
                except (messages.MessageError, UnicodeDecodeError) as error:
                    self._received.put(
                        PassError(f"A process of the probe wrote on its channel: {error} See {self.log}.")
                    )
        self._received.put(None)

    def _watch(self, listener: threading.Thread) -> None:
        """Announce the end even if a process that the port left behind keeps the channel open."""
        self.popen.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        listener.join(timeout=GRACE)
        self._received.put(None)


@contextmanager
def started(
    interpreter: Interpreter,
    arguments: Sequence[str],
    job: messages.Job,
    log: Path,
    *,
    prefix: Sequence[str] = (),
    requests: bool = False,
) -> Iterator[Process]:
    """Start a process of the probe; on leaving, also by an error, end it and everything that it started.

    Parameters
    ----------
    arguments
        Of the interpreter, such as ``("-m", "ice3_probe", "compile")``; ``--job`` and ``--channel`` are added.
    log
        File that takes what the process and the port print.
    prefix
        A program that runs it, such as valgrind with its options.
    requests
        Whether ``send`` will be used; otherwise its standard input is empty.
    """
    interpreter.scratch.mkdir(parents=True, exist_ok=True)
    handle, file = tempfile.mkstemp(dir=interpreter.scratch, prefix="job-", suffix=".json")
    os.write(handle, messages.encode(job).encode() + b"\n")
    os.close(handle)
    reader, writer = os.pipe()
    command = [*prefix, str(interpreter.python), *arguments, f"--job={file}", f"--channel={writer}"]
    with tied() as (end, tie):
        options: dict[str, Any] = {
            "cwd": interpreter.scratch,
            "env": interpreter.environment,
            "stdin": subprocess.PIPE if requests else subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
            "pass_fds": (writer, end),
            "process_group": 0,
        }
        try:
            with log.open("w", encoding="utf-8", errors="backslashreplace") as output:
                output.write(f"$ {shlex.join(command)}\n")
                output.flush()
                popen: subprocess.Popen[str] = subprocess.Popen(command, stdout=output, text=True, **options)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        try:
            tie(popen.pid)
            process = Process(popen, log)
            listener = threading.Thread(target=process._listen, args=(os.fdopen(reader, "rb"),), daemon=True)  # noqa: SLF001
            watcher = threading.Thread(target=process._watch, args=(listener,), daemon=True)  # noqa: SLF001
            listener.start()
            watcher.start()
            yield process
        finally:
            _end(popen)
            watcher.join(timeout=2 * GRACE)
            if popen.stdin is not None:
                with suppress(BrokenPipeError):
                    popen.stdin.close()
            Path(file).unlink(missing_ok=True)


def _end(popen: subprocess.Popen[str]) -> None:
    """End what still runs of a process's group, politely at first."""
    if popen.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            popen.wait(timeout=GRACE)
    with suppress(ProcessLookupError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


def is_complete(code: int, received: Iterable[messages.Message]) -> bool:
    """Tell whether a pass of the probe reached its end: a port may end the process before, with exit code 0."""
    return not code and any(isinstance(one, messages.Done) for one in received)


def run(
    interpreter: Interpreter,
    arguments: Sequence[str],
    job: messages.Job,
    log: Path,
    notify: Callable[[messages.Message], None],
) -> int:
    """Run a process of the probe to its end, passing on its messages as they come; return its exit code.

    Raises
    ------
    PassError
        If it writes something that is not a message.
    """
    with started(interpreter, arguments, job, log) as process:
        return process.follow(notify)
