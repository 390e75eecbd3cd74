"""Sessions: environments and commands only. `nox -l` lists them; the matrix is [tool.ice3-bench] of pyproject.toml."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = True

PYPROJECT = nox.project.load_toml()
MATRIX = PYPROJECT["tool"]["ice3-bench"]
EXPANDED = """
from pathlib import Path
from ice3_bench.cell.environment import expanded_requirements
from ice3_bench.settings.matrix import load_settings
for backend in load_settings(Path()).backends:
    if backend.device == "gpu":
        print(*expanded_requirements(backend), sep="\\n")
"""

# What other projects write as `from ice3_bench.nox import sessions`: here the package is not installed beside nox.
_spec = importlib.util.spec_from_file_location("ice3_bench_nox", Path("src/ice3_bench/nox.py"))
assert _spec is not None  # noqa: S101 (the file ends with .py)
assert _spec.loader is not None  # noqa: S101
_bench = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_bench)
_bench.sessions()


def _install(session: nox.Session, *groups: str) -> None:
    """Install the project with dependency groups, and what our own port needs on a CPU."""
    own = [{**MATRIX["default-port"], **backend} for backend in MATRIX["backends"] if "port" not in backend]
    needed = dict.fromkeys(one for backend in own if backend["device"] == "cpu" for one in backend["requirements"])
    session.install(*nox.project.dependency_groups(PYPROJECT, *groups), *needed, "-e", ".[report,export,cluster]")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that need no GPU; arguments reach pytest."""
    _install(session, "tests")
    options = ["--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder", "--durations=15"]
    session.run("pytest", *options, *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Measure which lines the tests reach, in subprocesses too; coverage.xml is for Codecov and GitLab."""
    _install(session, "coverage")
    session.run("coverage", "erase")
    options = ["--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder"]
    session.run("coverage", "run", "-m", "pytest", *options, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "xml")
    session.run("coverage", "report")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build the distributions in dist/, check their metadata, and try the wheel in an empty environment."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "build"))
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *sorted(map(str, Path("dist").iterdir())))
    session.run("python", ".ci/check_wheel.py")


@nox.session(name="gpu-build", default=False)
def gpu_build(session: nox.Session) -> None:
    """Compile every GPU stencil, without running one: needs nvcc and many minutes, but no GPU."""
    _install(session, "tests")
    needed = str(session.run("python", "-c", EXPANDED, silent=True))
    session.install(*dict.fromkeys(needed.splitlines()))
    session.run("pytest", "-m", "gpu_build", "-rA", "tests/port/test_gpu_build.py", *session.posargs)


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style and formatting, and the workflows for errors and for what is unsafe in them."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("actionlint")
    session.run("zizmor", "--offline", "--no-progress", "--persona=pedantic", ".github")


@nox.session(default=False)
def typecheck(session: nox.Session) -> None:
    """Check the types, strictly."""
    _install(session, "typecheck")
    session.run("mypy", *session.posargs)
    session.run("mypy", "--python-version=3.10", "--config-file=pyproject.toml", "src/ice3_probe", "examples")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the user guide in docs/_build, its reference from the code; a broken link is an error."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "docs"), "-e", ".")
    session.run("python", "docs/reference.py")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build", *session.posargs)
