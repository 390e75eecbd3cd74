"""A project in which the commands of the documentation run: our matrix with a port that computes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from ice3_bench.cell.machine import machine_name
from ice3_bench.compare.revisions import copy_files
from ice3_bench.history.store import History
from ice3_bench.report import Commit
from ice3_probe.messages import STANDARD_ARRANGEMENT

if TYPE_CHECKING:
    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Backend, Settings

PROJECT = Path(__file__).parents[2]
REAL = "numpy_port"
"""Backend that is measured as it is, since it is needed for real data."""
TABLE = """
[[tool.ice3-bench.backends]]
name = "{name}"
id = "{id}"
device = "{device}"
port = "{port}"
pythonpath = ["{pythonpath}"]
python = "current"
components = {components}
tags = {tags}
domains = ["8x8x16"]
{compiler}
"""
HEAD = """
[project]
name = "sandbox"

[tool.ice3-bench]
precisions = ["float32", "float64"]
reference = "numpy"
"""
RAIN = "rain_ice/gt_cpu_ifirst/float64/50x50x60/rich"
RUNS = 14
"""Runs in the history, enough for limits and changes."""


class Sandbox:
    """A repository with results, and programs of the names that the documentation uses."""

    def __init__(self, folder: Path, settings: Settings, report: Report) -> None:
        self.project = folder / "project"
        self.programs = folder / "programs"
        self.programs.mkdir()
        copy_files(PROJECT, self.project)
        mymodel = settings.backend("numpy").model_copy(update={"name": "mymodel", "id": "mymodel"})
        tables = [_table(backend) for backend in (*settings.backends, mymodel)]
        (self.project / "pyproject.toml").write_text("\n".join([HEAD, *tables]), encoding="utf-8")
        port = self.project / "tests/sessions/fake_port.py"
        told = port.read_text(encoding="utf-8") + '\n\nFake.generated = "nothing"\n'
        port.write_text(told, encoding="utf-8")
        self.git("init", "--quiet", "--initial-branch=main")
        for branch in ("main", "topic"):
            self.git("checkout", "--quiet", "-B", branch)
            (self.project / "branch").write_text(branch, encoding="utf-8")
            self.git("add", "--all")
            self.git("commit", "--quiet", "--message", branch)
        self._fill(report)
        self._program("nox", "-m nox --no-venv --no-install")
        self._program("ice3-bench", "-m ice3_bench")
        self._program("invoke", "-m invoke")
        self._program("python", "")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.excludesFile=/dev/null")
        subprocess.run(["git", *identity, *arguments], cwd=self.project, check=True, capture_output=True)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BENCHER", "PYTEST", "ICE3"))}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.project,
            env={
                **kept,
                "PATH": os.pathsep.join([str(self.programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
                "PYTHONPATH": os.pathsep.join([str(PROJECT / "src"), str(PROJECT / "examples/numpy_port/src")]),
                "NO_COLOR": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def _program(self, name: str, arguments: str) -> None:
        path = self.programs / name
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n', encoding="utf-8")
        path.chmod(0o755)

    def _fill(self, report: Report) -> None:
        machine = report.machine.model_copy(update={"testbed": machine_name()})
        (adjust,) = report.benchmarks
        rain = adjust.model_copy(update={"name": RAIN, "component": "rain_ice"})
        protocol = report.protocol.model_copy(update={"arrangement": STANDARD_ARRANGEMENT})
        same = {"machine": machine, "protocol": protocol, "benchmarks": [adjust, rain]}
        begin = datetime.now(UTC) - timedelta(days=RUNS)
        with History(self.project / "results/history.db") as history:
            for number in range(RUNS):
                for branch in ("main", "topic"):
                    commit = Commit(hash=f"{number:039x}{'12'[branch == 'topic']}", branch=branch)
                    created = begin + timedelta(days=number)
                    own = {"id": str(uuid4()), "commit": commit, "created": created}
                    history.add(report.model_copy(update={**same, **own}))


def _table(backend: Backend) -> str:
    real = backend.id == REAL
    return TABLE.format(
        name=backend.name,
        id=backend.id,
        device=backend.device,
        port=backend.port if real else "tests/sessions/fake_port.py",
        pythonpath=backend.pythonpath[0],
        components=["ice_adjust"] if real or backend.components == ("ice_adjust",) else ["ice_adjust", "rain_ice"],
        tags=list(backend.tags),
        compiler='compiler = "cxx"' if backend.compiler == "cxx" else "",
    )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, settings: Settings, report: Report) -> Sandbox:
    return Sandbox(tmp_path_factory.mktemp("sandbox"), settings, report)
