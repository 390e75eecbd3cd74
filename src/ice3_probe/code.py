"""What code a run executes, as digests: comments, docstrings and names that change with every build do not count."""

from __future__ import annotations

import ast
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(files: Iterable[Path], cleaned: Callable[[str], str] = str) -> str:
    """Return a digest of source files in UTF-8.

    Python is compared by its syntax tree without docstrings, other files by their text.

    Parameters
    ----------
    files
        In an order that does not depend on their names, if those change.
    cleaned
        Takes the text of a file and leaves out what does not run, such as the number of a build.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        text = cleaned(path.read_text(encoding="utf-8", errors="surrogateescape"))
        content = (_syntax(text) if path.suffix == ".py" else text).encode(errors="surrogateescape")
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _syntax(source: str) -> str:
    """Return the syntax tree of Python source as text; the source itself if it is not valid."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return ast.dump(tree)


def loaded_modules(folders: Sequence[Path]) -> dict[str, str]:
    """Return a digest of each module that this process has imported from one of ``folders``, by its path."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = {Path(file).resolve() for file in files if file}
    roots = [folder.resolve() for folder in folders]
    return {
        str(path): code_digest([path])
        for path in sorted(paths)
        if any(path.is_relative_to(root) for root in roots) and path.is_file()
    }
