"""Tasks of continuous integration, one at a time, as processes: set up, check, archive, comment, killed uploads."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.servers.bencher_server import PROJECT_KEY
from tests.workflows.runner import PROJECT, A, B, C, F, pull

from ice3_bench.cell.machine import machine_name
from ice3_bench.github.comment import MARKER
from ice3_bench.history.store import History
from ice3_bench.measures import MEASURES
from ice3_bench.report import Commit, Report
from ice3_bench.reports import save_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.bencher_server import BencherServer
    from tests.servers.github_server import GitHubServer
    from tests.workflows.runner import Runner

SECOND = "ice_adjust/gt_cpu_ifirst/float64/100x100x90"
PREPARING = len(MEASURES) + 2
"""Requests that prepare a project: the measures it has, each of ours, the console."""


def test_no_secret_in_arguments_output_or_files(
    runner: Runner, bencher: BencherServer, make_report: Callable[..., Report]
) -> None:
    save_report(make_report(), runner.folder / "results/gt_cpu_ifirst-float64/report.json")
    held: list[str] = []

    def hold(_method: str, path: str) -> str | None:
        if path != "/v0/run":
            return None
        held.append(path)
        return "hold"

    bencher.delay, bencher.fault = 30, hold
    environment = runner.environment("push", {}, A, PROJECT_KEY)
    command = [sys.executable, "-m", "nox", "--no-venv", "--no-install", "-s", "bench-upload"]
    shutil.copy(PROJECT / "noxfile.py", runner.project)
    (runner.project / "src/ice3_bench").mkdir(parents=True)
    shutil.copy(PROJECT / "src/ice3_bench/nox.py", runner.project / "src/ice3_bench")
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    output = runner.folder / "output"
    with (
        output.open("wb") as stream,
        subprocess.Popen(
            command, cwd=runner.project, env=environment, stdout=stream, stderr=stream, start_new_session=True
        ) as process,
    ):
        deadline = time.monotonic() + 60
        while not held and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _alive(path)]
        os.killpg(process.pid, signal.SIGKILL)
    assert any(b"bench-upload" in one for one in arguments)
    assert f"Bearer {PROJECT_KEY}" in bencher.secrets_seen
    files = [path for path in runner.folder.rglob("*") if path.is_file()]
    assert {"history.db", "output", "report.json"} <= {path.name for path in files}
    secret = PROJECT_KEY.encode()
    assert not [one for one in arguments if secret in one]
    assert not [path for path in files if secret in path.read_bytes()]


def _alive(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def test_an_empty_server_is_checked_and_set_up(runner: Runner, bencher: BencherServer) -> None:
    checked = runner.run("bencher.check", "--testbed", "node")
    assert checked.returncode == 2
    for line in ("measure latency", "measure peak-memory", "branch main", "testbed node", "threshold percentage"):
        assert f"missing    {line}" in checked.stdout
    assert "nox -s bencher -- setup --testbed node" in checked.stderr
    assert "project key" in checked.stdout
    dry = runner.run("bencher.setup", "--testbed", "node", "--dry-run")
    assert dry.stdout.count("Would create") == len(MEASURES) + 5
    assert not bencher.project.measures
    done = runner.run("bencher.setup", "--testbed", "node")
    assert done.stdout.count("Created") == len(MEASURES) + 5, done.stderr
    assert runner.run("bencher.setup", "--testbed", "node").stdout == "Nothing is missing.\n"
    checked = runner.run("bencher.check", "--testbed", "node")
    assert checked.returncode == 0, checked.stdout
    assert "Nothing is missing." in checked.stdout
    # Without reports and without a name, it is about this machine.
    assert f"testbed {machine_name()}" in runner.run("bencher.check").stdout


def test_check_explains_what_is_wrong(runner: Runner, bencher: BencherServer) -> None:
    assert "BENCHER_API_KEY" in runner.run("bencher.check", "--testbed", "n", key=None).stderr
    refused = runner.run("bencher.check", "--testbed", "n", key=PROJECT_KEY[:-1] + "x")
    assert refused.returncode == 3
    assert "status 401" in refused.stderr
    bencher.projects.pop("ice3")
    assert "status 404" in runner.run("bencher.check", "--testbed", "n").stderr
    bencher.fault = lambda _method, _path: "503"
    down = runner.run("bencher.check", "--testbed", "n")
    assert down.returncode == 3
    assert "within 10 s" in down.stderr  # it does not wait as long as an upload does


def test_without_a_key_what_can_be_checked_is_checked(
    runner: Runner, bencher: BencherServer, make_report: Callable[..., Report]
) -> None:
    with History(runner.folder / "results/history.db") as history:
        history.add(make_report())
    bencher.public = True
    checked = runner.run("bencher.check", "--testbed", "node", key=None)
    assert checked.returncode == 2
    for line in (
        "credential missing",
        f"server     {bencher.version}",
        "access     to read",
        "missing    testbed node",
    ):
        assert line in checked.stdout
    assert "There is no key" in checked.stderr
    assert "1 run waits to be sent." in checked.stderr
    bencher.public = False
    assert "access     no (404)" in runner.run("bencher.check", "--testbed", "node", key=None).stdout


@pytest.mark.parametrize("branch", ["main", "release/2"])
def test_protected_branches_are_not_archived(runner: Runner, branch: str) -> None:
    done = runner.run("bencher.archive", "--branch", branch)
    assert done.returncode == 2
    assert "protected" in done.stderr


def test_a_fork_that_was_pushed_to_since_is_left_alone(
    runner: Runner, bencher: BencherServer, make_report: Callable[..., Report]
) -> None:
    save_report(make_report(commit=Commit(hash=F)), runner.folder / "artifacts/gt_cpu_ifirst-float64/report.json")
    run = {
        "head_sha": F,
        "head_branch": "main",
        "head_repository": {"owner": {"login": "someone"}},
        "conclusion": "success",
    }
    done = runner.run(
        "bencher.fork-upload", "--folder", "../artifacts", event_name="workflow_run", event={"workflow_run": run}
    )
    assert done.returncode == 0
    assert "No open pull request" in done.stdout
    assert bencher.runs == []


def test_every_pull_request_of_a_branch_is_served_and_a_fork_names_no_branch_of_ours(
    runner: Runner, bencher: BencherServer, github: GitHubServer, make_report: Callable[..., Report]
) -> None:
    report = make_report(commit=Commit(hash=F, branch="main"))
    report.benchmarks[0].error = "\n::error::broken\n##[add-mask]main"
    report.benchmarks.append(make_report().benchmarks[0].model_copy(update={"name": SECOND, "domain": (100, 100, 90)}))
    save_report(report, runner.folder / "artifacts/gt_cpu_ifirst-float64/report.json")
    github.pulls += [pull(4, "topic", F, B, "someone"), pull(5, "topic", F, C, "someone")]
    run = {
        "head_sha": F,
        "head_branch": "topic",
        "head_repository": {"owner": {"login": "someone"}},
        "conclusion": "success",
    }
    given = ("bencher.fork-upload", "--folder", "../artifacts")
    done = runner.run(*given, event_name="workflow_run", event={"workflow_run": run})
    assert done.returncode == 0, done.stderr
    assert [one.branch.name for one in bencher.project.reports] == ["pr/4/someone/topic", "pr/5/someone/topic"]
    assert sorted(github.comments) == [4, 5]
    for number in (4, 5):
        with History(runner.folder / f"results/pull-request-{number}/history.db") as history:
            assert history.branches() == {f"pr/{number}/someone/topic": 1}
    told = done.stdout + done.stderr
    assert not re.search(r"^\s*::|##\[", told, flags=re.MULTILINE)
    without = {name: value for name, value in run.items() if name != "head_sha"}
    done = runner.run(*given, event_name="workflow_run", event={"workflow_run": without})
    assert (done.returncode, "lacks 'head_sha'" in done.stderr) == (2, True)


def test_a_report_with_commands_for_the_workflow_is_refused_without_giving_them(
    runner: Runner, github: GitHubServer, make_report: Callable[..., Report]
) -> None:
    data = json.loads(make_report(commit=Commit(hash=F)).model_dump_json())
    data["\n::add-mask::main\r\x1b[2J##[error]x"] = 1
    path = runner.folder / "artifacts/gt_cpu_ifirst-float64/report.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    github.pulls.append(pull(4, "topic", F, B, "someone"))
    run = {"head_sha": F, "head_branch": "topic", "head_repository": {"owner": {"login": "someone"}}}
    event = {"workflow_run": {**run, "conclusion": "success"}}
    done = runner.run("bencher.fork-upload", "--folder", "../artifacts", event_name="workflow_run", event=event)
    assert done.returncode == 2
    assert "It is refused." in done.stderr
    assert not re.search(r"^\s*::|##\[|[\r\x1b]", done.stdout + done.stderr, flags=re.MULTILINE)


def test_only_our_own_comment_is_updated(runner: Runner, github: GitHubServer) -> None:
    github.write(3, "someone", MARKER + " mine")
    event = {"pull_request": pull(3, "topic", C, B)}
    for _ in range(2):
        assert runner.run("comment", event_name="pull_request", event=event).returncode == 0
    assert [written["user"]["login"] for written in github.comments[3]] == ["someone", "github-actions[bot]"]
    assert github.comments[3][0]["body"] == MARKER + " mine"


@pytest.mark.parametrize(
    ("request_number", "fault"),
    [(3, "slow"), (PREPARING, "hold"), (PREPARING + 2, "slow")],
)
def test_a_killed_upload_loses_and_doubles_nothing(
    runner: Runner, bencher: BencherServer, make_report: Callable[..., Report], request_number: int, fault: str
) -> None:
    reports = [make_report(1e6 + i, commit=Commit(hash=f"{i:040x}", branch="main")) for i in range(3)]
    with History(runner.folder / "results/history.db") as history:
        for report in reports:
            history.add(report)
    save_report(reports[0], runner.folder / "results/gt_cpu_ifirst-float64/report.json")
    seen: list[str] = []

    def fail(_method: str, path: str) -> str | None:
        seen.append(path)
        return fault if len(seen) == request_number + 1 else None

    bencher.fault = fail
    bencher.delay = 30
    environment = runner.environment("push", {}, A, PROJECT_KEY)
    command = [sys.executable, "-m", "invoke", "upload"]
    with subprocess.Popen(
        command, cwd=runner.project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 30
        while len(seen) <= request_number and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    bencher.fault = lambda _method, _path: None
    done = runner.run("upload")
    assert done.returncode == 0, done.stderr
    latencies = [m.value for r in bencher.project.reports for m in r.metrics if m.measure.slug == "latency"]
    assert latencies == [1e6, 1e6 + 1, 1e6 + 2]
    with History(runner.folder / "results/history.db") as history:
        assert history.queue.queued() == []
        assert history.queue.pending() == []
