"""Repositories of their own for whole comparisons."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.compare.result import FILE, load_comparison

if TYPE_CHECKING:
    from ice3_bench.compare.result import BenchmarkComparison, CellComparison, Comparison

PORT = "src/small/port.py"
TABLE = """
[tool.ice3-bench]
precisions = ["float64"]

[[tool.ice3-bench.backends]]
name = "small"
id = "small"
port = "small.port"
pythonpath = ["src"]
requirements = ["numpy>=1.26"]
components = ["ice_adjust", "ice_adjust:beta"]
tags = ["cpu"]
compare-domain = "16x16x60"

[[tool.ice3-bench.backends]]
name = "on a device"
id = "device"
device = "gpu"
port = "small.port"
pythonpath = ["src"]
tags = ["gpu"]
"""
UV = """#!{python}
# Stands in for uv: makes an environment of the one that the tests run in.
import os, sys, time
from pathlib import Path

if os.environ.get("HANG") == "uv":
    Path(os.environ["HANGING"]).touch()
    time.sleep(600)
if sys.argv[1] == "venv":
    folder = Path(sys.argv[-1], "bin")
    folder.mkdir(parents=True)
    (folder / "python").write_text('#!/bin/sh\\nexec {python} "$@"\\n')
    (folder / "python").chmod(0o755)
elif "no-such-package" in sys.argv:
    sys.exit("error: no-such-package was not found in the package registry")
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


class Repository:
    """A project whose matrix has the small port."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.temporary = folder / "temporary"
        self.results = folder / "results"
        self.hanging = folder / "hanging"
        programs = folder / "programs"
        for path in (self.project / "src/small", self.temporary, programs):
            path.mkdir(parents=True)
        (programs / "uv").write_text(UV.format(python=sys.executable), encoding="utf-8")
        (programs / "uv").chmod(0o755)
        (self.project / "pyproject.toml").write_text(TABLE, encoding="utf-8")
        (self.project / ".gitignore").write_text("__pycache__/\n.cache/\n", encoding="utf-8")
        shutil.copy(Path(__file__).with_name("small_port.py"), self.project / PORT)
        (self.project / "src/small/__init__.py").touch()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("BENCHER", "PYTEST"))},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.temporary),
            "ICE3_BENCH_RESULTS": str(self.results),
            "HANGING": str(self.hanging),
            "NO_COLOR": "1",
        }
        git(self.project, "init")
        self.commit()

    def change(self, name: str, old: str, new: str) -> None:
        path = self.project / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def commit(self, message: str = "change") -> str:
        git(self.project, "add", "--all")
        git(self.project, "commit", "-m", message)
        return git(self.project, "rev-parse", "HEAD").strip()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ice3_bench", "compare", "--", "--cells", "small-float64", *arguments]

    def compare(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    @property
    def comparison(self) -> Comparison:
        return load_comparison(self.results / FILE)

    @property
    def cell(self) -> CellComparison:
        (found,) = self.comparison.cells
        return found

    @property
    def benchmarks(self) -> dict[str, BenchmarkComparison]:
        return {benchmark.component: benchmark for benchmark in self.comparison.benchmarks}

    def nothing_is_left(self) -> bool:
        processes = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                processes.append(path.read_bytes())
            except OSError:
                continue
        return (
            len(git(self.project, "worktree", "list").splitlines()) == 1
            and not list(self.temporary.iterdir())
            and not any(str(self.project).encode() in command for command in processes)
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)
