"""Bencher Metric Format, ``{benchmark: {measure: {value, lower_value, upper_value}}}``, in our units."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ice3_bench.cell.machine import describe_commit, describe_machine
from ice3_bench.errors import UsageError
from ice3_bench.foreign.results import Foreign, metric, text_of
from ice3_bench.reports import first_fault

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "bmf"


class _Metric(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: float
    lower_value: float | None = None
    upper_value: float | None = None


_DOCUMENT = TypeAdapter(dict[str, dict[str, _Metric]])


def read_bmf(path: Path, project: Path, testbed: str | None) -> Foreign:
    """Read a file in Bencher Metric Format.

    It says nothing about commit, time and machine: they are those of the project, now and this one.

    Raises
    ------
    UsageError
        If it is no such file, or holds an unknown measure or an impossible value.
    """
    try:
        document = _DOCUMENT.validate_json(text_of(path))
    except ValidationError as error:
        raise UsageError(f"{path} is not in Bencher Metric Format: {first_fault(error)}.") from error
    if not document:
        raise UsageError(f"{path} holds no benchmark.")
    return Foreign(
        suite=SUITE,
        values={
            name: {
                measure: metric(f"{path}, {name}", measure, (one.value, one.lower_value, one.upper_value))
                for measure, one in measures.items()
            }
            for name, measures in document.items()
        },
        created=datetime.now(UTC),
        commit=describe_commit(project),
        machine=describe_machine(testbed),
    )
