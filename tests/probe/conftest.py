"""A port to break: a file that meets the contract, with parts that a test replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ice3_probe.contract import Cell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PORT = '''
import numpy as np
from ice3_probe.contract import ICE_ADJUST, UnknownComponent, Unsupported, active

class Adjustment:
    """Doubles its sources, and gives ones for the rest."""

    ignores = frozenset()

    def __init__(self, case, cell):
        self.dtype, self.domain = np.dtype(cell.precision), case.domain
        self.fields = [field for field in active(ICE_ADJUST, case.options) if field.is_output]
        self.outputs = frozenset(field.name for field in self.fields)

    def load(self, fields):
        self.given = {name: array.astype(self.dtype) for name, array in fields.items()}

    def reset(self):
        self.state = {name: array.copy() for name, array in self.given.items()}

    def run(self):
        for field in self.fields:
            if field.intent == "inout":
                self.state[field.name] *= 2
            else:
                self.state[field.name] = np.ones(field.shape(self.domain), self.dtype)

    def read(self):
        return {field.name: self.state[field.name] for field in self.fields}

def create(case, cell):
    if case.component != "ice_adjust":
        raise UnknownComponent(case.component, ("ice_adjust",))
    return Adjustment(case, cell)
'''


@pytest.fixture
def make_port(tmp_path: Path) -> Callable[..., str]:
    """Write a port, with pieces of its source replaced; return its path."""

    def make(*replacements: tuple[str, str], more: str = "") -> str:
        source = PORT
        for old, new in replacements:
            assert old in source
            source = source.replace(old, new)
        path = tmp_path / "a_port.py"
        path.write_text(source + more, encoding="utf-8")
        return str(path)

    return make


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return Cell("fake", "float32", "cpu", 1, tmp_path / "cache", {})
