"""The way back to the harness: encoded messages on a descriptor of their own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_probe.messages import Job, decode_as, encode

if TYPE_CHECKING:
    from ice3_probe.messages import Answer


@dataclass(frozen=True)
class Channel:
    """Sends messages; without a descriptor it drops them.

    Attributes
    ----------
    descriptor
        Where to write, open in this process.
    """

    descriptor: int | None = None

    def send(self, message: Answer) -> None:
        """Send one message, whole."""
        if self.descriptor is None:
            return
        data = (encode(message) + "\n").encode()
        while data:
            data = data[os.write(self.descriptor, data) :]


def read_job(path: Path) -> Job:
    """Read what this process is to do.

    Raises
    ------
    MessageError
        If the file is not a job of this version.
    """
    return decode_as(Job, Path(path).read_text(encoding="utf-8"))
