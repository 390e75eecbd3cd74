"""Measure the copy bandwidth of the GPU and print how far each component of the last GPU sessions is from its floor.

The floor is the time to move each field of a call once: 30 words a point for IceAdjust and for RainIce, that is 240 B
in float64 and 120 B in float32. Run it in an environment of a GPU session, on the device of that session:

    .nox/bench-gpu/bin/python benchmarks/device_bandwidth.py
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_gt4py.device import copy_bandwidth

from ice3_bench.errors import UsageError
from ice3_bench.report import load_report
from ice3_gt4py.compilation import Build, ToolchainError

if TYPE_CHECKING:
    from ice3_bench.report import Report

WORDS = {"ice_adjust": 30, "rain_ice": 30}
"""Words that a call reads and writes at each point, every field once; the cost models of the two schemes."""
BYTES = {"float32": 4, "float64": 8}
PROJECT = Path(__file__).parents[1]


def lines(report: Report, bandwidth: float) -> list[str]:
    """One line for each benchmark of a report, against the floor at ``bandwidth`` bytes per second."""
    found = []
    for benchmark in report.benchmarks:
        latency, words = benchmark.measures.get("latency"), WORDS.get(benchmark.component)
        if benchmark.error is None and latency is not None and words is not None:
            floor = 1e9 * words * BYTES[report.precision] / bandwidth
            taken = latency.value / benchmark.points
            found.append(
                f"{benchmark.name:<50} {taken:8.4f} ns/point, floor {floor:7.4f}: {taken / floor:6.2f} times, "
                f"{floor / taken:4.0%} of the bandwidth"
            )
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure, read the reports, print; exit code 2 without a GPU or without reports of GPU cells."""
    parser = argparse.ArgumentParser(description="Copy bandwidth of the GPU, and the components' fractions of it.")
    parser.add_argument("--results", type=Path, default=os.environ.get("ICE3_BENCH_RESULTS") or PROJECT / "results")
    parser.add_argument("--device", type=int, help="which GPU, in nvidia-smi's order")
    options, _ = parser.parse_known_args(arguments)  # those of the sessions are none of ours
    folder = Path(options.results)
    if options.device is not None:
        os.environ |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(options.device)}
    try:
        Build("gt:gpu").require_toolchain()
        reports = [load_report(path) for path in sorted(folder.glob("*_gpu-*/report.json"))]
    except (ToolchainError, UsageError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if not reports:
        print(f"Error: There is no report of a GPU cell in {folder}: measure with nox -s bench-gpu.", file=sys.stderr)
        return 2
    bandwidth = copy_bandwidth()
    print(f"Copy bandwidth: {bandwidth / 1e12:.3f} TB/s, read and written")
    for report in reports:
        print(*lines(report, bandwidth), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
