"""The commands of the workflows against local servers of Bencher and GitHub: pushes, pull requests, forks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pytest
from tests.servers.bencher_server import PROJECT_KEY, BencherServer
from tests.servers.bencher_server import TOKEN as BENCHER_TOKEN
from tests.workflows.checkout import PROJECT
from tests.workflows.runner import A, B, C, D, F, pull
from tests.workflows.workflow_player import Player

from ice3_bench.compare.result import BenchmarkComparison, CellComparison, Compared, Comparison
from ice3_bench.compare.verdict import Decision, Verdict
from ice3_bench.github.comment import MARKER
from ice3_bench.names import parse_domain
from ice3_bench.report import Commit, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.github_server import GitHubServer

    from ice3_bench.settings.matrix import Cell, Settings

NAME = "ice_adjust/numpy/float64/16x16x60"


def compared(verdict: str) -> str:
    """Write the comparison that bench-compare would leave."""
    decision = Decision(Verdict(verdict), 0.1, 0.09, 0.11, 1e-4, 0.01, 16, "as planted")
    benchmark = BenchmarkComparison(name=NAME, component="ice_adjust", decision=decision, base_ns=1e6, contender_ns=1e6)
    return Comparison(
        base=Compared(name="base", commit=B),
        contender=Compared(name="worktree", commit=C),
        calibration="none",
        cells=[CellComparison(cell="numpy-float64", benchmarks=[benchmark])],
    ).as_json()


def measured(settings: Settings) -> list[Cell]:
    """Return the cells that the workflows measure: those of CPUs that need nothing but the repository."""
    return [cell for cell in settings.cells if cell.backend.device == "cpu" and "fortran" not in cell.backend.tags]


class Repository(Player):
    """The repository whose cells measure what the test says, on two kinds of runners."""

    def __init__(self, folder: Path, bencher: BencherServer, github: GitHubServer) -> None:
        variables = {"BENCHER_HOST": bencher.url, "BENCHER_PROJECT": "ice3"}
        super().__init__(folder, github.url, variables, {"BENCHER_API_KEY": PROJECT_KEY})

    def prepare(
        self, make_report: Callable[..., Report], settings: Settings, sha: str, factor: float, verdict: str = "same"
    ) -> None:
        """Every CPU cell takes ``factor`` times as long; one testbed has three cells, the other has the rest."""
        self.forget()
        cells = measured(settings)
        for number, cell in enumerate(cells):
            machine = make_report().machine.model_copy(update={"testbed": f"runner-{'x' if number < 3 else 'y'}"})
            report = make_report(
                1e6 * factor,
                cell=cell.id,
                backend=cell.backend.name,
                precision=cell.precision,
                port=cell.backend.port,
                accuracy_policy=cell.backend.accuracy,
                commit=Commit(hash=sha),  # a checkout by hash is on no branch
                machine=machine,
            )
            domain = cell.backend.domains[0]
            report.benchmarks[0].domain = parse_domain(domain)
            report.benchmarks[0].name = f"ice_adjust/{cell.backend.id}/{cell.precision}/{domain}"
            self.measure(cell.session, {f"{cell.id}/report.json": report.model_dump_json()})
        files = {"comparison.json": compared(verdict), "comparison.md": f"It is {verdict}.\n"}
        self.measure("bench-compare", files, code=int(verdict == "slower"))


def test_two_pushes_a_slow_pull_request_a_fork_and_its_close(  # noqa: PLR0915 (one story)
    tmp_path: Path,
    bencher: BencherServer,
    github: GitHubServer,
    make_report: Callable[..., Report],
    settings: Settings,
) -> None:
    """The workflows as they stand in the repository, in the order of events."""
    repository = Repository(tmp_path / "runner", bencher, github)
    cells = len(measured(settings))

    for number, sha in enumerate((A, B)):
        repository.prepare(make_report, settings, sha, 1 + number / 1e6)
        played = repository.play("benchmarks.yml", "push", {}, sha)
        assert played.conclusion == "success", played.steps
        assert played.jobs["compare with the base"] == "skipped"
        assert len(played.artifacts) == cells
        assert len([key for key in played.caches if key.startswith("stencils-bench-")]) == cells
        assert played.output("bench-upload").count("Sent to Bencher") == 2
    main = bencher.project.branch("main")
    assert [(version.number, version.hash) for version in main.head.versions] == [(0, A), (1, B)]
    sent = {r.testbed.name: sum(m.measure.slug == "latency" for m in r.metrics) for r in bencher.project.reports[-2:]}
    assert sent == {"runner-x": 3, "runner-y": cells - 3}  # one document for each testbed
    for testbed in ("runner-x", "runner-y"):
        assert bencher.project.model("main", testbed, "latency") == {
            "test": "percentage",
            "upper_boundary": 0.25,
            "max_sample_size": 64,
        }
    assert [(method, path) for method, path, _ in github.log] == 2 * [("POST", "/repos/org/ice3/check-runs")]
    assert [(check["head_sha"], check["conclusion"]) for check in github.checks] == [(A, "neutral"), (B, "success")]

    # A pull request of the same repository with a planted slowdown; then its correction.
    for sha, factor, verdict, conclusion in ((C, 2.0, "slower", "failure"), (D, 1.01, "same", "success")):
        repository.prepare(make_report, settings, sha, factor, verdict)
        event = {"action": "synchronize", "pull_request": pull(3, "topic", sha, B)}
        played = repository.play("benchmarks.yml", "pull_request", event, "9" * 40)
        assert played.conclusion == conclusion, played.steps
        assert played.jobs["compare with the base"] == played.jobs["upload and comment"] == conclusion
        assert ("Alert: ice_adjust" in played.output("bench-upload")) == (verdict == "slower")
        check = github.checks[-1]
        assert (check["name"], check["head_sha"], check["conclusion"]) == ("ice3-bench", sha, conclusion)
        assert (
            f"against the base: 1 {verdict}; {cells if verdict == 'slower' else 0} alerts" in check["output"]["title"]
        )
        (written,) = github.comments[3]
        assert written["body"].startswith(MARKER)
        assert f"| {NAME} | {verdict} |" in html.unescape(written["body"])
        assert (f"{cells} alerts** on 2 testbeds" in written["body"]) == (verdict == "slower")
    assert "No alert on 2 testbeds" in written["body"]
    assert [method for method, path, _ in github.log if "/issues/" in path] == ["GET", "POST", "GET", "PATCH"]
    topic = bencher.project.branch("topic")
    assert [version.hash for version in topic.head.versions] == [A, B, D]
    assert [report.version.hash for report in bencher.project.reports if report.head is topic.head] == [D, D]
    assert {m.status for r in bencher.project.reports for m in r.metrics if m.limit} == {"silenced"}
    assert bencher.project.model("topic", "runner-x", "peak-memory") == bencher.project.model(
        "main", "runner-x", "peak-memory"
    )

    # A fork that works on its own main: its measuring run has no secret; then the one with the secret.
    fork = pull(4, "main", F, B, owner="someone")
    github.pulls.append(fork)
    repository.prepare(make_report, settings, F, 3.0, "slower")
    requests, checks = len(bencher.log), len(github.checks)
    played = repository.play("benchmarks.yml", "pull_request", {"action": "opened", "pull_request": fork}, "9" * 40)
    assert played.conclusion == "failure"
    assert played.jobs["upload and comment"] == "skipped"
    assert len(bencher.log) == requests
    assert len(github.checks) == checks
    assert 4 not in github.comments
    run = {
        "event": "pull_request",
        "conclusion": played.conclusion,
        "id": 5,
        "head_sha": F,
        "head_branch": "main",
        "head_repository": {"full_name": "someone/ice3", "owner": {"login": "someone"}},
        "html_url": "https://github.com/org/ice3/actions/runs/5",
    }
    repository.forget()
    completed = {"action": "completed", "workflow_run": run}
    played = repository.play("benchmarks-trusted.yml", "workflow_run", completed, B, artifacts=played.artifacts)
    assert not played.caches  # a fork may fill them
    assert played.conclusion == "failure"  # three times as slow
    assert "Alert: ice_adjust" in played.output("fork-upload")
    assert f"{cells} alerts" in github.comments[4][0]["body"]
    assert (github.checks[-1]["head_sha"], github.checks[-1]["conclusion"]) == (F, "failure")
    assert "actions/runs/5" in github.comments[4][0]["body"]
    assert "slower" not in github.comments[4][0]["body"]  # the fork's own text
    assert [version.hash for version in main.head.versions] == [A, B]  # untouched
    ours = "pr/4/someone/main"
    assert [version.hash for version in bencher.project.branch(ours).head.versions] == [A, B, F]
    # The run of our own pull request also completes: nothing is sent twice.
    own = {**run, "head_repository": {"full_name": "org/ice3", "owner": {"login": "org"}}}
    again = repository.play("benchmarks-trusted.yml", "workflow_run", {**completed, "workflow_run": own}, B)
    assert again.jobs == {"upload and comment": "skipped", "archive the branch": "skipped"}

    # Both are closed.
    for closed, branch in ((pull(3, "topic", D, B), "topic"), (fork, ours)):
        event = {"action": "closed", "pull_request": closed}
        played = repository.play("benchmarks-trusted.yml", "pull_request_target", event, B)
        assert played.conclusion == "success"
        assert f"Archived branch '{branch}'.\n" in played.output("archive")
        assert bencher.project.branch(branch).archived
    assert not main.archived
    assert repository.summary.read_text(encoding="utf-8").count("## Benchmarks of") == 5  # appended


def test_an_answer_that_is_lost_is_exit_3_and_the_job_run_again_doubles_nothing(
    tmp_path: Path,
    bencher: BencherServer,
    github: GitHubServer,
    make_report: Callable[..., Report],
    settings: Settings,
) -> None:
    repository = Repository(tmp_path / "runner", bencher, github)
    description = repository.checkout / "pyproject.toml"
    text = description.read_text(encoding="utf-8")
    description.write_text(text.replace("[tool.ice3-bench.bencher]", "[tool.ice3-bench.bencher]\ndeadline = 1"))
    repository.prepare(make_report, settings, A, 1.0)
    bencher.fault = lambda _method, path: "lose" if path == "/v0/run" else None
    played = repository.play("benchmarks.yml", "push", {}, A)
    assert [code for line, code, _ in played.steps if "bench-upload" in line] == [0, 3]
    assert "2 submissions stay queued" in played.output("bench-upload")
    assert "could not be sent yet" in repository.summary.read_text(encoding="utf-8")
    assert len(bencher.project.reports) == 1  # it arrived, and nobody knows
    bencher.fault = lambda _method, _path: None
    assert repository.play("benchmarks.yml", "push", {}, A).conclusion == "success"
    assert [report.testbed.name for report in bencher.project.reports] == ["runner-y", "runner-x"]


def test_t13_a_pull_request_that_gets_no_secret_is_compared_and_told(
    tmp_path: Path,
    bencher: BencherServer,
    github: GitHubServer,
    make_report: Callable[..., Report],
    settings: Settings,
) -> None:
    repository = Repository(tmp_path / "runner", bencher, github)
    repository.secrets = {}  # as for an update by Dependabot
    repository.prepare(make_report, settings, C, 1.0)
    event = {"action": "opened", "pull_request": pull(3, "topic", C, B)}
    played = repository.play("benchmarks.yml", "pull_request", event, "9" * 40)
    assert played.conclusion == "success"
    assert "BENCHER_API_KEY is set but empty" in played.output("bench-upload")
    assert bencher.log == []
    assert "Nothing was sent to Bencher." in github.comments[3][0]["body"]
    assert f"| {NAME} | same |" in html.unescape(github.comments[3][0]["body"])


def test_a_token_is_as_good_as_a_key_and_a_job_that_fails_is_in_the_verdict(
    tmp_path: Path,
    bencher: BencherServer,
    github: GitHubServer,
    make_report: Callable[..., Report],
    settings: Settings,
) -> None:
    """BENCHER_API_TOKEN is the name of the secret in many repositories."""
    repository = Repository(tmp_path / "runner", bencher, github)
    repository.secrets = {"BENCHER_API_TOKEN": BENCHER_TOKEN}
    repository.prepare(make_report, settings, A, 1.0)
    repository.measure(measured(settings)[0].session, {}, code=1)
    played = repository.play("benchmarks.yml", "push", {}, A)
    assert played.conclusion == "failure"
    assert played.jobs["upload and comment"] == "success"
    assert len(bencher.project.reports) == 2
    assert github.checks[-1]["conclusion"] == "failure"
    assert github.checks[-1]["output"]["title"].startswith("a job that measures failed; ")


@pytest.mark.parametrize("event", ["pull_request_target", "issue_comment", "release"])
def test_an_event_with_secrets_for_strangers_starts_nothing(
    tmp_path: Path, bencher: BencherServer, github: GitHubServer, event: str
) -> None:
    """A caller may write any trigger: with some of them, the code of a fork would be run with secrets."""
    repository = Repository(tmp_path / "runner", bencher, github)
    called = tmp_path / "caller/.github/workflows"
    called.mkdir(parents=True)
    text = (PROJECT / ".github/workflows/benchmarks.yml").read_text(encoding="utf-8")
    text = text.replace("  pull_request:\n", f"  {event}:\n").replace("uses: $/", "uses: ice3-bench/ice3-bench/")
    (called / "benchmarks.yml").write_text(text.replace("ice3-bench.yml", "ice3-bench.yml@v1"), encoding="utf-8")
    repository.home = tmp_path / "caller"
    fork = {"action": "opened", "pull_request": pull(4, "main", F, B, owner="someone")}
    played = repository.play("benchmarks.yml", event, fork, B)
    assert set(played.jobs.values()) == {"skipped"}
    assert len(played.jobs) == 4
    assert not played.steps
