"""The expressions of GitHub's workflows: ``${{ }}``, conditions and matrices."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTEXTS = "github|secrets|vars|needs|runner|matrix|steps|inputs"


def matrix_of(job: dict[str, Any], context: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the values of each job of a matrix of one axis; one without values if there is no matrix."""
    axes = job.get("strategy", {}).get("matrix", {})
    if not axes:
        return [{}]
    ((name, values),) = axes.items()
    return [{name: value} for value in (filled(values, context) if isinstance(values, str) else values)]


def holds(condition: object, context: dict[str, Any], *, failed: bool) -> bool:
    """Evaluate an ``if``; without a status function, it also asks that nothing failed."""
    if condition is None:
        return not failed
    text = re.sub(r"^\$\{\{|\}\}$", "", str(condition).strip())
    met = bool(evaluate(text, context))
    return met and (not failed or "cancelled()" in text or "always()" in text)


def filled(value: Any, context: dict[str, Any]) -> Any:
    """Replace the ``${{ }}`` of a value; one that is nothing else keeps its type."""
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{\{((?:(?!\}\}).)*)\}\}", value.strip(), re.DOTALL)
    if whole:
        return evaluate(whole[1], context)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda match: as_text(evaluate(match[1], context)), value)


def as_text(value: object) -> str:
    """Write a value as GitHub does."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def evaluate(expression: str, context: dict[str, Any]) -> Any:
    """Evaluate an expression of the workflows: it is turned into one of Python's."""

    def name(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith("'") else f"look({match[0]!r})"

    def operators(text: str) -> str:
        return re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or "))

    parts = re.split(r"('[^']*')", " ".join(expression.split()))  # what is quoted stays as it is
    text = "".join(part if part.startswith("'") else operators(part) for part in parts)
    text = re.sub(rf"'[^']*'|\b(?:{CONTEXTS})(?:\.(?:[\w-]+|\*))+", name, text)

    def look(path: str) -> Any:
        found: Any = context
        for number, part in enumerate(path.split(".")):
            if part == "*":
                rest = path.split(".")[number + 1 :]
                return [one.get(rest[0]) if rest else one for one in (found or {}).values()]
            found = found.get(part) if isinstance(found, dict) else None
        return found

    folder: Path | None = context.get("checkout")
    functions: dict[str, Callable[..., Any]] = {
        "look": look,
        "fromJSON": json.loads,
        "cancelled": lambda: False,
        "hashFiles": lambda *patterns: "hash" if any(_files(folder, one) for one in patterns) else "",
        "contains": lambda values, value: value in values,
        "startsWith": lambda value, start: value.startswith(start),
        "format": lambda text, *values: text.format(*values),
    }
    return eval(text, {"__builtins__": {}}, functions)  # noqa: S307 (our own workflows)


def _files(folder: Path | None, patterns: str) -> bool:
    return folder is not None and any(any(folder.glob(one)) for one in patterns.split())
