"""The workflow files: what their steps may run, and which jobs may hold a secret."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((PROJECT / ".github/actions").glob("*/action.yml"))
RUN = re.compile(
    r'python3? -m (pip install "nox\[uv\]"|venv .venv && .venv/bin/python -m pip install "nox\[uv\]")'
    r"|(\.venv/bin/)?nox -[st] [^&|;\n]*"
    r"|sudo apt-get update && sudo apt-get install --yes --no-install-recommends \$PACKAGES"
    r'|echo "sessions=\$\(nox -l --json .*|cat results/(comparison|gpu)\.md >> "\$GITHUB_STEP_SUMMARY"'
)
PAGES = {"docs": (("pages", "write"), ("id-token", "write"))}
"""What the workflow that publishes the documentation may write beside."""
USED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+|\./\.github/actions/[\w-]+")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_of_a_workflow_is_one_line_and_every_action_pinned(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    described = yaml.safe_load(text)
    assert described["permissions"] == {}
    assert described["concurrency"]["group"]
    for used in re.findall(r"uses: (.*)", text):
        assert USED.fullmatch(used), used
    for job in described["jobs"].values():
        assert set(job["permissions"].items()) <= {
            ("contents", "read"),
            ("actions", "read"),
            ("pull-requests", "write"),
            *PAGES.get(path.stem, ()),
        }
        assert "/checkout@" in job["steps"][0]["uses"]  # a checkout brings the repository's own actions
        for step in job["steps"]:
            assert RUN.fullmatch(step.get("run", "nox -s tests")), step  # nothing of the event can enter a line


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
    described = yaml.safe_load((PROJECT / ".github/workflows/benchmarks.yml").read_text(encoding="utf-8"))
    (name,) = [
        step["with"]["stencils"]
        for step in described["jobs"]["measure"]["steps"]
        if step.get("uses") == "./.github/actions/setup"
    ]
    assert "src/ice3_gt4py/**" in name


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
            for step in job["steps"]:  # a fork may fill caches
                assert "/cache@" not in step.get("uses", "")
                if step.get("uses", "").startswith("./"):
                    assert not step.get("with", {}).keys() & {"cache", "stencils"}


def test_ci_elsewhere_runs_the_same_sessions() -> None:
    described = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    lines = [step["run"] for job in described["jobs"].values() for step in job["steps"] if "run" in step]
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
        for step in job["steps"]:
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
