"""The table of GPU cells, in Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from ice3_bench.measures import written
from ice3_bench.names import BenchmarkName
from ice3_bench.show.markdown import literal, markdown_table
from ice3_bench.show.remarks import marks, remarks
from ice3_bench.text import short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ice3_bench.report import Benchmark, Metric, Report

TABLE = (
    "device", "component", "mix", "domain", "precision", "backend", "kernel, ns/point", "of the floor",
    "wall, ns/point", "to device, ns/point", "back, ns/point", "device memory, B/point", "error",
)  # fmt: skip


def gpu_table(reports: Iterable[Report]) -> str:
    """Make the table of GPU cells in Markdown: one line for each benchmark, and below it what it was measured with."""
    reports = sorted(reports, key=lambda report: report.cell)
    rows = [_row(report, benchmark) for report in reports for benchmark in report.benchmarks]
    lines = markdown_table(TABLE, ([literal(cell) for cell in row] for row in rows))
    said = [f"{report.cell}: {remark}\n" for report in reports for remark in remarks(report)]
    return "\n".join([*lines, "", *dict.fromkeys(_provenance(report) for report in reports), *said, ""])


def _row(report: Report, benchmark: Benchmark) -> list[str]:
    name = BenchmarkName.parse(benchmark.name)
    device = report.machine.device or "–"
    cells = [device, name.component, name.mix or "–", name.extent, report.precision, report.backend]
    if benchmark.error is not None:
        return [*cells, "failed", *["–"] * (len(TABLE) - len(cells) - 1)]
    wall = benchmark.rounds.wall_ns if benchmark.rounds else []
    measures = benchmark.measures
    return [
        *cells,
        _marked(_per_point(measures.get("latency"), benchmark), marks(report, benchmark)),
        written("bandwidth", measures["bandwidth"].value) if "bandwidth" in measures else "–",
        f"{statistics.median(wall) / benchmark.points:.3g}" if wall else "–",
        _per_point(measures.get("transfer-in"), benchmark),
        _per_point(measures.get("transfer-out"), benchmark),
        _per_point(measures.get("peak-memory"), benchmark),
        f"{measures['accuracy'].value:.1e}" if "accuracy" in measures else "not checked",
    ]


def _marked(value: str, words: list[str]) -> str:
    return f"{value} ({', '.join(words)})" if words else value


def _per_point(metric: Metric | None, benchmark: Benchmark) -> str:
    return "–" if metric is None else f"{metric.value / benchmark.points:.3g}"


def _provenance(report: Report) -> str:
    gpu = report.machine.gpu
    if gpu is None:
        return f"{report.cell}: the report says nothing about the device."
    commit = short(report.commit.hash) + (", changed files" if report.commit.dirty else "")
    limit = "unknown" if gpu.power_limit_watts is None else f"{gpu.power_limit_watts:.0f} W"
    clock = "unknown" if gpu.sm_clock_mhz is None else f"{gpu.sm_clock_mhz:.0f} MHz"
    return (
        f"{report.cell}: {gpu.name}, driver {gpu.driver}, CUDA runtime {gpu.runtime}, {report.software.compiler}, "
        f"power limit {limit}, clock {clock} while copying, copies {gpu.copy_bytes_per_second / 1e12:.3f} TB/s; "
        f"{report.protocol.arrangement} weather; {commit}, {report.created:%Y-%m-%d}.\n"
    )
