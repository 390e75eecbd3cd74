"""The JSON of pytest-benchmark (``--benchmark-json``), with its statistics in seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field, ValidationError

from ice3_bench.errors import UsageError
from ice3_bench.foreign.results import Foreign, metric, text_of
from ice3_bench.git import HASH
from ice3_bench.report import Commit, Machine
from ice3_bench.reports import first_fault
from ice3_bench.text import quoted

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "pytest-benchmark"


class _Processor(BaseModel):
    brand_raw: str = "unknown"
    count: Annotated[int, Field(ge=1)]


class _MachineInfo(BaseModel):
    node: str
    python_version: str
    system: str
    release: str
    machine: str
    cpu: _Processor


class _CommitInfo(BaseModel):
    id: str | None = None
    branch: str | None = None
    dirty: bool = True


class _Statistics(BaseModel):
    min: float
    q3: float


class _Benchmark(BaseModel):
    fullname: str
    stats: _Statistics


class _File(BaseModel):
    machine_info: _MachineInfo
    commit_info: _CommitInfo
    benchmarks: Annotated[list[_Benchmark], Field(min_length=1)]
    datetime: datetime


def read_pytest_benchmark(path: Path, testbed: str | None) -> Foreign:
    """Read a file of pytest-benchmark: shortest time and upper quartile of every benchmark.

    Parameters
    ----------
    testbed
        Name of the machine; None: the name of the host that the file holds.

    Raises
    ------
    UsageError
        If it is no such file, or holds a benchmark twice or an impossible time.
    """
    try:
        file = _File.model_validate_json(text_of(path))
    except ValidationError as error:
        raise UsageError(f"{path} is not JSON of pytest-benchmark: {first_fault(error)}.") from error
    names = [one.fullname for one in file.benchmarks]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path} holds a benchmark twice: {quoted(doubled)}.")
    info, commit = file.machine_info, file.commit_info
    known = commit.id is not None and re.fullmatch(HASH, commit.id) is not None
    return Foreign(
        suite=SUITE,
        values={
            one.fullname: {
                "latency": metric(
                    f"{path}, {one.fullname}", "latency", (1e9 * one.stats.min, 1e9 * one.stats.min, 1e9 * one.stats.q3)
                )
            }
            for one in file.benchmarks
        },
        created=file.datetime if file.datetime.tzinfo else file.datetime.replace(tzinfo=UTC),
        commit=Commit(
            hash=commit.id if known else None,
            branch=commit.branch if commit.branch not in ("", "(detached head)", "(unknown)") else None,
            dirty=commit.dirty or not known,
        ),
        machine=Machine(
            testbed=(testbed or info.node)[:64],
            cpu=info.cpu.brand_raw,
            cores=info.cpu.count,
            memory_bytes=None,
            system=f"{info.system} {info.release} {info.machine}",
            triad_bytes_per_second=None,
        ),
        python=info.python_version,
    )
