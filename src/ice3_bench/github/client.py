"""The few calls of GitHub's REST interface that we need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import httpx

from ice3_bench.errors import UploadError

if TYPE_CHECKING:
    from types import TracebackType

    from pydantic import SecretStr

BOT = "github-actions[bot]"
"""The author of what is written with the token of a workflow run."""


class GitHub:
    """A client of one repository, as a context manager.

    Raises
    ------
    UploadError
        By each call, if GitHub cannot be reached or refuses.
    """

    def __init__(self, api: str, repository: str, token: SecretStr) -> None:
        self.repository = repository
        self._client = httpx.Client(
            base_url=api.rstrip("/"),
            headers={
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "ice3-bench",
                "Authorization": f"Bearer {token.get_secret_value()}",
            },
            timeout=httpx.Timeout(30.0, connect=10.0),
            transport=httpx.HTTPTransport(retries=2),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

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

    def _all(self, path: str, **filters: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for page in range(1, 100):
            found = self._request("GET", path, params={**filters, "per_page": "100", "page": str(page)})
            entries += found
            if len(found) < 100:
                break
        return entries

    def _request(
        self, method: str, path: str, fields: dict[str, Any] | None = None, params: dict[str, str] | None = None
    ) -> Any:  # noqa: ANN401 (JSON)
        try:
            reply = self._client.request(method, f"/repos/{self.repository}{path}", json=fields, params=params)
        except httpx.TransportError as error:
            raise UploadError(f"GitHub cannot be reached ({method} {path}: {type(error).__name__}).") from None
        if not reply.is_success:
            needed = "checks" if path == "/check-runs" else "pull-requests"
            raise UploadError(
                f"GitHub refused {method} {path} with status {reply.status_code}. The job needs 'permissions: "
                f"{needed}: write' and the GITHUB_TOKEN of the workflow run."
            )
        return reply.json()
