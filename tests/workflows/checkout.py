"""The folder that the jobs of a continuous integration work in."""

from __future__ import annotations

import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]


class Checkout:
    """The checkout of a repository, and the artifacts that are taken from it and put into it.

    Parameters
    ----------
    folder
        Where it is.
    origin
        A git repository that is really checked out; without one, the folder holds files of this repository.
    """

    def __init__(self, folder: Path, origin: Path | None) -> None:
        self.folder, self.origin = folder, origin
        folder.mkdir(parents=True)
        if origin is None:
            for name in ("pyproject.toml", "noxfile.py"):
                shutil.copy(PROJECT / name, folder)
            for name in ("tasks", "src/ice3_bench"):
                shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def check_out(self, name: str, depth: int) -> None:
        """Fetch a commit or branch with so much of its history, 0 being all of it and of the branches; no branch."""
        if self.origin is None:
            return
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        told = ["git", "rev-parse", name]
        commit = subprocess.run(told, cwd=self.origin, check=True, capture_output=True, text=True).stdout.strip()
        branches = [f"--depth={depth}", "origin"] if depth else ["origin", "+refs/heads/*:refs/remotes/origin/*"]
        for command in (
            ["init", "--quiet"],
            ["remote", "add", "origin", self.origin.as_uri()],
            ["fetch", "--quiet", *branches, commit],
            ["checkout", "--quiet", "--detach", commit],
        ):
            subprocess.run(["git", *command], cwd=self.folder, check=True)

    def collected(self, pattern: str) -> dict[str, bytes]:
        """Return the files by their paths below the part of the pattern that is before the first wildcard."""
        parts = pattern.split("/")
        fixed = next(i for i, part in enumerate(parts) if "*" in part)
        root = self.folder.joinpath(*parts[:fixed])
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(self.folder.glob(pattern))}

    def place(self, artifacts: dict[str, dict[str, bytes]], given: dict[str, Any]) -> None:
        """Put artifacts where ``actions/download-artifact`` does."""
        patterns = re.fullmatch(r"\{(.*)\}", given["pattern"])
        for name, files in artifacts.items():
            if any(fnmatch(name, one) for one in (patterns[1].split(",") if patterns else [given["pattern"]])):
                for relative, content in files.items():
                    folder = "" if given.get("merge-multiple") else name
                    path = self.folder / given["path"] / folder / relative
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
