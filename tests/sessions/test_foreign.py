"""Another repository with a port: the wheel, nox and nothing of this checkout measure it, compare it and upload it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.compare.conftest import git
from tests.servers.bencher_server import PROJECT_KEY, BencherServer

from ice3_bench.compare.result import FILE, load_comparison
from ice3_bench.port.new import NOXFILE

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "examples/numpy_port"
TABLE = """
[project]
name = "clouds"
version = "1"

[tool.ice3-bench]
precisions = ["float64"]
harness = "ice3-bench @ {wheel}"

[[tool.ice3-bench.backends]]
name = "NumPy"
id = "numpy"
port = "bench/port.py"
pythonpath = ["src"]
requirements = ["numpy"]
components = ["ice_adjust"]
domains = ["16x16x30"]
"""
FAST = "    state = thermo.State("
"""A line of the scheme, and what makes it slower before it."""
SLOW = "    for _ in range(10):\n        np.exp(np.log(th))\n" + FAST
CELL = "numpy-float64"
BENCHMARK = "ice_adjust/numpy/float64/16x16x30"


class Repository:
    """A repository with the NumPy port, beside an environment that holds nox and the wheel."""

    def __init__(self, folder: Path) -> None:
        self.programs, self.project = folder / "environment/bin", folder / "project"
        run(folder, sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", str(PROJECT))
        (wheel,) = (folder / "dist").glob("ice3_bench-*.whl")
        run(folder, sys.executable, "-m", "venv", "environment")
        run(folder, str(self.programs / "python"), "-m", "pip", "install", "--quiet", "nox", str(wheel))
        shutil.copytree(EXAMPLE / "src", self.project / "src", ignore=shutil.ignore_patterns("__pycache__"))
        (self.project / ".gitignore").write_text("__pycache__/\n.cache/\n.nox/\nresults/\n", encoding="utf-8")
        git(self.project, "init")
        self.before = self.commit("a model")  # that nobody thought of measuring
        (self.project / "bench").mkdir()
        shutil.copy(EXAMPLE / "port.py", self.project / "bench")
        (self.project / "pyproject.toml").write_text(TABLE.format(wheel=wheel.as_uri()), encoding="utf-8")
        (self.project / "noxfile.py").write_text(NOXFILE, encoding="utf-8")

    def commit(self, message: str) -> str:
        git(self.project, "add", "--all")
        git(self.project, "commit", "-m", message)
        return git(self.project, "rev-parse", "HEAD").strip()

    def nox(self, session: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [
            str(self.programs / "nox"),
            "--reuse-venv=yes",
            "-s",
            session,
            *(["--", *arguments] if arguments else []),
        ]
        return run(self.project, *command, check=False, **variables)


def run(folder: Path, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command without anything that would lead it to this checkout."""
    own = ("BENCHER", "ICE3", "PYTEST", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return subprocess.run(
        command,
        cwd=folder,
        env={**kept, "NO_COLOR": "1", **variables},
        capture_output=True,
        text=True,
        check=check,
        timeout=1800,
    )


@pytest.mark.slow
def test_another_repository_is_measured_compared_and_uploaded(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    fast = repository.commit("measure it")
    checked = repository.nox("port", "check", "--backend", "numpy")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout
    first = repository.nox(f"bench-{CELL}")
    assert first.returncode == 0, first.stdout + first.stderr

    module = repository.project / "src/numpy_ice3/ice_adjust.py"
    text = module.read_text(encoding="utf-8")
    assert text.count(FAST) == 1
    module.write_text(text.replace(FAST, SLOW), encoding="utf-8")
    slow = repository.commit("a loop too many")
    second = repository.nox(f"bench-{CELL}")
    assert second.returncode == 0, second.stdout + second.stderr
    assert f"({fast[:10]})" in second.stdout  # compared with

    # The first revision has no adapter: that of the working tree measures it.
    compared = repository.nox("bench-compare", "--base", repository.before, "--budget", "120")
    assert compared.returncode == 1, compared.stdout + compared.stderr
    comparison = load_comparison(repository.project / "results" / FILE)
    (benchmark,) = comparison.benchmarks
    assert benchmark.decision is not None
    assert benchmark.decision.verdict == "slower"
    assert benchmark.decision.change > 0.05

    shown = repository.nox("bench-history", "--json", "--measures", "latency")
    assert shown.returncode == 0, shown.stderr
    (series,) = json.loads(shown.stdout[shown.stdout.index("[\n") :])
    assert series["benchmark"] == BENCHMARK
    assert [point["commit"] for point in series["runs"]] == [fast, slow]

    with BencherServer() as server:
        key = {"BENCHER_HOST": server.url, "BENCHER_PROJECT": "ice3", "BENCHER_API_KEY": PROJECT_KEY}
        sent = repository.nox("bench-upload", **key)
        assert sent.returncode == 0, sent.stdout + sent.stderr
        versions = [report.version.hash for report in server.project.reports]
    assert versions == [fast, slow]
