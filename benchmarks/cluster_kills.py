"""Jobs on a real SLURM, while whatever submits, waits for and collects them is killed at random moments.

Run from the project's folder, in an environment of the tests, where SLURM is installed (packages slurm-wlm and munge):

    python -m benchmarks.cluster_kills --kills 50

Each process gets SIGKILL after a random time, and the next one goes on where it was. At the end every cell of every run
must have been measured by one job and be in the history once.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.cluster.conftest import Site, Slurm

from ice3_bench.bencher.upload import HISTORY
from ice3_bench.cluster.run import runs
from ice3_bench.reports import load_report

CELLS = ("single-float64", "reporting-float64")
SUBMIT = ("cluster.submit", "--", "--cells", *CELLS, "--benchmark-max-time=0.01")
COLLECT = ("cluster.collect", "--wait")


def kill_again_and_again(site: Site, kills: int, longest: float, chance: random.Random) -> Counter[str]:
    """Kill processes that submit or collect; return how often each was killed, and how often it was faster."""
    happened: Counter[str] = Counter()
    while happened["submit killed"] + happened["collect killed"] < kills:
        under_way = any(not run.closed for run in runs(site.results))
        words, name = (COLLECT, "collect") if under_way else (SUBMIT, "submit")
        with site.begun(*words) as doomed:
            try:
                doomed.communicate(timeout=chance.uniform(0.0, longest))
                happened[f"{name} ended before"] += 1
            except subprocess.TimeoutExpired:
                os.killpg(doomed.pid, signal.SIGKILL)
                happened[f"{name} killed"] += 1
    return happened


def check(site: Site, slurm: Slurm) -> tuple[int, int]:
    """Return the numbers of runs and reports; raises AssertionError if something was lost or doubled."""
    with closing(sqlite3.connect(site.results / HISTORY)) as history:
        stored = Counter(row[0] for row in history.execute("SELECT id FROM run"))
    expected = []
    found = runs(site.results)
    for run in found:
        assert run.closed, f"{run.record.id} was not collected"
        for task in run.record.tasks:
            (attempt,) = run.attempts(task)
            report = load_report(attempt.folder / "report.json")
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
    parser.add_argument("--longest", type=float, default=12.0, help="seconds that a process lives at most")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ice3-kills-") as name:
        slurm = Slurm(Path(name) / "slurm")
        try:
            slurm.start()
            os.environ["SLURM_CONF"] = slurm.environment["SLURM_CONF"]
            site = Site(Path(name), slurm)
            happened = kill_again_and_again(site, options.kills, options.longest, random.Random(options.seed))  # noqa: S311
            last = site.harness(*COLLECT)
            assert last.returncode == 0, last.stderr
            number, reports = check(site, slurm)
        finally:
            slurm.end()
    print(", ".join(f"{what}: {times}" for what, times in sorted(happened.items())))
    print(f"{number} runs, {reports} reports, each stored once. {time.monotonic() - begin:.0f} s.")


if __name__ == "__main__":
    main()
