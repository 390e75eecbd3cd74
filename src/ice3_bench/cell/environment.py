"""The environment that a port is measured in: made from its requirements and Python, and kept for the next time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from ice3_bench.cell.cuda import cuda_home, cuda_major
from ice3_bench.cell.lock import locked
from ice3_bench.errors import UsageError
from ice3_bench.programs import run_program
from ice3_bench.settings.values import CURRENT, OLDEST_PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ice3_bench.settings.matrix import Backend

PROBE_REQUIREMENTS = (
    "numpy>=1.26",
    "h5netcdf>=1.3",
    "h5py>=3.10",
    "pytest>=8",
    "pytest-benchmark>=5",
    "pytest-memray>=1.7; platform_system != 'Windows'",
    "memray>=1.14; platform_system != 'Windows'",
)
"""What the probe imports, in every measured environment."""
PROBE_PACKAGES = ("numpy", "h5netcdf", "h5py", "pytest", "pytest-benchmark", "pytest-memray", "memray")
CUDA_VERSIONS = ("12", "13")
"""Major versions of CUDA that CuPy is built for."""
ADOPTED = "packed.pth"
"""File in an environment made by ``adopt_packages``: where its packages are."""
QUOTED_LINES = 6
"""Lines of an installer's output that an error quotes."""

_VERSIONS = """
import importlib.metadata, json, platform, re
found = {"python": platform.python_version()}
for d in importlib.metadata.distributions():  # of several versions, the first is imported
    if d.metadata["Name"]:
        found.setdefault(re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(), d.version)
print(json.dumps(dict(sorted(found.items()))))
"""


@dataclass(frozen=True)
class Environment:
    """An interpreter with what a port needs.

    Attributes
    ----------
    packages
        Version of every installed package by its normalised name (``gridtools-cpp``), and of ``python``.
    """

    python: Path
    packages: dict[str, str]


def make_environment(backend: Backend, folder: Path, notify: Callable[[str], None] = lambda _what: None) -> Environment:
    """Make the environment of a backend in ``folder``, or find it there.

    It is a virtual environment named after what it is made from, so that backends with the same requirements share it.

    Parameters
    ----------
    notify
        Called with what is being done if that takes long.

    Raises
    ------
    UsageError
        If the version of Python is not installed, nvcc is missing, or the requirements cannot be installed.
    """
    if backend.python == CURRENT:
        return _current(backend)
    interpreter = _interpreter(backend)
    requirements = (*expanded_requirements(backend), *PROBE_REQUIREMENTS)
    place, python = _place(folder, interpreter, requirements)
    with locked(folder / f"{place.name}.lock"):
        made = _complete(place, python)
        if made is None:
            notify(f"installing {', '.join(backend.requirements) or 'the probe'}")
            made = _make(backend, interpreter, requirements, place, python)
    return made


def adopt_packages(backend: Backend, folder: Path, packages: Path, versions: Mapping[str, str]) -> Environment:
    """Make the environment of a backend from packages that this machine has already, without network.

    Parameters
    ----------
    packages
        Folder to import them from; what it lacks is taken from the interpreter's own packages.
    versions
        Version of each package that the environment must have, and of ``python``. The environment holds the versions
        that are really there.

    Raises
    ------
    UsageError
        If the version of Python is not installed, a package is in neither place, or nothing can be written.
    """
    minor = ".".join(versions["python"].split(".")[:2])
    try:
        interpreter = _interpreter(backend)
    except UsageError as error:
        raise UsageError(
            f"The packages of backend '{backend.name}' are those of Python {minor}, since it has python = "
            f'"{backend.python}", and this machine lacks it: found are {", ".join(installed_pythons())}. Install it or '
            f"put python{minor} on PATH."
        ) from error
    place, python = _place(folder, interpreter, (*expanded_requirements(backend), *PROBE_REQUIREMENTS))
    own = _run(backend, (), [str(interpreter), "-I", "-c", "import site; print(*site.getsitepackages(), sep='\\n')"])
    paths = f"{packages}\n{own}"
    with locked(folder / f"{place.name}.lock"):
        made = _complete(place, python)
        adopted = [path.read_text(encoding="utf-8") for path in place.glob(f"lib*/python3.*/site-packages/{ADOPTED}")]
        if made is None or paths not in adopted:  # the archive may have been moved
            shutil.rmtree(place, ignore_errors=True)
            command = [str(interpreter), "-m", "venv", "--without-pip", "--system-site-packages", str(place)]
            _run(backend, (), command)
            for site in place.glob("lib*/python3.*/site-packages"):
                (site / ADOPTED).write_text(paths, encoding="utf-8")
            found = json.loads(_run(backend, (), [str(python), "-I", "-c", _VERSIONS]))
            missing = sorted(versions.keys() - found.keys())
            if missing:
                raise UsageError(
                    f"Backend '{backend.name}' needs {', '.join(missing)}, which neither the archive nor {interpreter} "
                    "has: install them there, name a Python that has them with the variable PYTHON, or pack them too "
                    "(without --on-node)."
                )
            made = _finish(place, python, {name: found[name] for name in versions})
    return made


def expanded_requirements(backend: Backend) -> tuple[str, ...]:
    """Return the requirements of a backend, with ``{cuda}`` replaced by the major version of nvcc.

    Raises
    ------
    UsageError
        If nvcc is missing, or of a version that CuPy is not built for.
    """
    if not any("{cuda}" in requirement for requirement in backend.requirements):
        return backend.requirements
    version = cuda_major()
    if version not in CUDA_VERSIONS:
        found = f"{cuda_home() / 'bin'} has version {version}" if version else (
            f"{cuda_home() / 'bin'} has none"
        )  # fmt: skip
        raise UsageError(
            f"Backend '{backend.name}' needs nvcc of CUDA {' or '.join(CUDA_VERSIONS)}, but {found}: install the CUDA "
            "toolkit or set CUDA_HOME to its folder. The sessions of the tag cpu (nox -t cpu) need no GPU."
        )
    return tuple(requirement.replace("{cuda}", version) for requirement in backend.requirements)


def _current(backend: Backend) -> Environment:
    packages = _normalised({one.metadata["Name"]: one.version for one in metadata.distributions()})
    missing = [name for name in PROBE_PACKAGES if name not in packages]
    if missing:
        raise UsageError(
            f"Backend '{backend.name}' is measured in this environment (python = \"{CURRENT}\"), which lacks "
            f"{', '.join(missing)}: {sys.executable} -m pip install {' '.join(missing)}"
        )
    return Environment(Path(sys.executable), {**packages, "python": _version(Path(sys.executable))})


def _complete(place: Path, python: Path) -> Environment | None:
    """Return the environment at ``place`` if it is complete and its Python still exists."""
    try:
        packages = json.loads((place / "complete").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Environment(python, packages) if python.exists() else None


def _make(backend: Backend, interpreter: Path, requirements: Sequence[str], place: Path, python: Path) -> Environment:
    shutil.rmtree(place, ignore_errors=True)  # what an interrupted process left
    uv = shutil.which("uv")
    create = [uv, "venv", "--quiet", "--python", str(interpreter)] if uv else [str(interpreter), "-m", "venv"]
    install = [uv, "pip", "install", "--quiet", "--python", str(python)] if uv else [
        str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
    ]  # fmt: skip
    try:
        _run(backend, requirements, [*create, str(place)])
        _run(backend, requirements, [*install, *requirements])
        packages = json.loads(_run(backend, requirements, [str(python), "-I", "-c", _VERSIONS]))
        return _finish(place, python, packages)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _place(folder: Path, interpreter: Path, requirements: Sequence[str]) -> tuple[Path, Path]:
    """Return where an environment is kept, and its Python."""
    basis = [str(interpreter.resolve()), _version(interpreter), sysconfig.get_platform(), sorted(requirements)]
    place = folder / hashlib.sha256(json.dumps(basis).encode()).hexdigest()[:12]
    return place, place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _finish(place: Path, python: Path, packages: dict[str, str]) -> Environment:
    """Record that an environment is complete, and its packages."""
    (place / "complete").write_text(json.dumps(packages, indent=1), encoding="utf-8")
    return Environment(python, packages)


def _run(backend: Backend, requirements: Sequence[str], command: list[str]) -> str:
    run = run_program(command, variables={"UV_PYTHON_DOWNLOADS": "never", "PYTHONPATH": ""})
    if run.returncode:
        lines = "\n".join(f"    {line}" for line in (run.stderr or run.stdout).strip().splitlines()[-QUOTED_LINES:])
        raise UsageError(
            f"The environment of backend '{backend.name}' cannot be made with Python "
            f"{backend.python or sysconfig.get_python_version()}. Its requirements are "
            f"{', '.join(requirements)}; the installer ends with\n{lines}\n"
            "Correct 'requirements' or 'python' of the backend in pyproject.toml, or check the network."
        )
    return run.stdout


def _normalised(packages: dict[str, str]) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in sorted(packages.items())}


def _interpreter(backend: Backend) -> Path:
    """Find the Python that a backend asks for, without downloading one.

    Raises
    ------
    UsageError
        If it is not installed; the message lists what is.
    """
    current = Path(sys.executable)
    wanted = backend.python
    if wanted is None or _fits(_version(current), wanted):
        return current
    for python in _candidates(".".join(wanted.split(".")[:2])):
        if _fits(_version(python), wanted):
            return python
    raise UsageError(
        f"Backend '{backend.name}' needs Python {wanted}, which is not installed. Installed: "
        f"{', '.join(installed_pythons())}. Install it (for example uv python install {wanted}) or change python of "
        "the backend in pyproject.toml."
    )


def installed_pythons() -> list[str]:
    """Return the versions of Python that are found here and can be measured, newest first."""
    versions = {_version(Path(sys.executable))}
    for minor in range(OLDEST_PYTHON, OLDEST_PYTHON + 20):
        versions.update(_version(python) for python in _candidates(f"3.{minor}"))
    return sorted(filter(None, versions), key=lambda version: [int(part) for part in version.split(".")], reverse=True)


def _candidates(minor: str) -> Iterator[Path]:
    """Look for interpreters of a version such as ``3.11``: on PATH, among pyenv's, and whatever uv finds."""
    if path := shutil.which(f"python{minor}"):
        yield Path(path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{minor}.*/bin/python3"), reverse=True)
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-python-downloads", "--system", minor]
        run = run_program(command)
        if run.returncode == 0 and run.stdout.strip():
            yield Path(run.stdout.strip())


def _version(python: Path) -> str:
    """Return the version of an interpreter; empty if it does not run, or is not a final release of Python 3."""
    program = "import platform; print(platform.python_version())"
    try:
        run = run_program([python, "-I", "-c", program], timeout=20.0)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if re.fullmatch(r"3(\.\d+){2}", run.stdout.strip()) else ""


def _fits(version: str, wanted: str) -> bool:
    return version == wanted or version.startswith(f"{wanted}.")
