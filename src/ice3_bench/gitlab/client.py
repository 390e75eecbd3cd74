"""The few calls of GitLab's REST interface that we need."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from ice3_bench.forge import Forge

if TYPE_CHECKING:
    from pydantic import SecretStr


class GitLab(Forge):
    """A client of one project."""

    def __init__(self, api: str, project: str, token: SecretStr) -> None:
        self._project = f"/projects/{quote(project, safe='')}"
        super().__init__("GitLab", api.rstrip("/"), {"PRIVATE-TOKEN": token.get_secret_value()})

    def put_note(self, number: int, marker: str, body: str) -> str:
        """Create the note on a merge request, or update the one of the token's user that begins with ``marker``.

        Returns ``created`` or ``updated``. A note of somebody else is never touched, whatever it begins with.
        """
        notes = f"{self._project}/merge_requests/{number}/notes"
        author = self._request("GET", "/user")["id"]
        for note in self._all(notes, sort="asc"):
            if not note["system"] and note["author"]["id"] == author and note["body"].startswith(marker):
                self._request("PUT", f"{notes}/{note['id']}", {"body": body})
                return "updated"
        self._request("POST", notes, {"body": body})
        return "created"

    def _remedy(self, path: str) -> str:  # noqa: ARG002 (every call needs the same)
        return (
            "ICE3_BENCH_GITLAB_TOKEN has to be a token of the project that the merge request goes to, with the scope "
            "api and the role Reporter."
        )
