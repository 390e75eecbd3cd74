"""Files that a reader never sees half written, and the reading of files that anybody may have written."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


SPACE = "Free space or choose another folder with the variable ICE3_BENCH_RESULTS."
"""What to do if results cannot be written."""


def write_atomically(path: Path, text: str, remedy: str = SPACE) -> None:
    """Write ``text`` to ``path`` so that a reader never sees half a file.

    A new file gets the permissions that the user's umask leaves; one that is replaced keeps its permissions.

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
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                with suppress(FileNotFoundError):
                    os.fchmod(stream.fileno(), stat.S_IMODE(path.stat().st_mode))
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. {remedy}") from error


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
