from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ice3_gt4py.compilation import Build

Shape = tuple[int, int, int]
State = dict[str, Any]


@dataclass(frozen=True)
class Field:
    name: str
    intent: str

    def shape(self, domain: Shape) -> Shape:
        return domain


def from_arrays(fields: Iterable[Field], arrays: Mapping[str, Any], domain: Shape, build: Build) -> State:
    return {field.name: np.array(arrays[field.name], dtype=build.dtype) for field in fields}
