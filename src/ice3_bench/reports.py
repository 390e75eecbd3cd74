"""The files of reports: written whole, read with distrust."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError

from ice3_bench.errors import UnreadableError, UsageError
from ice3_bench.files import read_limited, write_atomically
from ice3_bench.report import SCHEMA_VERSION, Report
from ice3_bench.text import plain

if TYPE_CHECKING:
    from pathlib import Path

FULL, PARTIAL = "report.json", "report-partial.json"
"""Names of the last report of all benchmarks of a cell, and of the last of some of them, in the cell's folder."""
LARGEST = 16 * 2**20
"""Bytes of a report; those of the largest domains with most rounds have some hundred thousand."""


def report_files(results: Path) -> list[Path]:
    """Return the files with the last reports of all cells in a folder of results."""
    return sorted([*results.glob(f"*/{FULL}"), *results.glob(f"*/{PARTIAL}")])


def save_report(report: Report, path: Path) -> None:
    """Write ``report`` to ``path`` atomically."""
    write_atomically(path, report.model_dump_json(indent=1) + "\n")


def load_report(path: Path) -> Report:
    """Read and validate a report.

    Raises
    ------
    UnreadableError
        If the file may not be read: it is not corrupt.
    UsageError
        If the file is missing, truncated, not a report, or of a newer schema.
    """
    again = f"nox -s {_session_of(path)}"
    try:
        text = read_limited(path, LARGEST)
    except FileNotFoundError as error:
        raise UsageError(f"There is no report at {path}: measure a cell first, for example {again}.") from error
    except PermissionError as error:
        raise UnreadableError(
            f"The report {path} may not be read: {error.strerror}. Its owner can allow it: chmod g+r {path}."
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"The report {path} cannot be read: {error}.") from error
    return parse_report(text, str(path), remedy=f"Delete it and measure again: {again}.")


def parse_report(text: str, where: str, remedy: str) -> Report:
    """Validate the JSON text of a report; ``where`` and ``remedy`` go into the error message (UsageError).

    Nothing is converted: ``"no"`` is not false, and ``"1"`` is no number.
    """
    try:
        data = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The report {where} is truncated or not JSON ({plain(str(error))}). {remedy}") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if type(version) is int and version > SCHEMA_VERSION:
        raise UsageError(
            f"The report {where} has schema version {version}, newer than this program's ({SCHEMA_VERSION}): "
            "update this checkout with git pull."
        )
    try:
        return Report.model_validate_json(json.dumps(_migrated(data)), strict=True)
    except ValidationError as error:
        raise UsageError(f"The report {where} is not valid: {first_fault(error)}. {remedy}") from error


def first_fault(error: ValidationError) -> str:
    """Say where and what the first thing is that pydantic finds wrong; what is quoted is harmless and short."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "top level"
    return f"{_quoted(place)}: {_quoted(first['msg'].removeprefix('Value error, '))}"


def _quoted(text: str) -> str:
    return plain(" ".join(text.split()))[:200]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _migrated(data: Any) -> Any:  # noqa: ANN401 (JSON)
    """Return the data of a report in the present schema; what is not a report stays as it is.

    Version 1 lacks the fields that version 2 added, each of which has a default that says what was true then.
    """
    if isinstance(data, dict) and type(data.get("schema_version")) is int and data["schema_version"] == 1:
        return {**data, "schema_version": SCHEMA_VERSION}
    return data


def _session_of(path: Path) -> str:
    return f"bench-{path.parent.name}"
