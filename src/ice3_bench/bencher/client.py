"""Bencher: the reports of a testbed as one Bencher Metric Format document, and a client of Bencher's REST interface.

Written for Bencher 0.6.12 (https://bencher.dev/docs/api/), tolerant of older self-hosted servers. Nothing here reads
the environment; no message, exception or representation holds the credential.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx
from pydantic import BaseModel, SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from ice3_bench.errors import UploadError, UsageError
from ice3_bench.history.store import Draft
from ice3_bench.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from ice3_bench.measures import Measure
    from ice3_bench.report import Report
    from ice3_bench.settings.policy import BencherPolicy, Threshold

CLOUD = "https://api.bencher.dev"
KEY_PATTERN = re.compile(r"bencher_(user|run)_[A-Za-z0-9]{30}")
TOKEN_PATTERN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
BODY_LIMIT = 4 * 2**20
LONGEST_MESSAGE = 300  # Bencher quotes the whole document in its message when it refuses one

Document = dict[str, dict[str, dict[str, float]]]


# --- From reports to what is sent -------------------------------------------------------------------------------------


def merge(reports: Iterable[Report]) -> Document:
    """Merge the reports of one testbed into a Bencher Metric Format document; failed benchmarks are left out.

    Raises
    ------
    UsageError
        If two reports hold the same benchmark, or a name is longer than Bencher takes.
    """
    document: Document = {}
    for report in reports:
        for benchmark in report.benchmarks:
            if benchmark.error is not None or not benchmark.measures:
                continue
            if benchmark.name in document:
                raise UsageError(
                    f"Benchmark '{benchmark.name}' is in two reports of one upload: Bencher would keep the last only."
                )
            _check_length("benchmark", benchmark.name, 1024, "Names come from tests/performance.")
            document[benchmark.name] = {
                measure: metric.model_dump(exclude_none=True) for measure, metric in benchmark.measures.items()
            }
    return document


def _check_length(what: str, name: str, most: int, remedy: str) -> None:
    size = len(name.encode())
    if not 1 <= size <= most or (most == 64 and name != name.strip()):
        raise UsageError(
            f"The {what} name '{name[:80]}' has {size} bytes; Bencher takes 1 to {most} without blanks around them. "
            f"{remedy}"
        )


@dataclass(frozen=True)
class Revision:
    """What continuous integration knows about the commit being measured; by hand, the reports know it themselves."""

    branch: str
    hash: str
    base: str | None = None
    """Base branch of a pull request."""
    base_hash: str | None = None
    pull_request: int | None = None


def pull_request_branch(number: int, ref: str, owner: str, *, fork: bool, policy: BencherPolicy) -> str:
    """Return Bencher's branch of a pull request; a fork's ``main`` or a protected branch can never become one of ours.

    The same function names the branch that is uploaded to and the one that is archived.
    """
    return f"pr/{number}/{owner}/{ref}" if fork or policy.protects(ref) else ref


def draft(
    reports: list[Report], policy: BencherPolicy, revision: Revision | None, problems: dict[str, str]
) -> list[Draft]:
    """Group reports into submissions: one for each testbed and commit, in the order in which they were measured.

    A benchmark that was measured twice at one commit opens another submission. Reports that cannot be sent are left
    out, and ``problems`` says why by their ids.
    """
    groups: list[_Group] = []
    fresh_heads: set[tuple[str, str | None]] = set()
    for report in reports:
        ours = revision is not None and report.commit.hash == revision.hash
        branch = revision.branch if revision is not None and ours else report.commit.branch
        if branch is None:
            problems[report.id] = (
                f"The report of {report.cell} of {report.created:%Y-%m-%d %H:%M} is of commit "
                f"{(report.commit.hash or 'none')[:10]}, which was on no branch"
                f"{' and is not the commit of this run' if revision else ''}: it stays in the local history. "
                "Measure on a branch to send it, or name one: BENCHER_BRANCH=NAME nox -s bench-upload."
            )
            continue
        commit = report.commit.hash
        if report.commit.dirty:  # neither this commit nor a point of the branch's history
            branch, commit = f"{branch}-uncommitted", None
        try:
            _check_length("testbed", report.machine.testbed, 64, "It is 'testbed' in [tool.ice3-bench].")
            _check_length("branch", branch, 256, "Choose another with the variable BENCHER_BRANCH.")
            content = merge([report])
        except UsageError as error:
            problems[report.id] = f"The report of {report.cell} cannot be sent. {error}"
            continue
        if not content:
            continue
        where = (report.machine.testbed, branch, commit)
        last = next((group for group in reversed(groups) if group.where == where), None)
        if last is None or commit is None or last.document.keys() & content.keys():
            last = _Group(where, pull=revision if revision is not None and ours else None)
            groups.append(last)
        last.document |= content
        last.reports.append(report)
    drafts = []
    for group in groups:
        # One new head for each commit of a pull request: resetting again would push the other testbeds out of it.
        reset = group.where[1:] not in fresh_heads
        fresh_heads.add(group.where[1:])
        drafts.append(group.draft(policy, reset=reset))
    return drafts


@dataclass
class _Group:
    where: tuple[str, str, str | None]
    pull: Revision | None
    document: Document = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)

    def draft(self, policy: BencherPolicy, *, reset: bool) -> Draft:
        testbed, branch, commit = self.where
        first = min(report.created for report in self.reports)
        last = max(
            report.created + timedelta(seconds=sum(one.seconds for one in report.passes)) for report in self.reports
        )
        body: dict[str, Any] = {
            "branch": branch,
            "testbed": testbed,
            "start_time": first.isoformat(),
            "end_time": last.isoformat(),
            # The document travels as text: each string is one iteration, and one iteration is all there is.
            "results": [json.dumps(self.document, sort_keys=True, allow_nan=False)],
            "settings": {"adapter": "json"},
        }
        if commit is not None:
            body["hash"] = commit
        if self.pull is not None and self.pull.base is not None:
            start: dict[str, Any] = {"branch": self.pull.base, "clone_thresholds": True, "reset": reset}
            if self.pull.base_hash is not None:
                start["hash"] = self.pull.base_hash
            body["start_point"] = {**start, "max_versions": policy.max_versions}
        elif branch != policy.base_branch:
            body["start_point"] = {
                "branch": policy.base_branch,
                "clone_thresholds": True,
                "max_versions": policy.max_versions,
            }
        else:
            # Every measure of the policy each time: a partial list with reset would remove the others' thresholds.
            body["thresholds"] = {
                "models": {measure: model.as_json() for measure, model in policy.thresholds.items()},
                "reset": True,
            }
        return Draft(testbed, branch, commit, json.dumps(body), tuple(report.id for report in self.reports))


# --- What Bencher answered --------------------------------------------------------------------------------------------


class Line(BaseModel):
    """One benchmark and measure of an answer."""

    benchmark: str
    measure: str
    units: str
    value: float
    baseline: float | None = None
    lower_limit: float | None = None
    upper_limit: float | None = None
    threshold: bool
    """Whether there is a threshold for this branch, testbed and measure."""
    alert: Literal["lower", "upper"] | None = None

    @property
    def tested(self) -> bool:
        """Whether the threshold test was made; it is skipped without enough history."""
        return self.lower_limit is not None or self.upper_limit is not None


class Outcome(BaseModel):
    """What Bencher answered to a submission."""

    report: str
    project: str
    public: bool
    branch: str
    testbed: str
    version: int | None = None
    start_point: str | None = None
    """UUID of the branch this one started from."""
    start_point_asked: str | None = None
    console: str | None = None
    lines: list[Line]
    alerts: int

    @property
    def url(self) -> str | None:
        """Page of the report's project, or None if the server has no console."""
        if self.console is None:
            return None
        path = f"perf/{self.project}" if self.public else f"console/projects/{self.project}/reports/{self.report}"
        return f"{self.console.rstrip('/')}/{path}"

    def silences(self, policy: BencherPolicy) -> list[str]:
        """Say what Bencher keeps silent about: what was not tested, and why."""
        said = []
        bare = [line for line in self.lines if not line.threshold and not policy.ignores(line.measure)]
        skipped = [line for line in self.lines if line.threshold and not line.tested]
        tested = any(line.tested for line in self.lines)
        if self.start_point_asked and self.start_point is None:
            said.append(
                f"The start point '{self.start_point_asked}' is unknown to Bencher: branch '{self.branch}' has no "
                "history and nothing can alert. Upload the base branch first."
            )
        elif self.start_point_asked and not tested:
            said.append(
                f"There is no history of '{self.start_point_asked}' on testbed '{self.testbed}': nothing can alert. "
                "Measure the base branch on this machine and upload it first."
            )
        if bare:
            said.append(
                f"No threshold on branch '{self.branch}', testbed '{self.testbed}' for {_some(bare)}: "
                "run nox -s bencher -- setup, or list the measure in 'unwatched' of [tool.ice3-bench.bencher]."
            )
        if skipped:
            said.append(f"Not tested, because there is too little history or no spread in it: {_some(skipped)}.")
        return said


def _some(lines: list[Line], most: int = 4) -> str:
    names = [f"{line.benchmark} {line.measure}" for line in lines]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def read_outcome(reply: dict[str, Any], asked: dict[str, Any], console: str | None) -> Outcome:
    """Read Bencher's report (JsonReport); raises UploadError where it is not one."""
    try:
        alerts = [
            (one["iteration"], one["benchmark"]["uuid"], one["metric"]["uuid"], one["limit"]) for one in reply["alerts"]
        ]
        sides = {(iteration, benchmark, metric): limit for iteration, benchmark, metric, limit in alerts}
        lines = []
        for iteration in reply["results"]:
            for result in iteration:
                for entry in result["measures"]:
                    boundary = entry.get("boundary") or {}
                    lines.append(
                        Line(
                            benchmark=result["benchmark"]["name"],
                            measure=entry["measure"]["slug"],
                            units=entry["measure"]["units"],
                            value=entry["metric"]["value"],
                            baseline=boundary.get("baseline"),
                            lower_limit=boundary.get("lower_limit"),
                            upper_limit=boundary.get("upper_limit"),
                            threshold=entry.get("threshold") is not None,
                            alert=sides.get(
                                (result["iteration"], result["benchmark"]["uuid"], entry["metric"]["uuid"])
                            ),
                        )
                    )
        head = reply["branch"]["head"]
        start = head.get("start_point")
        return Outcome(
            report=reply["uuid"],
            project=reply["project"]["slug"],
            public=reply["project"].get("visibility") == "public",
            branch=reply["branch"]["name"],
            testbed=reply["testbed"]["name"],
            version=(head.get("version") or {}).get("number"),
            start_point=start["branch"] if start else None,
            start_point_asked=asked.get("start_point", {}).get("branch"),
            console=console,
            lines=lines,
            # Servers before 0.6.9 send no counts; newer ones may leave alerts out of the list.
            alerts=max(len(alerts), (reply.get("counts") or {}).get("alerts", {}).get("total", 0)),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UploadError(
            f"Bencher's answer is not a report ({type(error).__name__}: {str(error)[:100]}). "
            "Check that BENCHER_HOST is the address of the API, not of the console: nox -s bencher -- check."
        ) from error


# --- The client -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Connection:
    """Where to send, and the credential."""

    host: str
    project: str
    credential: SecretStr
    kind: Literal["user key", "project key", "token"]

    @property
    def place(self) -> str:
        """Server and project."""
        return f"{self.host}/{self.project}"

    @property
    def unencrypted(self) -> bool:
        """Whether the credential crosses a network in clear."""
        parts = httpx.URL(self.host)
        return parts.scheme == "http" and parts.host not in ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Missing:
    """Why nothing can be sent, which is no error, and what mends it."""

    reason: str


def connection(host: str | None, project: str | None, key: str | None, token: str | None) -> Connection | Missing:
    """Make a connection from the values of the user's variables; None means that a variable is not set.

    Raises
    ------
    UsageError
        If a value is set and cannot be right. The message never quotes the value of a credential.
    """
    if not key and not token:
        if key is not None or token is not None:
            return Missing(
                "BENCHER_API_KEY is set but empty (no such secret, or the pull request of a fork, which gets none): "
                "nothing is sent from here."
            )
        return Missing(
            "Not sent to Bencher, as there is no key. To connect: sign up at https://bencher.dev, create a project and "
            "a key, then export BENCHER_API_KEY=... BENCHER_PROJECT=... and run nox -s bench-upload (docs/bencher.md)."
        )
    if key:
        match = KEY_PATTERN.fullmatch(key)
        if match is None:
            hint = " It looks like a token, which belongs into BENCHER_API_TOKEN." if key.count(".") == 2 else ""
            raise UsageError(
                "BENCHER_API_KEY is not a key: keys are bencher_user_ or bencher_run_ and 30 letters or digits."
                f"{hint} Copy it again from your project's keys."
            )
        secret, kind = key, "user key" if match[1] == "user" else "project key"
    else:
        secret, kind = token or "", "token"
        if TOKEN_PATTERN.fullmatch(secret) is None:
            hint = " It looks like a key, which belongs into BENCHER_API_KEY." if secret.startswith("bencher_") else ""
            raise UsageError(f"BENCHER_API_TOKEN is not a token (three parts with dots between them).{hint}")
    if not project:
        raise UsageError("A Bencher key is set, but BENCHER_PROJECT is not: set it to the project's slug.")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", project):
        raise UsageError(f"BENCHER_PROJECT '{project[:80]}' is not a slug or UUID: letters, digits and hyphens.")
    host = (host or CLOUD).rstrip("/")
    try:
        parts = httpx.URL(host)
    except httpx.InvalidURL:
        parts = httpx.URL()
    if parts.scheme not in ("http", "https") or not parts.host or parts.userinfo or parts.query or parts.fragment:
        raise UsageError("BENCHER_HOST is not an address: write it as in https://api.bencher.dev, without credentials.")
    return Connection(host, project, SecretStr(secret), kind)  # type: ignore[arg-type]


class BencherError(UploadError):
    """Bencher refused a request; ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NoResultsError(UploadError):
    """Bencher took a submission but holds none of its results, so its idempotency key is used up."""


class _TransientError(Exception):
    """A reply after which the same request may be made again."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """Seconds: how long to try, and between and within tries."""

    deadline: float = 120.0
    first_wait: float = 1.0
    longest_wait: float = 30.0
    connect: float = 10.0
    reply: float = 60.0
    settle: float = 20.0
    """How long to look for the results of a report that Bencher has but not yet filled."""


class Bencher:
    """A client of one project, as a context manager.

    Connection errors, server errors and rate limits are retried with growing waits until the deadline; the POST of a
    submission carries its idempotency key, so repeating it is safe. Redirects are not followed: the key stays here.
    """

    def __init__(self, where: Connection, patience: Patience | None = None) -> None:
        self.where = where
        self.patience = patience or Patience()
        self._client = httpx.Client(
            base_url=where.host,
            headers={"User-Agent": "ice3-bench"},
            auth=self._authorise,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def submit(self, key: str, body: str, console: str | None = None) -> Outcome:
        """Send a submission and return what Bencher answered.

        Raises
        ------
        BencherError
            If Bencher refused it (4xx): the idempotency key is used up.
        NoResultsError
            If Bencher holds a report of this key without its results: the key is used up.
        UploadError
            If no answer came before the deadline: the same key must be used again.
        """
        asked = json.loads(body)
        whole = json.dumps({**asked, "project": self.where.project, "idempotency_key": key}).encode()
        if len(whole) > BODY_LIMIT:
            raise UploadError(
                f"The results of testbed '{asked['testbed']}' are {len(whole)} bytes, more than the {BODY_LIMIT} that "
                "Bencher takes: give this submission up with nox -s bench-upload -- --discard NUMBER."
            )
        reply = self._request("POST", "/v0/run", content=whole)
        expected = {
            (name, measure) for text in asked["results"] for name, ms in json.loads(text).items() for measure in ms
        }
        outcome = read_outcome(reply, asked, console)

        def missing() -> int:
            return len(expected - {(line.benchmark, line.measure) for line in outcome.lines})

        def complete() -> Outcome:
            nonlocal outcome
            if missing():
                again = self._request("GET", f"{self._project}/reports/{outcome.report}")
                outcome = read_outcome(again, asked, console)
            if missing():
                raise _TransientError(f"{missing()} of {len(expected)} results are missing")
            return outcome

        try:
            # A repeated request may be answered while the first one is still being worked on: look again.
            return self._retrying(min(self.patience.deadline, self.patience.settle))(complete)
        except _TransientError as error:
            raise NoResultsError(
                f"Bencher stored the report for testbed '{asked['testbed']}' without its results ({error}), as it does "
                "when it fails half-way. The next nox -s bench-upload sends them under a new key."
            ) from error

    def version(self) -> str:
        """Version of the server."""
        try:
            return str(self._request("GET", "/v0/server/version")["version"])
        except (KeyError, TypeError):
            raise UploadError(f"{self.where.host} is no Bencher server: set BENCHER_HOST to its API.") from None

    def console(self) -> str | None:
        """URL of the console, or None where the server has none; links are not worth waiting for."""
        deadline = min(5.0, self.patience.deadline)
        try:
            return str(self._request("GET", "/v0/server/config/console", deadline=deadline)["url"])
        except (UploadError, KeyError, TypeError):
            return None

    def project(self) -> dict[str, Any]:
        """Return the project; raises BencherError (404) where it is missing or the key has no access."""
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
            if error.status == httpx.codes.CONFLICT:
                return False
            raise
        return True

    def missing_measures(self) -> list[Measure]:
        """Return the measures of ours that the project lacks."""
        there = {measure["slug"] for measure in self.entries("measures")}
        return [measure for slug, measure in MEASURES.items() if slug not in there]

    def create_measure(self, measure: Measure) -> None:
        """Create one of our measures with its units; it is no error if it is there already."""
        self.create("measures", {"name": measure.title, "slug": measure.name, "units": measure.bencher_units})

    def create_threshold(self, branch: str, testbed: str, measure: str, model: Threshold) -> bool:
        """Create a threshold; return False if there is one. Branch, testbed and measure must exist."""
        return self.create("thresholds", {"branch": branch, "testbed": testbed, "measure": measure, **model.as_json()})

    def change_threshold(self, uuid: str, model: Threshold) -> None:
        """Replace the model of a threshold."""
        self._request("PUT", f"{self._project}/thresholds/{uuid}", content=json.dumps(model.as_json()).encode())

    def archive(self, branch: str) -> bool:
        """Archive a branch; return False if there is none of that name that is not archived."""
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
        headers = {"Content-Type": "application/json"} if content is not None else {}
        left = max(end - time.monotonic(), 0.1)
        timeout = httpx.Timeout(min(self.patience.reply, left), connect=min(self.patience.connect, left))
        try:
            reply = self._client.request(method, path, content=content, params=params, headers=headers, timeout=timeout)
        except httpx.RequestError as error:
            raise _TransientError(f"{type(error).__name__}: {self._redacted(str(error))}") from None
        if reply.status_code >= 500 or reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
            after = reply.headers.get("Retry-After", "")
            raise _TransientError(
                f"status {reply.status_code}: {self._message(reply)}", float(after) if after.isdecimal() else 0.0
            )
        if not reply.is_success:
            raise BencherError(
                f"Bencher at {self.where.host} refused {method} {path} with status {reply.status_code}: "
                f"{self._message(reply)} {self._remedy(reply.status_code)}",
                reply.status_code,
            )
        if reply.headers.get("Content-Type", "").startswith("text/html"):
            raise UploadError(
                f"{self.where.host} answers {method} {path} with a web page: it is no API of Bencher. "
                "BENCHER_HOST is perhaps the console's address."
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
        return text.replace(self.where.credential.get_secret_value(), "***")

    def _remedy(self, status: int) -> str:
        if status in (301, 302, 303, 307, 308):
            return "Set BENCHER_HOST to the address it redirects to."
        if status == 400 and self.where.kind == "token":
            return "An expired token is refused like this: create a key and set BENCHER_API_KEY."
        return {
            400: "If the report itself is refused: nox -s bench-upload -- --discard NUMBER takes it out of the queue.",
            401: "The key is unknown, expired, revoked or of another project: create one and set BENCHER_API_KEY.",
            402: "Private projects need a plan: make the project public or subscribe.",
            403: f"The {self.where.kind} may not do this in project '{self.where.project}'.",
            404: f"Check BENCHER_PROJECT '{self.where.project}' and BENCHER_HOST with nox -s bencher -- check.",
        }.get(status, "Run nox -s bencher -- check.")
