"""Fortran namelists: the groups of a text file with their scalar values, and the one that belongs to a data set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from pathlib import Path

MARKS = ("&NAM_PARAM_ICEN", "&PARAM_ICEN", "&NAM_NEBN", "&NEBN")
"""A file that holds one of these groups has the options of the schemes."""
LARGEST = 2**20
"""bytes that a namelist has at most"""

_TEXT = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
_COMMENT = re.compile(rf"({_TEXT})|![^\n]*")
_TOKEN = re.compile(rf"\s*(?:({_TEXT})|([A-Za-z_][\w%]*(?:\([^)]*\))?)\s*=|([^\s,/=&'\"]+)|([,/&]))")
_WHOLE = re.compile(r"[+-]?\d+")


def parse_namelists(text: str) -> dict[str, dict[str, Any]]:
    """Return the groups of a namelist file, by name in capitals and without ``NAM_``.

    Scalars become bool, int, float or str, several values a list. Elements of arrays, such as ``XA(3) = 1.``, are left
    out.

    Raises
    ------
    ValueError
        If a group does not end, or something in it cannot be read; the message names the group.
    """
    text = _COMMENT.sub(lambda found: found[1] or "", text)
    groups: dict[str, dict[str, Any]] = {}
    place = 0
    while found := re.compile(r"^[ \t]*[&$]([A-Za-z]\w*)", re.MULTILINE).search(text, place):
        name = found[1].upper()
        values, place = _group(text, found.end(), name)
        groups.setdefault(name.removeprefix("NAM_"), {}).update(values)
    return groups


def _group(text: str, place: int, group: str) -> tuple[dict[str, Any], int]:
    """Read a group whose name ends at ``place``; return its values and where it ends."""
    values: dict[str, list[Any]] = {}
    key = ""
    while True:
        found = _TOKEN.match(text, place)
        if found is None:
            rest = text[place:].strip().splitlines()
            where = f"at '{rest[0][:40]}'" if rest else "which has no end (/)"
            raise ValueError(f"group {group} cannot be read {where}")
        place = found.end()
        quoted, name, word, sign = found.groups()
        if name is not None:
            key = name.upper()
            values[key] = []
        elif sign == "/":
            break
        elif sign == "&":
            place = re.compile(r"[Ee][Nn][Dd]\b|").match(text, place).end()  # type: ignore[union-attr]
            break
        elif sign is None and not key:
            raise ValueError(f"group {group} cannot be read at '{quoted or word}': a name and = are missing")
        elif quoted is not None:
            values[key].append(quoted[1:-1].replace(2 * quoted[0], quoted[0]).rstrip())
        elif word is not None:
            times, _, what = word.rpartition("*")
            values[key] += [_value(what)] * (int(times) if times else 1)
    scalars = {name: many[0] if len(many) == 1 else many for name, many in values.items() if many}
    return {name: value for name, value in scalars.items() if "(" not in name}, place


def _value(word: str) -> bool | int | float | str:
    if _WHOLE.fullmatch(word):
        return int(word)
    try:
        return float(word.upper().replace("D", "E"))
    except ValueError:
        pass
    letters = word.upper().lstrip(".")
    if letters[:1] in ("T", "F"):
        return letters[0] == "T"
    raise ValueError(f"'{word}' is neither a number, a logical nor a text in quotes")


def read_namelist(path: Path) -> dict[str, dict[str, Any]]:
    """Read the options of a namelist file.

    Raises
    ------
    DataSetError
        If it is missing, cannot be read, or has none of the groups that hold options.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        groups = parse_namelists(text)
    except OSError as error:
        raise DataSetError(f"The namelist {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataSetError(f"The namelist {path} is not usable: {error}.") from error
    if not {"PARAM_ICEN", "NEBN"} & groups.keys():
        raise DataSetError(f"The namelist {path} has neither a group NAM_PARAM_ICEN nor NAM_NEBN: it has no options.")
    return groups


def namelist_beside(folder: Path) -> Path | None:
    """Return the namelist in a folder, known by its groups; None if there is none.

    Raises
    ------
    DataSetError
        If there are several.
    """
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and _has_options(path)]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DataSetError(f"{folder} has several namelists ({names}). Choose one with --namelist FILE.")
    return found[0] if found else None


def _has_options(path: Path) -> bool:
    if path.suffix == ".dat" or path.stat().st_size > LARGEST:
        return False
    with path.open("rb") as file:
        if b"\0" in file.read(512):
            return False
    text = path.read_text(encoding="utf-8", errors="replace").upper()
    return any(re.search(rf"^[ \t]*{re.escape(mark)}\b", text, re.MULTILINE) for mark in MARKS)
