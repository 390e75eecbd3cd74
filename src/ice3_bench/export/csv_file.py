"""The table as comma-separated values."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING

from ice3_bench.export.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO


def write_csv(rows: Iterable[Row], stream: BinaryIO) -> int:
    """Write the table with its heading, in UTF-8; return the number of rows."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    number = 0
    try:
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            if not number:  # an empty selection is an error before anything is written
                writer.writerow(Row._fields)
            writer.writerow([_written(value) for value in row])
            number += 1
    finally:
        text.detach()  # closing it would close the stream, which is the caller's
    return number


def _written(value: object) -> object:
    """Write truths as all readers of CSV do, and times as in ISO 8601."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else value
