"""The few calls of GitHub's REST interface that we need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ice3_bench.forge import Forge

if TYPE_CHECKING:
    from pydantic import SecretStr

BOT = "github-actions[bot]"
"""The author of what is written with the token of a workflow run."""


class GitHub(Forge):
    """A client of one repository."""

    def __init__(self, api: str, repository: str, token: SecretStr) -> None:
        self.repository = repository
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Authorization": f"Bearer {token.get_secret_value()}",
        }
        super().__init__("GitHub", f"{api.rstrip('/')}/repos/{repository}", headers)

    def put_comment(self, number: int, marker: str, body: str, author: str = BOT) -> str:
        """Create the comment of a pull request, or update the one of ``author`` that begins with ``marker``.

        Returns ``created`` or ``updated``. A comment of somebody else is never touched, whatever it begins with.
        """
        for comment in self._all(f"/issues/{number}/comments"):
            if comment["user"]["login"] == author and comment["body"].startswith(marker):
                self._request("PATCH", f"/issues/comments/{comment['id']}", {"body": body})
                return "updated"
        self._request("POST", f"/issues/{number}/comments", {"body": body})
        return "created"

    def create_check(self, fields: dict[str, Any]) -> None:
        """Create a check on a commit; of several with one name, GitHub shows and requires the last."""
        self._request("POST", "/check-runs", fields)

    def pull_requests_of(self, sha: str, owner: str, ref: str) -> list[dict[str, Any]]:
        """Return the open pull requests whose head is ``sha`` on branch ``ref`` of ``owner``'s repository.

        Those that were closed or have a newer commit are not among them. One branch may have several, to other bases.
        """
        pulls = self._all("/pulls", state="open", head=f"{owner}:{ref}")
        return [pull for pull in pulls if pull["head"]["sha"] == sha]

    def _remedy(self, path: str) -> str:
        needed = "checks" if path == "/check-runs" else "pull-requests"
        return f"The job needs 'permissions: {needed}: write' and the GITHUB_TOKEN of the workflow run."
