"""The few endpoints of GitHub's REST interface that are used, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.servers.local import LocalServer

if TYPE_CHECKING:
    from starlette.requests import Request

TOKEN = "ghs_" + "t" * 36
READ_TOKEN = "ghs_" + "r" * 36
"""Token of a job without the permission to write to pull requests and checks."""
Json = dict[str, Any]


class GitHubServer(LocalServer):
    """The server of one repository, ``org/ice3``, as a context manager."""

    def __init__(self) -> None:
        self.comments: dict[int, list[Json]] = {}
        self.pulls: list[Json] = []
        self.checks: list[Json] = []
        self.log: list[tuple[str, str, int]] = []
        base = "/repos/org/ice3"
        routes = [
            Route(base + "/issues/{number:int}/comments", self._list, methods=["GET"]),
            Route(base + "/issues/{number:int}/comments", self._create, methods=["POST"]),
            Route(base + "/issues/comments/{id:int}", self._update, methods=["PATCH"]),
            Route(base + "/check-runs", self._check, methods=["POST"]),
            Route(base + "/pulls", self._pulls, methods=["GET"]),
        ]
        super().__init__(Starlette(routes=routes))

    def write(self, number: int, author: str, body: str) -> None:
        """Somebody comments."""
        comments = self.comments.setdefault(number, [])
        comments.append({"id": 1000 * number + len(comments), "user": {"login": author}, "body": body})

    def _answer(self, request: Request, reply: object, status: int = 200) -> JSONResponse:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in (TOKEN, READ_TOKEN):
            reply, status = {"message": "Bad credentials"}, 401
        elif token == READ_TOKEN and request.method != "GET":
            reply, status = {"message": "Resource not accessible by integration"}, 403
        self.log.append((request.method, request.url.path, status))
        return JSONResponse(reply, status)

    async def _list(self, request: Request) -> JSONResponse:
        page, size = int(request.query_params.get("page", 1)), int(request.query_params.get("per_page", 30))
        found = self.comments.get(request.path_params["number"], [])
        return self._answer(request, found[(page - 1) * size : page * size])

    async def _create(self, request: Request) -> JSONResponse:
        body = (await request.json())["body"]
        if len(body) > 65536:
            return self._answer(request, {"message": "Body is too long"}, 422)
        self.write(request.path_params["number"], "github-actions[bot]", body)
        return self._answer(request, self.comments[request.path_params["number"]][-1], 201)

    async def _update(self, request: Request) -> JSONResponse:
        body = (await request.json())["body"]
        for comments in self.comments.values():
            for comment in comments:
                if comment["id"] == request.path_params["id"]:
                    comment["body"] = body
                    return self._answer(request, comment)
        return self._answer(request, {"message": "Not Found"}, 404)

    async def _check(self, request: Request) -> JSONResponse:
        asked = await request.json()
        output = asked["output"]
        if not output["title"] or len(output["summary"]) > 65535 or len(output["annotations"]) > 50:
            return self._answer(request, {"message": "Validation Failed"}, 422)
        reply = self._answer(request, {"id": 7000 + len(self.checks), **asked}, 201)
        if reply.status_code == 201:
            self.checks.append(asked)
        return reply

    async def _pulls(self, request: Request) -> JSONResponse:
        owner, _, ref = request.query_params["head"].partition(":")
        found = [p for p in self.pulls if (p["head"]["user"]["login"], p["head"]["ref"]) == (owner, ref)]
        return self._answer(request, found)
