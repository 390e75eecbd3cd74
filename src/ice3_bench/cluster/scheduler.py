"""The scheduler of a cluster: its commands are written and read by QToolKit, and run here."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from qtoolkit.core.data_objects import QResources, QState, SubmissionStatus
from qtoolkit.core.exceptions import QTKError
from qtoolkit.io import PBSIO, BaseSchedulerIO, SlurmIO

from ice3_bench.cluster.queue import Queued, SchedulerError
from ice3_bench.errors import UsageError
from ice3_bench.programs import run_program
from ice3_bench.settings.cluster import seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from ice3_bench.settings.cluster import Resources

PATIENCE = 60.0
"""Seconds that a command of the scheduler may take."""
LOGIN_SHELL = "#!/bin/bash -l"
"""What interprets batch scripts: with the functions that a login has, such as ``module``."""
OVER = (QState.DONE, QState.FAILED)
WAITING = (QState.QUEUED, QState.QUEUED_HELD, QState.REQUEUED, QState.REQUEUED_HELD)
UNKNOWN = "unknown"
"""State of a job that the scheduler describes in words that the library does not know."""


class Scheduler:
    """A scheduler whose commands are on PATH.

    Parameters
    ----------
    kind
        ``slurm`` or ``pbs``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._io: BaseSchedulerIO = SlurmIO() if kind == "slurm" else PBSIO()
        self._io.shebang = LOGIN_SHELL

    def script(self, name: str, output: Path, resources: Resources, threads: int, commands: Sequence[str]) -> str:
        """Return a batch script.

        Parameters
        ----------
        name
            Of the job.
        output
            File that takes what it prints.
        threads
            Cores, if the resources do not say how many.
        """
        cores = resources.cpus or threads
        path = shlex.quote(str(output).replace("%", "%%")) if self.kind == "slurm" else str(output)
        asked = QResources(
            nodes=1,
            processes_per_node=1,
            threads_per_process=cores,
            queue_name=resources.partition,
            job_name=name,
            account=resources.account,
            time_limit=seconds(resources.time),
            output_filepath=path,
            error_filepath=path,
            scheduler_kwargs=self._slurm(resources) if self.kind == "slurm" else self._pbs(resources, cores),
        )
        return f"{self._io.get_submission_script(list(commands), asked)}\n"

    @staticmethod
    def _slurm(resources: Resources) -> dict[str, str]:
        # The library's own --exclusive and --requeue take a value, and SLURM's do not.
        lines = [*(["--exclusive"] if resources.exclusive else []), "--requeue", *resources.options]
        given = {"mem": resources.memory, "gres": resources.gres, "qos": resources.qos}
        return {
            **{name: value for name, value in given.items() if value is not None},
            "qverbatim": "\n".join(f"#SBATCH {line}" for line in lines),
        }

    @staticmethod
    def _pbs(resources: Resources, cores: int) -> dict[str, str]:
        memory = [f"mem={resources.memory}"] if resources.memory else []
        parts = ["select=1", f"ncpus={cores}", *memory, *([resources.gres] if resources.gres else [])]
        return {
            "select": ":".join(parts),
            "place": "excl" if resources.exclusive else "pack",
            "qverbatim": "\n".join(f"#PBS {line}" for line in ("-r y", *resources.options)),
        }

    def submit(self, script: Path) -> str:
        """Submit a batch script and return the number of the job.

        Raises
        ------
        SchedulerError
            If the scheduler refuses it or does not answer.
        """
        done = self._run(self._io.get_submit_cmd(shlex.quote(str(script))))
        result = self._io.parse_submit_output(done.returncode, done.stdout, done.stderr)
        if result.status != SubmissionStatus.SUCCESSFUL or result.job_id is None:
            raise SchedulerError(_said(done))
        return str(result.job_id)

    def jobs(self, user: int, known: Collection[str]) -> list[Queued]:
        """Ask once for all jobs of a user (SLURM), those that ended some minutes ago included; PBS: for known ones.

        Raises
        ------
        SchedulerError
            If the scheduler does not answer.
        """
        if self.kind == "slurm":
            done = self._run(f"{self._io.get_jobs_list_cmd(None, str(user))} --states=all")
            if done.returncode:
                raise SchedulerError(_said(done))
            return [job for line in done.stdout.splitlines() if (job := self._slurm_job(line))]
        if not known:
            return []
        try:
            done = self._run(self._io.get_jobs_list_cmd(sorted(known), None))
            found = self._io.parse_jobs_list_output(done.returncode, done.stdout, done.stderr)
        except QTKError as error:
            raise SchedulerError(str(error)) from error
        return [
            Queued(str(job.job_id), job.name or "", job.sub_state.name, job.state in WAITING, job.state in OVER)
            for job in found
            if job.state is not None and job.sub_state is not None
        ]

    def _slurm_job(self, line: str) -> Queued | None:
        """Read a line of squeue; alone, so that a job in a state that the library does not know hides no other."""
        assert isinstance(self._io, SlurmIO)  # noqa: S101 (squeue is SLURM's)
        words = line.split(self._io.split_separator)
        if len(words) != len(self._io.squeue_fields):
            return None
        fields = {name: word.strip() for (_, name), word in zip(self._io.squeue_fields, words, strict=True)}
        job, name, reason = fields["job_id"], fields["job_name"], fields["annotation"]
        try:
            (read,) = self._io.parse_jobs_list_output(0, line, "")
        except QTKError:
            return Queued(job, name, UNKNOWN, waiting=False, over=False)
        return Queued(job, name, read.sub_state.value, read.state in WAITING, read.state in OVER, reason)

    def accounted(self, jobs: Collection[str]) -> dict[str, str]:
        """Ask the accounting of SLURM for the states of jobs that squeue has forgotten; empty if there is none.

        QToolKit does not read sacct.
        """
        if self.kind != "slurm" or not jobs:
            return {}
        with suppress(SchedulerError, UsageError):
            done = self._run(f"sacct -X -n -P --format=JobIDRaw,State --jobs={','.join(sorted(jobs))}")
            if not done.returncode:
                lines = [line.split("|") for line in done.stdout.splitlines()]
                return {line[0]: line[1].split()[0] for line in lines if len(line) == 2 and line[1].strip()}
        return {}

    def cancel(self, job: str) -> None:
        """Cancel a job; one that has ended already is left alone.

        Raises
        ------
        SchedulerError
            If the scheduler refuses.
        """
        try:
            done = self._run(self._io.get_cancel_cmd(job))
        except QTKError as error:
            raise SchedulerError(str(error)) from error
        ended = ("already completing or completed", "Invalid job id", "Unknown Job Id", "Job has finished")
        if done.returncode and not any(words in done.stderr for words in ended):
            raise SchedulerError(_said(done))

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        program = next(word for word in command.split() if "=" not in word)
        try:
            done = run_program(["bash", "-c", command], variables={"LC_ALL": "C"}, timeout=PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SchedulerError(f"{program} does not answer: {error}") from error
        if done.returncode == 127:
            raise UsageError(
                f"{program} is not on PATH: jobs are sent from a login node of the cluster, or a machine that has the "
                "commands of its scheduler."
            )
        return done


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
