"""How fast PHYEX's data are read, and how much memory that takes: on files that are made for it and deleted.

Run from the project's folder, in an environment of the tests; it writes 3 to 4 GB for each layout at the standard size:

    python -m benchmarks.phyex_reading [--columns 100000] [--levels 120] [--folder /tmp]

The file is read four times in processes of their own; the first reading warms the cache.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tests.probe.phyex_files import block_records, made_up, write_records

from ice3_probe.data_sets import load
from ice3_probe.phyex.layout import LAYOUTS
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = 64
"""Columns that are made up; they are repeated."""


def write(path: Path, layout_number: int, columns: int, levels: int) -> None:
    """Write a block, record by record."""
    layout = LAYOUTS[layout_number]
    few = made_up(layout, SMALL, levels)

    def contents() -> Iterator[bytes]:
        few_records = block_records(layout, few)
        yield from few_records[: len(layout.headers) - 1]
        yield np.array([columns, 1, levels, *([6] if len(layout.headers) > 1 else [])], ">i4").tobytes()
        for item in layout.items:
            values = np.take(few[item.name], np.arange(columns) % SMALL, axis=0)
            kind = ">i4" if item.logical else ">f8"
            yield (values > 1.0 if item.logical else values).astype(kind).tobytes(order="F")

    write_records(path, contents())


def peak_memory() -> float:
    """Return the most memory that this process ever had, GB."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e9


def read(path: Path) -> tuple[float, float, float]:
    """Read a file; return seconds, GB of the fields, and GB by which the memory of the process grew at most."""
    before = peak_memory()
    start = time.perf_counter()
    data = load(path)
    seconds = time.perf_counter() - start
    grown = peak_memory() - before
    fields = {id(array.base if array.base is not None else array): array.nbytes for array in data.variables.values()}
    return seconds, sum(fields.values()) / 1e9, grown


def main() -> None:
    """Write, read and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=100_000)
    parser.add_argument("--levels", type=int, default=120)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")
    for number, layout in enumerate(LAYOUTS):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            path = Path(folder, "00000000.dat")
            write(path, number, given.columns, given.levels)
            size = path.stat().st_size / 1e9
            runs = []
            for _ in range(4):
                with fresh.Pool(1) as pool:
                    runs.append(pool.apply(read, (path,)))
            seconds, fields, grown = min(runs[1:])
            print(
                f"{layout.component}: file {size:.2f} GB, fields {fields:.2f} GB. Read in {seconds:.2f} s: "
                f"{size / seconds:.2f} GB/s of the file, {fields / seconds:.2f} GB/s of the fields. "
                f"Memory grew by {grown:.2f} GB, {grown / fields:.2f} times the fields."
            )
            with path.open("r+b") as file:
                file.truncate(int(0.9 * path.stat().st_size))
            start = time.perf_counter()
            try:
                load(path)
            except DataSetError as error:
                print(f"Truncated to 90 %, refused in {1e3 * (time.perf_counter() - start):.1f} ms: {error}")


if __name__ == "__main__":
    main()
