"""Lines as PHYEX's ``phyex-plot_perf`` reads them: ``commit model case time``, separated by one blank.

The model is the cell with its testbed, the case is the benchmark without its cell. The time is in seconds per column,
as PHYEX's shell tool wrote it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ice3_bench.names import parse_domain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from ice3_bench.export.table import Row


def write_phyex_perf(rows: Iterable[Row], stream: BinaryIO) -> int:
    """Write a line for each latency of a committed run; return the number of lines.

    Names of imported results hold no columns: their time is that of a call.
    """
    number = 0
    for row in rows:
        if row.measure != "latency" or row.commit is None:
            continue
        i, j, _ = parse_domain(row.domain) if row.domain else (1, 1, 1)
        case = "/".join(filter(None, (row.component, row.domain, row.mix)))
        seconds = 1e-9 * row.value / (i * j)
        fields = (row.commit, f"{row.cell}@{row.testbed or 'unknown'}", case, f"{seconds:.9g}")
        stream.write((" ".join(re.sub(r"\s+", "_", field) for field in fields) + "\n").encode())
        number += 1
    return number
