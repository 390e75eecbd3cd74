"""What the measurements ran on: processor, memory, compiler, packages, and the STREAM triad it reaches."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from itertools import takewhile
from pathlib import Path

import numpy as np

from ice3_bench.cell.device import nvcc_version
from ice3_bench.report import Commit, Gpu, Machine, Software

BUILD_VARIABLES = (
    *("CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "OPENMP_CPPFLAGS", "OPENMP_LDFLAGS"),
    *("GT4PY_CARTESIAN_ENABLE_OPENMP", "GT_INCLUDE_PATH", "DACE_DEFAULT_BLOCK_SIZE"),
    *("CUDA_ARCH", "CUDA_HOST_CXX", "GT4PY_CARTESIAN_EXTRA_CUDA_COMPILE_ARGS"),
    *("GT4PY_COMPILE_OPT_LEVEL", "GT4PY_EXTRA_COMPILE_OPT_FLAGS", "GT4PY_EXTRA_COMPILE_ARGS", "GT4PY_EXTRA_LINK_ARGS"),
)
"""Variables of the environment by which setuptools and GT4Py choose the compiler and its arguments."""
PACKAGES = ("numpy", "gt4py", "dace", "gridtools-cpp", "cupy-cuda12x", "cupy-cuda13x", "pytest-benchmark", "memray")


def describe_machine(threads: int, testbed: str | None, gpu: Gpu | None = None) -> Machine:
    """Describe this machine; takes about half a second, for the triad.

    The testbed is named after the processor, for GPU cells after the GPU's model.
    """
    if gpu is not None:
        testbed = f"{testbed} {gpu.name}" if testbed else _slug(gpu.name)
    return Machine(
        testbed=machine_name(testbed),
        cpu=processor(),
        cores=cores(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        device=gpu.name if gpu else None,
        gpu=gpu,
        triad_bytes_per_second=triad(threads),
    )


def machine_name(testbed: str | None = None) -> str:
    """Return the name of this machine in the results: ``testbed``, or one made of the processor and its cores."""
    return (testbed or _slug(f"{processor()} {cores()}c"))[:64]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Return the processor's model name, with family and model numbers where the name alone is vague."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(re.findall(r"^([\w ]+?)\s*:\s*(.*)$", text.split("\n\n", maxsplit=1)[0], flags=re.MULTILINE))
    name = fields.get("model name", platform.machine())
    numbers = [fields[key] for key in ("cpu family", "model") if key in fields]
    return f"{name} ({'/'.join(numbers)})" if numbers else name


def instructions() -> list[str]:
    """Return the instruction sets of the processor; a hypervisor may hide some of them on one machine only."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, flags=re.MULTILINE)
    return sorted(found[1].split()) if found else []


def build_variables() -> dict[str, str]:
    """Return the variables of the environment that change what the compiler makes of a stencil."""
    return {name: os.environ[name] for name in BUILD_VARIABLES if os.environ.get(name)}


def compiler_version() -> str | None:
    """Return the first line of the C++ compiler's version, or None when there is no compiler."""
    given = list(takewhile(lambda word: not word.startswith("-"), os.environ.get("CXX", "").split()))
    names = [*given[-1:], "g++", "c++", "clang++"]  # the last word of such as ``ccache g++ -pthread``
    compiler = next(filter(None, map(shutil.which, names)), None)
    if compiler is None:
        return None
    shown = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return shown.stdout.splitlines()[0] if shown.stdout else None


def describe_software(device: str = "cpu") -> Software:
    """List the versions that matter of this environment; for a GPU, those of both compilers."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    compilers = [nvcc_version(), compiler_version()] if device == "gpu" else [compiler_version()]
    compiler = ", ".join(filter(None, compilers)) or None
    return Software(python=platform.python_version(), compiler=compiler, packages=packages)


def describe_commit(project: Path) -> Commit:
    """Describe the revision of ``project``; fields are None outside a git checkout."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(project), *arguments], capture_output=True, text=True, check=False, timeout=20
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    branch = git("rev-parse", "--abbrev-ref", "HEAD")
    return Commit(
        hash=git("rev-parse", "HEAD"),
        branch=None if branch == "HEAD" else branch,
        dirty=bool(git("status", "--porcelain", "--untracked-files=no")),
    )


def triad(threads: int, *, megabytes: int = 128, repeats: int = 8) -> float:
    """Measure STREAM's triad, a = b + s c, in bytes per second (24 bytes per element, best of ``repeats``).

    The arrays are walked in blocks whose product stays in the cache, so that memory sees each array once, as in STREAM.
    """
    size = megabytes * 2**20 // 24 // threads
    block = 8192

    def work(arrays: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        a, b, c = arrays
        product = np.empty(block)
        for start in range(0, size, block):
            part = slice(start, min(start + block, size))
            view = product[: part.stop - start]
            np.multiply(c[part], 3.0, out=view)
            np.add(b[part], view, out=a[part])

    sets = [(np.zeros(size), np.ones(size), np.full(size, 2.0)) for _ in range(threads)]
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats):
            start = time.perf_counter()
            list(pool.map(work, sets))
            best = min(best, time.perf_counter() - start)
    return 24.0 * size * threads / best
