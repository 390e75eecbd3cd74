"""Fixtures of the tooling's tests."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from ice3_bench.report import (
    Benchmark,
    Commit,
    FieldError,
    Machine,
    Metric,
    PassRecord,
    Protocol,
    Report,
    Rounds,
    Software,
    StencilBuild,
)
from ice3_bench.settings.matrix import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let Ctrl-C reach what the tests start: a shell makes its background processes ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings(PROJECT)


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """Make a report of gt_cpu_ifirst-float64; keywords replace its fields, ``latency`` the time in ns."""
    return _report


@pytest.fixture(scope="session")
def report() -> Report:
    """A report of gt_cpu_ifirst-float64."""
    return _report()


def _report(latency: float = 1e6, **fields: Any) -> Report:
    times = [round(latency * factor) for factor in (1.0, 1.01, 1.02, 1.03, 1.05)]
    benchmark = Benchmark(
        name="ice_adjust/gt_cpu_ifirst/float64/50x50x60",
        component="ice_adjust",
        domain=(50, 50, 60),
        measures={
            "latency": Metric(value=latency, lower_value=latency, upper_value=1.03 * latency),
            "throughput": Metric(value=150_000e9 / latency),
            "bandwidth": Metric(value=0.25),
            "peak-memory": Metric(value=36e6),
            "accuracy": Metric(value=1e-15),
        },
        rounds=Rounds(wall_ns=times, cpu_ns=times, switches=[0] * len(times)),
    )
    values: dict[str, Any] = {
        "id": str(uuid4()),
        "cell": "gt_cpu_ifirst-float64",
        "backend": "gt:cpu_ifirst",
        "precision": "float64",
        "device": "cpu",
        "created": datetime.now(UTC),
        "commit": Commit(hash="0123456789abcdef0123456789abcdef01234567", branch="main"),
        "machine": Machine(
            testbed="laptop",
            cpu="A Processor (1/2)",
            cores=2,
            memory_bytes=2**34,
            system="Linux",
            triad_bytes_per_second=2e10,
        ),
        "software": Software(python="3.12.1", compiler="g++ 12", packages={"gt4py": "1.2.3"}),
        "protocol": Protocol(profile="production", compile_args=["-O3"], threads=1, environment={}),
        "passes": [PassRecord(name="timing", seconds=3.0)],
        "stencils": [StencilBuild(component="ice_adjust", seconds=0.1, cached=True)],
        "accuracy": [
            FieldError(data_set="lite", component="ice_adjust", field="rvs", error=1e-15, tolerance=1e-12, passed=True)
        ],
        "benchmarks": [benchmark],
    }
    return Report(**{**values, **fields})
