"""The table as Parquet, by pyarrow."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from ice3_bench.export.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

GROUP = 20_000
"""Rows that are kept and written together."""
TYPES = {"created": pa.timestamp("us", tz="UTC"), "uncommitted": pa.bool_(), "gated": pa.bool_()} | dict.fromkeys(
    ("value", "lower_value", "upper_value"), pa.float64()
)
"""Types of the columns that are not text."""
SCHEMA = pa.schema([pa.field(name, TYPES.get(name, pa.string())) for name in Row._fields])


def write_parquet(rows: Iterable[Row], stream: BinaryIO) -> int:
    """Write the table, group by group; return the number of rows."""
    waiting, number = iter(rows), 0
    group = list(islice(waiting, GROUP))  # an empty selection is an error before anything is written
    with parquet.ParquetWriter(stream, SCHEMA, compression="zstd") as writer:
        while group:
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*group, strict=True), SCHEMA, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))
            number += len(group)
            group = list(islice(waiting, GROUP))
    return number
