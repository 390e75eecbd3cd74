"""Cells as jobs of a real SLURM: what users meet, and that nothing is lost or stored twice.

It runs wherever SLURM is installed (``apt-get install slurm-wlm munge``), and is skipped elsewhere.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from benchmarks import cluster_kills
from tests.cluster.conftest import TABLE

from ice3_bench.bencher.upload import HISTORY
from ice3_bench.cluster.run import runs
from ice3_bench.errors import Exit
from ice3_bench.history.store import History
from ice3_bench.reports import load_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.conftest import Site, Slurm

    from ice3_bench.cluster.run import Attempt, Run
    from ice3_bench.report import Report


def attempt(run: Run, cell: str, number: int = 1) -> Attempt:
    (task,) = [task for task in run.record.tasks if task.name == cell]
    return run.attempt(task, number)


def number(run: Run, cell: str) -> str:
    job = attempt(run, cell).job
    assert job is not None
    return job


def stored(site: Site) -> list[Report]:
    with History(site.results / HISTORY) as history:
        return list(history.latest_of_each_benchmark())


def test_cells_are_measured_and_stored_once(site: Site) -> None:
    """One succeeds and one fails, while another run is under way."""
    words = ("cluster.submit", "--", "--cells", "single-float64", "--no-wait", "--benchmark-max-time=0.01")
    with site.begun(*words) as other:
        done = site.submit("single-float64", "fake-float64", misbehaviour="fail-rain_ice", wait=True)
        other.communicate(timeout=60)
    assert other.returncode == Exit.OK
    assert done.returncode == Exit.FAILED, done.stderr
    assert "single-float64: finished" in done.stdout
    assert "fake-float64: failed: exit code 1" in done.stdout
    assert "it rains upwards" in done.stderr  # the last lines of its output
    (run,) = [one for one in runs(site.results) if len(one.record.tasks) == 2]
    path = attempt(run, "single-float64").report
    assert path is not None
    report = load_report(path)
    assert report.job is not None
    assert (report.job.cluster, report.job.id, report.job.partition) == ("hpc", number(run, "single-float64"), "main")
    assert report.job.node in ("n1", "n2")
    assert report.machine.testbed == "hpc"
    assert (report.commit.branch, report.commit.dirty) == ("rain", False)
    assert site.stored() == 2  # the failed cell has benchmarks that did not fail
    again = site.harness("cluster.collect", "--run", run.record.id)
    assert "Stored 0 new reports" in again.stdout
    assert site.stored() == 2
    assert not (run.folder / "project").exists()
    collected = site.harness("cluster.collect", "--wait")  # the other run
    assert collected.returncode == Exit.OK, collected.stderr
    assert site.stored() == 3
    assert not list(site.results.glob("*/report.json"))  # jobs write nothing there


def test_a_dry_run_shows_what_is_submitted(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHYEX_DIR", str(tmp_path))  # the jobs get it too
    words = ("cluster.submit", "--", "--cells", "single-float64", "--benchmark-max-time=0.01")
    dry = site.harness(*words, "--dry-run")
    assert dry.returncode == Exit.OK, dry.stderr
    assert not runs(site.results)
    assert site.harness(*words, "--no-wait", misbehaviour="hang-compile").returncode == Exit.OK
    shown, submitted = (
        re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN", text)
        for text in (dry.stdout, attempt(site.last(), "single-float64").script.read_text(encoding="utf-8"))
    )
    assert f"PHYEX_DIR={tmp_path}" in submitted
    assert shown.endswith(f"The script of single-float64:\n\n{submitted}")


def test_what_waits_runs_is_requeued_and_cancelled(site: Site, slurm: Slurm) -> None:
    """With the controller gone in between, and a node drained."""
    sent = site.submit("single-float64", "fake-float64", "reporting-float64", misbehaviour="hang-compile")
    assert sent.returncode == Exit.OK, sent.stderr
    assert "cluster.status" in sent.stdout
    assert "cluster.collect" in sent.stdout
    states = site.until(lambda now: sorted(now.values())[:2] == ["running", "running"])
    waiting = [cell for cell, state in states.items() if state != "running"]
    assert states[waiting[0]] in ("waiting: no node is free", "waiting: others are before it")
    run = site.last()
    slurm.end_controller()
    shown = site.harness("cluster.status")
    assert shown.returncode == Exit.OK
    assert "The scheduler says: " in shown.stdout
    assert "lost" not in shown.stdout
    assert shown.stdout.count(" running ") == 2
    slurm.start_controller()
    assert sorted(site.states().values())[:2] == ["running", "running"]
    first, second = (cell for cell in states if cell not in waiting)
    node = attempt(run, first).started
    assert node is not None
    slurm.say("scontrol", "update", f"nodename={node.node}", "state=drain", "reason=test")
    assert site.states()[first] == "running"  # it goes on
    slurm.say("scontrol", "requeue", number(run, first))
    site.until(lambda now: now[first] == "waiting: begins again after a pause, begun before")
    assert site.harness("cluster.cancel", "--cells", f" {second}, ").returncode == Exit.OK
    site.until(lambda now: now[second] == "cancelled")
    site.until(lambda now: now[waiting[0]] == "running")  # on the node that is free now
    assert site.harness("cluster.cancel").returncode == Exit.OK
    site.until(lambda now: set(now.values()) == {"cancelled"})
    done = site.harness("cluster.collect")
    assert done.returncode == Exit.FAILED
    assert "output" not in done.stderr  # of what was given up
    assert run.closed
    assert site.stored() == 0


def test_a_job_whose_node_fails_is_submitted_again(site: Site, slurm: Slurm) -> None:
    site.table(TABLE + 'options = ["--no-requeue"]\nresubmit = 1\n')
    site.submit("single-float64", misbehaviour="hang-compile")
    run = site.last()
    for time_of in (1, 2):
        begun = attempt(run, "single-float64", time_of)
        site.until(lambda now, one=begun: one.started is not None and now["single-float64"].startswith("running"))  # type: ignore[misc]
        where = begun.started
        assert where is not None
        slurm.say("scontrol", "update", f"nodename={where.node}", "state=down", "reason=test")
        expected = "node failed, will be submitted again" if time_of == 1 else "node failed, given up"
        site.until(lambda now, said=expected: now["single-float64"] == said)  # type: ignore[misc]
        slurm.say("scontrol", "update", f"nodename={where.node}", "state=resume")
        done = site.harness("cluster.collect")
    assert done.returncode == Exit.FAILED
    assert run.closed
    assert len(run.attempts(run.record.tasks[0])) == 2


def test_ctrl_c_leaves_the_jobs(site: Site) -> None:
    command = ("cluster.submit", "--", "--cells", "single-float64")
    with site.begun(*command, misbehaviour="hang-compile") as waiting:
        assert waiting.stdout is not None
        for line in waiting.stdout:
            if "single-float64: running" in line:
                break
        os.killpg(waiting.pid, signal.SIGINT)
        _, errors = waiting.communicate(timeout=60)
    assert waiting.returncode == Exit.INTERRUPTED
    assert "go on without this program" in errors
    assert "cluster.status" in errors
    assert site.states() == {"single-float64": "running"}


def test_a_full_disk_is_told(site: Site, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24M", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk of a few MiB can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        site.results = disk / "results"
        site.table(TABLE + 'before = ["cat /dev/zero > ../../../filler || true"]\n')
        done = site.submit("single-float64", wait=True)
        assert done.returncode == Exit.FAILED, done.stderr
        assert "single-float64: failed: exit code " in done.stdout
        assert f"The disk of {attempt(site.last(), 'single-float64').folder} is full" in done.stderr
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_what_the_scheduler_refuses_is_not_a_run(site: Site) -> None:
    site.table(TABLE.replace('"main"', '"nowhere"'))
    done = site.submit("single-float64")
    assert done.returncode == Exit.USAGE
    assert "The scheduler of 'hpc' refuses the first job: " in done.stderr
    assert "[tool.ice3-bench.cluster.hpc]" in done.stderr
    assert not list((site.results / "cluster").iterdir())


@pytest.mark.slow
def test_a_time_limit_is_told(site: Site) -> None:
    """SLURM's shortest limit is a minute; runs with ``nox -s tests -- -m slow``."""
    site.table(TABLE.replace("01:00:00", "00:01:00"))
    done = site.submit("single-float64", misbehaviour="hang-compile", wait=True)
    assert done.returncode == Exit.FAILED
    assert "single-float64: time limit" in done.stdout
    assert "DUE TO TIME LIMIT" in done.stderr


@pytest.mark.slow
def test_a_comparison_is_one_job(site: Site) -> None:
    """Takes half a minute; runs with ``nox -s tests -- -m slow``."""
    options = ["--on", "hpc", "--cells", "single-float64", "--base", "HEAD", "--budget", "2"]
    done = site.harness("compare", "--", *options)
    assert "Submitted to hpc" in done.stdout
    assert "single" in done.stdout
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert (site.results / "comparison.json").exists()
    assert "worktree" not in site.run("git", "worktree", "list").stdout.replace(str(site.project), "", 1)


@pytest.mark.slow
def test_nothing_is_lost_or_stored_twice_by_kills(site: Site, slurm: Slurm) -> None:
    """A process is killed again and again while it submits, waits and stores; runs with ``nox -s tests -- -m slow``.

    ``python -m benchmarks.cluster_kills`` does it fifty times.
    """
    cluster_kills.prepare(site)
    cluster_kills.kill_again_and_again(site, 6, random.Random(3))  # noqa: S311
    _, reports = cluster_kills.check(site, slurm)
    assert reports >= len(cluster_kills.CELLS)
