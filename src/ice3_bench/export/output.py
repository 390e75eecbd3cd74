"""Where an export goes: a file that a reader never sees half written, or standard output."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ice3_bench.files import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD_OUTPUT = "-"


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """Open a file for writing, or standard output; a file appears, or is replaced, when all is written.

    Raises
    ------
    UsageError
        If the file cannot be written; the message says why.
    """
    if name == STANDARD_OUTPUT:
        with suppress(BrokenPipeError):  # such as | head
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    path = Path(name)
    if path.is_file() or not path.exists():
        path = path.resolve()  # a link stays one
    with replaced(path, "Choose another place with --output.") as stream:
        yield stream
