"""Locks between processes, also of other hosts that share the folder; the system releases those of killed processes."""

from __future__ import annotations

import fcntl
import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ice3_bench.errors import UsageError
from ice3_bench.files import SHARED, is_forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(path: Path, busy: str = "") -> Iterator[None]:
    """Hold the lock file ``path``; the file stays, with the name of its last holder.

    Parameters
    ----------
    busy
        What to say if another process holds it: the error names that process. Empty: wait until it is released.

    Raises
    ------
    UsageError
        If another process holds the lock and ``busy`` is given, or if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        remedy = SHARED if is_forbidden(error) else "Its folder must be writable."
        raise UsageError(f"{path} cannot be written: {error.strerror}. {remedy}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            raise UsageError(f"{busy} by {holder}: wait until it has ended.") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
