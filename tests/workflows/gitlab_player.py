"""Plays a ``.gitlab-ci.yml`` that includes our template: rules, order, artifacts, and each line of the scripts.

Only three things are replaced: the environment with nox is that of the tests, caches stay empty, and the runner is bash
on this machine. Of GitLab's language it knows what the template uses.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.workflows.checkout import PROJECT, Checkout
from tests.workflows.workflow_player import BENCH, NOX

REMOTE = "https://raw.githubusercontent.com/ice3-bench/ice3-bench/main/"
PROVIDED = ("python3 -m venv ", "python -m pip install ")
NOT_JOBS = ("include", "variables", "stages", "default", "workflow")


@dataclass
class PlayedPipeline:
    """What a pipeline did."""

    jobs: dict[str, str] = field(default_factory=dict)
    """Result of each job that the rules let into the pipeline, by its name."""
    output: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)


class GitLabPlayer:
    """A project on GitLab.

    Parameters
    ----------
    folder
        Where its checkout and programs go.
    origin
        Its git repository, with a ``.gitlab-ci.yml``.
    api
        Address of the REST interface.
    variables
        Those of the project's settings, secrets included.
    """

    def __init__(self, folder: Path, origin: Path, api: str, variables: dict[str, str]) -> None:
        self.origin, self.api, self.variables = origin, api, variables
        self.files = Checkout(folder / "builds/project", origin)
        self.measured = folder / "measured"
        self.programs = folder / "bin"
        self.programs.mkdir()
        for name, text in (("nox", NOX), ("ice3-bench", BENCH)):
            (self.programs / name).write_text(text.format(python=sys.executable), encoding="utf-8")
            (self.programs / name).chmod(0o755)

    def play(self, commit: str, predefined: dict[str, str]) -> PlayedPipeline:
        """Play the pipeline of a commit, whose variables GitLab predefines."""
        described = self._described(commit)
        predefined = {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.api,
            "CI_COMMIT_SHA": commit,
            "CI_DEFAULT_BRANCH": "main",
            "CI_PIPELINE_URL": "https://gitlab.example.org/weather/ice3/-/pipelines/9",
            "CI_PROJECT_DIR": str(self.files.folder),
            **predefined,
        }
        played = PlayedPipeline()
        waiting = {
            name: _extended(job, described)
            for name, job in described.items()
            if name not in NOT_JOBS and not name.startswith(".")
        }
        failed = False
        while waiting:
            needed = {name: [one["job"] for one in job.get("needs", [])] for name, job in waiting.items()}
            name = next(name for name, needs in needed.items() if not set(needs) & waiting.keys())
            job = waiting.pop(name)
            known = {**described.get("variables", {}), **job.get("variables", {}), **predefined, **self.variables}
            when = _when(job.get("rules", [{}]), known)
            if when is None or (failed and when != "always"):
                continue
            missing = [one for one in job.get("needs", []) if one["job"] not in played.jobs and not one.get("optional")]
            assert not missing, f"{name} needs {missing}, which the rules leave out: GitLab refuses the pipeline"
            self._run(name, job, known, played)
            failed = failed or played.jobs[name] == "failed"
        return played

    def _described(self, commit: str) -> dict[str, Any]:
        shown = subprocess.run(
            ["git", "show", f"{commit}:.gitlab-ci.yml"], cwd=self.origin, check=True, capture_output=True, text=True
        )
        own = yaml.safe_load(shown.stdout)
        whole: dict[str, Any] = {}
        for one in own.pop("include"):
            assert one["remote"].startswith(REMOTE)
            text = (PROJECT / one["remote"].removeprefix(REMOTE)).read_text(encoding="utf-8")
            whole = _merged(whole, yaml.safe_load(text))
        return _merged(whole, own)

    def _run(self, name: str, job: dict[str, Any], known: dict[str, str], played: PlayedPipeline) -> None:
        self.files.check_out(known["CI_COMMIT_SHA"], int(known["GIT_DEPTH"]))
        for one in job.get("needs", []):
            for relative, content in played.artifacts.get(one["job"], {}).items():
                path = self.files.folder / relative
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        clean = ("BENCHER", "CI", "GITHUB", "GITLAB", "ICE3", "PYTEST", "NOX")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(clean)}
        paths = [str(self.programs), str(Path(sys.executable).parent), kept["PATH"]]
        expanded = {key: re.sub(r"\$(\w+)", lambda m: known.get(m[1], m[0]), value) for key, value in known.items()}
        lines = [line for line in (*job["before_script"], *job["script"]) if not line.startswith(PROVIDED)]
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
            cwd=self.files.folder,
            env={
                **kept,
                **expanded,
                "PATH": os.pathsep.join(paths),
                "MEASURED": str(self.measured),
                "NO_COLOR": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        secrets = [value for key, value in self.variables.items() if key.endswith(("_KEY", "_TOKEN"))]
        assert not any(secret in done.stdout for secret in secrets)
        played.output[name] = done.stdout
        played.jobs[name] = "failed" if done.returncode else "success"
        paths = job.get("artifacts", {}).get("paths", [])
        files = [path for pattern in paths for path in sorted(self.files.folder.glob(pattern))]
        played.artifacts[name] = {str(path.relative_to(self.files.folder)): path.read_bytes() for path in files}
        shutil.rmtree(self.files.folder / "results", ignore_errors=True)


def _extended(job: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    return _merged(described[job["extends"]], job) if "extends" in job else job


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Merge as GitLab does: mappings into each other, and anything else is replaced."""
    both = {
        key: _merged(first[key], second[key])
        for key in first.keys() & second.keys()
        if isinstance(first[key], dict) and isinstance(second[key], dict)
    }
    return {**first, **second, **both}


def _when(rules: list[dict[str, Any]], known: dict[str, str]) -> str | None:
    """Return when a job runs by the first rule that applies; None: it is not part of the pipeline."""
    for rule in rules:
        if "if" not in rule or _holds(rule["if"], known):
            return str(rule.get("when", "on_success"))
    return None


def _holds(condition: str, known: dict[str, str]) -> bool:
    match = re.fullmatch(r"\$(\w+)(?: =~ \$(\w+))?", condition)
    assert match is not None, condition
    value = known.get(match[1], "")
    if match[2] is None:
        return bool(value)
    pattern = re.fullmatch(r"/(.*)/", known[match[2]])
    assert pattern is not None, "GitLab takes a pattern between slashes"
    return bool(value) and re.search(pattern[1], value) is not None
