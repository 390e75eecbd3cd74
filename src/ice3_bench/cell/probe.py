"""What a measured interpreter sees and is asked: the copy of the probe, paths, variables, and the job."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ice3_bench.cell.processes import Interpreter
from ice3_bench.components import checked_with
from ice3_bench.errors import UsageError
from ice3_bench.names import BenchmarkName
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ice3_bench.cell.environment import Environment
    from ice3_bench.settings.matrix import Backend, Cell, Settings

# Variables fixed for every process that measures: they decide how fast the same code runs, so they are recorded and
# enter the key of comparability.
STABLE_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_PROC_BIND": "false",  # pinned threads stall when another process holds their core
    "MALLOC_MMAP_THRESHOLD_": "4294967296",  # memory is kept between rounds: no page faults inside the timed call
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "GT_HUGEPAGE_MODE": "disable",  # GridTools' temporaries would otherwise count 2 MiB each; their speed is the same
}
PACKAGE = Path(messages.__file__).parent
NUMPY_IMPLEMENTATION = "numpy_ice3"
"""Package that the explain pass needs beside the probe; the wheel holds it too."""


def staged_probe(cache: Path, *beside: Path) -> Path:
    """Return a folder that holds the probe and nothing else, to be put on the path of a measured interpreter.

    It is a copy, so that edits during a measurement have no effect. All who have the same probe share it.

    Parameters
    ----------
    beside
        Folders of packages that the folder holds too.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    packages = (PACKAGE, *beside)
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(package.parent)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    place = cache / "probe" / digest.hexdigest()[:12]
    if place.exists():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".staging-") as folder:
            made = Path(folder, "probe")  # other users could not read a folder of mkdtemp
            for package in packages:
                shutil.copytree(package, made / package.name, ignore=shutil.ignore_patterns("__pycache__"))
            with suppress(OSError):  # another session was faster
                made.rename(place)
    except OSError as error:
        raise UsageError(f"The probe cannot be copied to {place}: {error.strerror or error}.") from error
    return place


def explaining(interpreter: Interpreter, cache: Path) -> Interpreter:
    """Return the interpreter for the explain pass: without the port, whose packages could hide those that it needs.

    Raises
    ------
    UsageError
        If the NumPy implementation is not installed.
    """
    found = importlib.util.find_spec(NUMPY_IMPLEMENTATION)
    if found is None or found.origin is None:
        raise UsageError(
            f"The package {NUMPY_IMPLEMENTATION}, which ice3-bench comes with, is missing. Install ice3-bench again."
        )
    return replace(interpreter, path=(staged_probe(cache, Path(found.origin).parent),))


def make_interpreter(
    environment: Environment,
    backend: Backend,
    *,
    project: Path,
    tree: Path,
    cache: Path,
    scratch: Path,
    threads: int = 1,
    gpu: int | None = None,
) -> Interpreter:
    """Return the interpreter that measures a backend.

    Parameters
    ----------
    project
        Project with the matrix: the port, if it is a file, is taken from there.
    tree
        Files of the revision that is measured: the backend's ``pythonpath`` is looked for there.
    cache
        Folder that keeps the copy of the probe.
    """
    port = (port_file(project, backend).parent,) if backend.port_is_file else ()
    return Interpreter(
        python=environment.python,
        path=(staged_probe(cache), *port, *(tree / folder for folder in backend.pythonpath)),
        variables={**fixed_variables(backend, threads), **gpu_variables(gpu)},
        scratch=scratch,
    )


def phyex_checkout(project: Path, settings: Settings) -> Path | None:
    """Return the checkout of PHYEX that the variable ``PHYEX_DIR`` or the settings name; None if neither does."""
    if given := os.environ.get("PHYEX_DIR"):
        return Path(os.path.expanduser(given)).resolve()  # noqa: PTH111 (pathlib's fails if there is no such user)
    return (project / os.path.expanduser(settings.phyex)).resolve() if settings.phyex else None  # noqa: PTH111


def port_file(project: Path, backend: Backend) -> Path:
    """Return the file of a port that is not a module; raises UsageError if it does not exist."""
    path = (project / backend.port).resolve()
    if not path.is_file():
        raise UsageError(
            f"The port of backend '{backend.name}' does not exist: {path}. Correct 'port' in pyproject.toml."
        )
    return path


def fixed_variables(backend: Backend, threads: int) -> dict[str, str]:
    """Return the variables that are fixed for the measured processes of a backend."""
    return {**STABLE_ENVIRONMENT, "OMP_NUM_THREADS": str(threads), **backend.environment}


def gpu_variables(gpu: int | None) -> dict[str, str]:
    """Return the variables that choose a GPU; not recorded: which of several identical GPUs ran is irrelevant."""
    return {} if gpu is None else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(gpu)}


def benchmarks_of(
    cell: Cell,
    domains: Iterable[tuple[int, int, int]],
    components: Sequence[str] = (),
    arrangement: messages.Arrangement = messages.STANDARD_ARRANGEMENT,
) -> tuple[messages.Benchmark, ...]:
    """Return the benchmarks of a cell: every component on each domain, in each weather mix that its cost depends on.

    Parameters
    ----------
    components
        Instead of those of the cell.
    arrangement
        Where the columns of the weather stand.
    """
    backend = cell.backend
    found = []
    for domain in domains:
        for component in components or backend.components:
            for mix in messages.COMPONENTS[messages.base_of(component)] or (None,):
                name = BenchmarkName(component, backend.id, cell.precision, domain, mix)
                found.append(messages.Benchmark(name.text, component, domain, mix or messages.MIXES[0], arrangement))
    return tuple(found)


def make_job(
    project: Path,
    cell: Cell,
    compile_args: Sequence[str],
    *,
    threads: int,
    cache: Path,
    benchmarks: Sequence[messages.Benchmark],
    data_sets: Sequence[str] = (),
    data: Sequence[str] = (),
    namelist: str = "",
    profile: Literal["production", "strict"] = "production",
    phyex: Path | None = None,
) -> messages.Job:
    """Return what a process of a cell is asked to do.

    Parameters
    ----------
    project
        Project with the matrix.
    cache
        Folder of what the port compiles.
    data_sets
        Files with reference data; empty: those of the probe.
    data, namelist
        As in ``Job``.
    phyex
        Checkout of PHYEX, for the backends that compile it.
    """
    backend = cell.backend
    arguments = {"compiler": backend.compiler, "compile-args": shlex.join(compile_args)} if backend.compiler else {}
    if backend.compiler == "fc":
        arguments |= {"profile": profile, **({"phyex": str(phyex)} if phyex else {})}
    return messages.Job(
        port=str(port_file(project, backend)) if backend.port_is_file else backend.port,
        cell=messages.Cell(
            backend=backend.id,
            precision=cell.precision,
            device=backend.device,
            threads=threads,
            cache=cache,
            settings={**backend.settings, **arguments},
        ),
        benchmarks=tuple(benchmarks),
        checked=checked_with(benchmarks, backend),
        data_sets=tuple(data_sets),
        data=tuple(data),
        namelist=namelist,
        profile=profile,
    )
