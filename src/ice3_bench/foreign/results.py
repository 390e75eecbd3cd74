"""What all formats of other suites have in common: names and values, and the report that is made of them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from ice3_bench.errors import UsageError
from ice3_bench.files import read_limited
from ice3_bench.measures import MEASURES
from ice3_bench.names import BenchmarkName
from ice3_bench.report import Benchmark, Commit, Machine, Metric, Protocol, Report, Software
from ice3_bench.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ice3_bench.names import Domain

LARGEST = 256 * 2**20
"""Bytes of a file; pytest-benchmark writes every round if it is told to."""
LONGEST = 64
"""Characters of a component's name."""
DIGEST = 6
_KEPT = re.compile(r"[\w:/\[\]\- ]*", re.ASCII)


@dataclass(frozen=True)
class Foreign:
    """Results of another suite.

    Attributes
    ----------
    suite
        Kind of the file, such as ``pytest-benchmark``.
    values
        By the suite's own name of the benchmark and by measure, in our units.
    created
        When they were measured.
    python
        Version of Python that ran them, as far as it is known.
    """

    suite: str
    values: Mapping[str, Mapping[str, Metric]]
    created: datetime
    commit: Commit
    machine: Machine
    python: str = "unknown"


@dataclass(frozen=True)
class Place:
    """Where imported results go: the parts of a benchmark's name that other suites do not have.

    Attributes
    ----------
    backend
        Id that stands for the suite.
    domain
        Points of a call; one, if a call has no points.
    """

    backend: str
    precision: str
    domain: Domain

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_]{1,64}", self.backend):
            raise UsageError(f"'{self.backend}' is no id: write small letters, digits and _, as in my_suite.")
        if self.precision not in ("float32", "float64"):
            raise UsageError(f"'{self.precision}' is not a precision: expected 'float32' or 'float64'.")


def component_of(name: str) -> str:
    """Write the name of a foreign benchmark as that of a component.

    ``tests/test_sort.py::test_list[10-random]`` becomes ``test_sort:test_list-10-random``. If more is lost than
    brackets, folders and capitals, a digest keeps such names apart.
    """
    told = re.sub(r"^.*/(?=[^/]+\.py::)", "", name).replace(".py::", "::", 1)
    words = re.findall(r"[a-z0-9_]+", told.lower())
    first, *others = words or ["benchmark"]
    first = first if first[0].isalpha() else f"b{first}"
    rest = "-".join(word.strip("_") or "0" for word in others)
    text = f"{first}:{rest}" if rest else first
    if words and len(text) <= LONGEST and _KEPT.fullmatch(told):
        return text
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGEST]
    begin = text[: LONGEST - DIGEST - 1].rstrip(":")
    return f"{begin}{'-' if ':' in begin else ':'}{digest}"


def as_report(foreign: Foreign, place: Place) -> Report:
    """Make the report that is stored. The same results of the same commit have the same id.

    Raises
    ------
    UsageError
        If two benchmarks would get the same name.
    """
    benchmarks: dict[str, Benchmark] = {}
    origins: dict[str, str] = {}
    for origin, measures in foreign.values.items():
        component = component_of(origin)
        name = BenchmarkName(component, place.backend, place.precision, place.domain).text
        if name in benchmarks:
            raise UsageError(
                f"The benchmarks {quoted([origins[name], origin])} would both be called '{name}': rename one of them."
            )
        origins[name] = origin
        benchmarks[name] = Benchmark(
            name=name,
            component=component,
            domain=place.domain,
            clock="wall",
            measures=dict(measures),
            remarks=[f"It is '{origin}' of {foreign.suite}."],
        )
    content = [one.model_dump() for one in benchmarks.values()], foreign.suite, foreign.commit.model_dump()
    return Report(
        id=str(uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True))),
        cell=f"{place.backend}-{place.precision}",
        backend=place.backend,
        precision=place.precision,
        device="cpu",
        port=f"import/{foreign.suite}",
        settings={},
        created=foreign.created,
        commit=foreign.commit,
        machine=foreign.machine,
        software=Software(python=foreign.python, compiler=None, packages={}),
        protocol=Protocol(profile="production", compile_args=[], threads=1, environment={}),
        passes=[],
        stencils=[],
        accuracy=[],
        benchmarks=list(benchmarks.values()),
        remarks=[f"Imported from {foreign.suite}."],
    )


def metric(where: str, measure: str, values: Sequence[float | None]) -> Metric:
    """Make a metric of value, lower and upper value.

    Raises
    ------
    UsageError
        If the measure is not known, or a value is impossible.
    """
    if measure not in MEASURES:
        raise UsageError(f"{where}: unknown measure '{measure}': expected one of {quoted(MEASURES)}.")
    for value in values:
        least = 0.0 if value is None or not MEASURES[measure].timing else 5e-324
        if value is not None and not (isfinite(value) and value >= least):
            raise UsageError(f"{where}: {measure} is {value}, which is impossible.")
    value, lower, upper = values
    assert value is not None  # noqa: S101 (formats demand it)
    return Metric(value=value, lower_value=lower, upper_value=upper)


def text_of(path: Path) -> str:
    """Read a file.

    Raises
    ------
    UsageError
        If it cannot be read, or is too large to be results.
    """
    try:
        return read_limited(path, LARGEST)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
