"""The workers: one process of the probe for each side, asked by messages.

Both sides run this tool's own probe, so that both are measured alike and a revision needs none.
"""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Self, TypeVar

from ice3_bench.cell.processes import started
from ice3_bench.compare.sides import Label, Sides
from ice3_bench.compare.stack import Stack
from ice3_bench.errors import PassError
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ice3_bench.cell.processes import Interpreter, Process

PATIENCE = 1800.0
"""Seconds to wait for an answer: even compiling all stencils takes less."""

Answer = TypeVar("Answer", bound=messages.Answer)


def _ignore(_what: str) -> None:
    pass


class SideError(PassError):
    """A side could not do what it was asked to; ``label`` says which."""

    def __init__(self, label: Label, what: str) -> None:
        super().__init__(f"{label}: {what}")
        self.label, self.what = label, what


@dataclass(frozen=True)
class Side:
    """One of the two revisions: where it runs, and what it is asked to measure."""

    label: Label
    interpreter: Interpreter
    job: messages.Job
    stack: Stack = field(default_factory=Stack)


@dataclass
class Remarks:
    """Remarks of the workers of a side, each once."""

    _kept: dict[tuple[str, str], messages.Remark] = field(default_factory=dict)

    def add(self, remark: messages.Remark) -> None:
        """Keep a remark, unless the same was made before with other numbers."""
        self._kept.setdefault((remark.benchmark, re.sub(r"\d+", "", remark.text)), remark)

    def __iter__(self) -> Iterator[messages.Remark]:
        return iter(self._kept.values())


class Worker:
    """A worker of one side: asks it, and returns what it answers.

    Parameters
    ----------
    log
        What port and libraries print; named in errors.
    remarks
        Takes the remarks.
    notify
        Called with what is compiled.
    """

    def __init__(
        self,
        label: Label,
        process: Process,
        log: Path,
        remarks: Remarks,
        patience: float = PATIENCE,
        notify: Callable[[str], None] = _ignore,
    ) -> None:
        self.label, self.remarks, self._notify = label, remarks, notify
        self.failed = False
        """Whether an answer was an error, or did not come."""
        self._process, self._log, self._patience = process, log, patience

    @classmethod
    @contextmanager
    def started(
        cls,
        side: Side,
        log: Path,
        remarks: Remarks | None = None,
        *,
        prefix: Sequence[str] = (),
        patience: float = PATIENCE,
        notify: Callable[[str], None] = _ignore,
    ) -> Iterator[Self]:
        """Start a worker; on leaving, also by an error, end it and everything that it started.

        Parameters
        ----------
        log
            File that takes what it prints; it is kept if the worker fails.
        prefix
            A program that runs the worker.
        """
        command = ("-m", "ice3_probe", "worker")
        with started(side.interpreter, command, side.job, log, prefix=prefix, requests=True) as process:
            worker = cls(side.label, process, log, Remarks() if remarks is None else remarks, patience, notify)
            yield worker
        if not worker.failed:
            log.unlink(missing_ok=True)

    def request(self, request: messages.Request, kind: type[Answer]) -> Answer:
        """Ask and wait for the answer; raises SideError as ``answer`` does."""
        self.ask(request)
        return self.answer(kind)

    def ask(self, request: messages.Request) -> None:
        """Ask, without waiting."""
        self._process.send(request)

    def answer(self, kind: type[Answer]) -> Answer:
        """Wait for the answer to what was asked; remarks that come in between are kept.

        Raises
        ------
        SideError
            If the answer is a failure or of another kind, or none comes.
        """
        while True:
            message = self._receive()
            if isinstance(message, kind):
                return message
            if isinstance(message, messages.Remark):
                self.remarks.add(message)
            elif isinstance(message, messages.Building):
                self._notify(f"{self.label}: compiling {message.component}, {message.piece}")
            elif isinstance(message, messages.PieceBuilt):
                pass
            elif isinstance(message, messages.Failure):
                raise self._error(message.message)
            else:
                raise self._error(f"the worker answered {type(message).__name__}, not {kind.__name__}")

    def close(self) -> int:
        """End the input, wait for the end of the worker, and return its exit code."""
        return self._process.wait()

    @contextmanager
    def process(self) -> Iterator[None]:
        """Have the requests inside served by a new process."""
        self.request(messages.Start(), messages.Done)
        try:
            yield
        except SideError:
            with suppress(SideError):
                self.request(messages.End(), messages.Done)
            raise
        self.request(messages.End(), messages.Done)

    def _receive(self) -> messages.Message:
        try:
            message = self._process.receive(self._patience)
        except TimeoutError as error:
            raise self._error(f"the worker gave no answer in {self._patience:.0f} s, see {self._log}") from error
        except PassError as error:
            raise self._error(str(error)) from error
        if message is None:
            raise self._error(f"the worker {ended(self._process.wait())}, see {self._log}")
        return message

    def _error(self, what: str) -> SideError:
        self.failed = True
        return SideError(self.label, what)


@dataclass(frozen=True)
class Crew:
    """Starts the workers of both sides, and keeps their remarks.

    Attributes
    ----------
    folder
        For the logs of workers that fail.
    notify
        Called with what is compiled.
    """

    sides: Sides[Side]
    folder: Path
    notify: Callable[[str], None] = _ignore
    remarks: Sides[Remarks] = field(default_factory=lambda: Sides(Remarks(), Remarks()))
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def started(self) -> Iterator[Sides[Worker]]:
        """Start a worker of each side."""
        number = next(self._numbers)
        self.folder.mkdir(parents=True, exist_ok=True)
        logs = Sides.of(lambda label: self.folder / f"{label}-{number}.log")
        with (
            Worker.started(self.sides.base, logs.base, self.remarks.base, notify=self.notify) as base,
            Worker.started(
                self.sides.contender, logs.contender, self.remarks.contender, notify=self.notify
            ) as contender,
        ):
            yield Sides(base, contender)


def ended(code: int) -> str:
    """Say how a process ended."""
    if code < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}" if code else "ended early, with code 0"
