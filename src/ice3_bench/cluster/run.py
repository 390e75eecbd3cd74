"""A run: jobs that were sent to a cluster together, and the files that say what became of them.

A run is a folder in ``results/cluster``. What is to be done is written before the first job is submitted, and never
changed; everything else is derived from the files of the jobs. Whoever has the folder can go on where another process
was killed::

    run.json                the jobs to submit
    project, harness        the files as they were at the submission
    1/<task>/               the first attempt of a task; its results lie here too
        script              the batch script
        submitted           the number of the job, once the scheduler has told it
        started, status     written by the job: where it runs, and its exit status
        ended               what the scheduler says about a job that left no exit status
        cancelled           exists if the user gave the job up
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ice3_bench.errors import UsageError
from ice3_bench.files import read_limited, write_atomically
from ice3_bench.reports import FULL, PARTIAL
from ice3_bench.settings.cluster import Cluster

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "cluster"
"""Folder of the runs, in the results."""
NAME = "run.json"
PROJECT, HARNESS = "project", "harness"
LARGEST = 2**20
"""Bytes of a file of a run."""
COMPARING = ("compare", "calibrate")
"""Names of the tasks that measure no cell."""
CLOSED = "collected"
"""File of a run that is over: all its jobs have ended, and their results were collected."""


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(_Written):
    """What one job does.

    Attributes
    ----------
    name
        Id of the cell, or ``compare`` or ``calibrate``.
    testbed
        Name of the machine in the results; None: after its processor.
    words
        Of the command that the job runs, after the name of the program.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    device: Literal["cpu", "gpu"]
    threads: int = 1
    testbed: str | None = None
    words: tuple[str, ...]


class RunRecord(_Written):
    """What is to be done: the file ``run.json``.

    Attributes
    ----------
    user
        Number of the user whose jobs they are.
    name
        What the project calls the cluster.
    variables
        Variables of the environment of the jobs.
    """

    version: Literal[1] = 1
    id: Annotated[str, Field(pattern=r"^[0-9a-z-]+$")]
    created: datetime
    user: int
    name: str
    cluster: Cluster
    variables: dict[str, str] = Field(default_factory=dict)
    tasks: tuple[Task, ...]


class Submitted(_Written):
    """The answer of the scheduler to a submission."""

    job: str


class Started(_Written):
    """Where a job runs, and since when, in seconds since 1970."""

    job: str
    node: str
    partition: str
    time: int


class Ended(_Written):
    """What the scheduler said about a job that is over, in its words, and when that was seen (seconds since 1970)."""

    state: str
    time: float


Record = TypeVar("Record", bound=BaseModel)


@dataclass(frozen=True)
class Attempt:
    """One submission of a task."""

    task: Task
    number: int
    folder: Path
    run: str

    @property
    def results(self) -> Path:
        """The folder of results that its session writes to."""
        return self.folder.parent

    @property
    def job_name(self) -> str:
        """The name under which the scheduler knows the job; no other job has it."""
        return f"ice3-{self.run}-{self.number}-{self.task.name}"

    @property
    def script(self) -> Path:
        """The batch script."""
        return self.folder / "script"

    @property
    def output(self) -> Path:
        """What the job prints."""
        return self.folder / "output.log"

    @property
    def report(self) -> Path | None:
        """The report that its session wrote, the newer one if a requeued job wrote a whole and a partial one."""
        found = [path for name in (FULL, PARTIAL) if (path := self.folder / name).exists()]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)

    @property
    def cancelled(self) -> Path:
        """Exists if the user gave the job up."""
        return self.folder / "cancelled"

    @property
    def submitted(self) -> Submitted | None:
        """The number of the job, if the scheduler has told it."""
        return _read(self.folder / "submitted", Submitted)

    @property
    def started(self) -> Started | None:
        """Where the job runs or ran."""
        return _read(self.folder / "started", Started)

    @property
    def ended(self) -> Ended | None:
        """What the scheduler said when the job was over."""
        return _read(self.folder / "ended", Ended)

    @property
    def code(self) -> int | None:
        """The exit status that the job wrote."""
        with suppress(OSError, ValueError):
            return int(read_limited(self.folder / "status", LARGEST))
        return None

    @property
    def job(self) -> str | None:
        """The number of the job: that of the one that runs, if it was submitted twice."""
        known = self.started or self.submitted
        return known.job if known else None

    def note(self, record: Submitted | Ended) -> None:
        """Write down what the scheduler said, whole or not at all.

        It need not survive a power failure: the scheduler knows it, and a look asks it again.
        """
        path = self.folder / type(record).__name__.lower()
        part = path.with_suffix(".part")
        part.write_text(record.model_dump_json() + "\n", encoding="utf-8")
        part.replace(path)

    def last_lines(self, most: int) -> list[str]:
        """Return the end of what the job printed."""
        try:
            with self.output.open("rb") as stream:
                stream.seek(max(self.output.stat().st_size - 2**14, 0))
                text = stream.read().decode("utf-8", "backslashreplace")
        except OSError:
            return []
        return [line for line in text.rstrip().splitlines() if line.strip()][-most:]


def _read(path: Path, kind: type[Record]) -> Record | None:
    """Read a record; what is missing or damaged is not there: a full disk leaves empty files."""
    try:
        return kind.model_validate_json(read_limited(path, LARGEST))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class Run:
    """A run and its folder."""

    folder: Path
    record: RunRecord

    @property
    def closed(self) -> bool:
        """Whether everything has ended and was collected."""
        return (self.folder / CLOSED).exists()

    def close(self) -> None:
        """Note that everything has ended and was collected."""
        write_atomically(self.folder / CLOSED, f"{time.time():.0f}\n")

    def attempts(self, task: Task) -> list[Attempt]:
        """Return the attempts of a task that were begun, the first one first."""
        found = []
        for number in range(1, self.record.cluster.resubmit + 2):
            attempt = self.attempt(task, number)
            if not attempt.folder.is_dir():
                break
            found.append(attempt)
        return found

    def attempt(self, task: Task, number: int) -> Attempt:
        """Return an attempt, which may not have been begun."""
        return Attempt(task, number, self.folder / str(number) / task.name, self.record.id)


def runs(results: Path) -> list[Run]:
    """Return the runs of a folder of results, the oldest first."""
    found = []
    for path in sorted((results / FOLDER).glob(f"*/{NAME}")):
        with suppress(UsageError):
            found.append(load_run(path.parent))
    return sorted(found, key=lambda run: run.record.created)


def load_run(folder: Path) -> Run:
    """Read a run.

    Raises
    ------
    UsageError
        If there is none, or it was written by another version of this program.
    """
    try:
        return Run(folder, RunRecord.model_validate_json(read_limited(folder / NAME, LARGEST)))
    except OSError as error:
        raise UsageError(f"There is no run at {folder}: {error.strerror}.") from error
    except (ValidationError, ValueError) as error:
        raise UsageError(
            f"The run at {folder} cannot be read: another version of this program wrote it. Its reports can be stored "
            "one by one with nox -s bench-upload -- --report FILE."
        ) from error
