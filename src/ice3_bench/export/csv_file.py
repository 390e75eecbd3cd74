"""The table as comma-separated values."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ice3_bench.export.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import BinaryIO


TRUTHS = {True: "true", False: "false"}
WRITTEN: dict[int, Callable[[Any], str]] = {
    Row._fields.index("created"): datetime.isoformat,
    Row._fields.index("uncommitted"): TRUTHS.__getitem__,
    Row._fields.index("gated"): TRUTHS.__getitem__,
}
"""How values are written that all readers of CSV take in one form only, by column."""


def write_csv(rows: Iterable[Row], stream: BinaryIO) -> int:
    """Write the table with its heading, in UTF-8; return the number of rows."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    number = 0
    try:
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            if not number:  # an empty selection is an error before anything is written
                writer.writerow(Row._fields)
            values = list[object](row)
            for column, write in WRITTEN.items():
                values[column] = write(values[column])
            writer.writerow(values)
            number += 1
    finally:
        text.detach()  # closing it would close the stream, which is the caller's
    return number
