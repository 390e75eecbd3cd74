"""Fortran's sequential unformatted files: each record stands between two markers that hold its length in bytes.

Finding the records reads their markers only, so a truncated file is refused at once, whatever its size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

MARKER = 4
"""bytes of a marker"""
MOST = 100
"""Records after which a file cannot be one of PHYEX's."""
CHUNK = 2**18
"""Bytes that are read at once: they stay in the processor's cache while their order is changed."""
LARGEST = 1e30
"""Size that no input reaches."""

Order = Literal["big", "little"]


@dataclass(frozen=True)
class Record:
    """Where the content of a record lies in its file, in bytes."""

    offset: int
    size: int


@dataclass(frozen=True)
class RecordFile:
    """A file and its records.

    Attributes
    ----------
    order
        Byte order of markers and content.
    """

    path: Path
    order: Order
    records: tuple[Record, ...]

    def integers(self, number: int) -> NDArray[np.generic]:
        """Return the content of a record (its number counts from 0) as integers of 4 bytes."""
        record = self.records[number]
        with self.path.open("rb") as file:
            file.seek(record.offset)
            return np.frombuffer(file.read(record.size), self.kind("i", 4))

    def kind(self, letter: str, size: int) -> np.dtype[np.generic]:
        """Return the dtype of numbers in the file: ``i`` integers, ``f`` reals."""
        return np.dtype(f"{'>' if self.order == 'big' else '<'}{letter}{size}")


def byte_order(start: bytes, first: Sequence[int]) -> Order | None:
    """Return the byte order of a file that begins with ``start``; None if no record of a ``first`` length does."""
    orders: tuple[Order, ...] = ("big", "little")
    return next((order for order in orders if int.from_bytes(start[:MARKER], order) in first), None)


def find_records(path: Path, order: Order, names: Sequence[str]) -> RecordFile:
    """Find the records of a file.

    Parameters
    ----------
    names
        What its records are called, in order; errors name them.

    Raises
    ------
    DataSetError
        If the file is truncated, or the two markers of a record differ.
    """
    found: list[Record] = []
    with path.open("rb") as file:
        end, place = os.fstat(file.fileno()).st_size, 0
        while place < end and len(found) < MOST:
            name = f"record {len(found) + 1}" + (f" ({names[len(found)]})" if len(found) < len(names) else "")
            size = _marker(file, place, order)
            after = place + MARKER + size
            if after + MARKER > end:
                raise DataSetError(
                    f"{path} is truncated: its {name} needs {after + MARKER} bytes, and the file has {end}. "
                    "Fetch it again."
                )
            closing = _marker(file, after, order)
            if closing != size:
                raise DataSetError(
                    f"{path} is damaged: its {name} begins with the length {size} and ends with {closing}."
                )
            found.append(Record(place + MARKER, size))
            place = after + MARKER
    return RecordFile(path, order, tuple(found))


def _marker(file: BinaryIO, place: int, order: Order) -> int:
    file.seek(place)
    return int.from_bytes(file.read(MARKER), order)


def read_reals(
    file: BinaryIO, place: int, kind: np.dtype[np.generic], into: NDArray[np.float64], *, check: bool
) -> bool:
    """Read reals into the rows of an array, which may be a part of another one.

    Parameters
    ----------
    file
        Opened without buffering.
    place
        Byte of the first one.
    kind
        Their dtype in the file.
    into
        Shape (row, column).
    check
        Whether to look for what is not finite, or larger than ``LARGEST``.

    Returns
    -------
    bool
        Whether nothing of that kind was found.
    """
    rows, columns = into.shape
    step = max(1, CHUNK // (columns * kind.itemsize))
    raw = np.empty((min(step, rows), columns), kind)
    usable = True
    file.seek(place)
    for row in range(0, rows, step):
        part = into[row : row + step]
        file.readinto(raw[: len(part)].view(np.uint8).data)  # type: ignore[attr-defined]
        with np.errstate(invalid="ignore", over="ignore"):
            part[...] = raw[: len(part)]
            usable &= not check or bool(abs(part.sum()) < LARGEST)
    return usable
