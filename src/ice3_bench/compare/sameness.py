"""Do both sides run the same code in the same environment? Then they are the same, and nothing need be measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ice3_bench.compare.verdict import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.compare.sides import Sides
    from ice3_bench.compare.workers import Side
    from ice3_probe.messages import Code


def unmeasured(sides: Sides[Side], codes: Sides[Code]) -> Decision | None:
    """Return the verdict *same* if both sides run the same code on the same packages; None if that is not known.

    Compilers, processor and variables of the shell are this machine's for both.
    """
    base, contender = what_runs(sides.base, codes.base), what_runs(sides.contender, codes.contender)
    if base is None or base != contender:
        return None
    packages = sides.base.stack.packages
    named = ", ".join(f"{name} {packages[name]}" for name in ("python", "gt4py", "dace", "numpy") if name in packages)
    reason = (
        f"not measured, since both sides run the same generated code and Python code on the same packages ({named})"
    )
    return Decision(Verdict.SAME, 0.0, 0.0, 0.0, 1.0, None, 0, reason)


def what_runs(side: Side, code: Code) -> dict[str, Any] | None:
    """Return all that decides how long a call takes on this machine; None if the port does not tell its generated code.

    Modules that are compiled do not count: what they make of a call is generated.
    """
    if not code.generated:
        return None
    stack = side.stack
    compiled = {str(stack.tree / name) for name in stack.compiled}
    folders = [folder.resolve() for folder in side.interpreter.path]
    return {
        "generated": code.generated,
        "modules": {
            _within(Path(path), folders): digest for path, digest in code.modules.items() if path not in compiled
        },
        "other sources": {name: digest for name, digest in stack.compiled.items() if not name.endswith(".py")},
        "packages": stack.packages,
        "environment": stack.place,
        "settings": side.job.cell.settings,
        "variables": side.interpreter.variables,
    }


def _within(path: Path, folders: Sequence[Path]) -> str:
    """Return the path of a module in the innermost folder that it may be imported from: a port's may hold the other."""
    inside = [path.relative_to(folder).as_posix() for folder in folders if path.is_relative_to(folder)]
    return min(inside, key=len, default=str(path))
