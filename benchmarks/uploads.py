"""Uploads to a local Bencher: how long a full matrix takes; whether a bad network or a kill loses or doubles anything.

Run from the project's folder, in an environment of the tests:

    python -m benchmarks.uploads                  # a full matrix: seconds and requests
    python -m benchmarks.uploads --steps          # one upload killed at each of its steps
    python -m benchmarks.uploads --chaos 1000     # over a network that fails at random, every third upload killed

An upload is a process of its own. A step is a line of the modules in ``STEPS``: before it, the process kills itself
with SIGKILL. The report of upload n holds the latency n, so the server's values say what arrived.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import NAMESPACE_OID, uuid5

from ice3_bench.bencher import client as bencher
from ice3_bench.bencher import document, upload
from ice3_bench.bencher.client import Bencher, Patience
from ice3_bench.bencher.connection import Connection, connection
from ice3_bench.history import queue, schema, store
from ice3_bench.history.store import History
from ice3_bench.report import Benchmark, Commit, Machine, Metric, Protocol, Report, Software
from ice3_bench.reports import save_report
from ice3_bench.settings.matrix import Cell, Settings, load_settings

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from tests.servers.bencher_server import BencherServer

PROJECT = Path(__file__).parents[1]
COMPONENTS = ("ice_adjust", "rain_ice", "microphysics")
DOMAINS = ("50x50x60", "100x100x90")
STEPS = {module.__file__ for module in (bencher, document, queue, schema, store, upload)}
KEY = "bencher_run_" + "p" * 30  # of the server
# A slow reply is given up; results that come late are waited for.
IMPATIENT = Patience(deadline=0.6, first_wait=0.01, longest_wait=0.02, connect=1.0, reply=0.15, settle=0.6)
DELAY = 0.2
PATIENT = Patience(deadline=60.0, first_wait=0.01, longest_wait=0.5)
FAULTS = (None, None, None, None, "drop", "lose", "slow", "truncate", "503", "429", "500", "halfway", "late")


def make_report(cell: Cell, number: int, latency: float) -> Report:
    """Make the report of a cell at commit ``number``: every component on both domains, five measures each."""
    measures = {
        "latency": Metric(value=latency, lower_value=latency, upper_value=1.03 * latency),
        "throughput": Metric(value=150_000e9 / latency),
        "bandwidth": Metric(value=0.25),
        "peak-memory": Metric(value=36e6),
        "accuracy": Metric(value=1e-15),
    }
    benchmarks = [
        Benchmark.model_validate(
            {
                "name": f"{component}/{cell.backend.id}/{cell.precision}/{domain}",
                "component": component,
                "domain": tuple(map(int, domain.split("x"))),
                "measures": measures,
            }
        )
        for component, domain in itertools.product(COMPONENTS, DOMAINS)
    ]
    return Report(
        id=str(uuid5(NAMESPACE_OID, f"{number} {cell.id}")),
        cell=cell.id,
        backend=cell.backend.name,
        precision=cell.precision,
        device=cell.backend.device,
        created=datetime.now(UTC),
        commit=Commit(hash=f"{number:040x}", branch="main"),
        machine=Machine(
            testbed="laptop", cpu="A", cores=2, memory_bytes=1, system="Linux", triad_bytes_per_second=2e10
        ),
        software=Software(python="3.12", compiler="g++ 12", packages={}),
        protocol=Protocol(profile="production", compile_args=[], threads=1, environment={}),
        passes=[],
        stencils=[],
        accuracy=[],
        benchmarks=benchmarks,
    )


def _server() -> BencherServer:
    from tests.servers.bencher_server import BencherServer  # noqa: PLC0415 (not in the processes that upload: it is slow)

    return BencherServer()


def _where(url: str) -> Connection:
    where = connection(url, "ice3", KEY, None)
    assert isinstance(where, Connection)
    return where


def _upload(
    url: str, results: Path, settings: Settings, patience: Patience, last_step: int, counted: Path | None
) -> None:
    """Store and send, and die before step ``last_step``; in a process of its own."""
    steps = itertools.count(1)
    reached = 0

    def trace(frame: FrameType, event: str, _argument: object) -> object:
        nonlocal reached
        if frame.f_code.co_filename not in STEPS:
            return None
        if event == "line":
            reached = next(steps)
            if reached == last_step:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    upload.store(results)
    with Bencher(_where(url), patience) as client:
        upload.send(results, client, settings.bencher)
    sys.settrace(None)
    if counted is not None:
        counted.write_text(str(reached), encoding="utf-8")


def _serve() -> None:
    """Make an upload for each line of the standard input, in a fork of this process, and print its exit code."""
    settings = load_settings(PROJECT)
    for line in sys.stdin:
        url, results, patient, last_step, counted = json.loads(line)
        patience = PATIENT if patient else IMPATIENT
        child = os.fork()  # this process has one thread; that of the server has more
        if child == 0:
            code = 1
            try:
                _upload(url, Path(results), settings, patience, last_step, Path(counted) if counted else None)
                code = 0
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


class Uploads:
    """A server, a results folder, and uploads between them; a context manager."""

    def __init__(self, server: BencherServer, results: Path) -> None:
        self.server, self.results, self.settings = server, results, load_settings(PROJECT)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.uploads", "--serve"]
        self._uploader = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._uploader.communicate()

    def measure(self, number: int) -> None:
        """Leave the report of a bench session."""
        cell = self.settings.cells[0]
        save_report(make_report(cell, number, float(number)), self.results / cell.id / "report.json")

    def upload(self, last_step: int = 0, counted: Path | None = None, *, patient: bool = True) -> bool:
        """Upload in a process that dies before step ``last_step``, if it gets there; return whether it died."""
        assert self._uploader.stdin is not None
        assert self._uploader.stdout is not None
        arguments = [self.server.url, str(self.results), patient, last_step, str(counted) if counted else None]
        self._uploader.stdin.write(json.dumps(arguments) + "\n")
        code = int(self._uploader.stdout.readline())
        assert code in (0, -signal.SIGKILL), code
        return code != 0

    def finish(self) -> None:
        """Upload until nothing is queued, over a network that works."""
        self.server.fault = lambda _method, _path: None
        self.upload()
        assert not self.queued(), "reports stay queued"

    def queued(self) -> int:
        """Return how many submissions are queued."""
        with History(self.results / upload.HISTORY) as stored:
            return len(stored.queue.queued())

    def arrived(self) -> list[int]:
        """Return the numbers of the uploads that the server holds, in the order in which they came."""
        latencies = [
            [m.value for m in report.metrics if m.measure.slug == "latency"] for report in self.server.project.reports
        ]
        assert all(len(set(values)) <= 1 for values in latencies)
        return [int(values[0]) for values in latencies if values]

    def count_steps(self) -> int:
        """Return the number of steps of an upload that nothing disturbs."""
        with (
            tempfile.TemporaryDirectory() as folder,
            _server() as server,
            Uploads(server, Path(folder) / "results") as other,
        ):
            other.measure(1)
            other.upload(counted=Path(folder) / "steps")
            return int((Path(folder) / "steps").read_text(encoding="utf-8"))

    def kill_at(self, number: int, last_step: int) -> None:
        """Kill upload ``number`` before a step, then upload again."""
        self.measure(number)
        self.upload(last_step)
        self.finish()

    def chaos(self, count: int, seed: int) -> Counter[str]:
        """Make uploads 1 to ``count`` over a network that fails at random; kill every third; then over a good one."""
        dice, happened, steps = random.Random(seed), Counter[str](), self.count_steps()  # noqa: S311 (repeatable)

        def fault(_method: str, _path: str) -> str | None:
            chosen = dice.choice(FAULTS)
            happened[chosen or "none"] += 1
            return chosen

        self.server.delay = DELAY
        for number in range(1, count + 1):
            if number > 1:
                upload.store(self.results)  # as a bench session does before it overwrites the report
            self.measure(number)
            self.server.fault = fault
            if self.upload(dice.randint(1, steps) if number % 3 == 0 else 0, patient=False):
                happened["killed"] += 1
        self.finish()
        return happened


def _time_matrix() -> None:
    with tempfile.TemporaryDirectory() as folder, _server() as server:
        results, settings = Path(folder), load_settings(PROJECT)
        for number in range(1, 7):
            for cell in settings.cells:
                save_report(make_report(cell, number, 1e6 + number), results / cell.id / "report.json")
            server.log.clear()
            start = time.perf_counter()
            upload.store(results)
            stored = time.perf_counter() - start
            with Bencher(_where(server.url)) as client:
                sent = upload.send(results, client, settings.bencher)
            elapsed = time.perf_counter() - start
            print(
                f"{len(settings.cells)} cells, {len(sent.outcomes[0].lines)} values: {elapsed:.3f} s, of which storing "
                f"{stored:.3f} s; {len(server.log)} request{'s' if len(server.log) > 1 else ', the place being known'}"
            )


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uploads", description="Uploads to a local Bencher.")
    parser.add_argument("--steps", action="store_true", help="kill one upload at each of its steps")
    parser.add_argument("--chaos", type=int, metavar="COUNT", help="uploads over a bad network, every third killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve()
        return
    if not options.steps and not options.chaos:
        _time_matrix()
        return
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        _server() as server,
        Uploads(server, Path(folder) / "results") as uploads,
    ):
        if options.chaos:
            happened = uploads.chaos(options.chaos, options.seed)
            expected = options.chaos
            print(f"requests: {dict(sorted(happened.items()))}")
        else:
            expected = uploads.count_steps()
            for step in range(1, expected + 1):
                uploads.kill_at(step, step)
        arrived = uploads.arrived()
    assert arrived == list(range(1, expected + 1)), arrived
    print(f"{expected} uploads: each arrived once and in order ({time.perf_counter() - start:.0f} s).")


if __name__ == "__main__":
    main()
