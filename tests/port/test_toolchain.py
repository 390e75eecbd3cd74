"""What a user is told if a tool chain is missing or fails, and what works without one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.port.matrix import COMPILED, GPU, PROJECT

from ice3_gt4py.compilation import Build, CompilationError
from ice3_gt4py.port import create
from ice3_probe.accuracy import check
from ice3_probe.components import component_of
from ice3_probe.contract import Case, Unavailable
from ice3_probe.messages import Benchmark, Job, encode
from ice3_probe.ports import PortError
from ice3_probe.reference import DATA, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_probe.contract import Cell
    from ice3_probe.ports import Port

RUN = """
import sys
from pathlib import Path
from ice3_probe.accuracy import check_all
from ice3_probe.messages import Job, decode_as
from ice3_probe.ports import PortError, load_port

job = decode_as(Job, Path(sys.argv[1]).read_text())
try:
    results = list(check_all(job, load_port(job.port), print))
except PortError as error:
    sys.exit(str(error))
sys.exit(0 if results and all(result.passed for result in results) else "wrong physics")
"""


def run(cell: Cell, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Check IceAdjust in a process of its own, with nothing on PATH but ``folder``."""
    benchmark = Benchmark("ice_adjust", "ice_adjust", (2, 2, 3), "rich")
    data_sets = (str(DATA / "ice_adjust_lite.nc"),)
    job = folder / "job.json"
    job.write_text(encode(Job("ice3_gt4py.port", cell, (benchmark,), ("ice_adjust",), data_sets)), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in ("CC", "CXX")}
    return subprocess.run(
        [sys.executable, "-c", RUN, str(job)],
        env={**kept, "PATH": str(folder), "PYTHONPATH": str(PROJECT / "src"), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def canonical(component: str) -> Case:
    return Case(component, (2, 2, 3), 50.0, component_of(component).options())


def test_numpy_needs_no_compiler(make_cell: Callable[..., Cell], tmp_path: Path) -> None:
    checked = run(make_cell("numpy", cache=tmp_path / "cache"), tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_without_a_compiler_the_remedy_is_named(make_cell: Callable[..., Cell], tmp_path: Path) -> None:
    cell = make_cell(COMPILED[0], cache=tmp_path / "cache")
    built = run(cell, tmp_path, CXX="g++ -pthread")
    assert built.returncode == 1
    name = cell.settings["backend"]
    assert f"Backend '{name}' needs a C++20 compiler and none is on PATH: install one" in built.stderr
    assert "apt-get install g++" in built.stderr
    assert "Traceback" not in built.stderr


def test_another_compiler_than_that_of_python_is_offered(make_cell: Callable[..., Cell], tmp_path: Path) -> None:
    (tmp_path / "clang++").touch(mode=0o755)
    built = run(make_cell(COMPILED[0], cache=tmp_path / "cache"), tmp_path, CXX="no-such-compiler -pthread")
    assert built.returncode == 1
    assert "asks for no-such-compiler: set the variable CXX=clang++, or install one" in built.stderr


def test_without_the_python_headers_their_package_is_named(
    make_cell: Callable[..., Cell], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Build("numpy")  # imports GT4Py with the real compiler
    (tmp_path / "g++").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", "g++")
    monkeypatch.setattr("sysconfig.get_paths", lambda *_: {"include": str(tmp_path)})
    with pytest.raises(Unavailable, match=rf"needs Python\.h, which is not in {tmp_path}"):
        create(canonical("ice_adjust"), make_cell(COMPILED[0]))


@pytest.mark.parametrize("backend", GPU)
def test_without_a_gpu_what_is_missing_is_named(make_cell: Callable[..., Cell], backend: str) -> None:
    from gt4py._core import definitions  # noqa: PLC0415

    if definitions.CUPY_DEVICE_TYPE is not None:
        pytest.skip("there is a GPU")
    cell = make_cell(backend)
    with pytest.raises(Unavailable, match=rf"^Backend '{cell.settings['backend']}' needs (CuPy|nvcc|a CUDA device)"):
        create(canonical("ice_adjust"), cell)


def test_a_stencil_that_does_not_compile_is_not_wrong_usage(
    make_cell: Callable[..., Cell], port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> None:
        raise CompilationError("Stencil 'ice_adjust' could not be compiled.")

    monkeypatch.setattr(Build, "stencil", failing)
    with pytest.raises(PortError, match="could not be compiled") as failure:
        check(load(DATA / "ice_adjust_lite.nc"), port, make_cell("numpy"), "ice_adjust")
    assert not failure.value.usage


def test_a_cell_without_dace_does_not_import_it_and_a_later_one_has_it() -> None:
    """It takes twice as long as all the rest of GT4Py."""
    code = (
        "import sys\n"
        "from ice3_gt4py.toolchain import import_gt4py, import_only_for\n"
        "import_only_for('numpy')\n"
        "from gt4py.cartesian.backend import REGISTRY\n"
        "assert 'dace' not in sys.modules\n"
        "assert 'dace:cpu' not in REGISTRY.names\n"
        "import_gt4py('dace:cpu')\n"
        "assert 'dace:cpu' in REGISTRY.names\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
