"""Sessions: environments and commands only. `nox -l` lists them; the matrix is [tool.ice3-bench] of pyproject.toml."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import NoReturn

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = True

PYPROJECT = nox.project.load_toml()
MATRIX = PYPROJECT["tool"]["ice3-bench"]


def _install(session: nox.Session, *groups: str, extra: str = "") -> None:
    """Install the project with an extra, and dependency groups."""
    session.install(*nox.project.dependency_groups(PYPROJECT, *groups), "-e", f".[{extra}]" if extra else ".")


def _end(session: nox.Session, code: int, message: str = "") -> NoReturn:
    """End nox with an exit code of ours; where other sessions are still to run, fail this one."""
    if message:
        print(f"Error: {message}", file=sys.stderr)
    if len(session._runner.manifest) > 1:  # noqa: SLF001 (nox tells it nowhere else)
        session.error(f"exit code {code}")
    raise SystemExit(code) from None


def _extra(session: nox.Session, backend: dict[str, str]) -> str:
    """Return the backend's extra; for a GPU that of the installed CUDA toolkit, for CuPy is built for one version."""
    if backend["device"] != "gpu":
        return backend["extra"]
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda"  # where GT4Py looks
    nvcc = shutil.which("nvcc", path=f"{home}/bin")
    shown = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=False).stdout if nvcc else ""
    extra = f"{backend['extra']}{''.join(re.findall(r'release ([0-9]+)', shown))}"
    if extra not in PYPROJECT["project"]["optional-dependencies"]:
        found = f"{nvcc} is of another version" if nvcc else f"there is none in {home}/bin"
        _end(
            session,
            2,
            f"Backend '{backend['name']}' needs nvcc of CUDA 12 or 13 and {found}: install the CUDA "
            "toolkit or set CUDA_HOME to its folder. The sessions of the tag cpu (nox -t cpu) need no GPU.",
        )
    return extra


def _gpu_extra(session: nox.Session) -> str:
    """Return the extra of the matrix's GPU backends, which is the same for all."""
    for backend in MATRIX["backends"]:
        if backend["device"] == "gpu":
            return _extra(session, backend)
    _end(session, 2, "The matrix in pyproject.toml has no backend for a GPU.")


def _invoke(session: nox.Session, *arguments: str) -> None:
    """Run an Invoke task; end nox with the task's own exit code where that means more than failure."""
    try:
        session.run("invoke", *arguments, interrupt_timeout=15)
    except nox.command.CommandFailed as failure:
        code = getattr(failure, "return_code", None)
        if code is not None and code > 1:
            _end(session, code)
        raise


def _define_bench_session(backend: dict[str, str], precision: str) -> None:
    tags = ["bench", precision, *backend["tags"]]

    @nox.session(name=f"bench-{backend['id']}-{precision}", tags=tags, default=False)
    def bench(session: nox.Session) -> None:
        _install(session, "bench", extra=_extra(session, backend))
        options = ["--backend", backend["name"], "--precision", precision]
        _invoke(session, "bench", *options, *(["--", *session.posargs] if session.posargs else []))

    bench.__doc__ = f"Measure {backend['name']} in {precision}: accuracy, time and memory."


for _backend in MATRIX["backends"]:
    for _precision in MATRIX["precisions"]:
        _define_bench_session(_backend, _precision)


@nox.session(name="bench-gpu", default=False)
def bench_gpu(session: nox.Session) -> None:
    """Measure all GPU cells, then write the table results/gpu.md and print the fractions of the memory floor."""
    _install(session, "bench", extra=_gpu_extra(session))
    failure = None
    try:
        _invoke(session, "gpu", *(["--", *session.posargs] if session.posargs else []))
    except nox.command.CommandFailed as error:  # of one cell; the others are worth a comparison with the floor
        failure = error
    session.run("python", "benchmarks/device_bandwidth.py", *session.posargs)
    if failure:
        raise failure


@nox.session(name="bench-upload", default=False)
def bench_upload(session: nox.Session) -> None:
    """Store what was measured in the local history and send it to Bencher when a key is set."""
    _install(session)
    _invoke(session, "upload", *session.posargs)


@nox.session(name="bench-comment", default=False)
def bench_comment(session: nox.Session) -> None:
    """Write the job summary and the comment of the pull request."""
    _install(session)
    _invoke(session, "comment", *session.posargs)


@nox.session(default=False)
def bencher(session: nox.Session) -> None:
    """Look after the Bencher project: nox -s bencher -- check, setup, archive or fork-upload."""
    if not session.posargs:
        session.error("Usage: nox -s bencher -- check (or setup, archive, fork-upload), then its options.")
    _install(session)
    task, *options = session.posargs
    _invoke(session, f"bencher.{task}", *options)


@nox.session(name="bench-compare", default=False)
def bench_compare(session: nox.Session) -> None:
    """Compare two revisions on this machine: faster, slower, same or undecided."""
    _install(session)
    _invoke(session, "compare", "--", *session.posargs)


@nox.session(name="bench-calibrate", default=False)
def bench_calibrate(session: nox.Session) -> None:
    """Prove bench-compare on this machine: false alarms and power, with known slowdowns."""
    _install(session)
    _invoke(session, "calibrate", "--", *session.posargs)


@nox.session(name="bench-history", default=False)
def bench_history(session: nox.Session) -> None:
    """Show every series of the local history and where its level changed."""
    _install(session)
    _invoke(session, "history", "--", *session.posargs)


@nox.session(name="bench-report", default=False)
def bench_report(session: nox.Session) -> None:
    """Write the local history as one page, results/report.html."""
    _install(session, "report")
    _invoke(session, "report", "--", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, all that need no GPU; arguments reach pytest."""
    _install(session, "tests", extra="dace")
    options = ["--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder", "--durations=15"]
    session.run("pytest", *options, *session.posargs)


@nox.session(name="gpu-build", default=False)
def gpu_build(session: nox.Session) -> None:
    """Compile every GPU stencil, without running one: needs nvcc and many minutes, but no GPU."""
    _install(session, "tests", extra=_gpu_extra(session))
    session.run("pytest", "-m", "gpu_build", "-rA", "tests/components/test_gpu_build.py", *session.posargs)


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style and formatting, and the workflows for errors and for what is unsafe in them."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("actionlint")
    session.run("zizmor", "--offline", "--no-progress", "--persona=pedantic", ".github/workflows")


@nox.session(default=False)
def typecheck(session: nox.Session) -> None:
    """Check the types, strictly."""
    _install(session, "typecheck")
    session.run("mypy", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the user guide in docs/_build; a broken link is an error."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "docs"))
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build", *session.posargs)
