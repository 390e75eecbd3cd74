"""How git is called: on the repository of a folder, whatever repository the variables of the environment name."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPOSITORY_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE"),
    *("GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE"),
    *("GIT_INTERNAL_SUPER_PREFIX", "GIT_REF_STORAGE_FORMAT"),
)
"""What ``git rev-parse --local-env-vars`` lists.

Git sets some of them for its hooks: a command that inherits them works on the index of the commit under way, even in
another folder.
"""


def without_repository(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables of an environment without those that tell git which repository to work on."""
    return {name: value for name, value in variables.items() if name not in REPOSITORY_VARIABLES}


def run_git(folder: Path, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; what it prints is bytes, since names of files may be anything (``os.fsdecode``).

    Raises
    ------
    OSError
        If git is missing, or the folder.
    subprocess.TimeoutExpired
        If it takes longer than ``timeout`` seconds.
    """
    variables = {**without_repository(os.environ), "LC_ALL": "C"}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=variables, capture_output=True, check=False, timeout=timeout
    )
