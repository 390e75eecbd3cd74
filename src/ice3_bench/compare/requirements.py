"""Requirements that one side of a comparison has instead of its own: the same commit with other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ice3_bench.compare.sides import Sides
from ice3_bench.errors import UsageError
from ice3_bench.settings.values import CURRENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.settings.matrix import Cell


def none_given() -> Sides[Sequence[str]]:
    """Return what leaves each side the requirements of its own."""
    return Sides((), ())


def parse_requirement(text: str) -> str:
    """Return a requirement without blanks around it; raises UsageError if it is none."""
    try:
        Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            f"'{text}' is not a requirement, such as gt4py==1.1.12: {str(error).splitlines()[0]}."
        ) from error
    return text.strip()


def replaced(requirements: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """Return ``requirements`` with those of the same packages replaced by ``given``; the other given ones are added."""
    names = {_name(one) for one in given}
    return (*(one for one in requirements if _name(one) not in names), *given)


def addressed(requirements: Sequence[str]) -> bool:
    """Tell whether a requirement names files or an address: then a version does not say what is installed."""
    return any("/" in one.partition(";")[0] or "@" in one.partition(";")[0] for one in requirements)


def require_environments(cells: Sequence[Cell]) -> None:
    """Raise UsageError if a cell is measured in the harness's own environment, which has one set of packages."""
    for cell in cells:
        if cell.backend.python == CURRENT:
            raise UsageError(
                f'{cell.id} is measured in the environment of ice3-bench (python = "{CURRENT}"), so --with and '
                "--against cannot change its packages: remove 'python' of the backend in pyproject.toml."
            )


def _name(requirement: str) -> str:
    """Return the normalised name of the package that a requirement asks for; itself if it has none."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:  # a folder, or a name that the version of CUDA completes
        return requirement
