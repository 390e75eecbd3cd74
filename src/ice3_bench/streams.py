"""Standard output and error that end no command and give none.

Whatever becomes of them, what is measured is not lost. What strangers wrote, such as the names in a fork's report, is
no command for the workflow that prints it, and does nothing to a terminal: whatever is printed passes here.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

from ice3_bench.text import folded

if TYPE_CHECKING:
    from collections.abc import Iterator


WORKFLOW_COMMAND = re.compile(r"^([^\S\n]*):(?=:)|##(?=\[)", re.MULTILINE)
"""Where a line begins a command of GitHub Actions, such as ``::error`` or ``##[error]``."""
CONTROL = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")
"""Control characters, without line ends and tabs; of the sequences for terminals, those that colour are kept."""


def harmless(text: str, *, in_line: bool = False) -> str:
    """Make text no command: not for GitHub Actions, and not for a terminal, except for colours.

    Parameters
    ----------
    in_line
        Whether the text goes on in a line that holds something already.
    """
    first = "\0" if in_line else ""  # no blank: no command begins after it
    broken = WORKFLOW_COMMAND.sub(lambda match: f"{match[0][:-1]}{match[0][-1]} ", first + text)[len(first) :]
    return CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), broken)


class Enduring:
    """A stream that replaces what its encoding lacks, and falls silent when nobody reads it any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._in_line = False
        with suppress(AttributeError, ValueError):  # not a text file, such as a test's
            cast("Any", stream).reconfigure(errors="replace")

    def write(self, text: str) -> int:
        """Write, if somebody reads; return the number of characters."""
        with self._heard():
            # The cursor of a terminal is moved by the progress display; nobody reads commands there.
            self._stream.write(text if self._stream.isatty() else harmless(text, in_line=self._in_line))
        self._in_line = bool((text.rpartition("\n")[2] if "\n" in text else "x" * self._in_line + text).strip())
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


def tell(text: str) -> None:
    """Print sentences as errors; a terminal breaks their lines between words."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    print(folded(text, width) if width else text, file=sys.stderr)
