"""The ``.dat`` files of PHYEX's test programs: each holds the columns of one block, a folder holds many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ice3_probe.phyex.layout import LAYOUTS, SPECIES, Layout
from ice3_probe.phyex.records import LARGEST, RecordFile, byte_order, find_records, read_reals
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ice3_probe.phyex.layout import Item
    from ice3_probe.phyex.records import Record
    from ice3_probe.reference import Array

STARTS = tuple(layout.headers[0] for layout in LAYOUTS)
_INTEGER = 4
_REALS = (8, 4)


@dataclass(frozen=True)
class Content:
    """What files of PHYEX hold.

    Attributes
    ----------
    arrays
        By variable of a data set; shape (level, column) or (column,).
    single
        Whether the reals have 4 bytes.
    timestep
        Seconds, if the files say so.
    remarks
        Sentences that a user must read.
    """

    layout: Layout
    arrays: dict[str, Array]
    single: bool
    timestep: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A file whose records are all there and of the right length.

    Attributes
    ----------
    real
        Bytes of a real.
    """

    file: RecordFile
    layout: Layout
    columns: int
    levels: int
    real: int

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    def used(self) -> tuple[tuple[Item, Record], ...]:
        """The records that are read."""
        pairs = zip(self.layout.items, self.file.records[len(self.layout.headers) :], strict=True)
        return tuple(pair for pair in pairs if any(pair[0].variables))


def is_block(path: Path) -> bool:
    """Tell whether a file begins as one of PHYEX's blocks."""
    with path.open("rb") as file:
        return byte_order(file.read(_INTEGER), STARTS) is not None


def files_of(folder: Path) -> list[Path]:
    """Return the blocks in a folder, in the order of their numbers.

    A file counts if it begins as a block, or if its name ends with ``.dat``.

    Raises
    ------
    DataSetError
        If there is none.
    """
    files = [path for path in folder.iterdir() if path.is_file() and (path.suffix == ".dat" or is_block(path))]
    if not files:
        raise DataSetError(f"{folder} holds no block of PHYEX: give the folder with the files 00000000.dat and so on.")
    return sorted(files, key=lambda path: (_number(path) is None, _number(path) or 0, path.name))


def _number(path: Path) -> int | None:
    return int(path.stem) if path.stem.isdecimal() else None


def open_block(path: Path) -> Block:
    """Find the records of a block and check them all.

    Raises
    ------
    DataSetError
        If it is not a block of ICE_ADJUST or RAIN_ICE, or damaged; the message names file and record.
    """
    with path.open("rb") as file:
        start = file.read(_INTEGER)
    order = byte_order(start, STARTS)
    if order is None:
        begins = f"begins with {start.hex(' ')}" if start else "is empty"
        raise DataSetError(f"{path} is not a block of PHYEX's ICE_ADJUST or RAIN_ICE: it {begins}.")
    layout = LAYOUTS[STARTS.index(int.from_bytes(start, order))]
    found = find_records(path, order, layout.names)
    if len(found.records) != len(layout.names):
        wanted = " and ".join(f"those of {one.component} have {len(one.names)}" for one in LAYOUTS)
        raise DataSetError(f"{path} has {len(found.records)} records: {wanted}.")
    for number, size in enumerate(layout.headers):
        _require_size(found, layout, number, (size,))
    columns, dummy, levels, *species = map(int, found.integers(len(layout.headers) - 1))
    if min(columns, levels) < 1 or dummy != 1 or species not in ([], [SPECIES]):
        raise DataSetError(
            f"The header of {path} is {' '.join(map(str, (columns, dummy, levels, *species)))}: expected numbers of "
            f"columns and levels with 1 between them{f', then {SPECIES} species' if species else ''}."
        )
    first = next(number for number, item in enumerate(layout.items, len(layout.headers)) if not item.logical)
    real = found.records[first].size // (columns * levels)
    for number, item in enumerate(layout.items, len(layout.headers)):
        values = len(item.variables) * columns * (levels if item.dims == "ijk" else 1)
        widths = (_INTEGER,) if item.logical else (real,) if real in _REALS else _REALS
        _require_size(found, layout, number, tuple(values * width for width in widths))
    return Block(found, layout, columns, levels, real)


def _require_size(file: RecordFile, layout: Layout, number: int, allowed: Sequence[int]) -> None:
    size = file.records[number].size
    if size not in allowed:
        raise DataSetError(
            f"In {file.path}, record {number + 1} ({layout.names[number]}) has {size} bytes: expected "
            f"{' or '.join(map(str, allowed))}."
        )


def read_blocks(paths: Sequence[Path]) -> Content:
    """Read blocks; their columns come one after the other.

    Raises
    ------
    DataSetError
        If one is damaged, if they do not belong together, or if an input is not finite or absurdly large.
    """
    blocks = [open_block(path) for path in paths]
    first = blocks[0]
    for block in blocks:
        for what, own, others in (
            ("blocks of", block.layout.component, first.layout.component),
            ("numbers of levels:", block.levels, first.levels),
            ("bytes of a real:", block.real, first.real),
        ):
            if own != others:
                raise DataSetError(
                    f"{first.path.parent} mixes {what} {others} ({first.path.name}) and {own} ({block.path.name}). "
                    "Put them into folders of their own."
                )
    total = sum(block.columns for block in blocks)
    arrays: dict[str, Array] = {
        name: np.empty((first.levels, total) if item.dims == "ijk" else total)
        for item in first.layout.items
        for name in item.variables
        if name
    }
    places = np.cumsum([0, *(block.columns for block in blocks)])
    several = [(block, int(place), block.used) for block, place in zip(blocks, places, strict=False)]
    parts = several if len(blocks) > 1 else [(first, 0, (one,)) for one in first.used]
    with ThreadPoolExecutor() as pool:  # neither reading nor changing the byte order keeps other threads waiting
        list(pool.map(lambda part: _read(part[0], part[1], part[2], arrays), parts))
    return Content(first.layout, arrays, single=first.real == 4, remarks=_remarks(blocks))


def _read(block: Block, place: int, used: Iterable[tuple[Item, Record]], arrays: dict[str, Array]) -> None:
    """Read some records of a block into its columns, the first of which is ``place``."""
    kind = block.file.kind("f", block.real)
    with block.path.open("rb", buffering=0) as file:
        for item, record in used:
            rows = block.levels if item.dims == "ijk" else 1
            for species, name in enumerate(item.variables):
                if not name:
                    continue
                into = arrays[name].reshape(rows, -1)[:, place : place + block.columns]
                offset = record.offset + species * rows * block.columns * block.real
                if not read_reals(file, offset, kind, into, check=item.is_input):
                    require_usable(f"{item.name} of {block.path}", into)


def require_usable(what: str, values: Array) -> None:
    """Raise DataSetError, naming the cell, if an input (level, column) is not finite or absurdly large."""
    bad = np.argwhere(~(np.abs(values) < LARGEST))
    if len(bad):
        level, column = map(int, bad[0])
        raise DataSetError(
            f"{what} is {values[level, column]:g} at (column, level) = ({column}, {level}): inputs must be finite and "
            f"smaller than {LARGEST:g}."
        )


def _remarks(blocks: Sequence[Block]) -> tuple[str, ...]:
    said = []
    little = [block.path.name for block in blocks if block.file.order == "little"]
    if little:
        said.append(f"Little-endian, unlike PHYEX's own files: {_some(little)}.")
    numbers = [number for block in blocks if (number := _number(block.path)) is not None]
    if numbers and (missing := sorted({*range(numbers[0], numbers[-1])} - {*numbers})):
        said.append(f"Files are missing in the numbering: {_some([f'{one:08}' for one in missing])}.")
    wrong = [block.path.name for block in blocks if _active_by_header(block) != _active_by_mask(block)]
    if wrong:
        said.append(f"The number of active points in the header (ISIZE) differs from LLMICRO: {_some(wrong)}.")
    return tuple(said)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _active_by_header(block: Block) -> int:
    return int(block.file.integers(0)[1]) if len(block.layout.headers) > 1 else 0


def _active_by_mask(block: Block) -> int:
    items: tuple[Item, ...] = block.layout.items
    number = next((number for number, item in enumerate(items) if item.logical), None)
    return 0 if number is None else int(np.count_nonzero(block.file.integers(number + len(block.layout.headers))))
