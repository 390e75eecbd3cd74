"""The code that GT4Py generated for a stencil, as a digest: two stencils with one digest run the same code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3_probe.contract import code_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCES = (".py", ".hpp", ".cpp", ".cu", ".h")
"""Suffixes of what GT4Py writes for compilers and for Python."""
COMPILED = (".hpp", ".cpp", ".cu")
NUMBERED = re.compile(r"\b[A-Za-z_]\w*?(?:__[0-9a-f]{3}_\d+_\d+|\d{6,})\w*")
"""Names that hold a line and column of the definition, or an address: they change although the code does not."""
DECLARED = re.compile(r"\b(double|float|bool|int|long|std::\w+) (\w+);")
"""Declaration of a local variable; GT4Py writes them in the order of a set of names."""


def stencil_digest(stencil: Any, cache: Path | None) -> str:  # noqa: ANN401
    """Return the digest of a GT4Py StencilObject; empty if the cache holds a compiled stencil without its source.

    GT4Py's number of the stencil depends on the text of its definition, and is not a part of what runs.

    Parameters
    ----------
    cache
        Folder of the compiled stencils, which the generated module names.
    """
    number = str(stencil._gt_id_)
    module = Path(type(stencil).run.__code__.co_filename)  # it is not in sys.modules
    files = sorted(path for path in module.parent.rglob("*") if number in str(path.relative_to(module.parent)))
    sources = [path for path in files if path.suffix in SOURCES]
    is_compiled = any("_pyext" in path.name for path in files)
    if is_compiled and not any(path.suffix in COMPILED for path in sources):
        return ""
    place = str(cache) if cache else number
    return code_digest(sources, lambda text: canonical(text.replace(place, "").replace(number, "")))


def combined(stencils: Mapping[str, Any], cache: Path | None) -> str:
    """Return one text for the digests of all stencils of a component, by name; empty if one is not known."""
    digests = {name: stencil_digest(stencil, cache) for name, stencil in stencils.items()}
    return " ".join(f"{name}:{digest}" for name, digest in sorted(digests.items())) if all(digests.values()) else ""


def canonical(text: str) -> str:
    """Return generated code with its numbered names in the order of their use, and declarations sorted at the end."""
    names: dict[str, str] = {}

    def renamed(found: re.Match[str]) -> str:
        return names.setdefault(found[0], f"_{len(names)}")

    used = NUMBERED.sub(renamed, DECLARED.sub("", text))
    declared = sorted(f"{kind} {names.get(name, name)}" for kind, name in DECLARED.findall(text))
    return "\n".join([used, *declared])
