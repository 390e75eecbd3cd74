"""Options of the components under PHYEX's names: taken from its namelists, and refused where they are not supported."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KINDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def from_namelists(
    config: str | Mapping[str, Mapping[str, Any]], namelists: Sequence[str], options: type[Any]
) -> dict[str, Any]:
    """Return the values that PHYEX's namelists (a mapping, or its JSON text) give to ``options``, a dataclass.

    Raises
    ------
    ValueError
        If ``config`` is not a mapping of namelists.
    """
    given = json.loads(config) if isinstance(config, str) else config
    known = {field.name for field in fields(options)}
    try:
        values = [item for namelist in namelists for item in given.get(namelist, {}).items()]
    except AttributeError as error:
        raise ValueError(f"The options are no mapping of namelists ({', '.join(namelists)}): {given!r}.") from error
    return {name: value for long, value in values if (name := long.removesuffix("_NAM")) in known}


def require_supported(options: Any, supported: Mapping[str, Sequence[object]], component: str) -> None:  # noqa: ANN401
    """Check the type of every option of a dataclass, and the values of those that are restricted.

    Raises
    ------
    ValueError
        If one is not supported; the message names the option, the component, and what is supported.
    """
    for field in fields(options):
        value, kind = getattr(options, field.name), type(field.default)
        if kind is float:
            right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else:
            right = type(value) is kind
        known = ", ".join(map(repr, supported[field.name])) if field.name in supported else _KINDS[kind]
        if not right or value not in supported.get(field.name, (value,)):
            raise ValueError(f"Option {field.name} = {value!r} is not supported by {component}: supported are {known}.")
