"""The commands of the workflows against local servers of Bencher and GitHub: pushes, pull requests, forks."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.bencher_server import PROJECT_KEY, BencherServer
from tests.unit.github_server import TOKEN, GitHubServer
from tests.unit.workflow_player import Player

from ice3_bench.bencher.answer import Line, Outcome
from ice3_bench.cell.machine import machine_name
from ice3_bench.errors import UsageError
from ice3_bench.github.comment import LIMIT, MARKER, SUMMARY_LIMIT, Content, comment, escape
from ice3_bench.github.fork_reports import read_reports
from ice3_bench.history.store import History
from ice3_bench.measures import MEASURES
from ice3_bench.report import Commit, Report, save_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ice3_bench.settings.matrix import Settings

PROJECT = Path(__file__).parents[2]
A, B, C, D, F = (letter * 40 for letter in "abcdf")


@pytest.fixture
def bencher() -> Iterator[BencherServer]:
    with BencherServer() as running:
        yield running


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with GitHubServer() as running:
        yield running


def pull(number: int, ref: str, sha: str, base_sha: str, owner: str = "org") -> dict[str, Any]:
    head = {"ref": ref, "sha": sha, "user": {"login": owner}, "repo": {"full_name": f"{owner}/ice3"}}
    return {"number": number, "head": head, "base": {"ref": "main", "sha": base_sha}}


class Runner:
    """A task in a checkout, with the variables that GitHub Actions sets."""

    def __init__(self, folder: Path, bencher: BencherServer, github: GitHubServer) -> None:
        self.folder, self.bencher, self.github = folder, bencher, github
        self.project = folder / "project"
        self.project.mkdir()
        shutil.copy(PROJECT / "pyproject.toml", self.project)
        shutil.copytree(PROJECT / "tasks", self.project / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
        self.summary = folder / "summary.md"

    def environment(self, event_name: str, event: dict[str, Any], sha: str, key: str | None) -> dict[str, str]:
        path = self.folder / "event.json"
        path.write_text(json.dumps(event), encoding="utf-8")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("BENCHER", "GITHUB", "ICE3", "PYTEST"))}
        return {
            **kept,
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": event_name,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REPOSITORY": "org/ice3",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_RUN_ID": "77",
            "GITHUB_REF": "refs/pull/3/merge" if event_name == "pull_request" else "refs/heads/main",
            "GITHUB_SHA": sha,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "BENCHER_HOST": self.bencher.url,
            "BENCHER_PROJECT": "ice3",
            "ICE3_BENCH_RESULTS": str(self.folder / "results"),
            "NO_COLOR": "1",
            **({} if key is None else {"BENCHER_API_KEY": key}),
        }

    def run(
        self,
        *arguments: str,
        event_name: str = "push",
        event: dict[str, Any] | None = None,
        sha: str = A,
        key: str | None = PROJECT_KEY,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *arguments],
            cwd=self.project,
            env=self.environment(event_name, event or {}, sha, key),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert PROJECT_KEY not in done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done


@pytest.fixture
def runner(tmp_path: Path, bencher: BencherServer, github: GitHubServer) -> Runner:
    return Runner(tmp_path, bencher, github)


SLOWER = "CPU time of worktree against base\n\n| benchmark | verdict |\n| --- | --- |\n| ice_adjust | slower |\n"


class Repository(Player):
    """The repository whose cells measure what the test says, on two kinds of runners."""

    def __init__(self, folder: Path, bencher: BencherServer, github: GitHubServer) -> None:
        variables = {"BENCHER_HOST": bencher.url, "BENCHER_PROJECT": "ice3"}
        super().__init__(folder, github.url, variables, {"BENCHER_API_KEY": PROJECT_KEY})

    def prepare(
        self, make_report: Callable[..., Report], settings: Settings, sha: str, factor: float, verdict: str = "same"
    ) -> None:
        """Every CPU cell takes ``factor`` times as long; one testbed has three cells, the other all else."""
        self.forget()
        cells = [cell for cell in settings.cells if cell.backend.device == "cpu"]
        for number, cell in enumerate(cells):
            machine = make_report().machine.model_copy(update={"testbed": f"runner-{'x' if number < 3 else 'y'}"})
            report = make_report(
                1e6 * factor,
                cell=cell.id,
                backend=cell.backend.name,
                precision=cell.precision,
                commit=Commit(hash=sha),  # a checkout by hash is on no branch
                machine=machine,
            )
            report.benchmarks[0].name = f"ice_adjust/{cell.backend.id}/{cell.precision}/{cell.backend.domains[0]}"
            self.measure(cell.session, {f"{cell.id}/report.json": report.model_dump_json()})
        markdown = SLOWER.replace("slower", verdict)
        self.measure("bench-compare", {"comparison.md": markdown}, code=int(verdict == "slower"))


def test_two_pushes_a_slow_pull_request_a_fork_and_its_close(  # noqa: PLR0915 (one story)
    tmp_path: Path,
    bencher: BencherServer,
    github: GitHubServer,
    make_report: Callable[..., Report],
    settings: Settings,
) -> None:
    """The workflows as they stand in the repository, in the order of events."""
    repository = Repository(tmp_path / "runner", bencher, github)
    cells = len([cell for cell in settings.cells if cell.backend.device == "cpu"])

    for number, sha in enumerate((A, B)):
        repository.prepare(make_report, settings, sha, 1 + number / 1e6)
        played = repository.play("benchmarks.yml", "push", {}, sha)
        assert played.conclusion == "success", played.steps
        assert played.jobs["compare with the base"] == "skipped"
        assert len(played.artifacts) == cells
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
    assert github.log == []

    # A pull request of the same repository with a planted slowdown; then its correction.
    for sha, factor, verdict, conclusion in ((C, 2.0, "slower", "failure"), (D, 1.01, "same", "success")):
        repository.prepare(make_report, settings, sha, factor, verdict)
        event = {"action": "synchronize", "pull_request": pull(3, "topic", sha, B)}
        played = repository.play("benchmarks.yml", "pull_request", event, "9" * 40)
        assert played.conclusion == conclusion, played.steps
        assert played.jobs["compare with the base"] == played.jobs["upload and comment"] == conclusion
        assert ("Alert: ice_adjust" in played.output("bench-upload")) == (verdict == "slower")
        (written,) = github.comments[3]
        assert written["body"].startswith(MARKER)
        assert f"| ice_adjust | {verdict} |" in written["body"]
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
    requests = len(bencher.log)
    played = repository.play("benchmarks.yml", "pull_request", {"action": "opened", "pull_request": fork}, "9" * 40)
    assert played.conclusion == "failure"
    assert played.jobs["upload and comment"] == "skipped"
    assert len(bencher.log) == requests
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
    played = repository.play("benchmarks-fork-upload.yml", "workflow_run", completed, B, artifacts=played.artifacts)
    assert played.conclusion == "failure"  # three times as slow
    assert "Alert: ice_adjust" in played.output("fork-upload")
    assert f"{cells} alerts" in github.comments[4][0]["body"]
    assert "actions/runs/5" in github.comments[4][0]["body"]
    assert "slower" not in github.comments[4][0]["body"]  # the fork's own text
    assert [version.hash for version in main.head.versions] == [A, B]  # untouched
    ours = "pr/4/someone/main"
    assert [version.hash for version in bencher.project.branch(ours).head.versions] == [A, B, F]
    # The run of our own pull request also completes: nothing is sent twice.
    own = {**run, "head_repository": {"full_name": "org/ice3", "owner": {"login": "org"}}}
    again = repository.play("benchmarks-fork-upload.yml", "workflow_run", {**completed, "workflow_run": own}, B)
    assert again.jobs == {"upload and comment": "skipped"}

    # Both are closed.
    for closed, branch in ((pull(3, "topic", D, B), "topic"), (fork, ours)):
        event = {"action": "closed", "pull_request": closed}
        played = repository.play("benchmarks-cleanup.yml", "pull_request_target", event, B)
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
    description.write_text(text.replace('base-branch = "main"', 'base-branch = "main"\ndeadline = 1'), encoding="utf-8")
    repository.prepare(make_report, settings, A, 1.0)
    bencher.fault = lambda _method, path: "lose" if path == "/v0/run" else None
    played = repository.play("benchmarks.yml", "push", {}, A)
    assert [code for line, code, _ in played.steps if "bench-upload" in line] == [3]
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
    assert "| ice_adjust | same |" in github.comments[3][0]["body"]


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


def _spoil_name(report: Report) -> None:
    report.benchmarks[0].name = "ice_adjust/gt_cpu_ifirst/float64/50x50x60](http://evil)"


def _spoil_component(report: Report) -> None:
    report.benchmarks[0].component = "@everybody"


def _spoil_domain(report: Report) -> None:
    report.benchmarks[0].name = "ice_adjust/gt_cpu_ifirst/float64/1x1x1"


def _spoil_testbed(report: Report) -> None:
    report.machine.testbed = "<img src=x>"


def _spoil_cell(report: Report) -> None:
    report.cell = "numpy-float64"


def _spoil_commit(report: Report) -> None:
    report.commit.hash = A


def _spoil_changes(report: Report) -> None:
    report.commit.dirty = True


def _spoil_time(report: Report) -> None:
    report.created = datetime(9999, 1, 1, tzinfo=UTC)


def _spoil_zone(report: Report) -> None:
    report.created = report.created.replace(tzinfo=None)


def _spoil_duration(report: Report) -> None:
    report.passes[0].seconds = 1e300


@pytest.mark.parametrize(
    "spoil",
    [
        _spoil_name,
        _spoil_component,
        _spoil_domain,
        _spoil_testbed,
        _spoil_cell,
        _spoil_commit,
        _spoil_changes,
        _spoil_time,
        _spoil_zone,
        _spoil_duration,
    ],
)
def test_what_a_fork_must_not_say_is_refused(
    make_report: Callable[..., Report], settings: Settings, tmp_path: Path, spoil: Callable[[Report], None]
) -> None:
    report = make_report(commit=Commit(hash=F))
    save_report(report, tmp_path / "bench-x" / "report.json")
    assert read_reports(tmp_path, settings, F) == [report]
    spoil(report)
    save_report(report, tmp_path / "bench-x" / "report.json")
    with pytest.raises(UsageError, match="refused"):
        read_reports(tmp_path, settings, F)


def test_large_linked_doubled_and_unknown_reports_of_a_fork_are_refused(
    make_report: Callable[..., Report], settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no reports"):
        read_reports(tmp_path, settings, F)
    path = tmp_path / "bench-x" / "report.json"
    save_report(make_report(commit=Commit(hash=F)), path)
    (tmp_path / "bench-y").mkdir()
    link = tmp_path / "bench-y" / "report.json"
    link.symlink_to(path)
    with pytest.raises(UsageError, match="refused"):
        read_reports(tmp_path, settings, F)
    link.unlink()
    shutil.copy(path, link)
    with pytest.raises(UsageError, match="several reports of one cell"):
        read_reports(tmp_path, settings, F)
    link.write_bytes(b" " * (4 * 2**20 + 1))
    with pytest.raises(UsageError, match="refused"):
        read_reports(tmp_path, settings, F)
    save_report(make_report(commit=Commit(hash=F), cell="cupy-float64"), link)
    with pytest.raises(UsageError, match="Unknown cell"):
        read_reports(tmp_path, settings, F)
    link.write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(UsageError, match=r"nested|not JSON"):
        read_reports(tmp_path, settings, F)


# --- The comment ------------------------------------------------------------------------------------------------------


def outcome(lines: list[Line], testbed: str = "node", alerts: int = 0) -> Outcome:
    return Outcome(
        report="r",
        project="ice3",
        public=True,
        branch="topic",
        testbed=testbed,
        console="https://bencher.dev",
        lines=lines,
        alerts=alerts,
    )


def line(name: str = "ice_adjust/numpy/float64/50x50x60", **fields: Any) -> Line:
    values = {"measure": "latency", "units": "nanoseconds (ns)", "value": 2e6, "threshold": True}
    return Line(benchmark=name, **{**values, **fields})


def test_names_cannot_leave_their_cell(settings: Settings) -> None:
    evil = "@everybody | <script> [x](http://evil) `code` *b* _i_ #1 \n\n# h"
    text = comment(
        Content("c" * 40, settings.bencher, [outcome([line(evil, alert="upper", upper_limit=1e6)], evil, alerts=1)])
    )
    body = re.sub(r"&#\d+;", "", text.replace(MARKER, ""))
    assert not re.search(r"@|<script|\]\(http://evil|`|\*b|#1|^# h", body, re.MULTILINE)
    assert escape("a_b") == "a&#95;b"


@given(st.text(max_size=60))
def test_an_escaped_name_is_literal_and_refers_to_nothing(name: str) -> None:
    text = escape(name)
    assert re.fullmatch(r"(?:[A-Za-z0-9 ,/+%()-]|&#\d+;)*", text)
    shown = html.unescape(text)  # GitHub looks for mentions and references in what is shown
    assert not re.search(r"[@#]\w|GH-\d", shown, re.IGNORECASE)
    assert "www." not in text
    if name.isprintable() and "\u200b" not in name:
        assert shown.replace("\u200b", "") == " ".join(name.split())


def test_the_comment_says_what_is_untested_and_what_changed(settings: Settings) -> None:
    memory = line(measure="peak-memory", units="bytes (B)", value=4e7, baseline=3e7, upper_limit=5e7)
    text = comment(
        Content("c" * 40, settings.bencher, [outcome([line(), memory])], "| a |", run_url="https://x/runs/1")
    )
    assert text.startswith(f"{MARKER}\n\n## Benchmarks of cccccccccc\n")
    assert "No alert on 1 testbed, 1 of 2 values tested." in text
    assert "+33.3%" in text
    assert "### Undecided" in text
    assert "| a |" in text
    assert "https://bencher.dev/perf/ice3" in text


def test_a_comment_stays_within_githubs_limit(settings: Settings) -> None:
    many = [
        line(f"ice_adjust/numpy/float64/{i}x50x60", alert="upper", upper_limit=1e6, baseline=1e6) for i in range(1500)
    ]
    text = comment(Content("c" * 40, settings.bencher, [outcome(many, alerts=1500)]))
    assert len(text.encode()) <= LIMIT
    assert "1500 alerts" in text
    assert "and 1485 more." in text
    long = comment(Content("c" * 40, settings.bencher, [outcome(many, alerts=1500)], comparison="| x |\n" * 20000))
    assert len(long.encode()) <= LIMIT
    assert "too long for a comment: see the job summary" in long
    whole = comment(Content("c" * 40, settings.bencher, [outcome(many, alerts=1500)], "| x |\n" * 20000), SUMMARY_LIMIT)
    assert "| x |" in whole
    assert "more." not in whole
    assert len(whole.encode()) < 2**20


def test_only_our_own_comment_is_updated(runner: Runner, github: GitHubServer) -> None:
    github.write(3, "someone", MARKER + " mine")
    event = {"pull_request": pull(3, "topic", C, B)}
    for _ in range(2):
        assert runner.run("comment", event_name="pull_request", event=event).returncode == 0
    assert [written["user"]["login"] for written in github.comments[3]] == ["someone", "github-actions[bot]"]
    assert github.comments[3][0]["body"] == MARKER + " mine"


# --- Killed between any two steps -------------------------------------------------------------------------------------


# Requests 0 to 6 prepare the project, 7 to 9 are the three submissions.
@pytest.mark.parametrize(
    ("request_number", "fault"),
    [(3, "slow"), (7, "hold"), (9, "slow")],
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


WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
RUN = re.compile(
    r'python3? -m (pip install "nox\[uv\]"|venv .venv && .venv/bin/python -m pip install "nox\[uv\]")'
    r"|(\.venv/bin/)?nox -[st] [^&|;\n]*"
    r'|echo "sessions=\$\(nox -l --json .*|cat results/(comparison|gpu)\.md >> "\$GITHUB_STEP_SUMMARY"'
)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_of_a_workflow_is_one_line_and_every_action_pinned(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    described = yaml.safe_load(text)
    assert described["permissions"] == {}
    assert described["concurrency"]["group"]
    for used in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", used), used
    for job in described["jobs"].values():
        assert set(job["permissions"].items()) <= {
            ("contents", "read"),
            ("actions", "read"),
            ("pull-requests", "write"),
        }
        for step in job["steps"]:
            assert RUN.fullmatch(step.get("run", "nox -s tests")), step  # nothing of the event can enter a line
            if "/cache@" in step.get("uses", "") and "stencils" in step["with"]["path"]:
                assert all(part in step["with"]["key"] for part in ("runner.os", "runner.arch", "py3"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_code_of_a_fork_meets_a_secret(path: Path) -> None:
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    for job in described["jobs"].values():
        if "secrets." not in json.dumps(job) and "write" not in job["permissions"].values():
            continue
        if described[True].keys() & {"pull_request"}:
            assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
        elif described[True].keys() & {"pull_request_target", "workflow_run"}:
            (checkout,) = [step for step in job["steps"] if "/checkout@" in step.get("uses", "")]
            assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
            assert not any("/cache@" in step.get("uses", "") for step in job["steps"])  # a fork may fill caches


def test_every_python_that_is_promised_is_tested() -> None:
    described = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [one.rsplit(" ", 1)[1] for one in project["classifiers"] if "Python :: 3." in one]
    assert described["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised
