"""A project of its own with the fake port, for whole sessions."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ice3_bench.history.store import History

CELL = "fake-float64"
TABLE = """
[tool.ice3-bench]
precisions = ["float64"]

[[tool.ice3-bench.backends]]
name = "a fake"
id = "fake"
port = "bench/fake_port.py"
python = "current"
components = ["ice_adjust", "rain_ice"]
compiler = "cxx"
domains = ["8x8x16"]

[[tool.ice3-bench.backends]]
name = "single"
id = "single"
port = "bench/fake_port.py"
python = "current"
components = ["ice_adjust"]
domains = ["8x8x16"]

[[tool.ice3-bench.backends]]
name = "fake that reports"
id = "reporting"
port = "bench/fake_port.py"
python = "current"
components = ["ice_adjust"]
accuracy = "report"
domains = ["8x8x16"]

[[tool.ice3-bench.backends]]
name = "fake on a device"
id = "device"
device = "gpu"
port = "bench/fake_port.py"
pythonpath = ["cupy"]
python = "current"
components = ["ice_adjust", "rain_ice"]
compiler = "nvcc"
tags = ["gpu"]
domains = ["8x8x16"]
"""


SMI = 'echo "NVIDIA Stand-In 80GB, GPU-0123, ${CUDA_VISIBLE_DEVICES:-0}, 580.65.06, 1980, 3201, 700.00, 1755, [N/A]"'


class Place:
    """A repository with nothing but a matrix and a port."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.results = folder / "results"
        (self.project / "bench").mkdir(parents=True)
        (self.project / "pyproject.toml").write_text(TABLE, encoding="utf-8")
        here = Path(__file__).parent
        shutil.copy(here / "fake_port.py", self.project / "bench")
        shutil.copytree(here / "fake_cupy", self.project / "cupy", ignore=shutil.ignore_patterns("__pycache__"))
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.add_program("nvidia-smi", SMI)

    def add_program(self, name: str, text: str) -> None:
        """Put a shell script on the path of the sessions."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def environment(self, misbehaviour: str = "") -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("BENCHER", "PYTEST"))},
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "FAKE_PORT": misbehaviour,
            "ICE3_BENCH_RESULTS": str(self.results),
            "NO_COLOR": "1",
        }

    def command(self, *arguments: str, backend: str = "fake") -> list[str]:
        words = [sys.executable, "-m", "ice3_bench", "bench", "--backend", backend, "--precision", "float64"]
        return [*words, "--", "--benchmark-max-time=0.01", *arguments]

    def run(self, *words: str, misbehaviour: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.project,
            env=self.environment(misbehaviour),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def bench(self, *arguments: str, misbehaviour: str = "", backend: str = "fake") -> subprocess.CompletedProcess[str]:
        return self.run(*self.command(*arguments, backend=backend), misbehaviour=misbehaviour)

    def harness(self, *words: str, misbehaviour: str = "") -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "ice3_bench", *words, misbehaviour=misbehaviour)

    def interrupted(self, misbehaviour: str, name: str, after: float) -> tuple[int, str]:
        """Press Ctrl-C so many seconds into a pass; return the exit code and the errors."""
        with subprocess.Popen(
            self.command(backend="single"),
            cwd=self.project,
            env=self.environment(misbehaviour),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as session:
            assert session.stdout is not None
            for line in session.stdout:
                if f"] {name}" in line:
                    break
            time.sleep(after)
            os.killpg(session.pid, signal.SIGINT)  # as a terminal does
            _, errors = session.communicate(timeout=60)
        return session.returncode, errors

    def stored(self) -> int:
        if not (self.results / "history.db").exists():
            return 0
        with History(self.results / "history.db") as history:
            return len(history.queue.pending())

    def nothing_is_stored(self) -> bool:
        return self.stored() == 0 and not list(self.results.glob("*/report*.json"))

    def processes(self) -> list[str]:
        """Command lines of processes that still measure for this place."""
        lines = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
        return [line for line in lines if str(self.results) in line]

    def leftovers(self) -> list[Path]:
        """Private folders of runs that were not removed."""
        return list(self.results.glob("*/.run-*"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
