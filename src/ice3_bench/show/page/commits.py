"""Commits as the page shows them: their short hashes, linked to the repository, with what their authors say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from ice3_bench.text import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_bench.git import Told
    from ice3_bench.report import Commit


class Link(TypedDict):
    """Text with a target; ``href`` is None if there is none, ``title`` is shown when the pointer is on it."""

    text: str
    href: str | None
    title: str


@dataclass(frozen=True)
class Commits:
    """What is known about commits.

    Attributes
    ----------
    address
        Address of the pages of the repository; None: nothing is linked.
    told
        What authors say of their commits, by hash.
    """

    address: str | None = None
    told: Mapping[str, Told] = field(default_factory=dict)

    def of(self, commit: Commit) -> Link:
        """Return the link of a report's commit."""
        return {**self.link(commit.hash), "text": commit.text}

    def link(self, commit: str | None) -> Link:
        """Return the link of a hash."""
        said = self.told.get(commit or "")
        href = f"{self.address}/commit/{commit}" if self.address and commit else None
        return {"text": short(commit), "href": href, "title": f"{said.subject} ({said.date})" if said else ""}

    def difference(self, before: str | None, after: str | None) -> Link | None:
        """Return the link to what two commits changed; None if it cannot be shown."""
        if not (self.address and before and after and before != after):
            return None
        return {"text": "difference", "href": f"{self.address}/compare/{before}...{after}", "title": ""}
