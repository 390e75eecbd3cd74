"""Find the files of a PHYEX checkout that its ICE_ADJUST and RAIN_ICE need, in the order of their modules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ROOTS = (
    "micro/ice_adjust", "micro/rain_ice", "micro/modi_ice_adjust", "micro/modi_rain_ice", "micro/mode_ini_rain_ice",
    "micro/mode_ini_tiwmx", "aux/mode_ini_cst", "aux/gamma",
)  # fmt: skip
"""What the wrapper calls. The bodies of MODI_GAMMA have other names, so nothing leads to their file."""
FOLDERS = ("aux", "micro", "turb", "conv")
COMMON = "src/common"
INCLUDES = "src/common/micro"
REMEDY = "Name one of PHYEX 0.9.1 or later: with phyex in [tool.ice3-bench], or with the variable PHYEX_DIR."

_DEFINED = re.compile(r"^\s*module\s+(?!procedure\b)(\w+)\s*$", re.IGNORECASE | re.MULTILINE)
_USED = re.compile(r"^\s*use\s*(?:,\s*\w+\s*)?(?:::)?\s*(\w+)", re.IGNORECASE | re.MULTILINE)
_ROUTINE = re.compile(r"^(?!\s*end\b)[\w\s]*\b(?:subroutine|function)\s+(\w+)", re.IGNORECASE | re.MULTILINE)
_IN_MODULE = re.compile(
    r"^\s*module\s+(?!procedure\b)\w+\s*$.*?^\s*end\s*module\b", re.IGNORECASE | re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"!.*$", re.MULTILINE)


class SourceError(Exception):
    """A folder that is no usable checkout of PHYEX; the message says why."""


@dataclass(frozen=True)
class Source:
    """A file of PHYEX.

    Attributes
    ----------
    modules
        Modules that it defines.
    used
        Modules that it needs, lower case.
    routines
        Procedures that belong to no module.
    """

    path: Path
    modules: frozenset[str]
    used: frozenset[str]
    routines: frozenset[str]


def find_sources(checkout: Path) -> list[Source]:
    """Return the files to compile.

    A file comes after those whose modules it uses. Modules that no file of the checkout defines are left out: they are
    those of the host model, which the stubs stand for.

    Raises
    ------
    SourceError
        If the folder is no checkout of PHYEX, lacks a file, or has two for the same module.
    """
    common = checkout / COMMON
    if not common.is_dir():
        raise SourceError(f"{checkout} is no checkout of PHYEX: it has no folder {COMMON}. {REMEDY}")
    sources = {path: _scan(path) for folder in FOLDERS for path in sorted((common / folder).glob("*.F90"))}
    by_module, by_routine = _by_name(sources.values(), "modules"), _by_name(sources.values(), "routines")
    waiting = []
    for root in ROOTS:
        path = common / f"{root}.F90"
        if path not in sources:
            lacking = f"it lacks {COMMON}/{root}.F90"
            raise SourceError(f"{checkout} is no checkout of PHYEX that can be built: {lacking}. {REMEDY}")
        waiting.append(sources[path])

    found: dict[Path, Source] = {}
    seen: set[Path] = set()

    def visit(source: Source) -> None:
        if source.path in seen:
            return
        seen.add(source.path)
        for module in sorted(source.used):
            for other in _only(by_module, module):
                visit(other)
            if module.startswith("modi_"):  # the body anywhere later: only its interface is needed
                waiting.extend(_only(by_routine, module.removeprefix("modi_")))
        found[source.path] = source

    while waiting:
        visit(waiting.pop(0))
    return list(found.values())


def _by_name(sources: Iterable[Source], what: str) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    for source in sources:
        for name in getattr(source, what):
            found.setdefault(name, []).append(source)
    return found


def _only(sources: Mapping[str, list[Source]], name: str) -> list[Source]:
    """Return the one source of a name, or none; two would leave it to chance which one is measured."""
    found = sources.get(name, [])
    if len(found) > 1:
        paths = " and ".join(str(source.path) for source in found)
        raise SourceError(f"{name.upper()} is defined twice, in {paths}: remove one of them, such as a copy of yours.")
    return found


def _scan(path: Path) -> Source:
    text = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
    modules = frozenset(name.lower() for name in _DEFINED.findall(text))
    used = frozenset(name.lower() for name in _USED.findall(text)) - modules
    outside = _IN_MODULE.sub("", text)
    return Source(path, modules, used, frozenset(name.lower() for name in _ROUTINE.findall(outside)))
