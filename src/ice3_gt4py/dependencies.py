"""Which externals a stencil depends on: others may change without building it again."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def used_externals(definition: Callable[..., object]) -> frozenset[str]:
    """Return the names that a stencil, and the functions that it calls, import from ``__externals__``."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(definition)))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "__externals__":
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = definition.__globals__.get(node.func.id)
            if hasattr(called, "_gtscript_"):
                names |= used_externals(called)
    return frozenset(names)
