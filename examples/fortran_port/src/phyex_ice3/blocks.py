"""Fields in PHYEX's layout: blocks of columns, in which the columns are contiguous."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPECIES = ("v", "c", "r", "i", "s", "g")
"""Water species in PHYEX's order: vapour, cloud droplets, rain, cloud ice, snow, graupel."""


@dataclass(frozen=True)
class Blocks:
    """How a domain is cut into blocks.

    Attributes
    ----------
    domain
        Points (i, j, k).
    size
        Columns of a block. The last block is filled up with copies of the last column.
    """

    domain: tuple[int, int, int]
    size: int
    dtype: np.dtype[Any]

    @property
    def count(self) -> int:
        """Number of blocks."""
        return -(-self.domain[0] * self.domain[1] // self.size)

    def field(self, *, surface: bool = False) -> NDArray[Any]:
        """Make a field of zeros: (block, level, column), or (block, column) at the surface."""
        return np.zeros((self.count, self.size) if surface else (self.count, self.domain[2], self.size), self.dtype)

    def water(self) -> NDArray[Any]:
        """Make a field of zeros for all species: (block, species, level, column)."""
        return np.zeros((self.count, len(SPECIES), self.domain[2], self.size), self.dtype)

    def put(self, values: NDArray[Any], target: NDArray[Any]) -> None:
        """Copy a field (i, j, k) or (i, j) into blocks."""
        columns = values.reshape(self.domain[0] * self.domain[1], *values.shape[2:])
        missing = self.count * self.size - len(columns)
        filled = np.concatenate([columns, np.repeat(columns[-1:], missing, axis=0)]) if missing else columns
        target[...] = np.moveaxis(filled.reshape(self.count, self.size, *values.shape[2:]), 1, -1)

    def take(self, blocked: NDArray[Any]) -> NDArray[Any]:
        """Copy blocks into a field (i, j, k) or (i, j)."""
        columns = np.moveaxis(blocked, -1, 1)
        columns = columns.reshape(self.count * self.size, *columns.shape[2:])[: self.domain[0] * self.domain[1]]
        return np.ascontiguousarray(columns).reshape(*self.domain[:2], *columns.shape[1:])
