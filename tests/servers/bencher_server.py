"""A local server that speaks Bencher's REST protocol over HTTP, as version 0.6.12 does, with failures on demand.

Faithful in what a client can observe: authentication, the order of operations of ``POST /v0/run`` (the report row comes
before the results are parsed), creation on the fly, versions, heads and start points, thresholds, alerts, idempotency,
limits and error bodies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from scipy import stats
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.servers.local import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

USER_KEY = "bencher_user_" + "u" * 30
PROJECT_KEY = "bencher_run_" + "p" * 30
OTHER_KEY = "bencher_run_" + "o" * 30
TOKEN = "eyJ0eXAi.eyJhdWQi.c2lnbmF0dXJl"  # noqa: S105 (of no server)
BUILT_IN = {"latency": "nanoseconds (ns)", "throughput": "operations / second (ops/s)"}
Json = dict[str, Any]


class Refusal(Exception):  # noqa: N818
    """An error reply."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


@dataclass(eq=False)
class Version:
    number: int
    hash: str | None
    reports: list[Report] = field(default_factory=list)


@dataclass(eq=False)
class Head:
    versions: list[Version] = field(default_factory=list)
    start: tuple[Branch, Version | None] | None = None
    uuid: str = field(default_factory=lambda: str(uuid4()))


@dataclass(eq=False)
class Thing:
    """A branch, testbed, measure or benchmark."""

    name: str
    slug: str
    uuid: str = field(default_factory=lambda: str(uuid4()))
    archived: str | None = None
    units: str = ""

    def as_json(self) -> Json:
        shown: Json = {"uuid": self.uuid, "name": self.name, "slug": self.slug}
        if self.units:
            shown["units"] = self.units
        return {**shown, **({"archived": self.archived} if self.archived else {})}


@dataclass(eq=False)
class Branch(Thing):
    head: Head = field(default_factory=Head)

    def as_json(self) -> Json:
        start = self.head.start
        shown: Json = {"uuid": self.head.uuid}
        if start:
            shown["start_point"] = {"branch": start[0].uuid, "head": start[0].head.uuid}
        if self.head.versions:
            newest = self.head.versions[-1]
            shown["version"] = {"number": newest.number, "hash": newest.hash}
        return {**super().as_json(), "head": shown}


@dataclass(eq=False)
class Metric:
    benchmark: Thing
    measure: Thing
    value: float
    bounds: Json
    iteration: int
    threshold: Threshold | None = None
    model: Json | None = None
    boundary: Json | None = None
    limit: str | None = None
    status: str = "active"
    uuid: str = field(default_factory=lambda: str(uuid4()))


@dataclass(eq=False)
class Report:
    branch: Branch
    head: Head
    testbed: Thing
    version: Version
    start_time: str
    end_time: str
    uuid: str = field(default_factory=lambda: str(uuid4()))
    metrics: list[Metric] = field(default_factory=list)


@dataclass(eq=False)
class Threshold:
    branch: Branch
    testbed: Thing
    measure: Thing
    model: Json | None
    uuid: str = field(default_factory=lambda: str(uuid4()))

    def as_json(self) -> Json:
        sides = {name: getattr(self, name).as_json() for name in ("branch", "testbed", "measure")}
        return {"uuid": self.uuid, **sides, "model": self.model}


@dataclass(eq=False)
class Project:
    slug: str
    branches: list[Branch] = field(default_factory=list)
    testbeds: list[Thing] = field(default_factory=list)
    measures: list[Thing] = field(default_factory=list)
    benchmarks: list[Thing] = field(default_factory=list)
    thresholds: list[Threshold] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    keys: dict[str, Report] = field(default_factory=dict)
    """Reports by idempotency key."""

    def branch(self, name: str) -> Branch:
        return next(one for one in self.branches if one.name == name)

    def model(self, branch: str, testbed: str, measure: str) -> Json | None:
        for one in self.thresholds:
            if (one.branch.name, one.testbed.name, one.measure.slug) == (branch, testbed, measure):
                return one.model
        return None


Limits = tuple[float | None, float | None, float | None]


def limits(model: Json, history: list[float]) -> Limits:
    """Baseline, lower and upper limit of a threshold test; ``history`` is newest first. Three Nones: not tested."""
    least, lower, upper = (model.get(key) for key in ("min_sample_size", "lower_boundary", "upper_boundary"))
    given = [boundary for boundary in (lower, upper) if boundary is not None]
    if not _in_domain(model["test"], given):
        raise Refusal(400, f"Invalid boundary in {model}")
    if not given or len(history) < (1 if least is None else least):
        return None, None, None
    if model["test"] == "static":
        return None, lower, upper
    drawn = _drawn(model["test"], history)
    if drawn is None:
        return None, None, None
    baseline, distance = drawn
    return (
        baseline,
        None if lower is None else baseline - distance(lower),
        None if upper is None else baseline + distance(upper),
    )


def _in_domain(test: str, boundaries: list[float]) -> bool:
    if test in ("z_score", "t_test", "log_normal"):
        return all(0.5 <= boundary < 1 for boundary in boundaries)
    return test == "static" or all(boundary >= 0 for boundary in boundaries)


def _drawn(test: str, history: list[float]) -> tuple[float, Callable[[float], float]] | None:
    """Baseline, and how far from it the limit of a boundary lies; None if Bencher does not test."""
    if test == "percentage":
        share = _mean(history)
        return share, lambda boundary: share * boundary
    if test in ("iqr", "delta_iqr"):
        q1, q2, q3 = _quartiles(history)
        width = q3 - q1
        if test == "delta_iqr":
            if len(history) < 2 or 0.0 in history[:-1]:
                return None
            d1, _, d3 = _quartiles([abs((older - newer) / newer) for newer, older in pairwise(history)])
            width = q2 * (d3 - d1)
        return q2, lambda boundary: width * boundary
    return _by_variance(test, history)


def _by_variance(test: str, history: list[float]) -> tuple[float, Callable[[float], float]] | None:
    if test == "log_normal" and min(history) <= 0:
        return None
    mean, deviation = _spread([math.log(value) for value in history] if test == "log_normal" else history)
    if not deviation:
        return None
    if test == "log_normal":
        return math.exp(mean), lambda p: math.exp(mean + deviation * _NORMAL.inv_cdf(p)) - math.exp(mean)
    if test == "z_score":
        return mean, lambda p: deviation * _NORMAL.inv_cdf(p)
    count = len(history)
    return mean, lambda p: deviation * math.sqrt(1 + 1 / count) * float(stats.t.ppf(p, count - 1))


_NORMAL = NormalDist()


def _mean(values: list[float]) -> float:
    total = 0.0
    for value in values:  # from Python 3.12 on, sum() is more exact than Bencher
        total += value
    return total / len(values)


def _spread(values: list[float]) -> tuple[float, float]:
    """Mean and standard deviation; 0 if there is none."""
    mean = _mean(values)
    squares = [(value - mean) ** 2 for value in values]
    return mean, math.sqrt(_mean(squares) * len(values) / (len(values) - 1)) if len(values) > 1 else 0.0


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    ordered = sorted(values)

    def at(p: float) -> float:
        rank = p * (len(ordered) - 1)
        below = int(rank)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (rank - below) * (ordered[above] - ordered[below])

    return at(0.25), at(0.5), at(0.75)


class BencherServer(LocalServer):
    """The server, as a context manager; it runs in a thread.

    ``fault`` is asked before each request with method and path and returns None or a failure. A status such as
    ``"503"`` is answered before anything is done. With nothing done, ``"drop"`` ends the connection and ``"hold"`` says
    nothing for ``delay``. After all is done: ``"lose"`` ends the connection, ``"truncate"`` ends it in the middle
    of the answer, ``"slow"`` answers after ``delay``. In ``POST /v0/run``, ``"halfway"`` leaves a report without
    results and answers 500, and with ``"late"`` the connection ends and the results come after ``delay``.
    """

    def __init__(self, version: str = "0.6.12", delay: float = 0.3, port: int = 0) -> None:
        self.version = version
        self.delay = delay
        self.projects = {"ice3": Project("ice3"), "other": Project("other")}
        self.public = False
        """Whether projects can be seen without a key."""
        self.fault: Callable[[str, str], str | None] = lambda _method, _path: None
        self.log: list[tuple[str, str, int]] = []
        self.secrets_seen: list[str] = []
        self.body_limit = 4 * 2**20
        self.halfway: str | None = None
        super().__init__(self._application(), port)

    @property
    def project(self) -> Project:
        return self.projects["ice3"]

    @property
    def runs(self) -> list[int]:
        """Statuses of the submissions."""
        return [status for method, path, status in self.log if (method, path) == ("POST", "/v0/run")]

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def _application(self) -> ASGIApp:
        p = "/v0/projects/{project}"

        def route(path: str, method: str, act: Callable[[Request, Json], tuple[int, Any]]) -> Route:
            async def endpoint(request: Request) -> Response:
                try:
                    status, reply = act(request, await self._body(request))
                    if isinstance(reply, list):
                        page, size = (
                            int(request.query_params.get("page", 1)),
                            int(request.query_params.get("per_page", 8)),
                        )
                        total = {"X-Total-Count": str(len(reply))}
                        return JSONResponse(reply[(page - 1) * size : page * size], status, total)
                    return JSONResponse(reply, status)
                except Refusal as refusal:
                    return JSONResponse(
                        {"request_id": str(uuid4()), "message": refusal.message}, refusal.status, refusal.headers
                    )

            return Route(path, endpoint, methods=[method])

        routes = [
            route("/v0/server/version", "GET", lambda *_: (200, {"version": self.version})),
            route("/v0/server/config/console", "GET", lambda *_: (200, {"url": "http://console.test"})),
            route("/v0/run", "POST", self._run),
            route(p, "GET", lambda r, _: (200, self._project_json(self._readable(r)))),
            route(p + "/reports/{uuid}", "GET", self._report),
            route(p + "/branches/{uuid}", "PATCH", self._patch_branch),
            route(p + "/thresholds", "GET", self._list_thresholds),
            route(p + "/thresholds", "POST", self._create_threshold),
            route(p + "/thresholds/{uuid}", "PUT", self._put_threshold),
            route(p + "/alerts", "GET", self._list_alerts),
            route(p + "/{kind}", "GET", self._list),
            route(p + "/{kind}", "POST", self._create),
        ]
        return self._faulty(Starlette(routes=routes))

    def _faulty(self, application: ASGIApp) -> ASGIApp:  # noqa: C901 (one branch for each failure)
        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            fault = self.fault(scope["method"], scope["path"])
            transport = receive.__self__.transport  # type: ignore[attr-defined]  # uvicorn's: only it can reset
            status = [0]

            async def note(message: Any) -> None:
                if message["type"] == "http.response.start":
                    status[0] = message["status"]
                    self.log.append((scope["method"], scope["path"], status[0]))
                if fault == "slow" and message["type"] == "http.response.start":
                    await asyncio.sleep(self.delay)
                if fault in ("lose", "late"):
                    return
                if fault == "truncate" and message["type"] == "http.response.body":
                    await send({**message, "body": message["body"][: len(message["body"]) // 2], "more_body": True})
                    await asyncio.sleep(0.01)
                    return
                await send(message)

            if fault == "hold":
                await asyncio.sleep(self.delay)
                return
            if fault == "drop":
                transport.abort()
                await asyncio.sleep(0)
                return
            if fault is not None and fault.isdecimal():
                headers = {"Retry-After": "0"} if fault == "503" else {}
                await JSONResponse({"request_id": "x", "message": "injected"}, int(fault), headers)(
                    scope, receive, note
                )
                return
            self.halfway = fault if fault in ("halfway", "late") else None
            await application(scope, receive, note)
            if fault in ("lose", "late", "truncate"):
                transport.abort()
                await asyncio.sleep(0)

        return faulty

    async def _body(self, request: Request) -> Json:
        raw = await request.body()
        self.secrets_seen.append(request.headers.get("authorization", ""))
        if len(raw) > self.body_limit:
            raise Refusal(400, "request body exceeded maximum size")
        if not raw:
            return {}
        if request.headers.get("content-type", "application/json") != "application/json":
            raise Refusal(400, "expected content type application/json")
        try:
            body = json.loads(raw)
        except ValueError:
            raise Refusal(400, "unable to parse JSON body") from None
        assert isinstance(body, dict)
        return body

    def _who(self, request: Request) -> str | None:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            return None
        if secret in (USER_KEY, PROJECT_KEY, OTHER_KEY, TOKEN):
            return secret
        if re.fullmatch(r"bencher_(user|run)_\w{30}", secret):
            raise Refusal(401, f"Invalid {'user' if secret[8:12] == 'user' else 'project'} key")
        if secret.count(".") == 2:
            raise Refusal(400, "Failed to decode JWT: expired")
        raise Refusal(401, "Not a key and not a token")

    def _readable(self, request: Request) -> Project:
        who, slug = self._who(request), request.path_params["project"]
        project = self.projects.get(slug)
        if project is not None and who is None and self.public:
            return project
        if project is None or who is None or (who == OTHER_KEY) != (slug == "other"):
            raise Refusal(404, f"Project {slug} not found; is the request authorised?")
        return project

    # --- POST /v0/run -------------------------------------------------------------------------------------------------

    def _run(self, request: Request, body: Json) -> tuple[int, Json]:
        project = self._writable(request, body)
        key = body.get("idempotency_key")
        if key in project.keys:
            return 201, self._report_json(project, project.keys[key])
        for name in ("start_time", "end_time", "results"):
            if name not in body:
                raise Refusal(400, f"missing field `{name}`")
        branch = self._branch(project, body)
        testbed = self._get_or_create(project.testbeds, body["testbed"], 64)
        self._set_thresholds(project, branch, testbed, body)
        version = self._version(branch, body.get("hash"))
        report = Report(branch, branch.head, testbed, version, body["start_time"], body["end_time"])
        project.reports.append(report)
        version.reports.append(report)
        if key:
            project.keys[key] = report

        def finish() -> None:
            for number, text in enumerate(body["results"]):
                report.metrics += self._iteration(project, report, number, text, body.get("settings", {}))

        if self.halfway == "late":
            asyncio.get_running_loop().call_later(self.delay, finish)
        elif self.halfway == "halfway":
            raise Refusal(500, "database error")
        else:
            finish()
        return 201, self._report_json(project, report)

    def _writable(self, request: Request, body: Json) -> Project:
        who, slug = self._who(request), body["project"]
        if who is None:
            raise Refusal(401, "This project is claimed: authorise")
        project = self.projects.get(slug)
        if project is None:
            if who in (PROJECT_KEY, OTHER_KEY) or "context" not in body:
                raise Refusal(404, f"Project {slug} not found")
            project = self.projects.setdefault(slug, Project(slug))
        if (who == OTHER_KEY) != (slug == "other") and who not in (USER_KEY, TOKEN):
            raise Refusal(401, "This key is of another project")
        return project

    def _branch(self, project: Project, body: Json) -> Branch:
        name, start = body["branch"], body.get("start_point")
        if not 1 <= len(name.encode()) <= 256 or not _is_branch(name):
            raise Refusal(400, f"Invalid branch name: {name}")
        branch = next((one for one in project.branches if one.name == name), None)
        origin = next((one for one in project.branches if start and one.name == start.get("branch")), None)
        if branch is None:
            branch = Branch(name, _slug(name))
            project.branches.append(branch)
            self._start(project, branch, origin, start)
        else:
            branch.archived = None
            old = branch.head.start
            at = self._start_version(origin, start)
            moved = origin is not None and (
                old is None
                or old[0] is not origin
                or bool(at and at.hash and old[1] and old[1].hash and at is not old[1])
            )
            if start and (moved or start.get("reset")):
                for report in project.reports:
                    if report.head is branch.head:
                        for metric in report.metrics:
                            metric.status = "silenced"
                branch.head = Head()
                self._start(project, branch, origin, start)
            elif start and origin is not None and start.get("clone_thresholds"):
                self._clone(project, branch, origin)
        return branch

    def _start_version(self, origin: Branch | None, start: Json | None) -> Version | None:
        if origin is None or start is None or not origin.head.versions:
            return None
        matching = [one for one in origin.head.versions if start.get("hash") and one.hash == start["hash"]]
        return (matching or origin.head.versions)[-1]

    def _start(self, project: Project, branch: Branch, origin: Branch | None, start: Json | None) -> None:
        if origin is None or start is None:
            return
        at = self._start_version(origin, start)
        branch.head.start = (origin, at)
        if at is not None:
            linked = [one for one in origin.head.versions if one.number <= at.number]
            branch.head.versions = linked[-start.get("max_versions", 255) :]
        if start.get("clone_thresholds"):
            self._clone(project, branch, origin)

    def _clone(self, project: Project, branch: Branch, origin: Branch) -> None:
        theirs = {(t.testbed.uuid, t.measure.uuid): t for t in project.thresholds if t.branch is origin}
        for one in project.thresholds:
            if one.branch is branch and (one.testbed.uuid, one.measure.uuid) not in theirs:
                one.model = None
        for threshold in theirs.values():
            self._set_model(project, branch, threshold.testbed, threshold.measure, threshold.model)

    def _set_model(self, project: Project, branch: Branch, testbed: Thing, measure: Thing, model: Json | None) -> None:
        for one in project.thresholds:
            if (one.branch, one.testbed, one.measure) == (branch, testbed, measure):
                one.model = model
                return
        project.thresholds.append(Threshold(branch, testbed, measure, model))

    def _set_thresholds(self, project: Project, branch: Branch, testbed: Thing, body: Json) -> None:
        thresholds = body.get("thresholds", {})
        models = {self._measure(project, key): model for key, model in thresholds.get("models", {}).items()}
        for measure, model in models.items():
            self._set_model(project, branch, testbed, measure, model)
        if thresholds.get("reset"):
            for one in project.thresholds:
                if (one.branch, one.testbed) == (branch, testbed) and one.measure not in models:
                    one.model = None

    def _version(self, branch: Branch, commit: str | None) -> Version:
        if commit is not None:
            if not re.fullmatch(r"[0-9a-f]{40}", commit):
                raise Refusal(400, "Invalid git hash")
            for one in reversed(branch.head.versions):
                if one.hash == commit:
                    return one
        number = branch.head.versions[-1].number + 1 if branch.head.versions else 0
        branch.head.versions.append(Version(number, commit))
        return branch.head.versions[-1]

    def _iteration(self, project: Project, report: Report, number: int, text: str, settings: Json) -> list[Metric]:
        if settings.get("adapter") != "json":
            raise Refusal(400, "this server reads the json adapter only")
        try:
            document = json.loads(text, parse_constant=_no_constant)
            rows = [
                (name, measure, float(metric["value"]), metric)
                for name, measures in document.items()
                for measure, metric in measures.items()
                if not isinstance(metric["value"], (str, bool)) and 1 <= len(name.encode()) <= 1024
            ]
            assert len(rows) == sum(len(measures) for measures in document.values())
        except (ValueError, TypeError, KeyError, AttributeError, AssertionError):
            raise Refusal(400, f"Failed to convert results with adapter {settings}: {text}") from None
        metrics = []
        for name, measure_key, value, given in rows:
            benchmark = self._get_or_create(project.benchmarks, name, 1024)
            measure = self._measure(project, measure_key)
            bounds = {key: given[key] for key in ("lower_value", "upper_value") if given.get(key) is not None}
            metric = Metric(benchmark, measure, value, bounds, number)
            self._detect(project, report, metric)
            metrics.append(metric)
        return metrics

    def _detect(self, project: Project, report: Report, metric: Metric) -> None:
        threshold = next(
            (
                one
                for one in project.thresholds
                if (one.branch, one.testbed, one.measure) == (report.branch, report.testbed, metric.measure)
            ),
            None,
        )
        if threshold is None or threshold.model is None:
            return
        model = threshold.model
        rows = [
            (version.number, other.start_time, old.iteration, old.value)
            for version in report.head.versions
            for other in version.reports
            if other.testbed is report.testbed
            for old in other.metrics
            if (old.benchmark, old.measure) == (metric.benchmark, metric.measure)
        ]
        if model.get("window") is not None:
            oldest = datetime.now(UTC).timestamp() - model["window"]
            rows = [row for row in rows if datetime.fromisoformat(row[1]).timestamp() >= oldest]
        history = [row[3] for row in sorted(rows, key=lambda row: row[:3], reverse=True)]
        baseline, lower, upper = limits(model, history[: model.get("max_sample_size")])
        metric.threshold, metric.model = threshold, model
        metric.boundary = {"baseline": baseline, "lower_limit": lower, "upper_limit": upper}
        if lower is not None and metric.value < lower:
            metric.limit = "lower"
        elif upper is not None and metric.value > upper:
            metric.limit = "upper"

    def _get_or_create(self, things: list[Thing], name: str, most: int) -> Thing:
        if not 1 <= len(name.encode()) <= most:
            raise Refusal(400, f"Invalid name: {name}")
        slug_like = name == _slug(name)
        for one in things:
            if name in (one.uuid, one.slug if slug_like else one.name):
                one.archived = None
                return one
        things.append(Thing(name, _slug(name)))
        return things[-1]

    def _measure(self, project: Project, key: str) -> Thing:
        measure = self._get_or_create(project.measures, key, 64)
        measure.units = measure.units or BUILT_IN.get(measure.slug, "units")
        return measure

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def _project_json(self, project: Project) -> Json:
        return {"uuid": "p", "organization": "o", "name": project.slug, "slug": project.slug, "visibility": "public"}

    def _alert_json(self, report: Report, metric: Metric) -> Json:
        assert metric.threshold is not None
        return {
            "uuid": f"alert-{metric.uuid}",
            "report": report.uuid,
            "iteration": metric.iteration,
            "benchmark": metric.benchmark.as_json(),
            "metric": {"uuid": metric.uuid, "value": metric.value},
            "threshold": metric.threshold.as_json(),
            "boundary": metric.boundary,
            "limit": metric.limit,
            "status": metric.status,
        }

    def _report_json(self, project: Project, report: Report) -> Json:
        iterations: dict[int, dict[str, list[Metric]]] = {}
        for metric in report.metrics:
            iterations.setdefault(metric.iteration, {}).setdefault(metric.benchmark.name, []).append(metric)
        results = [
            [
                {
                    "iteration": number,
                    "benchmark": metrics[0].benchmark.as_json(),
                    "measures": [self._entry(one) for one in sorted(metrics, key=lambda one: one.measure.name)],
                }
                for _, metrics in sorted(benchmarks.items())
            ]
            for number, benchmarks in sorted(iterations.items())
        ]
        alerts = [self._alert_json(report, one) for one in report.metrics if one.limit]
        shown = {
            "uuid": report.uuid,
            "project": self._project_json(project),
            "branch": report.branch.as_json(),
            "testbed": report.testbed.as_json(),
            "start_time": report.start_time,
            "end_time": report.end_time,
            "adapter": "json",
            "results": results,
            "alerts": alerts,
            "created": report.start_time,
        }
        if self.version.split(".") >= ["0", "6", "9"] or self.version.startswith("0.6.1"):
            counts = [{"benchmarks": len(b), "measures": sum(map(len, b.values()))} for b in iterations.values()]
            active = sum(alert["status"] == "active" for alert in alerts)
            shown["counts"] = {"results": counts, "alerts": {"total": len(alerts), "active": active}}
        return shown

    def _entry(self, metric: Metric) -> Json:
        entry: Json = {
            "measure": metric.measure.as_json(),
            "metric": {"uuid": metric.uuid, "value": metric.value, **metric.bounds},
        }
        if metric.threshold is not None:
            entry["threshold"] = {"uuid": metric.threshold.uuid, "model": metric.model}
            entry["boundary"] = metric.boundary
        return entry

    # --- Other endpoints ----------------------------------------------------------------------------------------------

    def _report(self, request: Request, _body: Json) -> tuple[int, Json]:
        project = self._readable(request)
        for report in project.reports:
            if report.uuid == request.path_params["uuid"]:
                return 200, self._report_json(project, report)
        raise Refusal(404, "Report not found")

    def _things(self, project: Project, kind: str) -> list[Any]:
        if kind not in ("branches", "testbeds", "measures", "benchmarks"):
            raise Refusal(404, "no such endpoint")
        things: list[Any] = getattr(project, kind)
        return things

    def _list(self, request: Request, _body: Json) -> tuple[int, list[Json]]:
        project, query = self._readable(request), request.query_params
        wanted = query.get("archived") == "true"
        return 200, [
            one.as_json()
            for one in self._things(project, request.path_params["kind"])
            if bool(one.archived) == wanted and query.get("name", one.name) == one.name
        ]

    def _create(self, request: Request, body: Json) -> tuple[int, Json]:
        project, kind = self._readable(request), request.path_params["kind"]
        things = self._things(project, kind)
        if not 1 <= len(body["name"].encode()) <= (256 if kind == "branches" else 64):
            raise Refusal(400, "Invalid name")
        slug = body.get("slug") or _slug(body["name"])
        if any(one.name == body["name"] or one.slug == slug for one in things):
            raise Refusal(409, f"{body['name']} exists already")
        if kind == "measures" and "units" not in body:
            raise Refusal(400, "missing field `units`")
        things.append((Branch if kind == "branches" else Thing)(body["name"], slug, units=body.get("units", "")))
        return 201, things[-1].as_json()

    def _patch_branch(self, request: Request, body: Json) -> tuple[int, Json]:
        project = self._readable(request)
        for one in project.branches:
            if request.path_params["uuid"] in (one.uuid, one.slug):
                one.archived = datetime.now(UTC).isoformat() if body.get("archived") else None
                return 200, one.as_json()
        raise Refusal(404, "Branch not found")

    def _list_thresholds(self, request: Request, _body: Json) -> tuple[int, list[Json]]:
        project, query = self._readable(request), request.query_params
        return 200, [
            one.as_json()
            for one in project.thresholds
            if all(
                query.get(side, getattr(one, side).name)
                in (getattr(one, side).name, getattr(one, side).slug, getattr(one, side).uuid)
                for side in ("branch", "testbed", "measure")
            )
        ]

    def _create_threshold(self, request: Request, body: Json) -> tuple[int, Json]:
        project = self._readable(request)
        found: list[Any] = []
        for side, things in (
            ("branch", project.branches),
            ("testbed", project.testbeds),
            ("measure", project.measures),
        ):
            one = next((t for t in things if body[side] in (t.name, t.slug, t.uuid)), None)
            if one is None:
                raise Refusal(404, f"{side} {body[side]} not found")
            found.append(one)
        if any([one.branch, one.testbed, one.measure] == found for one in project.thresholds):
            raise Refusal(409, "threshold exists already")
        model = {key: value for key, value in body.items() if key not in ("branch", "testbed", "measure")}
        self._check_model(model)
        project.thresholds.append(Threshold(found[0], found[1], found[2], model))
        return 201, project.thresholds[-1].as_json()

    def _put_threshold(self, request: Request, body: Json) -> tuple[int, Json]:
        removed = "test" in body and body["test"] is None
        if not removed:
            self._check_model(body)
        for one in self._readable(request).thresholds:
            if one.uuid == request.path_params["uuid"]:
                one.model = None if removed else body
                return 200, one.as_json()
        raise Refusal(404, "Threshold not found")

    def _check_model(self, model: Json) -> None:
        sizes = [model[key] for key in ("min_sample_size", "max_sample_size") if model.get(key) is not None]
        given = [model[key] for key in ("lower_boundary", "upper_boundary") if model.get(key) is not None]
        window, name = model.get("window"), model["test"]
        right = given and _in_domain(name, given) and (window is None or window >= 1)
        right = right and sizes == sorted(sizes) and all(size >= (1 if name == "percentage" else 2) for size in sizes)
        if name == "static":
            right = right and not sizes and window is None and given == sorted(given)
        if not right:
            raise Refusal(400, f"Invalid model: {model}")

    def _list_alerts(self, request: Request, _body: Json) -> tuple[int, list[Json]]:
        wanted = request.query_params.get("status")
        return 200, [
            self._alert_json(report, metric)
            for report in self._readable(request).reports
            for metric in report.metrics
            if metric.limit and wanted in (None, metric.status)
        ]


def _is_branch(name: str) -> bool:
    """Tell whether Bencher takes the name of a branch: one that git takes."""
    parts = name.split("/")
    return not (
        any(sign in name for sign in ("..", "@{", *" ~^:?*[\\"))
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
        or any(ord(sign) < 32 or ord(sign) == 127 for sign in name)
        or name.endswith(".")
        or name == "@"
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64]


def _no_constant(text: str) -> float:
    raise ValueError(text)


def main() -> None:
    """Serve until Ctrl-C, to try the upload without an account."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.bencher_server")
    parser.add_argument("--port", type=int, default=6610)
    with BencherServer(port=parser.parse_args().port) as server:
        print(f"export BENCHER_HOST={server.url} BENCHER_PROJECT=ice3 BENCHER_API_KEY={PROJECT_KEY}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            for method, path, status in server.log:
                print(method, path, status)


if __name__ == "__main__":
    main()
