"""A fresh repository with the NumPy port as its only content, on GitHub and on GitLab, with what docs/ci.md says.

What is slow measures for real, on a tiny domain: nightly.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.servers.bencher_server import PROJECT_KEY, BencherServer
from tests.servers.bencher_server import TOKEN as BENCHER_TOKEN
from tests.servers.gitlab_server import TOKEN, GitLabServer
from tests.workflows.checkout import PROJECT
from tests.workflows.gitlab_player import GitLabPlayer
from tests.workflows.runner import pull
from tests.workflows.workflow_player import Player, leave

from ice3_bench.compare.result import BenchmarkComparison, CellComparison, Compared, Comparison
from ice3_bench.compare.verdict import Decision, Verdict
from ice3_bench.github.comment import MARKER
from ice3_bench.report import Commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.github_server import GitHubServer

    from ice3_bench.report import Report

NAME = "ice_adjust/numpy_port/float64/8x8x20"
SESSION = "bench-numpy_port-float64"
TABLE = """
[tool.ice3-bench]
base-branches = ["main", "dev"]
precisions = ["float64"]
max-time = 0.05
min-rounds = 3

[[tool.ice3-bench.backends]]
name = "NumPy"
id = "numpy_port"
port = "port.py"
pythonpath = ["src"]
python = "current"
components = ["ice_adjust"]
domains = ["8x8x20"]

[tool.ice3-bench.bencher]
unwatched = ["accuracy"]

# Machines of continuous integration are noisy; what is planted is twenty times as slow.
[tool.ice3-bench.bencher.thresholds]
latency = { test = "percentage", upper-boundary = 4.0 }
peak-memory = { test = "percentage", upper-boundary = 0.5 }
"""
JOBS = ("ice3-bench-measure", "ice3-bench-compare", "ice3-bench-report")
REQUEST = {
    "CI_PROJECT_ID": "7",
    "CI_MERGE_REQUEST_IID": "3",
    "CI_MERGE_REQUEST_PROJECT_ID": "7",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "7",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "weather/ice3",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "dev",
}
QUICK = "--budget 40 --total 600"  # the first look has enough pairs, on a busy machine too
WASTE = '''

_once = ice_adjust


def ice_adjust(*arguments, **options):
    """Do everything twenty times."""
    for _ in range(19):
        _once(*arguments, **options)
    return _once(*arguments, **options)
'''


def documented(number: int) -> str:
    """Return a block of YAML of docs/ci.md."""
    text = (PROJECT / "docs/ci.md").read_text(encoding="utf-8")
    return str(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[number])


class Repository:
    """A git repository with branches ``main``, ``dev``, ``topic`` (from dev) and one of a fork (from main)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(PROJECT / "examples/numpy_port/port.py", folder)
        source = PROJECT / "examples/numpy_port/src/numpy_ice3"
        shutil.copytree(source, folder / "src/numpy_ice3", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "noxfile.py").write_text("from ice3_bench.nox import sessions\n\nsessions()\n", encoding="utf-8")
        (folder / "pyproject.toml").write_text(TABLE, encoding="utf-8")
        (folder / ".gitignore").write_text(".cache/\n.nox/\nresults/\n__pycache__/\n", encoding="utf-8")
        workflows = folder / ".github/workflows"
        workflows.mkdir(parents=True)
        arguments = f"cells: cpu\n      compare-arguments: {QUICK}\n"
        (workflows / "benchmarks.yml").write_text(documented(0).replace("cells: cpu\n", arguments), encoding="utf-8")
        (workflows / "benchmarks-trusted.yml").write_text(documented(1), encoding="utf-8")
        arguments = f"ICE3_BENCH_COMPARE_ARGUMENTS: {QUICK}\n"
        (folder / ".gitlab-ci.yml").write_text(f"{documented(2)}  {arguments}", encoding="utf-8")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")
        self.git("config", "user.name", "tester")
        self.git("config", "user.email", "tester@localhost")
        self.git("add", ".")
        self.main = self.commit("the port")
        self.git("checkout", "--quiet", "-b", "dev")
        self.dev = self.commit("dev begins")
        self.git("checkout", "--quiet", "-b", "topic")
        self.topic = self.slowed("slow")
        self.git("checkout", "--quiet", "-b", "of-a-fork", "main")
        self.fork = self.commit("a fork's")
        self.git("checkout", "--quiet", "main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def slowed(self, message: str) -> str:
        """Commit a change of one file that makes every call slow."""
        path = self.folder / "src/numpy_ice3/ice_adjust.py"
        text = path.read_text(encoding="utf-8")
        path.write_text(text + WASTE, encoding="utf-8")
        self.git("add", ".")
        return self.commit(message)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_the_documented_caller_has_at_most_fifteen_lines() -> None:
    caller = documented(0)
    assert len(caller.splitlines()) <= 15
    assert yaml.safe_load(caller)["jobs"]["bench"]["with"] == {"cells": "cpu"}


def github_player(folder: Path, bencher: BencherServer, github: GitHubServer, repository: Repository) -> Player:
    variables = {"BENCHER_HOST": bencher.url, "BENCHER_PROJECT": "ice3"}
    secrets = {"BENCHER_API_KEY": PROJECT_KEY}
    return Player(folder / "runner", github.url, variables, secrets, origin=repository.folder)


@pytest.mark.slow
def test_on_github(tmp_path: Path, bencher: BencherServer, github: GitHubServer, repository: Repository) -> None:
    """Push to dev, push to main, and a slow pull request to dev. Two minutes: nightly."""
    player = github_player(tmp_path, bencher, github, repository)
    for branch, sha in (("dev", repository.dev), ("main", repository.main)):
        played = player.play("benchmarks.yml", "push", {}, sha, branch=branch)
        assert played.conclusion == "success", played.steps
        assert played.jobs == {
            "list the cells": "success",
            SESSION: "success",
            "compare with the base": "skipped",
            "upload and comment": "success",
        }
        (version,) = bencher.project.branch(branch).head.versions
        assert version.hash == sha
    assert not player.play("benchmarks.yml", "push", {}, repository.topic, branch="topic").jobs

    slow = pull(3, "topic", repository.topic, repository.dev)
    slow["base"]["ref"] = "dev"
    event = {"action": "opened", "pull_request": slow}
    played = player.play("benchmarks.yml", "pull_request", event, repository.topic)
    assert played.jobs[SESSION] == "success", played.steps
    assert played.jobs["compare with the base"] == played.jobs["upload and comment"] == "failure", played.steps
    (comment,) = github.comments[3]
    assert comment["body"].startswith(MARKER)
    assert "🔴 **1 alert**" in comment["body"]
    check = github.checks[-1]
    assert (check["head_sha"], check["conclusion"]) == (repository.topic, "failure")
    assert "1 slower" in check["output"]["title"]
    (annotation,) = check["output"]["annotations"]
    assert annotation["path"] == "src/numpy_ice3/ice_adjust.py"
    assert "This is the only file that changed" in annotation["message"]
    topic = bencher.project.branch("topic")
    assert [one.hash for one in topic.head.versions] == [repository.dev, repository.topic]  # dev is its base


@pytest.mark.slow
def test_a_fork_on_github(tmp_path: Path, bencher: BencherServer, github: GitHubServer, repository: Repository) -> None:
    """Push to main, a fork's pull request without secrets, its upload, and its close. Two minutes: nightly."""
    player = github_player(tmp_path, bencher, github, repository)
    assert player.play("benchmarks.yml", "push", {}, repository.main).conclusion == "success"
    fork = pull(4, "main", repository.fork, repository.main, owner="someone")
    github.pulls.append(fork)
    requests = len(bencher.log)
    event = {"action": "opened", "pull_request": fork}
    played = player.play("benchmarks.yml", "pull_request", event, repository.fork)
    assert played.jobs["upload and comment"] == "skipped"
    assert played.jobs["compare with the base"] == played.jobs[SESSION] == "success", played.steps
    assert len(bencher.log) == requests
    run = {
        "event": "pull_request",
        "conclusion": "success",
        "id": 5,
        "head_sha": repository.fork,
        "head_branch": "main",
        "head_repository": {"full_name": "someone/ice3", "owner": {"login": "someone"}},
        "html_url": "https://github.com/org/ice3/actions/runs/5",
    }
    completed: dict[str, Any] = {"action": "completed", "workflow_run": run}
    sha = repository.main
    played = player.play("benchmarks-trusted.yml", "workflow_run", completed, sha, artifacts=played.artifacts)
    assert played.conclusion == "success", played.steps
    assert "No alert on 1 testbed" in github.comments[4][0]["body"]
    assert github.checks[-1]["head_sha"] == repository.fork
    assert bencher.project.branch("pr/4/someone/main").head.versions[0].hash == repository.main

    event = {"action": "closed", "pull_request": fork}
    played = player.play("benchmarks-trusted.yml", "pull_request_target", event, sha)
    assert played.jobs == {"upload and comment": "skipped", "archive the branch": "success"}
    assert bencher.project.branch("pr/4/someone/main").archived


def prepared(player: GitLabPlayer, make_report: Callable[..., Report], commit: str, factor: float) -> None:
    """Let the cell take ``factor`` times as long at a commit, without measuring it."""
    shutil.rmtree(player.measured, ignore_errors=True)
    report = make_report(
        1e6 * factor, cell="numpy_port-float64", backend="NumPy", port="port.py", commit=Commit(hash=commit)
    )
    report.benchmarks[0].domain = (8, 8, 20)
    report.benchmarks[0].name = NAME
    leave(player.measured, "cells", {"numpy_port-float64/report.json": report.model_dump_json()})
    verdict = Verdict.SLOWER if factor > 1.0 else Verdict.SAME
    decision = Decision(verdict, factor - 1.0, 0.0, factor, 1e-4, 0.01, 16, "as planted")
    benchmark = BenchmarkComparison(name=NAME, component="ice_adjust", decision=decision, base_ns=1e6, contender_ns=1e6)
    comparison = Comparison(
        base=Compared(name="base", commit="b" * 40),
        contender=Compared(name="worktree", commit=commit),
        calibration="none",
        cells=[CellComparison(cell="numpy_port-float64", benchmarks=[benchmark])],
    )
    leave(player.measured, "bench-compare", {"comparison.json": comparison.as_json()}, code=int(factor > 1.0))


def test_on_gitlab(
    tmp_path: Path, bencher: BencherServer, repository: Repository, make_report: Callable[..., Report]
) -> None:
    """Push to dev, push elsewhere, a slow merge request and its correction; nothing is measured here."""
    settings = {
        "BENCHER_HOST": bencher.url,
        "BENCHER_PROJECT": "ice3",
        "BENCHER_API_TOKEN": BENCHER_TOKEN,
        "ICE3_BENCH_GITLAB_TOKEN": TOKEN,
    }
    request = {**REQUEST, "CI_MERGE_REQUEST_DIFF_BASE_SHA": repository.dev}
    measure, compare, report = JOBS
    with GitLabServer() as gitlab:
        player = GitLabPlayer(tmp_path / "runner", repository.folder, gitlab.api, settings)
        prepared(player, make_report, repository.dev, 1.0)
        pushed = player.play(repository.dev, {"CI_PROJECT_ID": "7", "CI_COMMIT_BRANCH": "dev"})
        assert pushed.jobs == {measure: "success", report: "success"}, pushed.output
        (version,) = bencher.project.branch("dev").head.versions
        assert version.hash == repository.dev
        assert not player.play(repository.topic, {"CI_PROJECT_ID": "7", "CI_COMMIT_BRANCH": "topic"}).jobs
        assert gitlab.log == []

        prepared(player, make_report, repository.topic, 20.0)
        slow = player.play(repository.topic, request)
        assert slow.jobs == {measure: "success", compare: "failed", report: "failed"}, slow.output
        (note,) = gitlab.notes[3]
        first = note["id"]
        assert note["body"].startswith(MARKER)
        assert "🔴 **1 alert**" in note["body"]
        assert "| slower |" in note["body"]
        assert "https://gitlab.example.org/weather/ice3/-/pipelines/9" in note["body"]
        topic = bencher.project.branch("topic")
        assert [one.hash for one in topic.head.versions] == [repository.dev, repository.topic]  # dev is its base

        repository.git("checkout", "--quiet", "topic")
        repository.git("revert", "--no-edit", repository.topic)
        head = repository.git("rev-parse", "HEAD")
        prepared(player, make_report, head, 1.0)
        mended = player.play(head, request)
        assert mended.jobs == dict.fromkeys(JOBS, "success"), mended.output
        (note,) = gitlab.notes[3]
        assert note["id"] == first
        assert "No alert on 1 testbed" in note["body"]


@pytest.mark.slow
def test_a_fork_on_gitlab(tmp_path: Path, repository: Repository) -> None:
    """Its pipeline runs in its own project, without a secret of ours. Measured; a minute: nightly."""
    theirs = {
        **REQUEST,
        "CI_PROJECT_ID": "8",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": repository.main,
    }
    with GitLabServer() as gitlab:
        player = GitLabPlayer(tmp_path / "runner", repository.folder, gitlab.api, {})
        fork = player.play(repository.fork, theirs)
        assert fork.jobs == dict.fromkeys(JOBS, "success"), fork.output
        assert "No note on the merge request" in fork.output[JOBS[2]]
        assert gitlab.log == []
