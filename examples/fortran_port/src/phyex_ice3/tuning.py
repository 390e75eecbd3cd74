"""The number of columns of a block that is fastest, found once for a domain and kept."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from phyex_ice3.build import locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
USUAL = 32
"""The size where there is too little to time."""
LEAST_COLUMNS = 1024
MOST_COLUMNS = 4096
"""Columns on which sizes are timed; more say the same."""
SWEEPS = 3
"""How often all sizes are timed in turn: other work on the machine must not fall on some sizes only."""
ROUNDS = 2


def block_size(kept: Path, columns: int, seconds: Callable[[int], float]) -> int:
    """Return the fastest size of a block.

    Parameters
    ----------
    kept
        File that keeps the answer, so that one machine always uses the same.
    columns
        Columns of the domain.
    seconds
        Times a run with blocks of a size.
    """
    if columns < LEAST_COLUMNS:
        return min(USUAL, columns)
    with locked(kept.parent):  # otherwise the components would disturb each other, and two processes could differ
        with suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads(kept.read_text(encoding="utf-8"))["size"])
        sweeps = [{size: seconds(size) for size in SIZES} for _ in range(SWEEPS)]
        times = {size: min(sweep[size] for sweep in sweeps) for size in SIZES}
        best = min(times, key=times.__getitem__)
        part = kept.with_suffix(".part")
        part.write_text(json.dumps({"size": best, "seconds": times}), encoding="utf-8")
        part.replace(kept)
    return best


def shortest(prepare: Callable[[], None], run: Callable[[], None], clock: Callable[[], float]) -> float:
    """Return the shortest time of a few runs by a clock, seconds."""
    found = []
    for _ in range(ROUNDS):
        prepare()
        start = clock()
        run()
        found.append(clock() - start)
    return min(found)
