"""What GPU cells have and others do not: the record of the device, the tool chain that builds for it, their table."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3_bench.errors import UsageError
from ice3_bench.report import Gpu

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ice3_bench.report import Benchmark, Metric, Report

SMI_COLUMNS = {
    "name": "name",
    "uuid": "uuid",
    "index": "index",
    "driver_version": "driver",
    "clocks.max.sm": "sm_clock_max_mhz",
    "clocks.max.memory": "memory_clock_max_mhz",
    "power.limit": "power_limit_watts",
    "clocks.sm": "sm_clock_mhz",
    "clocks.mem": "memory_clock_mhz",
}
"""Columns that nvidia-smi is asked for, and their names in the record; units are MHz and W."""
_TEXTS = ("name", "uuid", "driver")


def device_record(description: dict[str, Any]) -> Gpu:
    """Make the record of the device from what ``python -m ice3_gt4py.device`` wrote.

    Raises
    ------
    UsageError
        If nvidia-smi's line in it is not as expected.
    """
    facts = dict(description)
    line = facts.pop("smi")
    values = [value.strip() for value in line.split(",")]
    if len(values) != len(SMI_COLUMNS):
        raise UsageError(
            f"nvidia-smi answered '{line}' where {len(SMI_COLUMNS)} values were expected: update the driver."
        )
    return Gpu(
        **{
            name: value if name in _TEXTS else _number(value)
            for name, value in zip(SMI_COLUMNS.values(), values, strict=True)
        },
        **facts,
    )


def _number(text: str) -> float | None:
    """Read a number; None for the placeholders [N/A] and [Not Supported] of nvidia-smi."""
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def nvcc_version() -> str | None:
    """Return the release of the nvcc that GT4Py uses, such as ``nvcc 13.0.88``; None where there is none."""
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda"
    nvcc = Path(home, "bin", "nvcc")
    if not nvcc.exists():
        return None
    shown = subprocess.run([str(nvcc), "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"\bV(\d+(\.\d+)*)", shown)
    return f"nvcc {match[1]}" if match else None


def compute_capability(index: int | None) -> str | None:
    """Return the compute capability of the device ``index``, or of all devices; None where nvidia-smi is missing."""
    if shutil.which("nvidia-smi") is None:
        return None
    chosen = [] if index is None else [f"--id={index}"]
    command = ["nvidia-smi", *chosen, "--query-gpu=compute_cap", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None


TABLE = (
    "device", "component", "mix", "domain", "precision", "backend", "kernel, ns/point", "of the floor",
    "wall, ns/point", "to device, ns/point", "back, ns/point", "device memory, B/point", "error",
)  # fmt: skip


def gpu_table(reports: Iterable[Report]) -> str:
    """Make the table of GPU cells in Markdown: one line for each benchmark, and below it what it was measured with."""
    reports = sorted(reports, key=lambda report: report.cell)
    rows = [_row(report, benchmark) for report in reports for benchmark in report.benchmarks]
    lines = ["| " + " | ".join(row) + " |" for row in (TABLE, ["---"] * len(TABLE), *rows)]
    return "\n".join([*lines, "", *dict.fromkeys(_provenance(report) for report in reports), ""])


def _row(report: Report, benchmark: Benchmark) -> list[str]:
    component, _, _, domain, *mix = benchmark.name.split("/")
    device = report.machine.device or "–"
    cells = [device, component, mix[0] if mix else "–", domain, report.precision, report.backend]
    if benchmark.error is not None:
        return [*cells, "failed", *["–"] * (len(TABLE) - len(cells) - 1)]
    wall = benchmark.rounds.wall_ns if benchmark.rounds else []
    measures = benchmark.measures
    return [
        *cells,
        _per_point(measures.get("latency"), benchmark),
        f"{measures['bandwidth'].value:.0%}" if "bandwidth" in measures else "–",
        f"{statistics.median(wall) / benchmark.points:.3g}" if wall else "–",
        _per_point(measures.get("transfer-in"), benchmark),
        _per_point(measures.get("transfer-out"), benchmark),
        _per_point(measures.get("peak-memory"), benchmark),
        f"{measures['accuracy'].value:.1e}" if "accuracy" in measures else "–",
    ]


def _per_point(metric: Metric | None, benchmark: Benchmark) -> str:
    return "–" if metric is None else f"{metric.value / benchmark.points:.3g}"


def _provenance(report: Report) -> str:
    gpu = report.machine.gpu
    if gpu is None:
        return f"{report.cell}: the report says nothing about the device."
    commit = (report.commit.hash or "no commit")[:10] + (", changed files" if report.commit.dirty else "")
    limit = "unknown" if gpu.power_limit_watts is None else f"{gpu.power_limit_watts:.0f} W"
    clock = "unknown" if gpu.sm_clock_mhz is None else f"{gpu.sm_clock_mhz:.0f} MHz"
    return (
        f"{report.cell}: {gpu.name}, driver {gpu.driver}, CUDA runtime {gpu.runtime}, {report.software.compiler}, "
        f"power limit {limit}, clock {clock} while copying, copies {gpu.copy_bytes_per_second / 1e12:.3f} TB/s; "
        f"{commit}, {report.created:%Y-%m-%d}.\n"
    )
