"""Where an export goes: a file that a reader never sees half written, or standard output."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from ice3_bench.errors import UsageError

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
    if path.exists() and not path.is_file():  # a device or a pipe must not be replaced by a file
        with _written(path), path.open("wb") as stream:
            yield stream
        return
    path = path.resolve()  # a link stays one
    temporary = path.parent / f".{uuid4().hex}.tmp"
    with _written(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as stream:
                yield stream
            with suppress(FileNotFoundError):
                shutil.copymode(path, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Choose another place with --output.") from error
