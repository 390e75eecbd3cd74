"""Environments of backends: made once, shared, and explained if they cannot be made."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.cell import environment
from ice3_bench.cell.environment import expanded_requirements, installed_pythons, make_environment
from ice3_bench.errors import UsageError
from ice3_bench.settings.matrix import Backend

if TYPE_CHECKING:
    from collections.abc import Callable

UV = """#!{python}
# Stands in for uv: makes an environment of the one that the tests run in.
import os, sys, time
from pathlib import Path

with open({calls!r}, "a") as calls:
    print(*sys.argv[1:], file=calls)
if sys.argv[1] == "venv":
    time.sleep(0.5)
    folder = Path(sys.argv[-1], "bin")
    folder.mkdir(parents=True)
    (folder / "python").write_text('#!/bin/sh\\nexec {python} "$@"\\n')
    (folder / "python").chmod(0o755)
elif "no-such-package" in sys.argv:
    sys.exit("resolving\\nerror: no-such-package was not found in the package registry")
"""


def backend(**keys: Any) -> Backend:
    return Backend(name="a port", id="a_port", port="port.py", **keys)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Put a stand-in of uv on PATH; return what it was asked."""
    programs, log = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    log.touch()
    (programs / "uv").write_text(UV.format(python=sys.executable, calls=str(log)), encoding="utf-8")
    (programs / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return lambda: log.read_text(encoding="utf-8").splitlines()


def test_backends_with_the_same_requirements_share_an_environment(
    tmp_path: Path, calls: Callable[[], list[str]]
) -> None:
    said: list[str] = []
    first = make_environment(backend(requirements=("numpy<2", "scipy")), tmp_path / "made", said.append)
    again = make_environment(backend(requirements=("scipy", "numpy<2")), tmp_path / "made", said.append)
    other = make_environment(backend(requirements=("numpy<2",)), tmp_path / "made", said.append)
    assert first == again
    assert first.python != other.python
    assert {"python", "numpy", "pytest-benchmark", "memray"} <= first.packages.keys()
    assert said == ["installing numpy<2, scipy", "installing numpy<2"]
    assert sum(call.startswith("venv") for call in calls()) == 2
    assert any("scipy" in call and "memray" in call and "h5netcdf" in call for call in calls())


def test_an_environment_that_was_not_completed_is_made_again(tmp_path: Path, calls: Callable[[], list[str]]) -> None:
    made = make_environment(backend(), tmp_path / "made")
    place = made.python.parents[1]
    (place / "complete").write_text("{", encoding="utf-8")
    assert make_environment(backend(), tmp_path / "made") == made
    made.python.unlink()  # as if the interpreter that it links to were gone
    assert make_environment(backend(), tmp_path / "made") == made
    assert sum(call.startswith("venv") for call in calls()) == 3


def test_two_sessions_make_an_environment_once(tmp_path: Path, calls: Callable[[], list[str]]) -> None:
    made = []
    both = [threading.Thread(target=lambda: made.append(make_environment(backend(), tmp_path / "made"))) for _ in "ab"]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert made[0] == made[1]
    assert sum(call.startswith("venv") for call in calls()) == 1


def test_requirements_that_cannot_be_installed_are_quoted_with_the_installers_last_lines(
    tmp_path: Path, calls: Callable[[], list[str]]
) -> None:
    with pytest.raises(UsageError) as caught:
        make_environment(backend(requirements=("no-such-package",)), tmp_path / "made")
    for told in ("'a port'", "no-such-package, numpy>=1.26", "was not found in the package registry"):
        assert told in str(caught.value)
    assert calls()
    assert [path.suffix for path in (tmp_path / "made").iterdir()] == [".lock"]  # nothing half made


def test_a_version_of_python_that_is_not_installed_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make_environment(backend(python="3.27"), tmp_path)
    assert "needs Python 3.27, which is not installed. Installed: " in str(caught.value)
    assert ".".join(map(str, sys.version_info[:3])) in str(caught.value)


def test_pythons_are_found_newest_first() -> None:
    found = installed_pythons()
    numbers = [tuple(map(int, version.split("."))) for version in found]
    assert numbers == sorted(numbers, reverse=True)
    assert sys.version_info[:3] in numbers


def test_the_current_environment_may_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_environment(backend(python="current", requirements=("ignored",)), tmp_path / "made")
    assert made.python == Path(sys.executable)
    assert "numpy" in made.packages
    assert not (tmp_path / "made").exists()
    monkeypatch.setattr(environment, "PROBE_PACKAGES", ("numpy", "hail"))
    with pytest.raises(UsageError, match=r"which lacks hail: .* -m pip install hail"):
        make_environment(backend(python="current"), tmp_path)


@pytest.mark.parametrize("release", [None, "11.8", "14.0"])
def test_without_a_toolkit_that_fits_the_error_names_the_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str | None
) -> None:
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    if release:
        add_nvcc(tmp_path, release)
    with pytest.raises(UsageError, match="needs nvcc of CUDA 12 or 13"):
        expanded_requirements(backend(requirements=("cupy-cuda{cuda}x",)))
    assert expanded_requirements(backend(requirements=("jax",))) == ("jax",)


def test_cupy_follows_the_toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_nvcc(tmp_path, "13.0")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    assert expanded_requirements(backend(requirements=("cupy-cuda{cuda}x>=1",))) == ("cupy-cuda13x>=1",)


def add_nvcc(home: Path, release: str) -> None:
    nvcc = home / "bin/nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.1'\n", encoding="utf-8")
    nvcc.chmod(0o755)
