"""What an archive holds: written where it is made, read where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "pack.json"
PROJECT = "project"
"""Folder of the files that are measured."""
HARNESS = "harness"
"""Folder of the harness and what it imports."""
SITES = "sites"
"""Folder with the packages of each environment."""
STENCILS = "stencils"
"""Folder with what was compiled, by the key of the cache."""


class Site(BaseModel):
    """The packages of an environment.

    Attributes
    ----------
    packages
        Version of each package, including those that the machine must have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    packages: dict[str, str]


class Manifest(BaseModel):
    """What an archive holds.

    Attributes
    ----------
    commit
        Revision of the files, for people to read.
    python
        Version of Python that the packages are for, such as ``3.11``.
    cells
        Ids, in the order in which they are measured.
    sites
        Packages by the id of the backend.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    commit: str
    python: str
    cells: tuple[str, ...]
    sites: dict[str, Site]


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an unpacked archive.

    Raises
    ------
    UsageError
        If it is missing, or made by a program of another version.
    """
    try:
        return Manifest.model_validate_json((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise UsageError(f"{folder} is not an unpacked archive of nox -s bench-pack: {error}") from error
