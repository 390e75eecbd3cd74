"""What is being compiled: each piece with its backend, the time it takes, and how long it took the last time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ice3_bench.cell.durations import Durations
from ice3_probe.messages import Building, Built, PieceBuilt

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.messages import Message

SECOND = 1.0
"""Compilations that take less need no estimate."""


@dataclass
class Pieces:
    """The pieces under way, from the messages of a compile pass.

    A component whose port tells no pieces is one.

    Parameters
    ----------
    backend
        Name of the backend that compiles.
    """

    backend: str = ""
    durations: Durations = field(default_factory=Durations)
    clock: Callable[[], float] = time.monotonic
    _since: dict[tuple[str, str], float] = field(default_factory=dict)
    _in_pieces: set[str] = field(default_factory=set)

    def take(self, message: Message) -> str:
        """Take a message; return the line that it is worth, empty if it is none of the compile pass."""
        if isinstance(message, Building):
            if message.piece:
                self._in_pieces.add(message.component)
            self._since[message.component, message.piece] = self.clock()
            return self._begun(message.component, message.piece)
        if isinstance(message, PieceBuilt):
            self._since.pop((message.component, message.piece), None)
            self.durations.note(message.component, message.piece, message.seconds)
            return f"{_title(message.component, message.piece)}: compiled in {message.seconds:.1f} s"
        if isinstance(message, Built):
            for key in [key for key in self._since if key[0] == message.component]:
                del self._since[key]
            if not message.cached and message.component not in self._in_pieces:
                self.durations.note(message.component, "", message.seconds)
            return f"{message.component}: {'loaded' if message.cached else 'compiled'} in {message.seconds:.1f} s"
        return ""

    @property
    def under_way(self) -> list[str]:
        """A line for each piece that is being compiled: backend, time, and what is left if the last time tells."""
        told = []
        for (component, piece), since in list(self._since.items()):  # another thread shows them
            if piece or component not in self._in_pieces:
                elapsed, last = self.clock() - since, self.durations.of(component, piece)
                known = "" if last is None or last < SECOND else left(elapsed, last)
                told.append(f"{_title(component, piece)}{self._by}: {elapsed:.0f} s{known}")
        return told

    def _begun(self, component: str, piece: str) -> str:
        last = self.durations.of(component, piece)
        if last is not None and last >= SECOND:
            return f"{_title(component, piece)}{self._by}, {last:.0f} s when it was last compiled here"
        return f"{_title(component, piece)}{self._by}"

    @property
    def _by(self) -> str:
        return f" for {self.backend}" if self.backend else ""


def _title(component: str, piece: str) -> str:
    return f"{component}, {piece}" if piece else component


def left(elapsed: float, last: float, then: float = 0.0) -> str:
    """Say what is left according to the last time, as long as that can be true; what comes ``then`` is added."""
    if elapsed > last:
        return f", longer than the {last:.0f} s of the last time"
    return f", about {last - elapsed + then:.0f} s left"
