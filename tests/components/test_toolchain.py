"""What a user is told where a tool chain is missing or fails, and what works without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_gt4py import components
from ice3_gt4py.compilation import Build, CompilationError

if TYPE_CHECKING:
    import pytest

LITE = Path(__file__).parents[1] / "data/ice_adjust_lite.nc"


def run(module: str, *arguments: str, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a module as a pass does, with nothing on PATH but ``path``."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CC", "CXX")}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments, "--precision=float64"],
        env={**kept, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_numpy_needs_no_compiler(tmp_path: Path) -> None:
    cache = f"--cache={tmp_path / 'cache'}"
    checked = run("ice3_gt4py.accuracy", "--backend=numpy", cache, f"--file={LITE}", path=str(tmp_path))
    assert checked.returncode == 0, checked.stderr
    assert "out_th" in checked.stdout


def test_without_a_compiler_the_remedy_and_a_cell_without_one_are_named(tmp_path: Path) -> None:
    built = run("ice3_gt4py.components", "--backend=gt:cpu_ifirst", path=str(tmp_path), CXX="g++ -pthread")
    assert built.returncode == 2
    assert "'gt:cpu_ifirst' needs a C++20 compiler and none is on PATH: install one" in built.stderr
    assert "apt-get install g++" in built.stderr
    assert "nox -s bench-numpy-float64" in built.stderr
    assert "Traceback" not in built.stderr


def test_another_compiler_than_that_of_python_is_offered(tmp_path: Path) -> None:
    (tmp_path / "clang++").touch(mode=0o755)
    built = run("ice3_gt4py.components", "--backend=gt:cpu_ifirst", path=str(tmp_path), CXX="no-such-compiler -pthread")
    assert built.returncode == 2
    assert "asks for no-such-compiler: set the variable CXX=clang++, or install one" in built.stderr


def test_without_the_python_headers_their_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Build("numpy")  # imports GT4Py with the real compiler
    (tmp_path / "g++").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", "g++")
    monkeypatch.setattr("sysconfig.get_paths", lambda *_: {"include": str(tmp_path)})
    assert components.main(["--backend", "gt:cpu_ifirst", "--precision", "float64"]) == 2
    assert f"needs Python.h, which is not in {tmp_path}" in capsys.readouterr().err


def test_a_stencil_that_does_not_compile_is_no_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object) -> None:
        raise CompilationError("Stencil 'ice_adjust' could not be compiled")

    monkeypatch.setattr(components, "build_all", failing)
    assert components.main(["--backend", "numpy", "--precision", "float64"]) == 1
    assert "could not be compiled" in capsys.readouterr().err
