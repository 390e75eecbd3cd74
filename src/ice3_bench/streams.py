"""Standard output and error that never end a command: whatever becomes of them, what is measured is not lost."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


class Enduring:
    """A stream that replaces what its encoding lacks, and falls silent when nobody reads it any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        with suppress(AttributeError, ValueError):  # not a text file, such as a test's
            cast("Any", stream).reconfigure(errors="replace")

    def write(self, text: str) -> int:
        """Write, if somebody reads; return the number of characters."""
        with self._heard():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what was written, if somebody reads."""
        with self._heard():
            self._stream.flush()

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except (BrokenPipeError, ConnectionResetError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the stream has)
        return getattr(self._stream, name)


@contextmanager
def enduring_streams() -> Iterator[None]:
    """Let standard output and error endure for a while."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", Enduring(stream)) for stream in before)
    try:
        yield
    finally:
        with suppress(Exception):
            sys.stdout.flush()
        sys.stdout, sys.stderr = before
