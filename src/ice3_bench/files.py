"""Files that a reader never sees half written, and the reading of files that anybody may have written."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SPACE = "Free space or choose another folder with the variable ICE3_BENCH_RESULTS."
"""What to do if results cannot be written."""
SHARED = (
    "Its owner can allow it to the group, as in chmod -R g+rwX FOLDER, and umask 002 lets new files be shared; the "
    "variable ICE3_BENCH_RESULTS chooses another folder for results."
)
"""What to do with what belongs to another user."""


def is_forbidden(error: OSError) -> bool:
    """Tell whether this user may not do it."""
    return error.errno in (errno.EACCES, errno.EPERM)


def write_atomically(path: Path, text: str, remedy: str = SPACE) -> None:
    """Write ``text`` to ``path`` as ``replaced`` does."""
    with replaced(path, remedy) as stream:
        stream.write(text.encode("utf-8"))


@contextmanager
def replaced(path: Path, remedy: str = SPACE) -> Iterator[BinaryIO]:
    """Open ``path`` for writing so that a reader never sees half a file: it appears when all is written.

    A device or a pipe is written to, never replaced. A new file gets the permissions that the user's umask leaves; one
    that is replaced keeps its permissions.

    Parameters
    ----------
    remedy
        What to do if it cannot be written, a sentence.

    Raises
    ------
    UsageError
        If the folder cannot be written to or the disk is full; the message names the path and the reason.
    """
    temporary = path.parent / f".{uuid4().hex}.tmp"
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as stream:
                with suppress(FileNotFoundError):
                    os.fchmod(stream.fileno(), stat.S_IMODE(path.stat().st_mode))
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        mended = SHARED if is_forbidden(error) and remedy == SPACE else remedy
        raise UsageError(f"{path} cannot be written: {error.strerror}. {mended}") from error


def read_limited(path: Path, most: int) -> str:
    """Read a text file (UTF-8) of at most ``most`` bytes.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not a regular file, is larger, or is not UTF-8.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:  # a pipe would never end
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a file")
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it has more than {most} bytes")
    return content.decode("utf-8")
