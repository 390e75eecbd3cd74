"""What results and caches take on the disk, and the removal of what is old. Only what this tool made is touched.

It is known by its place and its name: files of runs, environments, compiled stencils and copies of the probe. What else
lies in these folders, and what a symbolic link leads to, is neither counted nor removed.
"""

from __future__ import annotations

import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ice3_bench.history.kept import RUNS, kept_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = re.compile(r"[0-9a-f]{12}")
"""Names of the folders of caches."""
DAY = 86_400.0
YOUNG = 3600.0
"""Seconds in which what was used is not removed: a session may be using it."""
CACHES = ("environments", "stencils", "probe")
"""Folders of the cache, each with a folder for every key."""


@dataclass(frozen=True)
class Entry:
    """Something that can be removed as a whole.

    Attributes
    ----------
    kind
        ``runs``, ``environments``, ``stencils`` or ``probe``.
    group
        Cell of a run; otherwise empty.
    used
        Seconds since 1970 when it was last used.
    """

    kind: str
    group: str
    path: Path
    bytes: int
    used: float


def entries(results: Path, cache: Path) -> list[Entry]:
    """Return what can be removed, the last used first."""
    found = [
        Entry(RUNS, cell, path, path.stat().st_size, path.stat().st_mtime)
        for cell, paths in kept_files(results).items()
        for path in paths
    ]
    found += [
        Entry(kind, "", path, taken(path), _used(path))
        for kind in CACHES
        for path in (cache / kind).glob("*")
        if KEY.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    ]
    return sorted(found, key=lambda entry: -entry.used)


def taken(path: Path) -> int:
    """Return the bytes that a file, or all files below a folder, take; links count as nothing."""
    return sum(one.lstat().st_size for one in _files(path))


def prunable(found: list[Entry], days: float | None, keep: int | None, now: float | None = None) -> list[Entry]:
    """Return the entries that are too old, or too many, or both if both are asked for.

    Parameters
    ----------
    found
        As ``entries`` returns them.
    days
        Age that is too old; None: any.
    keep
        Number of the last used that stay, of each kind and of each cell; None: none must.
    """
    if days is None and keep is None:
        return []
    now = time.time() if now is None else now
    seen: dict[tuple[str, str], int] = {}
    chosen = []
    for entry in found:
        number = seen[entry.kind, entry.group] = seen.get((entry.kind, entry.group), 0) + 1
        age = now - entry.used
        if age >= max(YOUNG, (days or 0.0) * DAY) and number > (keep or 0):
            chosen.append(entry)
    return chosen


def remove(entry: Entry) -> None:
    """Remove an entry; raises OSError if that is not possible."""
    if entry.path.is_dir():
        shutil.rmtree(entry.path)
        mark_of(entry.path).unlink(missing_ok=True)
    else:
        entry.path.unlink()


def touch(folder: Path) -> None:
    """Note that a folder of a cache is used now; where nothing can be written, it is not noted."""
    with suppress(OSError):
        mark_of(folder).touch()


def mark_of(folder: Path) -> Path:
    """Return the file whose time says when a folder of a cache was last used; the folder itself is the port's."""
    return folder.with_name(f".{folder.name}.used")


def _used(folder: Path) -> float:
    mark = mark_of(folder)
    return (mark if mark.exists() else folder).stat().st_mtime


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink():
        return
    if path.is_file():
        yield path
    elif path.is_dir():
        for one in path.iterdir():
            yield from _files(one)
