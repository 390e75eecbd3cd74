"""Plays the workflows of a repository as they stand there: jobs, conditions, artifacts, and each ``run`` line.

Reusable workflows and composite actions are played too, those of this repository as they stand here. Only three things
are replaced: sessions that measure may leave prepared files, ``actions/*`` do what their documentation says, and nox
runs its sessions in the environment of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from tests.servers.github_server import READ_TOKEN, TOKEN
from tests.workflows.checkout import PROJECT, Checkout
from tests.workflows.expressions import as_text, filled, holds, matrix_of

OURS = "ice3-bench/ice3-bench"
PROVIDED = ("python -m pip install ", "sudo apt-get update ")
TYPES: dict[str, type] = {"string": str, "boolean": bool, "number": float}
EVERYTHING: dict[str, str] = {}
"""The permissions of what is not called."""
NOX = """#!/usr/bin/env bash
# A session that measures leaves what was prepared for it, or fails; every other runs for real.
name=$2
[ "$1" = -t ] && name=cells # all that a selection names
if [ -d "$MEASURED/$name" ]; then
    mkdir -p results && cp -r "$MEASURED/$name/results/." results/ && exit "$(cat "$MEASURED/$name/code")"
fi
exec {python} -m nox --no-venv --no-install "$@"
"""
BENCH = """#!/usr/bin/env bash
exec {python} -m ice3_bench "$@"
"""
JQ = """#!/usr/bin/env bash
exec {python} -c 'import json, sys; print(json.dumps([one["session"] for one in json.load(sys.stdin)]))'
"""


@dataclass
class Played:
    """What a run of a workflow did."""

    jobs: dict[str, str] = field(default_factory=dict)
    """Conclusion of each job, by its name."""
    steps: list[tuple[str, int, str]] = field(default_factory=list)
    """Each ``run`` line with its exit code and output."""
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    caches: list[str] = field(default_factory=list)
    """Key of each cache."""
    runners: dict[str, Any] = field(default_factory=dict)
    """What each job runs on, by its name."""

    @property
    def conclusion(self) -> str:
        return "failure" if "failure" in self.jobs.values() else "success" if self.jobs else "skipped"

    def output(self, command: str) -> str:
        """Output of the steps whose line contains ``command``."""
        return "".join(output for line, _, output in self.steps if command in line)


@dataclass(frozen=True)
class Run:
    """A run of a workflow, as its jobs see it.

    Attributes
    ----------
    home
        The repository that the workflow's file is in.
    artifacts
        Those of another run; None: jobs take those of this one.
    trusted
        Whether secrets and a token that may write are given.
    granted
        Permissions that a caller gives.
    cached
        Whether the caller lets it use caches.
    """

    home: Path
    played: Played
    artifacts: dict[str, dict[str, bytes]] | None
    trusted: bool
    granted: dict[str, str] = field(default_factory=lambda: EVERYTHING)
    cached: bool = True


class Player:
    """The repository ``org/ice3`` on GitHub.

    Parameters
    ----------
    folder
        Where its checkouts and files go.
    github_url
        Address of its REST interface.
    variables, secrets
        Those of the repository.
    origin
        A git repository that jobs really check out; without one, they find files of this repository.
    """

    def __init__(
        self,
        folder: Path,
        github_url: str,
        variables: dict[str, str],
        secrets: dict[str, str],
        origin: Path | None = None,
    ) -> None:
        self.folder, self.github_url, self.variables, self.secrets = folder, github_url, variables, secrets
        self.origin, self.home = origin, origin or PROJECT
        self.files = Checkout(folder / "checkout", origin)
        self.checkout = self.files.folder
        self.summary = folder / "summary.md"
        self.measured = folder / "measured"
        programs = folder / "bin"
        programs.mkdir()
        for name, text in (("nox", NOX), ("ice3-bench", BENCH), *([] if shutil.which("jq") else [("jq", JQ)])):
            (programs / name).write_text(text.format(python=sys.executable), encoding="utf-8")
            (programs / name).chmod(0o755)

    def measure(self, session: str, files: dict[str, str], code: int = 0) -> None:
        """Say what a session that measures leaves in ``results/`` and how it ends."""
        leave(self.measured, session, files, code)

    def forget(self) -> None:
        """Forget what was to be measured."""
        shutil.rmtree(self.measured, ignore_errors=True)

    def play(
        self,
        workflow: str,
        event_name: str,
        event: dict[str, Any],
        sha: str,
        *,
        branch: str = "main",
        artifacts: dict[str, dict[str, bytes]] | None = None,
    ) -> Played:
        """Play a workflow for an event.

        Parameters
        ----------
        branch
            The branch that was pushed to.
        artifacts
            Those of the run that a ``workflow_run`` event is about.
        """
        played = Played()
        described = _read(self.home / ".github/workflows" / workflow)
        trigger = described[True].get(event_name, False)  # YAML reads the key "on" as true
        action = event.get("action")
        if trigger is False or (trigger and "types" in trigger and action not in trigger["types"]):
            return played
        if trigger and branch not in trigger.get("branches", [branch]):
            return played
        number = event.get("pull_request", {}).get("number")
        ref = f"refs/pull/{number}/merge" if event_name == "pull_request" else f"refs/heads/{branch}"
        github = {
            "event_name": event_name,
            "event": {"repository": {"default_branch": "main"}, **event},
            "repository": "org/ice3",
            "ref": ref,
            "ref_name": ref.rsplit("/", 1)[1],
            "sha": sha,
            "run_id": "77",
        }
        # Secrets reach no run that a pull request of a fork starts.
        head = event.get("pull_request", {}).get("head", {}).get("repo", {}).get("full_name")
        run = Run(self.home, played, artifacts, trusted=event_name != "pull_request" or head == "org/ice3")
        secrets = self.secrets if run.trusted else {}
        self._jobs(described, {"github": github, "secrets": secrets, "vars": self.variables}, run)
        return played

    def _jobs(self, described: dict[str, Any], context: dict[str, Any], run: Run) -> list[str]:
        """Play the jobs of a workflow; return their results."""
        outputs: dict[str, Any] = {}
        states: dict[str, list[str]] = {}
        for name, job in described["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            before = [state for need in needs for state in states[need]]
            inner = {
                **context,
                "needs": {need: {"outputs": outputs.get(need, {}), "result": _worst(states[need])} for need in needs},
                "runner": {"os": "Linux", "arch": "X64", "temp": str(self.folder / "temp")},
                "checkout": self.checkout,
            }
            if not holds(job.get("if"), inner, failed=any(state != "success" for state in before)):
                run.played.jobs[job["name"]], states[name] = "skipped", ["skipped"]
                continue
            if "uses" in job:
                states[name] = [self._call(job, inner, run)]
                continue
            assert job["permissions"].items() <= run.granted.items() or run.granted is EVERYTHING, job["permissions"]
            states[name] = []
            for values in matrix_of(job, inner):
                title = str(filled(job["name"], {**inner, "matrix": values}))
                run.played.runners[title] = filled(job["runs-on"], inner)
                writes = job["permissions"].get("pull-requests") == "write" and run.trusted
                inner["github"] = {**context["github"], "token": TOKEN if writes else READ_TOKEN}
                state, outputs[name] = self._job(job, {**inner, "matrix": values}, run)
                run.played.jobs[title] = state
                states[name].append(state)
        return [state for one in states.values() for state in one]

    def _call(self, job: dict[str, Any], context: dict[str, Any], run: Run) -> str:
        """Play a reusable workflow, which sees its inputs and the secrets that it is given."""
        home, path = _found(job["uses"], run.home)
        called = _read(home / path)
        declared = called[True]["workflow_call"]
        given = {name: filled(value, context) for name, value in job.get("with", {}).items()}
        secrets = {name: filled(value, context) for name, value in job.get("secrets", {}).items()}
        assert given.keys() <= declared["inputs"].keys(), given
        assert secrets.keys() <= declared["secrets"].keys(), secrets
        assert all(isinstance(value, TYPES[declared["inputs"][name]["type"]]) for name, value in given.items())
        inputs = {name: given.get(name, one["default"]) for name, one in declared["inputs"].items()}
        kept = {name: context[name] for name in ("github", "vars")}
        inner = replace(run, home=home, granted=job["permissions"], cached=job.get("cache-mode") != "none")
        return _worst(self._jobs(called, {**kept, "inputs": inputs, "secrets": secrets}, inner))

    def _job(self, job: dict[str, Any], context: dict[str, Any], run: Run) -> tuple[str, dict[str, Any]]:
        for left in ("checkout/results", "temp"):
            shutil.rmtree(self.folder / left, ignore_errors=True)
        (self.folder / "temp").mkdir()
        failed, steps = self._play(job["steps"], context, run)
        outputs = {"steps": steps}
        return "failure" if failed else "success", {
            key: filled(value, outputs) for key, value in job.get("outputs", {}).items()
        }

    def _play(self, described: list[dict[str, Any]], context: dict[str, Any], run: Run) -> tuple[bool, dict[str, Any]]:
        """Play the steps of a job or of a composite action; return whether one failed, and their outputs."""
        failed = False
        steps: dict[str, Any] = {}
        for step in described:
            inner = {**context, "steps": steps}
            if not holds(step.get("if"), inner, failed=failed):
                continue
            step_failed = False
            outputs: dict[str, str] = {}
            if "run" in step:
                if not step["run"].startswith(PROVIDED):
                    code, outputs = self._run(step, inner, run.played)
                    step_failed = code != 0
            else:
                given = {key: filled(value, inner) for key, value in step.get("with", {}).items()}
                step_failed, outputs = self._use(step["uses"], given, context, run)
            failed = failed or step_failed
            steps[step.get("id", "")] = {"outputs": outputs}
        return failed, steps

    def _use(self, used: str, given: dict[str, Any], context: dict[str, Any], run: Run) -> tuple[bool, dict[str, str]]:
        """Play an action; return whether it failed, and its outputs."""
        if used.startswith(("./", "$/")):
            home, path = _found(used, run.home) if used.startswith("$/") else (self.checkout, used)
            return self._composite(home / path / "action.yml", given, context, run), {}
        if "/checkout@" in used:
            assert given["persist-credentials"] is False
            self.files.check_out(given["ref"] or context["github"]["sha"], int(given["fetch-depth"]))
        elif "/setup-python@" in used:
            return False, {"python-version": given["python-version"].split()[-1]}
        elif "/upload-artifact@" in used:
            run.played.artifacts[given["name"]] = self.files.collected(given["path"])
        elif "/download-artifact@" in used:
            assert ("run-id" in given) == (run.artifacts is not None)
            self.files.place(run.artifacts if run.artifacts is not None else run.played.artifacts, given)
        elif "/cache@" in used:
            assert run.cached, "this job has no access to caches"
            run.played.caches.append(given["key"])
        return False, {}

    def _composite(self, path: Path, given: dict[str, Any], context: dict[str, Any], run: Run) -> bool:
        """Play an action of a repository, which sees its inputs but no secret; return whether it failed."""
        action = _read(path)
        declared = action.get("inputs", {})
        assert given.keys() <= declared.keys(), given
        inputs = {name: as_text(given.get(name, one.get("default", ""))) for name, one in declared.items()}
        seen = {name: value for name, value in context.items() if name in ("github", "runner", "matrix", "checkout")}
        failed, _ = self._play(action["runs"]["steps"], {**seen, "inputs": inputs}, run)
        return failed

    def _run(self, step: dict[str, Any], context: dict[str, Any], played: Played) -> tuple[int, dict[str, str]]:
        github, files = context["github"], {name: self.folder / f"{name}.txt" for name in ("output", "event")}
        files["event"].write_text(json.dumps(github["event"]), encoding="utf-8")
        files["output"].write_text("", encoding="utf-8")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("BENCHER", "GITHUB", "ICE3", "PYTEST", "NOX"))}
        environment = {
            **kept,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": github["event_name"],
            "GITHUB_EVENT_PATH": str(files["event"]),
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_API_URL": self.github_url,
            "GITHUB_RUN_ID": github["run_id"],
            "GITHUB_REF": github["ref"],
            "GITHUB_SHA": github["sha"],
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(files["output"]),
            "RUNNER_TEMP": context["runner"]["temp"],
            "MEASURED": str(self.measured),
            "NO_COLOR": "1",
            **{key: as_text(filled(value, context)) for key, value in step.get("env", {}).items()},
        }
        done = subprocess.run(
            ["bash", "-e", "-c", filled(step["run"], context)],
            cwd=self.checkout,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        played.steps.append((step["run"], done.returncode, done.stdout))
        secrets = [*self.secrets.values(), TOKEN, READ_TOKEN]
        assert not any(secret in done.stdout for secret in secrets if secret)
        lines = files["output"].read_text(encoding="utf-8").splitlines()
        return done.returncode, dict(line.split("=", 1) for line in lines)


def leave(measured: Path, session: str, files: dict[str, str], code: int = 0) -> None:
    """Prepare what a session leaves in ``results/`` and how it ends; ``cells`` are all that a selection names."""
    for name, text in files.items():
        path = measured / session / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (measured / session).mkdir(parents=True, exist_ok=True)
    (measured / session / "code").write_text(str(code), encoding="utf-8")


def _read(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _found(used: str, home: Path) -> tuple[Path, str]:
    """Return the repository and the path of what is used: in the repository of the file itself, or in this one."""
    if used.startswith("$/"):
        return home, used.removeprefix("$/")
    path, _, revision = used.removeprefix(f"{OURS}/").partition("@")
    assert used.startswith(OURS), used
    assert revision
    return PROJECT, path


def _worst(states: list[str]) -> str:
    return next((state for state in ("failure", "success") if state in states), "skipped")
