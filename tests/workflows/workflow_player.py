"""Plays the workflows of ``.github/workflows`` as they stand there: jobs, conditions, artifacts, and each ``run`` line.

Composite actions of the repository are played too. Only three things are replaced: sessions that measure leave prepared
files, ``actions/*`` do what their documentation says, and nox runs its sessions in the environment of the tests.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from tests.servers.github_server import READ_TOKEN, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2]
PROVIDED = ('python -m pip install "nox[uv]"',)
NOX = """#!/usr/bin/env bash
# A session that measures leaves what was prepared for it, or fails; every other runs for real.
if [ "$1" = -s ] && [ -d "$MEASURED/$2" ]; then
    mkdir -p results && cp -r "$MEASURED/$2/results/." results/ && exit "$(cat "$MEASURED/$2/code")"
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

    @property
    def conclusion(self) -> str:
        return "failure" if "failure" in self.jobs.values() else "success" if self.jobs else "skipped"

    def output(self, command: str) -> str:
        """Output of the steps whose line contains ``command``."""
        return "".join(output for line, _, output in self.steps if command in line)


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
    """

    def __init__(self, folder: Path, github_url: str, variables: dict[str, str], secrets: dict[str, str]) -> None:
        self.folder, self.github_url, self.variables, self.secrets = folder, github_url, variables, secrets
        self.checkout = folder / "checkout"
        self.checkout.mkdir(parents=True)
        for name in ("pyproject.toml", "noxfile.py"):
            shutil.copy(PROJECT / name, self.checkout)
        for name in ("tasks", "src/ice3_bench"):
            shutil.copytree(PROJECT / name, self.checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.summary = folder / "summary.md"
        self.measured = folder / "measured"
        programs = folder / "bin"
        programs.mkdir()
        for name, text in (("nox", NOX), ("ice3-bench", BENCH), *([] if shutil.which("jq") else [("jq", JQ)])):
            (programs / name).write_text(text.format(python=sys.executable), encoding="utf-8")
            (programs / name).chmod(0o755)

    def measure(self, session: str, files: dict[str, str], code: int = 0) -> None:
        """Say what a session that measures leaves in ``results/`` and how it ends."""
        for name, text in files.items():
            path = self.measured / session / "results" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (self.measured / session / "code").write_text(str(code), encoding="utf-8")

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
        artifacts: dict[str, dict[str, bytes]] | None = None,
    ) -> Played:
        """Play a workflow for an event; ``artifacts`` are those of the run that a ``workflow_run`` event is about."""
        text = (PROJECT / ".github/workflows" / workflow).read_text(encoding="utf-8")
        described = yaml.safe_load(text)
        played = Played()
        trigger = described[True].get(event_name, False)  # YAML reads the key "on" as true
        action = event.get("action")
        if trigger is False or (trigger and "types" in trigger and action not in trigger["types"]):
            return played
        ref = "refs/pull/3/merge" if event_name == "pull_request" else "refs/heads/main"
        # Secrets reach no run that a pull request of a fork starts.
        head = event.get("pull_request", {}).get("head", {}).get("repo", {}).get("full_name")
        trusted = event_name != "pull_request" or head == "org/ice3"
        github = {
            "event_name": event_name,
            "event": {"repository": {"default_branch": "main"}, **event},
            "repository": "org/ice3",
            "ref": ref,
            "ref_name": ref.rsplit("/", 1)[1],
            "sha": sha,
            "run_id": "77",
        }
        outputs: dict[str, Any] = {}
        states: dict[str, list[str]] = {}
        for name, job in described["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            before = [state for need in needs for state in states[need]]
            token = TOKEN if job["permissions"].get("pull-requests") == "write" and trusted else READ_TOKEN
            context = {
                "github": {**github, "token": token},
                "secrets": self.secrets if trusted else {},
                "vars": self.variables,
                "needs": {need: {"outputs": outputs.get(need, {})} for need in needs},
                "runner": {"os": "Linux", "arch": "X64", "temp": str(self.folder / "temp")},
            }
            if not _holds(job.get("if"), context, failed=any(state != "success" for state in before)):
                played.jobs[job["name"]], states[name] = "skipped", ["skipped"]
                continue
            states[name] = []
            for values in _matrix(job, context):
                inner = {**context, "matrix": values}
                title = str(_filled(job["name"], inner))
                state, outputs[name] = self._job(job, inner, played, artifacts)
                played.jobs[title] = state
                states[name].append(state)
        return played

    def _job(
        self,
        job: dict[str, Any],
        context: dict[str, Any],
        played: Played,
        artifacts: dict[str, dict[str, bytes]] | None,
    ) -> tuple[str, dict[str, Any]]:
        for left in ("checkout/results", "temp"):
            shutil.rmtree(self.folder / left, ignore_errors=True)
        failed, steps = self._play(job["steps"], context, played, artifacts)
        outputs = {"steps": steps}
        return "failure" if failed else "success", {
            key: _filled(value, outputs) for key, value in job.get("outputs", {}).items()
        }

    def _play(
        self,
        described: list[dict[str, Any]],
        context: dict[str, Any],
        played: Played,
        artifacts: dict[str, dict[str, bytes]] | None,
    ) -> tuple[bool, dict[str, Any]]:
        """Play the steps of a job or of a composite action; return whether one failed, and their outputs."""
        failed = False
        steps: dict[str, Any] = {}
        for step in described:
            inner = {**context, "steps": steps}
            if not _holds(step.get("if"), inner, failed=failed):
                continue
            given = {key: _filled(value, inner) for key, value in step.get("with", {}).items()}
            step_failed = False
            outputs: dict[str, str] = {}
            if "run" in step:
                if step["run"] not in PROVIDED:
                    code, outputs = self._run(step, inner, played)
                    step_failed = code != 0
            elif step["uses"].startswith("./"):
                step_failed = self._composite(step["uses"], given, context, played, artifacts)
            elif "/setup-python@" in step["uses"]:
                outputs = {"python-version": given["python-version"].split()[-1]}
            elif "/upload-artifact@" in step["uses"]:
                played.artifacts[given["name"]] = self._collected(given["path"])
            elif "/download-artifact@" in step["uses"]:
                assert ("run-id" in given) == (artifacts is not None)
                self._place(artifacts if artifacts is not None else played.artifacts, given)
            elif "/cache@" in step["uses"]:
                played.caches.append(given["key"])
            failed = failed or step_failed
            steps[step.get("id", "")] = {"outputs": outputs}
        return failed, steps

    def _composite(
        self,
        used: str,
        given: dict[str, Any],
        context: dict[str, Any],
        played: Played,
        artifacts: dict[str, dict[str, bytes]] | None,
    ) -> bool:
        """Play an action of the repository, which sees its inputs but no secret; return whether it failed."""
        action = yaml.safe_load((PROJECT / used / "action.yml").read_text(encoding="utf-8"))
        declared = action.get("inputs", {})
        assert given.keys() <= declared.keys(), given
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
        inputs = {name: texts.get(name, one.get("default", "")) for name, one in declared.items()}
        seen = {name: value for name, value in context.items() if name in ("github", "runner", "matrix")}
        failed, _ = self._play(action["runs"]["steps"], {**seen, "inputs": inputs}, played, artifacts)
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
            **{key: str(_filled(value, context) or "") for key, value in step.get("env", {}).items()},
        }
        done = subprocess.run(
            ["bash", "-e", "-c", _filled(step["run"], context)],
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

    def _collected(self, pattern: str) -> dict[str, bytes]:
        """Return the files by their paths below the part of the pattern that is before the first wildcard."""
        parts = pattern.split("/")
        fixed = next(i for i, part in enumerate(parts) if "*" in part)
        root = self.checkout.joinpath(*parts[:fixed])
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(self.checkout.glob(pattern))}

    def _place(self, artifacts: dict[str, dict[str, bytes]], given: dict[str, Any]) -> None:
        patterns = re.fullmatch(r"\{(.*)\}", given["pattern"])
        for name, files in artifacts.items():
            if any(fnmatch(name, one) for one in (patterns[1].split(",") if patterns else [given["pattern"]])):
                for relative, content in files.items():
                    folder = "" if given.get("merge-multiple") else name
                    path = self.checkout / given["path"] / folder / relative
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)


def _matrix(job: dict[str, Any], context: dict[str, Any]) -> list[dict[str, Any]]:
    axes = job.get("strategy", {}).get("matrix", {})
    if not axes:
        return [{}]
    ((name, values),) = axes.items()
    return [{name: value} for value in (_filled(values, context) if isinstance(values, str) else values)]


def _holds(condition: object, context: dict[str, Any], *, failed: bool) -> bool:
    """Evaluate an ``if``; without a status function, it also asks that nothing failed."""
    if condition is None:
        return not failed
    text = re.sub(r"^\$\{\{|\}\}$", "", str(condition).strip())
    holds = bool(_evaluate(text, context))
    return holds and (not failed or "cancelled()" in text or "always()" in text)


def _filled(value: Any, context: dict[str, Any]) -> Any:
    """Replace the ``${{ }}`` of a value; one that is nothing else keeps its type."""
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{\{((?:(?!\}\}).)*)\}\}", value.strip(), re.DOTALL)
    if whole:
        return _evaluate(whole[1], context)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda match: str(_evaluate(match[1], context) or ""), value)


def _evaluate(expression: str, context: dict[str, Any]) -> Any:
    """Evaluate an expression of the workflows: it is turned into one of Python's."""

    def name(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith("'") else f"look({match[0]!r})"

    text = " ".join(expression.split()).replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)", " not ", text)
    text = re.sub(r"'[^']*'|\b(?:github|secrets|vars|needs|runner|matrix|steps|inputs)(?:\.[\w-]+)+", name, text)

    def look(path: str) -> Any:
        found: Any = context
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found

    functions: dict[str, Callable[..., Any]] = {
        "look": look,
        "fromJSON": json.loads,
        "cancelled": lambda: False,
        "hashFiles": lambda *_: "hash",
        "contains": lambda values, value: value in values,
    }
    return eval(text, {"__builtins__": {}}, functions)  # noqa: S307 (our own workflows)
