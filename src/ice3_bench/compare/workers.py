"""The processes that measure: one worker for each side of a comparison, asked over pipes, ended whatever happens."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ice3_bench.cell.passes import STABLE_ENVIRONMENT
from ice3_bench.errors import PassError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCRIPT = Path(__file__).parents[2] / "ice3_gt4py" / "worker.py"
"""The worker of both sides: this tool's own, so that both are measured alike and a revision needs none."""


PATIENCE = 1800.0
"""Seconds to wait for an answer: none takes longer, not even the compilation of all stencils."""


class WorkerError(PassError):
    """A worker could not do what it was asked to; ``side`` says whose."""

    def __init__(self, side: str, what: str) -> None:
        super().__init__(f"{side}: {what}")
        self.side = side


@dataclass(frozen=True)
class Side:
    """One of the two trees, the Python that runs it, and how its stencils are built."""

    label: str
    python: Path
    tree: Path
    options: tuple[str, ...]
    """Backend, precision, compiler arguments, cache."""
    threads: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)
    """Further variables of the environment."""

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its processes."""
        fixed = {**STABLE_ENVIRONMENT, "OMP_NUM_THREADS": str(self.threads), "PYTHONPATH": str(self.tree / "src")}
        return {**os.environ, **fixed, **self.variables}

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run its Python to the end; return exit code, output and messages. On Ctrl-C its whole group ends."""
        with _group(
            [str(self.python), *arguments],
            cwd=self.tree,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            output, messages = process.communicate()
            return process.returncode, output, messages


@contextmanager
def _group(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401
    """Start a process that leads a group of its own; at the end, however it comes, end the group: forks, compilers."""
    process: subprocess.Popen[str] = subprocess.Popen(command, text=True, process_group=0, **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


class Worker:
    """A worker of one side: asks it, and says what it answers."""

    def __init__(self, side: Side, process: subprocess.Popen[str], log: Path) -> None:
        self.side = side
        self._process = process
        self._log = log

    @classmethod
    @contextmanager
    def started(cls, side: Side, log: Path, prefix: Sequence[str] = ()) -> Iterator[Self]:
        """Start a worker, which writes to ``log`` what libraries say; ``prefix`` is a program that runs it."""
        command = [*prefix, str(side.python), "-P", str(SCRIPT), *side.options]
        with (
            log.open("w", encoding="utf-8") as messages,
            _group(
                command,
                cwd=side.tree,
                env=side.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=messages,
            ) as process,
        ):
            yield cls(side, process, log)

    def request(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask and wait for the answer.

        Raises
        ------
        WorkerError
            If the worker answers with an error, or has ended.
        """
        self.ask(do, **arguments)
        return self.answer()

    def ask(self, do: str, **arguments: Any) -> None:  # noqa: ANN401
        """Ask, without waiting."""
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        with suppress(BrokenPipeError):  # answer() says what happened
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the answer to what was asked; raises WorkerError if it is an error, or none comes."""
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            with suppress(ProcessLookupError):  # what is asked of it from now on fails at once
                os.killpg(self._process.pid, signal.SIGKILL)
            raise WorkerError(self.side.label, f"the worker gives no answer in {PATIENCE:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(self.side.label, f"the worker ended: {self._last_lines()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(self.side.label, answer["error"])
        return answer

    def close(self) -> int:
        """End the input, wait for the end of the worker, and return its exit code."""
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        self._process.stdin.close()
        return self._process.wait()

    @contextmanager
    def process(self) -> Iterator[None]:
        """Serve the requests inside by a fresh process."""
        self.request("start")
        try:
            yield
        except WorkerError:
            with suppress(WorkerError):
                self.request("end")
            raise
        self.request("end")

    def _last_lines(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "it said nothing"


@dataclass(frozen=True)
class Crew:
    """Starts the workers of both sides."""

    sides: Mapping[str, Side]
    folder: Path
    """Where they write what libraries say."""

    @contextmanager
    def started(self) -> Iterator[dict[str, Worker]]:
        """Start a worker of each side."""
        with ExitStack() as stack:
            yield {
                label: stack.enter_context(Worker.started(side, self.folder / f"{label}.log"))
                for label, side in self.sides.items()
            }
