"""Jobs on a real SLURM, while whatever submits, waits for and collects them is killed at random moments.

Run from the project's folder, in an environment of the tests, where SLURM is installed (packages slurm-wlm and munge):

    python -m benchmarks.cluster_kills --kills 50

A copy of this process kills itself with SIGKILL at a random step, and the next one goes on where it was. A step is a
line of the modules in ``MODULES``. The jobs last some seconds and write a prepared report, each with an id of its own.
At the end every cell of every run must have been measured by one job, and be in the history once.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from benchmarks.uploads import make_report
from tests.cluster.conftest import TABLE, Site, Slurm

from ice3_bench import commands, programs
from ice3_bench.bencher import upload
from ice3_bench.cluster import following, run, scheduler, script, submission
from ice3_bench.cluster.run import runs
from ice3_bench.commands import cluster, jobs
from ice3_bench.history import store
from ice3_bench.provenance import ClusterJob
from ice3_bench.reports import load_report
from ice3_bench.settings.matrix import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

CELLS = ("single-float64", "reporting-float64")
SUBMIT = ("cluster.submit", "--", "--cells", *CELLS)
COLLECT = ("cluster.collect", "--wait")
MODULES = (following, run, scheduler, script, submission, cluster, jobs, programs, store, upload)
STEPS = {module.__file__ for module in MODULES}
FIRST, LAST = 10, 3000
"""Steps between which a process is killed; those of a submission are some hundred."""

NO_ID = "00000000-0000-0000-0000-000000000000"
JOB = """\
sleep 3
id=$(cat /proc/sys/kernel/random/uuid)
sed -e "s/{no_id}/$id/" -e "s/THE_JOB/$1/" "{folder}/$(basename "$2")" > "$2/report.json"
"""
"""What a job runs instead of a session; its arguments are its number and its folder."""


def prepare(site: Site) -> None:
    """Let the jobs of a site write prepared reports instead of measuring."""
    settings, folder = load_settings(site.project), site.programs.parent / "prepared"
    folder.mkdir()
    for name in CELLS:
        job = ClusterJob(cluster="hpc", id="THE_JOB", node="n", partition="main")
        report = make_report(settings.cell_by_id(name), 1, 1e6).model_copy(update={"id": NO_ID, "job": job})
        (folder / name).write_text(report.model_dump_json(), encoding="utf-8")
    (folder / "job").write_text(JOB.format(no_id=NO_ID, folder=folder), encoding="utf-8")
    site.table(f"{TABLE}before = ['bash {folder}/job \"$job\" \"$folder\"', 'exit 0']\n")


def doomed(site: Site, step: int, words: Sequence[str]) -> NoReturn:
    """Run a command of the harness in this process, a copy of another one, and kill it before a step."""
    steps = itertools.count(1)

    def trace(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401
        if frame.f_code.co_filename not in STEPS:
            return None
        if event == "line" and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    output = os.open(site.programs.parent / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.chdir(site.project)
    os.environ.update(site.environment())
    sys.argv = ["ice3-bench", *words]
    sys.settrace(trace)
    code = 1
    try:
        commands.program.run(sys.argv)
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def kill_again_and_again(site: Site, kills: int, chance: random.Random) -> Counter[str]:
    """Kill processes that submit or collect; return how often each was killed, and how often it was faster."""
    happened: Counter[str] = Counter()
    while happened["submit killed"] + happened["collect killed"] < kills:
        under_way = any(not one.closed for one in runs(site.results))
        words, name = (COLLECT, "collect") if under_way else (SUBMIT, "submit")
        step = int(math.exp(chance.uniform(math.log(FIRST), math.log(LAST))))
        child = os.fork()
        if not child:
            doomed(site, step, words)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        killed = code == -signal.SIGKILL
        assert killed or code == 0, (site.programs.parent / "output").read_text(encoding="utf-8")
        happened[f"{name} {'killed' if killed else 'ended before'}"] += 1
        print(f"step {step} of {name}: {'killed' if killed else 'ended before'}", flush=True)
    return happened


def check(site: Site, slurm: Slurm) -> tuple[int, int]:
    """Go on to the end, and return the numbers of runs and reports; AssertionError: something was lost or doubled."""
    last = site.harness(*(COLLECT if runs(site.results) else SUBMIT))
    assert last.returncode == 0, last.stderr
    with closing(sqlite3.connect(site.results / "history.db")) as history:
        stored = Counter(row[0] for row in history.execute("SELECT id FROM run"))
    expected = []
    found = runs(site.results)
    for one in found:
        assert one.closed, f"{one.record.id} was not collected"
        for task in one.record.tasks:
            (attempt,) = one.attempts(task)
            assert attempt.report is not None
            report = load_report(attempt.report)
            assert report.job is not None
            assert attempt.code == 0, f"{attempt.folder}: {attempt.code}"
            assert attempt.job == report.job.id, f"{attempt.folder} was measured by two jobs"
            expected.append(report.id)
    assert stored == Counter(expected), "the history differs from what was measured"
    assert not slurm.say("squeue", "--noheader"), "a job was forgotten"
    return len(found), len(expected)


def main() -> None:
    """Play it, and print what happened."""
    parser = argparse.ArgumentParser(description="Kill what submits and collects jobs at random moments.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ice3-kills-") as name:
        slurm = Slurm(Path(name) / "slurm")
        try:
            slurm.start()
            os.environ["SLURM_CONF"] = slurm.environment["SLURM_CONF"]
            site = Site(Path(name), slurm)
            prepare(site)
            happened = kill_again_and_again(site, options.kills, random.Random(options.seed))  # noqa: S311
            number, reports = check(site, slurm)
        finally:
            slurm.end()
    print(", ".join(f"{what}: {times}" for what, times in sorted(happened.items())))
    print(f"{number} runs, {reports} reports, each stored once. {time.monotonic() - begin:.0f} s.")


if __name__ == "__main__":
    main()
