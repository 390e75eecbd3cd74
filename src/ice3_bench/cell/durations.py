"""How long each piece took to compile the last time on this machine: what an estimate may rest on."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from ice3_bench.cell.machine import machine_name
from ice3_bench.errors import UsageError
from ice3_bench.files import read_limited, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 2**20
"""Bytes of the file."""


@dataclass
class Durations:
    """Seconds by component and piece, of one cell on one machine; kept in a file that other machines may share.

    Parameters
    ----------
    path
        None: nothing is known, and nothing is kept.
    machine
        Name of this machine in the file.
    """

    path: Path | None = None
    machine: str = ""
    _known: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = self._read().get(self.machine, {})

    @classmethod
    def of_cell(cls, project: Path, cell: str, testbed: str | None) -> Self:
        """Return what is known of a cell on this machine, whose name ``testbed`` may give."""
        return cls(project / ".cache" / "durations" / f"{cell}.json", machine_name(testbed))

    def of(self, component: str, piece: str) -> float | None:
        """Return the seconds of the last compilation; None if there was none here."""
        return self._known.get(_key(component, piece))

    def note(self, component: str, piece: str, seconds: float) -> None:
        """Keep the seconds of a compilation, at once: the session may be interrupted. Nothing depends on the file."""
        self._known[_key(component, piece)] = seconds
        if self.path is not None:
            others = {**self._read(), self.machine: self._known}
            with suppress(UsageError):
                write_atomically(self.path, json.dumps(others, indent=1, sort_keys=True) + "\n")

    def _read(self) -> dict[str, dict[str, float]]:
        """Return what the file holds, without what is none of it."""
        if self.path is None:
            return {}
        try:
            found = json.loads(read_limited(self.path, LARGEST))
            return {str(name): _seconds(table) for name, table in found.items()}
        except (OSError, ValueError, AttributeError, TypeError, RecursionError):
            return {}


def _key(component: str, piece: str) -> str:
    return f"{component}/{piece}"


def _seconds(table: dict[str, float]) -> dict[str, float]:
    return {str(key): float(value) for key, value in table.items() if math.isfinite(value) and value >= 0.0}
