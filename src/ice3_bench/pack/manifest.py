"""What an archive holds: written where it is made, read where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ice3_bench.errors import UsageError
from ice3_bench.provenance import Commit

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
    python
        Version of Python that they are for, such as ``3.11``.
    packages
        Version of each package and of ``python``; those that the machine must have are included.
    cuda
        Major version of CUDA that they are for, if the backend's requirements depend on it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    python: str
    packages: dict[str, str]
    cuda: str | None = None


class Manifest(BaseModel):
    """What an archive holds.

    Attributes
    ----------
    commit
        Revision of the files.
    python
        Version of Python that the harness's packages are for, such as ``3.11``.
    machine
        Kind of processor that all packages are for, such as ``x86_64``.
    cells
        Ids, in the order in which they are measured.
    sites
        Packages by the id of the backend.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    commit: Commit
    python: str
    machine: str
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
