"""Try the wheel in dist/ in an empty environment, away from the checkout: its files, its version and its commands."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

project = Path(__file__).resolve().parents[1]
(wheel,) = (project / "dist").glob("*.whl")
packages = [*(project / "src").iterdir(), project / "examples/numpy_port/src/numpy_ice3"]
files = {
    path.relative_to(package.parent).as_posix()
    for package in packages
    for path in package.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in path.as_posix()
}
with zipfile.ZipFile(wheel) as archive:
    missing = files - set(archive.namelist())
assert not missing, f"{wheel.name} lacks {sorted(missing)}"

kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def run(*command: object) -> str:
    """Run a command away from the checkout and return what it prints."""
    done = subprocess.run(list(map(str, command)), cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    run(sys.executable, "-m", "venv", "environment")
    programs = folder / "environment/bin"
    run(programs / "python", "-m", "pip", "install", "--quiet", f"{wheel}[report]")
    version = run(programs / "ice3-bench", "--version").split()[-1]
    assert version == wheel.name.split("-")[1], version
    run(programs / "ice3-bench", "port.new", "--id", "mine")  # templates
    assert (folder / "bench/port_mine.py").exists()
    assert "mine" in (folder / "pyproject.toml").read_text(encoding="utf-8")
    run(programs / "python", "-c", "import ice3_bench.show.page.document, numpy_ice3, ice3_gt4py.supported")
    data = sorted(name for name in files if name.endswith(".nc"))
    code = "from ice3_bench.cell.environment import PROBE_REQUIREMENTS; print(*PROBE_REQUIREMENTS, sep='\\n')"
    run(programs / "python", "-m", "pip", "install", "--quiet", *run(programs / "python", "-c", code).splitlines())
    (where,) = (folder / "environment/lib").glob("python3*/site-packages")
    code = (
        "import pathlib, sys; from ice3_probe.data_sets import load; [load(pathlib.Path(one)) for one in sys.argv[1:]]"
    )
    run(programs / "python", "-c", code, *(where / one for one in data))
    print(f"{wheel.name}: {len(files)} files, {len(data)} data sets, version {version}, port.new")
