"""What a port's compiled code depends on, and the one key of the folders that keep it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3_bench.cell.cuda import compute_capability, nvcc_version
from ice3_bench.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.cell.environment import Environment
    from ice3_bench.settings.matrix import Backend, Cell

BUILD_VARIABLES = (
    *("CC", "CXX", "FC", "CFLAGS", "CXXFLAGS", "FFLAGS", "CPPFLAGS", "LDFLAGS", "OPENMP_CPPFLAGS", "OPENMP_LDFLAGS"),
    *("GT4PY_CARTESIAN_ENABLE_OPENMP", "GT_INCLUDE_PATH", "DACE_DEFAULT_BLOCK_SIZE"),
    *("CUDA_ARCH", "CUDA_HOST_CXX", "GT4PY_CARTESIAN_EXTRA_CUDA_COMPILE_ARGS"),
    *("GT4PY_COMPILE_OPT_LEVEL", "GT4PY_EXTRA_COMPILE_OPT_FLAGS", "GT4PY_EXTRA_COMPILE_ARGS", "GT4PY_EXTRA_LINK_ARGS"),
)
"""Variables of the environment by which setuptools and GT4Py choose the compiler and its arguments."""


def stencil_cache(
    root: Path,
    cell: Cell,
    compile_args: Sequence[str],
    threads: int,
    environment: Environment,
    tree: Path,
    gpu: int | None = None,
) -> Path:
    """Return the folder of what a port compiles; whatever changes the compiled code changes the folder.

    Parameters
    ----------
    root
        Folder that holds all such folders.
    compile_args
        Compiler arguments of the profile and the backend.
    threads
        They change what DaCe generates.
    tree
        The files of the revision that is measured: the backend's ``compiled-sources`` are looked for there.
    gpu
        Number of the GPU; None: any.
    """
    return root / key(cache_basis(cell, compile_args, threads, environment, tree, gpu))


def key(basis: dict[str, Any]) -> str:
    """Return the name of the folder for a basis."""
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()[:12]


def cache_basis(
    cell: Cell, compile_args: Sequence[str], threads: int, environment: Environment, tree: Path, gpu: int | None
) -> dict[str, Any]:
    """Return what enters the key of ``stencil_cache``, by name."""
    backend = cell.backend
    basis: dict[str, Any] = {
        "backend": backend.id,
        "precision": cell.precision,
        "port": backend.port,
        "settings": backend.settings,
        "environment": backend.environment,
        "arguments": list(compile_args),
        "variables": build_variables(),
        "packages": environment.packages,
        "sources": source_digests(backend, tree),
    }
    if backend.compiler is not None:
        basis["compiler"] = compilers(backend)
    if backend.device == "gpu":
        return {**basis, "nvcc": nvcc_version(), "capability": compute_capability(gpu)}
    return {**basis, "processor": processor(), "instructions": instructions(), "threads": threads}


def source_digests(backend: Backend, tree: Path) -> dict[str, str]:
    """Return a digest of each file that the backend's ``compiled-sources`` name."""
    files = {path for pattern in backend.compiled_sources for path in tree.glob(pattern) if path.is_file()}
    return {
        path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if "__pycache__" not in path.parts
    }


def compilers(backend: Backend) -> str | None:
    """Return the versions of the compilers that a backend uses; None if there is none, or it uses none."""
    if backend.compiler is None:
        return None
    versions = {"cxx": (compiler_version,), "nvcc": (nvcc_version, compiler_version), "fc": (fortran_version,)}
    return ", ".join(filter(None, (version() for version in versions[backend.compiler]))) or None


def build_variables() -> dict[str, str]:
    """Return the variables of the environment that change what the compiler makes of a stencil."""
    return {name: os.environ[name] for name in BUILD_VARIABLES if os.environ.get(name)}


def compiler_version() -> str | None:
    """Return the first line of the C++ compiler's version, or None if there is no compiler."""
    return _version_of([*_program("CXX"), "g++", "c++", "clang++"])


def fortran_version() -> str | None:
    """Return the first line of the Fortran compiler's version, or None if there is no compiler."""
    return _version_of(_program("FC") or ["gfortran"])


def _program(variable: str) -> list[str]:
    """Return the compiler that a variable names, if it does: g++ of ``ccache g++ -pthread``."""
    given = os.environ.get(variable, "")
    try:
        words = shlex.split(given)
    except ValueError:  # who compiles says so
        words = given.split()
    return list(takewhile(lambda word: not word.startswith("-"), words))[-1:]


def _version_of(names: Sequence[str]) -> str | None:
    """Return the first line of the version of the first program of these names that exists."""
    compiler = next(filter(None, map(shutil.which, names)), None)
    if compiler is None:
        return None
    shown = run_program([compiler, "--version"])
    return shown.stdout.splitlines()[0] if shown.stdout else None


def processor() -> str:
    """Return the processor's model name, with family and model numbers if the name alone is vague."""
    fields = dict(re.findall(r"^([\w ]+?)\s*:\s*(.*)$", _cpuinfo().split("\n\n", maxsplit=1)[0], flags=re.MULTILINE))
    if not fields:
        return platform.processor() or platform.machine()
    name = fields.get("model name", platform.machine())
    arm = [fields[key] for key in ("CPU implementer", "CPU part", "CPU variant") if key in fields]
    if "model name" not in fields and arm:  # Neoverse N1 and V2 tell themselves apart by numbers only
        return f"{name} ({'/'.join(number.removeprefix('0x') for number in arm)})"
    numbers = [fields[key] for key in ("cpu family", "model") if key in fields]
    return f"{name} ({'/'.join(numbers)})" if numbers else name


def instructions() -> list[str]:
    """Return the instruction sets of the processor; a hypervisor may hide some of them on one machine only."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", _cpuinfo(), flags=re.MULTILINE)
    return sorted(found[1].split()) if found else []


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
