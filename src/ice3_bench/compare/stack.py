"""What a side of a comparison runs on: packages, and files that are compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.environment import PROBE_PACKAGES
from ice3_bench.cell.toolchain import source_digests
from ice3_bench.compare.requirements import addressed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_bench.cell.environment import Environment
    from ice3_bench.settings.matrix import Backend

BESIDE = frozenset(PROBE_PACKAGES) - {"numpy"}
"""Packages that no call of a port runs."""


@dataclass(frozen=True)
class Stack:
    """What a side runs on.

    Attributes
    ----------
    packages
        Versions by name, of Python too.
    place
        The environment itself if versions do not say what is in it; empty otherwise.
    tree
        Files of the revision.
    compiled
        Digests of the ``compiled-sources`` by path in the tree.
    """

    packages: Mapping[str, str] = field(default_factory=dict)
    place: str = ""
    tree: Path = Path()
    compiled: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, environment: Environment, backend: Backend, tree: Path) -> Stack:
        """Describe an environment and the files of a revision."""
        return cls(
            {name: version for name, version in environment.packages.items() if name not in BESIDE},
            str(environment.python) if addressed(backend.requirements) else "",
            tree.resolve(),
            source_digests(backend, tree),
        )
