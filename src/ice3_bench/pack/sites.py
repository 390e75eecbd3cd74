"""Installed packages copied into a folder, so that another machine can import them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

UNNEEDED = ("pip", "wheel")
"""Packages of every environment that no measurement imports."""
LATE = ("scipy",)
"""Packages that the harness imports for comparisons only, which are made at home."""
_DEAD_WEIGHT = re.compile(r"(^|/)(__pycache__|tests?|docs?|examples)/|\.(pyc|pyi|pyx|a)$|(^|/)\.\.")


def copy_environment(site_packages: Path, target: Path, without: Collection[str]) -> None:
    """Copy the packages of an environment, except those that the other machine has.

    Parameters
    ----------
    site_packages
        Its folder of packages.
    without
        Normalised names of packages to leave out.
    """
    for distribution in metadata.distributions(path=[str(site_packages)]):
        if canonicalize_name(distribution.metadata["Name"]) not in (*without, *UNNEEDED):
            _copy(distribution, target)


def copy_harness(target: Path, without: Collection[str]) -> None:
    """Copy the running harness, with everything that it imports to measure a cell."""
    copy_own_packages(target)
    own = metadata.distribution("ice3-bench")
    described = target / f"ice3_bench-{own.version}.dist-info"
    described.mkdir(parents=True, exist_ok=True)
    (described / "METADATA").write_text(own.read_text("METADATA") or "", encoding="utf-8")
    for distribution in _required("ice3-bench", seen=set(), without=(*without, *LATE)):
        _copy(distribution, target)


def copy_own_packages(target: Path) -> None:
    """Copy the packages of the running harness itself, without what they import."""
    for package in ("ice3_bench", "ice3_probe"):
        (module,) = __import__(package).__path__
        shutil.copytree(module, target / package, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)


def _required(name: str, seen: set[str], without: Collection[str]) -> Iterator[metadata.Distribution]:
    """Yield the distributions that ``name`` requires, directly or not, as far as they are installed."""
    for line in metadata.distribution(name).requires or ():
        requirement = Requirement(line)
        wanted = canonicalize_name(requirement.name)
        if (
            wanted in seen
            or wanted in without
            or (requirement.marker and not requirement.marker.evaluate({"extra": ""}))
        ):
            continue
        seen.add(wanted)
        yield metadata.distribution(wanted)
        yield from _required(wanted, seen, without)


def _copy(distribution: metadata.Distribution, target: Path) -> None:
    """Copy a distribution's files that are imported or describe it; not its programs, tests and documents."""
    for file in distribution.files or ():
        if _DEAD_WEIGHT.search(str(file)):
            continue
        source, copy = Path(str(distribution.locate_file(file))), target / str(file)
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


def link_equal_files(folder: Path, least_bytes: int = 4096) -> None:
    """Replace files that are equal by hard links, which an archive holds once: environments share most packages."""
    first: dict[tuple[int, str], Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size < least_bytes:
            continue
        same = first.setdefault((path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest()), path)
        if same is not path:
            path.unlink()
            os.link(same, path)
