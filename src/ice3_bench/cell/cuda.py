"""The CUDA toolkit and the device as the harness sees them, without CuPy."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ice3_bench.programs import run_program


def cuda_home() -> Path:
    """Return the folder of the CUDA toolkit: where GT4Py looks for it too."""
    return Path(os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda")


def nvcc_version() -> str | None:
    """Return the release of nvcc, such as ``nvcc 13.0.88``; None if there is none."""
    nvcc = cuda_home() / "bin" / "nvcc"
    if not nvcc.exists():
        return None
    shown = run_program([nvcc, "--version"]).stdout
    match = re.search(r"\bV(\d+(\.\d+)*)", shown)
    return f"nvcc {match[1]}" if match else None


def cuda_major() -> str | None:
    """Return the major version of nvcc, such as ``13``; None if there is none."""
    version = nvcc_version()
    return version.removeprefix("nvcc ").partition(".")[0] if version else None


def compute_capability(index: int | None) -> str | None:
    """Return the compute capability of the device ``index``, or of all devices; None if nvidia-smi is missing."""
    if shutil.which("nvidia-smi") is None:
        return None
    chosen = [] if index is None else [f"--id={index}"]
    command = ["nvidia-smi", *chosen, "--query-gpu=compute_cap", "--format=csv,noheader"]
    return run_program(command).stdout.strip() or None
