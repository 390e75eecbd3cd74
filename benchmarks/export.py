"""How long an export takes and how much memory it needs, by the number of runs.

    python benchmarks/export.py [--runs 1500] [--benchmarks 1]

makes a history of so many runs of ten cells, and a quarter of it, and exports both in every format, each in a process
of its own. An export that streams needs as much memory for both.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from ice3_bench.history.store import History
from ice3_bench.report import Benchmark, Commit, Machine, Metric, PassRecord, Protocol, Report, Rounds, Software

CELLS = tuple(f"backend{number}-float64" for number in range(10))
FORMATS = (
    ("csv",),
    ("parquet",),
    ("openmetrics",),
    ("openmetrics", "--history"),
    ("benchmark-action",),
    ("phyex-perf",),
)
ROUNDS = 100


def report(random: Random, cell: str, run: int, benchmarks: int) -> Report:
    """Make a report with all rounds, of ordinary size."""
    backend = cell.partition("-")[0]
    made = []
    for number in range(benchmarks):
        latency = 1e6 * random.gauss(1.0, 0.02)
        times = [round(latency * (1.0 + 0.001 * i)) for i in range(ROUNDS)]
        measures = {"latency": latency, "throughput": 150_000e9 / latency, "bandwidth": 0.25, "peak-memory": 36e6}
        made.append(
            Benchmark(
                name=f"ice_adjust/{backend}/float64/50x50x{60 + number}",
                component="ice_adjust",
                domain=(50, 50, 60 + number),
                measures={name: Metric(value=value) for name, value in (*measures.items(), ("accuracy", 1e-13))},
                rounds=Rounds(wall_ns=times, cpu_ns=times, switches=[0] * ROUNDS),
            )
        )
    return Report(
        id=str(UUID(int=random.getrandbits(128), version=4)),
        cell=cell,
        backend=backend,
        precision="float64",
        device="cpu",
        created=datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=run),
        commit=Commit(hash=f"{run:040x}", branch="main"),
        machine=Machine(
            testbed="node", cpu="A Processor", cores=2, memory_bytes=2**34, system="Linux", triad_bytes_per_second=2e10
        ),
        software=Software(python="3.12.1", compiler="g++ 12", packages={"gt4py": "1.2.3"}),
        protocol=Protocol(profile="production", compile_args=["-O3"], threads=1, environment={}),
        passes=[PassRecord(name="timing", seconds=3.0)],
        stencils=[],
        accuracy=[],
        benchmarks=made,
    )


def make(path: Path, runs: int, benchmarks: int) -> None:
    """Make a history."""
    random = Random(1)  # noqa: S311 (no secret)
    with History(path) as history:
        history.connection.execute("PRAGMA synchronous = OFF")
        for run in range(runs):
            for cell in CELLS:
                history.add(report(random, cell, run, benchmarks))


def export(results: Path, words: tuple[str, ...]) -> tuple[float, float, float]:
    """Export to a file; return wall and processor time of the process and its largest memory, s and MB."""
    output = str(results / "exported")
    command = [sys.executable, "-m", "ice3_bench", "export", "--", "--format", *words, "--output", output]
    start = time.perf_counter()
    child = subprocess.Popen(command, env={**os.environ, "ICE3_BENCH_RESULTS": str(results)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    assert status == 0, command
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def main() -> None:
    """Make the histories, export them and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1500)
    parser.add_argument("--benchmarks", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        sizes = (options.runs // 4, options.runs)
        for runs in sizes:
            make(Path(name, str(runs), "history.db"), runs, options.benchmarks)
        print(
            f"{options.benchmarks} benchmarks in each of 10 cells, 5 measures",
            *(f"{f'{n} runs: wall, CPU, memory':>28}" for n in sizes),
        )
        for words in FORMATS:
            found = [export(Path(name, str(runs)), words) for runs in sizes]
            print(
                f"{' '.join(words):43}", *(f"{wall:10.2f} s {cpu:6.2f} s {size:6.0f} MB" for wall, cpu, size in found)
            )


if __name__ == "__main__":
    main()
