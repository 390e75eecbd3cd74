"""A client of Bencher's REST interface.

Written for Bencher 0.6.12 (https://bencher.dev/docs/api/), tolerant of older self-hosted servers. Nothing here reads
the environment; no message, exception or representation holds the credential.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from ice3_bench.bencher.answer import read_outcome
from ice3_bench.errors import UploadError
from ice3_bench.measures import MEASURES
from ice3_bench.text import count

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

    from ice3_bench.bencher.answer import Outcome
    from ice3_bench.bencher.connection import Connection
    from ice3_bench.bencher.document import Body
    from ice3_bench.measures import Measure
    from ice3_bench.settings.policy import Threshold

BODY_LIMIT = 4 * 2**20
LONGEST_MESSAGE = 300  # Bencher quotes the whole document in its message when it refuses one

OF_CONTENT = (400, 409, 413, 422)
"""Statuses by which Bencher refuses the content of a request."""


class BencherError(UploadError):
    """Bencher refused a request.

    Attributes
    ----------
    status
        The HTTP status.
    of_content
        Whether the content of the request was refused, not the credential or the project.
    """

    def __init__(self, message: str, status: int, *, of_content: bool = False) -> None:
        super().__init__(message)
        self.status, self.of_content = status, of_content


class RefusedError(UploadError):
    """Something is wrong with a submission itself, so that others may be taken."""


class NoResultsError(UploadError):
    """Bencher accepted a submission but holds none of its results, so its idempotency key is used up."""


class _TransientError(Exception):
    """A reply after which the same request may be repeated."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """How long to try, how long to wait between tries and in each of them, in seconds."""

    deadline: float = 120.0
    first_wait: float = 1.0
    longest_wait: float = 30.0
    connect: float = 10.0
    reply: float = 60.0
    settle: float = 20.0
    """How long to wait for the results of a report that Bencher has created but not filled yet."""


class Bencher:
    """A client of one project, as a context manager.

    Connection errors, server errors and rate limits are retried with growing waits until the deadline; the POST of a
    submission carries its idempotency key, so repeating it is safe. Redirects are not followed: they could leak
    the key.
    """

    def __init__(self, where: Connection, patience: Patience | None = None) -> None:
        self.where = where
        self.patience = patience or Patience()
        import httpx  # noqa: PLC0415 (importing it takes longer than most commands)

        try:
            self._client = httpx.Client(
                base_url=where.host,
                headers={"User-Agent": "ice3-bench"},
                auth=self._authorise,
            )
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:  # a proxy, or a file of certificates
            raise UploadError(
                f"No connection to {where.host} can be made ({type(error).__name__}: {error}). Correct the variables "
                "of the proxy (ALL_PROXY, HTTPS_PROXY) or of the certificates (SSL_CERT_FILE), then run "
                "nox -s bench-upload."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def submit(self, key: str, body: Body, console: str | None = None) -> Outcome:
        """Send a submission and return what Bencher answered.

        Raises
        ------
        BencherError
            If Bencher refused it (4xx): the idempotency key is used up.
        RefusedError
            If the submission is too large, or Bencher's answer is for another branch or testbed.
        NoResultsError
            If Bencher holds a report of this key without its results: the key is used up.
        UploadError
            If no answer came before the deadline: the same key must be used again.
        """
        whole = body.complete(self.where.project, key)
        if len(whole) > BODY_LIMIT:
            raise RefusedError(
                f"The results of testbed '{body.testbed}' are {len(whole)} bytes, more than the {BODY_LIMIT} that "
                "Bencher takes."
            )
        reply = self._request("POST", "/v0/run", content=whole)
        outcome = read_outcome(reply, body.start_point, console)
        if (outcome.branch, outcome.testbed) != (body.branch, body.testbed):
            raise RefusedError(
                f"Bencher answered for branch '{outcome.branch}', testbed '{outcome.testbed}', and was asked for "
                f"branch '{body.branch}', testbed '{body.testbed}': another one there has this name as its short name, "
                "or its results came under this key. Rename that one."
            )

        def missing() -> int:
            return len(body.expected - {(line.benchmark, line.measure) for line in outcome.lines})

        def complete() -> Outcome:
            nonlocal outcome
            if missing():
                again = self._request("GET", f"{self._project}/reports/{outcome.report}")
                outcome = read_outcome(again, body.start_point, console)
            if missing():
                raise _TransientError(f"{missing()} of {count(len(body.expected), 'result')} are missing")
            return outcome

        try:
            # Bencher may answer a repeated request while it still works on the first one: look again.
            return self._retrying(min(self.patience.deadline, self.patience.settle))(complete)
        except _TransientError as error:
            raise NoResultsError(
                f"Bencher stored the report for testbed '{body.testbed}' without its results ({error}), as it does "
                "when it fails half-way. The next nox -s bench-upload sends them under a new key."
            ) from error

    def version(self) -> str:
        """Version of the server."""
        try:
            return str(self._request("GET", "/v0/server/version")["version"])
        except (KeyError, TypeError):
            raise UploadError(f"{self.where.host} is not a Bencher server: set BENCHER_HOST to its API.") from None

    def console(self) -> str | None:
        """URL of the console, or None if the server has none; not retried, since only links need it."""
        deadline = min(5.0, self.patience.deadline)
        try:
            return str(self._request("GET", "/v0/server/config/console", deadline=deadline)["url"])
        except (UploadError, KeyError, TypeError):
            return None

    def project(self) -> dict[str, Any]:
        """Return the project; raises BencherError (404) if it is missing or the key has no access."""
        return dict(self._request("GET", self._project))

    def entries(self, what: str, **filters: str) -> list[dict[str, Any]]:
        """All entries of ``measures``, ``testbeds``, ``branches`` or ``thresholds``."""
        gathered: list[dict[str, Any]] = []
        for page in range(1, 1000):
            found = self._request(
                "GET", f"{self._project}/{what}", params={**filters, "per_page": "255", "page": str(page)}
            )
            gathered += found
            if len(found) < 255:
                break
        return gathered

    def create(self, what: str, fields: dict[str, Any]) -> bool:
        """Create an entry; return False if it is there already."""
        try:
            self._request("POST", f"{self._project}/{what}", content=json.dumps(fields).encode())
        except BencherError as error:
            if error.status == HTTPStatus.CONFLICT:
                return False
            raise
        return True

    def missing_measures(self) -> list[Measure]:
        """Return our measures that the project lacks."""
        there = {measure["slug"] for measure in self.entries("measures")}
        return [measure for slug, measure in MEASURES.items() if slug not in there]

    def create_measure(self, measure: Measure) -> None:
        """Create one of our measures with its units; it may exist already."""
        self.create("measures", {"name": measure.title, "slug": measure.name, "units": measure.bencher_units})

    def create_threshold(self, branch: str, testbed: str, measure: str, model: Threshold) -> bool:
        """Create a threshold; return False if there is one. Branch, testbed and measure must exist."""
        return self.create("thresholds", {"branch": branch, "testbed": testbed, "measure": measure, **model.as_json()})

    def change_threshold(self, uuid: str, model: Threshold) -> None:
        """Replace the model of a threshold."""
        self._request("PUT", f"{self._project}/thresholds/{uuid}", content=json.dumps(model.as_json()).encode())

    def archive(self, branch: str) -> bool:
        """Archive a branch; return False if no active branch has that name."""
        found = [
            one for one in self.entries("branches", name=branch) if one["name"] == branch and not one.get("archived")
        ]
        for one in found:
            self._request("PATCH", f"{self._project}/branches/{one['uuid']}", content=b'{"archived": true}')
        return bool(found)

    @property
    def _project(self) -> str:
        return f"/v0/projects/{self.where.project}"

    def _authorise(self, request: httpx.Request) -> httpx.Request:
        if self.where.kind != "none":
            request.headers["Authorization"] = f"Bearer {self.where.credential.get_secret_value()}"
        return request

    def _retrying(self, deadline: float) -> Retrying:
        growing = wait_exponential_jitter(
            initial=self.patience.first_wait, max=self.patience.longest_wait, jitter=self.patience.first_wait / 4
        )

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, _TransientError) else 0.0
            return max(growing(state), min(asked, deadline))

        return Retrying(
            retry=retry_if_exception_type(_TransientError),
            wait=wait,
            stop=stop_after_delay(deadline),
            reraise=True,
        )

    def _request(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: dict[str, str] | None = None,
        deadline: float | None = None,
    ) -> Any:  # noqa: ANN401 (JSON)
        deadline = self.patience.deadline if deadline is None else deadline
        end = time.monotonic() + deadline
        try:
            return self._retrying(deadline)(self._once, method, path, content, params, end)
        except _TransientError as error:
            raise UploadError(
                f"Bencher at {self.where.host} gave no usable answer within {deadline:g} s ({method} {path}: {error}). "
                "Check the server and the network with nox -s bencher -- check, then run nox -s bench-upload."
            ) from None

    def _once(self, method: str, path: str, content: bytes | None, params: dict[str, str] | None, end: float) -> Any:  # noqa: ANN401
        import httpx  # noqa: PLC0415 (as above)

        headers = {"Content-Type": "application/json"} if content is not None else {}
        left = max(end - time.monotonic(), 0.1)
        timeout = httpx.Timeout(min(self.patience.reply, left), connect=min(self.patience.connect, left))
        try:
            reply = self._client.request(method, path, content=content, params=params, headers=headers, timeout=timeout)
        except httpx.RequestError as error:
            raise _TransientError(f"{type(error).__name__}: {self._redacted(str(error))}") from None
        if reply.status_code >= 500 or reply.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            after = reply.headers.get("Retry-After", "")
            raise _TransientError(
                f"status {reply.status_code}: {self._message(reply)}", float(after) if after.isdecimal() else 0.0
            )
        if not reply.is_success:
            raise BencherError(
                f"Bencher at {self.where.host} refused {method} {path} with status {reply.status_code}: "
                f"{self._message(reply)} {self._remedy(reply.status_code)}".rstrip(),
                reply.status_code,
                of_content=reply.status_code in OF_CONTENT and not self._may_be_expired(reply.status_code),
            )
        if reply.headers.get("Content-Type", "").startswith("text/html"):
            raise UploadError(
                f"{self.where.host} answers {method} {path} with a web page: it is not the API of Bencher. "
                "BENCHER_HOST may be the console's address."
            )
        try:
            return reply.json()
        except ValueError:
            raise _TransientError("the answer is not JSON") from None

    def _message(self, reply: httpx.Response) -> str:
        try:
            message = str(reply.json()["message"])
        except (ValueError, KeyError, TypeError):
            message = reply.reason_phrase
        message = " ".join(self._redacted(message).split())
        return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}..."

    def _redacted(self, text: str) -> str:
        secret = self.where.credential.get_secret_value()
        return text.replace(secret, "***") if secret else text

    def _may_be_expired(self, status: int) -> bool:
        """Say whether the credential may be what is wrong, and not the content: an expired token is refused so."""
        return status == 400 and self.where.kind == "token"

    def _remedy(self, status: int) -> str:
        if status in (301, 302, 303, 307, 308):
            return "Set BENCHER_HOST to the address it redirects to."
        if self._may_be_expired(status):
            return "An expired token is refused like this: create a key and set BENCHER_API_KEY."
        return {
            **dict.fromkeys(OF_CONTENT, ""),
            401: "The key is unknown, expired, revoked or of another project: create one and set BENCHER_API_KEY.",
            402: "Private projects need a plan: make the project public or subscribe.",
            403: f"The {self.where.kind} may not do this in project '{self.where.project}'.",
            404: f"Check BENCHER_PROJECT '{self.where.project}' and BENCHER_HOST with nox -s bencher -- check.",
        }.get(status, "Run nox -s bencher -- check.")
