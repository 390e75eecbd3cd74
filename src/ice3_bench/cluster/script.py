"""The batch script of a job: what it needs, where its exit status goes, and the command that measures."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from ice3_bench.cluster.run import HARNESS, PROJECT
from ice3_bench.programs import PARENT

if TYPE_CHECKING:
    from ice3_bench.cluster.run import Attempt, Run
    from ice3_bench.cluster.scheduler import Scheduler

# The exit status is the truth about the job. A requeued job begins again; the second of two jobs for one attempt, which
# a killed submission may leave behind, does nothing. Signals end the command, and the script goes on: it writes the
# status. Its file is there from the beginning, so that a full disk has room for it.
BEGINNING = """\
folder={folder}
cd -- "$folder" || exit 1
job="${{SLURM_JOB_ID:-$PBS_JOBID}}"
mkdir claim 2>/dev/null && printf '%s\\n' "$job" > claim/job
[ "$(cat claim/job)" = "$job" ] || exit 0
rm -f status
trap : TERM INT
echo - > status.part
trap 'printf "%s\\n" "$?" 1<> "$folder/status.part" && mv -f "$folder/status.part" "$folder/status"' EXIT
printf '{{"job": "%s", "node": "%s", "partition": "%s", "time": %s}}\\n' \\
    "$job" "${{SLURMD_NODENAME:-$(uname -n)}}" "${{SLURM_JOB_PARTITION:-$PBS_QUEUE}}" "$(date +%s)" > started.part
mv -f started.part started
set -e"""


def commands(run: Run, attempt: Attempt) -> list[str]:
    """Return the lines of the batch script of an attempt."""
    cluster, project = run.record.cluster, run.folder / PROJECT
    variables = {
        **run.record.variables,
        **cluster.environment,
        "ICE3_BENCH_RESULTS": str(attempt.results),
        "PYTHONPATH": str(run.folder / HARNESS),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return [
        BEGINNING.format(folder=shlex.quote(str(attempt.folder))),
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        f"unset {PARENT}",
        *cluster.before,
        f"cd -- {shlex.quote(os.fspath(project))}",
        shlex.join([sys.executable, "-P", "-m", "ice3_bench", *attempt.task.words]),
    ]


def batch_script(scheduler: Scheduler, run: Run, attempt: Attempt) -> str:
    """Return the batch script of an attempt."""
    resources = run.record.cluster.resources(attempt.task.device)
    lines = commands(run, attempt)
    return scheduler.script(attempt.job_name, attempt.output, resources, attempt.task.threads, lines)
