"""Tables in GitHub's Markdown, and text from reports in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_SPECIAL = re.compile(r"(?<![^\W_])[_:]|_(?![^\W_])|:(?=/)|[^\w :,;./+%()×–'-]")
"""All but letters, digits and harmless signs: ``_`` inside words, ``:`` after them, but not that of a link."""


def literal(text: str) -> str:
    """Make text literal in Markdown, in one line; names such as ``gt:cpu_ifirst`` stay readable.

    It does not break mentions of people, which a comment on GitHub needs.
    """
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", " ".join(text.split()))


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[str] = ()) -> list[str]:
    """Return the lines of a table; a ``|`` or a line break in a cell does not end it.

    Parameters
    ----------
    right
        Headings of the columns of numbers.
    """
    rule = ["---:" if heading in right else "---" for heading in headings]
    return [
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
        for cells in (headings, rule, *rows)
    ]
