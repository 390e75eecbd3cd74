"""The shell blocks of the documentation, with what is said about each: run it, run it nightly, or why it is not run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from markdown_it import MarkdownIt

PROJECT = Path(__file__).parents[2]
SHELL = ("sh", "shell", "bash", "console")
"""Languages of fenced blocks that are commands."""
PROGRAMS = re.compile(
    r"(\$ )?((\S+/)?(nox|invoke|ice3-bench|python3?|pip|uv|git|gh|export|cd|tar|apt-get|curl|docker|printf|sbatch|srun"
    r"|promtool|module|source|sqlite3|scp|ssh|mkdir|cp)|\./\S+|\.|[A-Z0-9_]+=\S*)(\s.*)?"
)
"""Lines that are commands in a block without a language."""
SLOW = re.compile(r"<!-- slow(, exit code (?P<code>\d+))? -->")
NOT_RUN = re.compile(r"<!-- not run( on this page)?: (?P<reason>.{10,}?) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A shell block.

    Attributes
    ----------
    reason
        Why it is not run; empty if it is.
    code
        Exit code that it ends with.
    """

    page: Path
    line: int
    script: str
    when: Literal["always", "nightly", "never"]
    reason: str = ""
    code: int = 0

    def __str__(self) -> str:
        return f"{self.page.relative_to(PROJECT)}:{self.line}"


def pages() -> list[Path]:
    """Return the pages that people read; the decisions are not instructions."""
    found = [PROJECT / "README.md", *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("examples/*/README.md")]
    return sorted(page for page in found if not {"adr", "_build"} & set(page.parts))


def blocks_of(page: Path) -> list[Block]:
    """Return the shell blocks of a page, in their order."""
    found = []
    mark = whole = ""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type in ("code_block", "fence"):
            lines = token.content.splitlines()
            if token.info in SHELL or (not token.info and any(PROGRAMS.fullmatch(line) for line in lines)):
                assert token.map is not None
                found.append(_block(page, token.map[0] + 1, lines, mark or whole))
        mark = token.content if token.type == "html_block" else ""
        whole = mark if "not run on this page" in mark else whole
    return found


def _block(page: Path, line: int, lines: list[str], mark: str) -> Block:
    prompted = [one.removeprefix("$ ") for one in lines if one.startswith("$ ")]
    script = "\n".join(prompted or lines)
    if found := NOT_RUN.search(mark):
        return Block(page, line, script, "never", " ".join(found["reason"].split()))
    if found := SLOW.search(mark):
        return Block(page, line, script, "nightly", code=int(found["code"] or 0))
    return Block(page, line, script, "always")
