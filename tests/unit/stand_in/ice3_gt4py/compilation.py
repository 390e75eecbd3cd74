from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Build:
    backend: str
    precision: str = "float64"
    compile_args: tuple[str, ...] = ()
    cache: Path | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.precision)

    @property
    def on_device(self) -> bool:
        return self.backend.endswith(":gpu")
