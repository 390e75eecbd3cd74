"""The few calls of GitLab's REST interface that we need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from ice3_bench.errors import UploadError

if TYPE_CHECKING:
    from types import TracebackType

    from pydantic import SecretStr


class GitLab:
    """A client of one project, as a context manager.

    Raises
    ------
    UploadError
        By each call, if GitLab cannot be reached or refuses.
    """

    def __init__(self, api: str, project: str, token: SecretStr) -> None:
        self._project = f"/projects/{quote(project, safe='')}"
        self._client = httpx.Client(
            base_url=api.rstrip("/"),
            headers={"User-Agent": "ice3-bench", "PRIVATE-TOKEN": token.get_secret_value()},
            timeout=httpx.Timeout(30.0, connect=10.0),
            transport=httpx.HTTPTransport(retries=2),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def put_note(self, number: int, marker: str, body: str) -> str:
        """Create the note on a merge request, or update the one of the token's user that begins with ``marker``.

        Returns ``created`` or ``updated``. A note of somebody else is never touched, whatever it begins with.
        """
        notes = f"{self._project}/merge_requests/{number}/notes"
        author = self._request("GET", "/user")["id"]
        for note in self._all(notes):
            if not note["system"] and note["author"]["id"] == author and note["body"].startswith(marker):
                self._request("PUT", f"{notes}/{note['id']}", {"body": body})
                return "updated"
        self._request("POST", notes, {"body": body})
        return "created"

    def _all(self, path: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for page in range(1, 100):
            found = self._request("GET", path, params={"sort": "asc", "per_page": "100", "page": str(page)})
            entries += found
            if len(found) < 100:
                break
        return entries

    def _request(
        self, method: str, path: str, fields: dict[str, str] | None = None, params: dict[str, str] | None = None
    ) -> Any:  # noqa: ANN401 (JSON)
        try:
            reply = self._client.request(method, path, json=fields, params=params)
        except httpx.TransportError as error:
            raise UploadError(f"GitLab cannot be reached ({method} {path}: {type(error).__name__}).") from None
        if not reply.is_success:
            raise UploadError(
                f"GitLab refused {method} {path} with status {reply.status_code}. ICE3_BENCH_GITLAB_TOKEN has to be a "
                "token of the project that the merge request goes to, with the scope api and the role Reporter."
            )
        return reply.json()
