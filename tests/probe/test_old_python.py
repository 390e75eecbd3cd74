"""The probe runs under the oldest Python and NumPy that a port may need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_probe.messages import Benchmark, Checked, Job, Timed, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.contract import Cell

SOURCE = Path(__file__).parents[2] / "src"
PERFORMANCE = SOURCE / "ice3_probe" / "performance"
REQUIREMENTS = ("numpy==1.26.*", "h5netcdf", "h5py", "pytest", "pytest-benchmark", "pytest-memray")


def python(version: str) -> str | None:
    """Return an interpreter of this version, if the machine has one."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is not None:
        command = [uv, "python", "find", "--no-project", "--no-python-downloads", version]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() or None
    return shutil.which(f"python{version}")


@pytest.fixture(scope="module", params=["3.10", f"3.{min(sys.version_info.minor, 12)}"])
def interpreter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Install NumPy 1.26 beside a Python: 3.10 if the machine has it, and one that it has for sure."""
    found = python(request.param)
    if found is None:
        pytest.skip(f"this machine has no Python {request.param}")
    folder = tmp_path_factory.mktemp("old") / "venv"
    subprocess.run([found, "-m", "venv", str(folder)], check=True)
    path = str(folder / "bin" / "python")
    subprocess.run([path, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    return path


def run(interpreter: str, arguments: list[str], job: Job, folder: Path) -> list[object]:
    """Run a pass; return its messages."""
    (folder / "job.json").write_text(encode(job), encoding="utf-8")
    reader, writer = os.pipe()
    command = [interpreter, *arguments, f"--job={folder / 'job.json'}", f"--channel={writer}"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    process = subprocess.Popen(command, cwd=folder, env=environment, pass_fds=(writer,))
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as lines:
        messages = [decode(line) for line in lines]
    assert process.wait() == 0
    return list(messages)


def test_every_pass_runs(interpreter: str, make_port: Callable[..., str], cell: Cell, tmp_path: Path) -> None:
    version = "import json, numpy; print(json.dumps(numpy.__version__))"
    shown = subprocess.run([interpreter, "-c", version], capture_output=True, text=True, check=True).stdout
    assert json.loads(shown).startswith("1.26.")
    benchmark = Benchmark("ice_adjust/fake/float32/4x3x5", "ice_adjust", (4, 3, 5), "rich")
    job = Job(make_port(), cell, (benchmark,), ("ice_adjust",))
    assert run(interpreter, ["-m", "ice3_probe", "compile"], job, tmp_path)
    (checked,) = [
        one for one in run(interpreter, ["-m", "ice3_probe", "accuracy"], job, tmp_path) if isinstance(one, Checked)
    ]
    assert checked.fields
    flags = [
        "-c",
        str(PERFORMANCE / "pytest.ini"),
        f"--rootdir={PERFORMANCE}",
        "--benchmark-only",
        "--benchmark-max-time=0.1",
    ]
    flags += ["--benchmark-warmup-iterations=2"]
    timing = run(interpreter, ["-m", "pytest", str(PERFORMANCE), *flags], job, tmp_path)
    assert [one for one in timing if isinstance(one, Timed)]
