"""What the REST interfaces of GitHub and GitLab have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

from ice3_bench.errors import UploadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

FULL_PAGE = 100
"""Entries of a page that may be followed by another."""


class Forge(ABC):
    """A client, as a context manager.

    Parameters
    ----------
    name
        What people call it.
    url
        Address that paths are appended to.

    Raises
    ------
    UploadError
        By each call, if it cannot be reached or refuses.
    """

    def __init__(self, name: str, url: str, headers: Mapping[str, str]) -> None:
        import httpx  # noqa: PLC0415 (importing it takes longer than most commands)

        self._name = name
        self._client = httpx.Client(
            base_url=url,
            headers={"User-Agent": "ice3-bench", **headers},
            timeout=httpx.Timeout(30.0, connect=10.0),
            transport=httpx.HTTPTransport(retries=2),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    @abstractmethod
    def _remedy(self, path: str) -> str:
        """Say what a call of ``path`` needs, a sentence."""

    def _all(self, path: str, **filters: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for page in range(1, 100):
            found = self._request("GET", path, params={**filters, "per_page": str(FULL_PAGE), "page": str(page)})
            entries += found
            if len(found) < FULL_PAGE:
                break
        return entries

    def _request(
        self, method: str, path: str, fields: dict[str, Any] | None = None, params: dict[str, str] | None = None
    ) -> Any:  # noqa: ANN401 (JSON)
        import httpx  # noqa: PLC0415 (as above)

        try:
            reply = self._client.request(method, path, json=fields, params=params)
        except httpx.TransportError as error:
            raise UploadError(f"{self._name} cannot be reached ({method} {path}: {type(error).__name__}).") from None
        if not reply.is_success:
            refused = f"{self._name} refused {method} {path} with status {reply.status_code}."
            raise UploadError(f"{refused} {self._remedy(path)}")
        return reply.json()
