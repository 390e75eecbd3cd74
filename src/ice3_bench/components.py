"""What the names of components say: which are variants of one another, and which are chains of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_probe.messages import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable


def base_of(component: str) -> str:
    """Return the component that ``component`` is a variant of: ``ice_adjust`` of ``ice_adjust:modular``."""
    return component.partition(":")[0]


def parts_of(component: str) -> tuple[str, ...]:
    """Return the components that a chain calls one after the other; none if ``component`` is not a chain."""
    return PARTS.get(base_of(component), ())


def concerned(component: str, wrong: Iterable[str]) -> bool:
    """Whether the physics of ``component`` is in doubt since that of the ``wrong`` components is wrong.

    It is if one of them has the same base name, or is a part of ``component`` or a variant of such a part.
    """
    bases = {base_of(one) for one in wrong}
    return not bases.isdisjoint((base_of(component), *parts_of(component)))
