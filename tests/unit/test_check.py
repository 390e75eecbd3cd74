"""The check on a commit: its verdict, and which files it may honestly name."""

from __future__ import annotations

import os
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from tests.servers.github_server import READ_TOKEN, TOKEN, GitHubServer

from ice3_bench.bencher.answer import Line, Outcome
from ice3_bench.compare.result import BenchmarkComparison, CellComparison, Compared, Comparison
from ice3_bench.compare.verdict import Decision, Verdict
from ice3_bench.errors import UploadError
from ice3_bench.git import changed_lines
from ice3_bench.github.check import MOST_FILES, annotate, conclude
from ice3_bench.github.client import GitHub
from ice3_bench.github.comment import Content

if TYPE_CHECKING:
    from pathlib import Path

    from ice3_bench.settings.matrix import Settings


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "tester@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **names}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, **files: str) -> str:
    """Write files, whose names have __ for a slash, and commit them."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--allow-empty", f"--message={uuid.uuid4()}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, src__a="1\n2\n3\n4\n", src__b="1\n", docs__c="1\n")
    return tmp_path


def compared(base: str, contender: str, verdict: Verdict = Verdict.SLOWER, policy: Any = "gate") -> Comparison:
    decision = Decision(verdict, 0.1, 0.09, 0.11, 1e-4, 0.01, 16, "as planted")
    one = BenchmarkComparison(
        name="ice_adjust/numpy/float64/16x16x60",
        component="ice_adjust",
        decision=decision,
        base_ns=1.0,
        contender_ns=1.1,
    )
    return Comparison(
        base=Compared(name="base", commit=base),
        contender=Compared(name="worktree", commit=contender),
        calibration="none",
        cells=[CellComparison(cell="numpy-float64", accuracy_policy=policy, benchmarks=[one])],
    )


def outcome(**fields: Any) -> Outcome:
    line = Line(benchmark="b", measure="latency", units="", value=1.0, threshold=True, **fields)
    alerts = int(line.alert is not None)
    return Outcome(report="r", project="p", public=True, branch="topic", testbed="node", lines=[line], alerts=alerts)


FINE, ALERT = outcome(baseline=1.0, upper_limit=1.25), outcome(baseline=0.5, upper_limit=0.6, alert="upper")
NEAR, UNTESTED = outcome(baseline=0.8, upper_limit=1.01), outcome()


@pytest.mark.parametrize(
    ("outcomes", "verdict", "notes", "failed", "conclusion", "title"),
    [
        ([FINE], None, [], False, "success", "0 alerts, 1 of 1 value tested"),
        ([FINE], "same", [], False, "success", "against the base: 1 same; 0 alerts, 1 of 1 value tested"),
        ([], "faster", [], False, "success", "against the base: 1 faster"),
        ([NEAR], None, [], False, "success", "0 alerts, 1 of 1 value tested; 1 near a limit"),
        ([ALERT], "same", [], False, "failure", "against the base: 1 same; 1 alert, 1 of 1 value tested"),
        ([FINE], "slower", [], False, "failure", "against the base: 1 slower; 0 alerts, 1 of 1 value tested"),
        ([FINE], "undecided", [], False, "neutral", "against the base: 1 UNDECIDED; 0 alerts, 1 of 1 value tested"),
        ([UNTESTED], None, [], False, "neutral", "0 alerts, 0 of 1 value tested"),
        ([], None, [], False, "neutral", "nothing was compared or tested"),
        ([FINE], None, ["left in the queue"], False, "neutral", "0 alerts, 1 of 1 value tested"),
        ([], "same", [], True, "failure", "a job that measures failed; against the base: 1 same"),
        ([ALERT], None, [], True, "failure", "1 alert, 1 of 1 value tested"),
    ],
)  # fmt: skip
def test_the_verdict(
    settings: Settings,
    outcomes: list[Outcome],
    verdict: str | None,
    notes: list[str],
    failed: bool,
    conclusion: str,
    title: str,
) -> None:
    comparison = compared("a" * 40, "b" * 40, Verdict(verdict)) if verdict else None
    content = Content("c" * 40, settings.bencher, outcomes, comparison, notes)
    check = conclude(content, failed=failed)
    assert (check.conclusion, check.title) == (conclusion, title)


def test_the_files_that_changed_are_named_and_nothing_else_is_claimed(repository: Path, settings: Settings) -> None:
    base = git(repository, "rev-parse", "HEAD")
    head = commit(repository, src__a="1\n2\nthree\nfour\n", docs__c="2\n", src__unmeasured__d="x")
    found = annotate(compared(base, head), settings, repository)
    assert [(one.path, one.start_line, one.end_line) for one in found] == [
        ("src/a.py", 3, 4),
        ("src/unmeasured/d.py", 1, 1),
    ]
    assert found[0].message == (
        "Slower: ice_adjust/numpy/float64/16x16x60 +10.0 %. "
        "This is one of the 2 files that changed in what it measures."
    )
    one = commit(repository, src__b="2\n")
    assert [told.message.rsplit(". ", 1)[1] for told in annotate(compared(head, one), settings, repository)] == [
        "This is the only file that changed in what it measures."
    ]


def test_nothing_is_named_where_nothing_is_known(repository: Path, settings: Settings) -> None:
    base = git(repository, "rev-parse", "HEAD")
    head = commit(repository, src__a="2\n")
    many = commit(repository, **{f"src__{number}": "x" for number in range(MOST_FILES + 1)})
    for comparison in (
        compared(base, head, Verdict.SAME),
        compared(base, head, policy="report"),
        compared(head, many),
        compared("e" * 40, head),  # a shallow clone
    ):
        assert annotate(comparison, settings, repository) == []


def test_lines_of_changes(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    deleted = commit(repository, src__a="1\n4\n")
    git(repository, "rm", "--quiet", "src/b.py")
    head = commit(repository, **{"src__é a": "x\n"})
    assert changed_lines(repository, base, deleted, ["src"]) == {"src/a.py": (1, 1)}
    assert changed_lines(repository, deleted, head, ["src"]) == {"src/é a.py": (1, 1)}
    assert changed_lines(repository / "src", base, deleted, ["."]) == {"src/a.py": (1, 1)}
    assert changed_lines(repository.parent, base, head, ["."]) == {}


def test_a_check_is_created_and_a_refusal_names_the_permission(settings: Settings) -> None:
    check = conclude(Content("c" * 40, settings.bencher, [FINE]))
    fields = check.fields("c" * 40, "text", "https://x/runs/1")
    with GitHubServer() as server:
        with GitHub(server.url, "org/ice3", SecretStr(TOKEN)) as client:
            client.create_check(fields)
        (made,) = server.checks
        assert (made["name"], made["head_sha"], made["status"]) == ("ice3-bench", "c" * 40, "completed")
        with (
            GitHub(server.url, "org/ice3", SecretStr(READ_TOKEN)) as client,
            pytest.raises(UploadError, match="checks: write"),
        ):
            client.create_check(fields)
        assert len(server.checks) == 1
