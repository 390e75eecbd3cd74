"""What the names of components say: which belong together, and which are to be checked with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_probe.messages import CHAINS, base_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ice3_bench.settings.matrix import Backend
    from ice3_probe.messages import Benchmark


def links_of(component: str) -> tuple[str, ...]:
    """Return the components that a chain calls one after the other; none if ``component`` is not a chain."""
    return CHAINS.get(base_of(component), ())


def concerned(component: str, wrong: Iterable[str]) -> bool:
    """Whether the physics of ``component`` is in doubt since that of the ``wrong`` components is wrong.

    It is if one of them is a variant of the same component, or a link of the chain ``component`` or a variant of one.
    A part of a component has data of its own: only its own errors count.
    """
    bases = {base_of(one) for one in wrong}
    return not bases.isdisjoint((base_of(component), *links_of(component)))


def checked_with(benchmarks: Iterable[Benchmark], backend: Backend) -> tuple[str, ...]:
    """Return the components whose accuracy is checked with benchmarks of a backend: theirs, and what belongs to them.

    It is all that the backend checks if none of its components is left out; otherwise variants, and links of chains.
    """
    chosen = tuple(dict.fromkeys(one.component for one in benchmarks))
    if set(chosen) >= set(backend.components):
        return tuple(dict.fromkeys((*chosen, *backend.checked)))
    bases = {base for component in chosen for base in (base_of(component), *links_of(component))}
    return tuple(dict.fromkeys((*chosen, *(one for one in backend.checked if base_of(one) in bases))))
