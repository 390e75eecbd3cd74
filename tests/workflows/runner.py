"""A task in a checkout, with the variables that GitHub Actions sets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.bencher_server import PROJECT_KEY
from tests.servers.github_server import TOKEN

if TYPE_CHECKING:
    from tests.servers.bencher_server import BencherServer
    from tests.servers.github_server import GitHubServer

PROJECT = Path(__file__).parents[2]
A, B, C, D, F = (letter * 40 for letter in "abcdf")


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
