"""The few endpoints of GitHub's REST interface that are used, over HTTP."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.requests import Request

TOKEN = "ghs_" + "t" * 36
READ_TOKEN = "ghs_" + "r" * 36
"""Token of a job without the permission to write to pull requests."""
Json = dict[str, Any]


class GitHubServer:
    """The server of one repository, ``org/ice3``, as a context manager."""

    def __init__(self) -> None:
        self.comments: dict[int, list[Json]] = {}
        self.pulls: list[Json] = []
        self.log: list[tuple[str, str, int]] = []
        base = "/repos/org/ice3"
        routes = [
            Route(base + "/issues/{number:int}/comments", self._list, methods=["GET"]),
            Route(base + "/issues/{number:int}/comments", self._create, methods=["POST"]),
            Route(base + "/issues/comments/{id:int}", self._update, methods=["PATCH"]),
            Route(base + "/pulls", self._pulls, methods=["GET"]),
        ]
        self._server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=routes), port=0, log_level="critical", lifespan="off", ws="none")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)

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

    async def _pulls(self, request: Request) -> JSONResponse:
        owner, _, ref = request.query_params["head"].partition(":")
        found = [p for p in self.pulls if (p["head"]["user"]["login"], p["head"]["ref"]) == (owner, ref)]
        return self._answer(request, found)
