"""The workflow files: what their steps may run, and which jobs may hold a secret."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((PROJECT / ".github/actions").glob("*/action.yml"))
CALLED = [path for path in WORKFLOWS if path.name.startswith("ice3-bench")]
RUN = re.compile(
    r'python3? -m (pip install "nox\[uv\]"|venv .venv && .venv/bin/python -m pip install "nox\[uv\]")'
    r'|python -m pip install "\$\{HARNESS/#own/\$GITHUB_ACTION_PATH/../../..\}"'
    r"|sudo apt-get update && sudo apt-get install --yes --no-install-recommends \$PACKAGES"
    r"|(\.venv/bin/)?nox -[lst] [^&|;\n]*"
    r'|echo "sessions=\$\(jq .*|cat results/(comparison|gpu)\.md >> "\$GITHUB_STEP_SUMMARY"'
)
PAGES = {"docs": {("pages", "write")}}
"""What the workflow that publishes the documentation may write besides."""
USED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+|\$/\.github/(actions/[\w-]+|workflows/[\w-]+\.yml)")
PERMISSIONS = {
    ("contents", "read"),
    ("actions", "read"),
    ("checks", "write"),
    ("pull-requests", "write"),
    ("id-token", "write"),
}
FIRST = ("$/.github/actions/setup", "actions/checkout@", "actions/download-artifact@")


def read(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_of_a_workflow_is_one_line_and_every_action_pinned(path: Path) -> None:
    described = read(path)
    assert described["permissions"] == {}
    assert ("concurrency" in described) == (path not in CALLED)  # in a called one, it would be the caller's group
    for used in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8")):
        assert USED.fullmatch(used), used
    for job in described["jobs"].values():
        assert set(job["permissions"].items()) <= PERMISSIONS | PAGES.get(path.stem, set())
        if "uses" in job:
            continue
        assert job["steps"][0]["uses"].startswith(FIRST)
        for step in job["steps"]:
            assert RUN.fullmatch(step.get("run", "nox -s tests")), step  # nothing of the event can enter a line
            assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
def test_every_step_of_an_action_of_ours_is_as_strict(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    runs = yaml.safe_load(text)["runs"]
    assert runs["using"] == "composite"
    for used in re.findall(r"uses: (.*)", text):
        assert USED.fullmatch(used), used
    for step in runs["steps"]:
        assert RUN.fullmatch(step.get("run", "nox -s tests")), step
        if "/cache@" in step.get("uses", ""):
            assert step["if"] in ("inputs.cache == 'true'", "inputs.stencils != ''")  # only if asked for
            assert all(part in step["with"]["key"] for part in ("runner.os", "runner.arch", "outputs.python-version"))


def test_stencils_are_cached_by_the_source_of_the_port() -> None:
    described = read(PROJECT / ".github/workflows/ice3-bench.yml")
    name = described["jobs"]["measure"]["steps"][0]["with"]["stencils"]
    assert "hashFiles('pyproject.toml', inputs.sources)" in name
    own = read(PROJECT / ".github/workflows/benchmarks.yml")
    assert own["jobs"]["bench"]["with"]["sources"] == "src/ice3_gt4py/**"


def secrets_of(job: dict[str, Any]) -> bool:
    return "secrets." in json.dumps(job) or "write" in job["permissions"].values()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_code_of_a_fork_meets_a_secret(path: Path) -> None:
    described = read(path)
    triggers = described[True].keys()
    for job in filter(secrets_of, described["jobs"].values()):
        if triggers & {"pull_request_target", "workflow_run"}:
            assert job["uses"] == "$/.github/workflows/ice3-bench-trusted.yml"
            assert job["cache-mode"] == "none"  # a fork may fill caches
        elif "pull_request" in triggers:
            assert job["uses"] == "$/.github/workflows/ice3-bench.yml"
        elif path.stem == "ice3-bench":
            assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
            assert "pull_request_target" not in job["if"]
        elif path.stem == "ice3-bench-trusted":
            first, *steps = job["steps"]
            assert first["with"]["ref"] == "${{ github.event.repository.default_branch }}"
            assert not first["with"].keys() & {"cache", "stencils"}
            assert not [step for step in steps if "/checkout@" in step.get("uses", "")]
        elif path.stem == "release":
            assert described[True] == {"push": {"tags": ["v*"]}}
            assert job["if"] == "vars.PYPI_ENVIRONMENT != ''"  # nothing without configuration
        elif path.stem == "docs":
            assert triggers == {"push", "workflow_dispatch"}  # no fork's code is published
            assert job["if"].startswith("github.ref == ")
        else:
            assert triggers <= {"schedule", "workflow_dispatch"}


def test_what_needs_the_list_of_cells_is_measured_for_known_events_only() -> None:
    jobs = read(PROJECT / ".github/workflows/ice3-bench.yml")["jobs"]
    known = """contains(fromJSON('["push", "pull_request", "schedule", "workflow_dispatch"]'), github.event_name)"""
    for name in ("cells", "upload"):
        assert known in jobs[name]["if"]
    assert jobs["measure"]["needs"] == "cells"  # without them, it is skipped
    assert jobs["compare"]["if"] == "github.event_name == 'pull_request'"


@pytest.mark.parametrize("path", [*WORKFLOWS, *CALLED], ids=lambda path: path.stem)
def test_both_names_of_the_secret_are_passed_on(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    names = [
        len(re.findall(rf"{name}: \${{{{ secrets\.{name} }}}}", text))
        for name in ("BENCHER_API_KEY", "BENCHER_API_TOKEN")
    ]
    assert names[0] == names[1]
    if path in CALLED:
        declared = read(path)[True]["workflow_call"]["secrets"]
        assert {name: one["required"] for name, one in declared.items()} == {
            "BENCHER_API_KEY": False,
            "BENCHER_API_TOKEN": False,
        }


def test_ci_elsewhere_runs_the_same_sessions() -> None:
    described = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    lines = [step["run"] for job in described["jobs"].values() for step in job.get("steps", []) if "run" in step]
    assert lines == ["nox -s lint typecheck docs", "nox -s tests"]
    script = (PROJECT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert [line for line in script if line in lines] == lines[::-1]


def test_every_python_that_is_promised_is_tested() -> None:
    described = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [one.rsplit(" ", 1)[1] for one in project["classifiers"] if "Python :: 3." in one]
    assert described["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_is_installed_by_a_step_that_has_a_secret(path: Path) -> None:
    for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
        installed = set[str]()
        for step in job.get("steps", []):
            words = step.get("run", "").partition(" -- ")[0].split()
            if "--install-only" in words:
                installed |= set(words)
            if "secrets." in json.dumps(step) or "github.token" in json.dumps(step.get("env", {})):
                assert "-R" in words  # reuses the environment and installs nothing
                assert words[words.index("-s") + 1] in installed


def test_a_tag_is_no_branch() -> None:
    described = yaml.safe_load((PROJECT / ".github/workflows/gpu.yml").read_text(encoding="utf-8"))
    assert "github.ref == format('refs/heads/{0}'" in described["jobs"]["measure"]["if"]
    assert "ref_name" not in described["jobs"]["measure"]["if"]
