"""The few endpoints of GitLab's REST interface that are used, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.servers.local import LocalServer

if TYPE_CHECKING:
    from starlette.requests import Request

TOKEN = "glpat-" + "t" * 20
READ_TOKEN = "glpat-" + "r" * 20
"""Token with the scope read_api."""
BOT = 42
"""Id of the user that both tokens are of."""
PROJECT_ID = 7
Json = dict[str, Any]


class GitLabServer(LocalServer):
    """The server of one project."""

    def __init__(self) -> None:
        self.notes: dict[int, list[Json]] = {}
        self.log: list[tuple[str, str, int]] = []
        notes = f"/api/v4/projects/{PROJECT_ID}/merge_requests/{{number:int}}/notes"
        super().__init__(
            Starlette(
                routes=[
                    Route("/api/v4/user", self._user, methods=["GET"]),
                    Route(notes, self._list, methods=["GET"]),
                    Route(notes, self._create, methods=["POST"]),
                    Route(notes + "/{id:int}", self._update, methods=["PUT"]),
                ]
            )
        )

    @property
    def api(self) -> str:
        return f"{self.url}/api/v4"

    def write(self, number: int, author: int, body: str, *, system: bool = False) -> None:
        """Somebody writes a note."""
        notes = self.notes.setdefault(number, [])
        notes.append({"id": 1000 * number + len(notes), "author": {"id": author}, "body": body, "system": system})

    def _answer(self, request: Request, reply: object, status: int = 200) -> JSONResponse:
        token = request.headers.get("private-token", "")
        if token not in (TOKEN, READ_TOKEN):
            reply, status = {"message": "401 Unauthorized"}, 401
        elif token == READ_TOKEN and request.method != "GET":
            reply, status = {"error": "insufficient_scope"}, 403
        self.log.append((request.method, request.url.path, status))
        return JSONResponse(reply, status)

    async def _user(self, request: Request) -> JSONResponse:
        return self._answer(request, {"id": BOT, "username": "project_7_bot"})

    async def _list(self, request: Request) -> JSONResponse:
        page, size = int(request.query_params.get("page", 1)), int(request.query_params.get("per_page", 20))
        found = self.notes.get(request.path_params["number"], [])
        if request.query_params.get("sort", "desc") == "desc":
            found = found[::-1]
        return self._answer(request, found[(page - 1) * size : page * size])

    async def _create(self, request: Request) -> JSONResponse:
        reply = self._answer(request, {"body": (await request.json())["body"]}, 201)
        if reply.status_code == 201:
            self.write(request.path_params["number"], BOT, (await request.json())["body"])
        return reply

    async def _update(self, request: Request) -> JSONResponse:
        body = (await request.json())["body"]
        for note in self.notes.get(request.path_params["number"], []):
            if note["id"] == request.path_params["id"]:
                reply = self._answer(request, note)
                note["body"] = body if reply.status_code == 200 else note["body"]
                return reply
        return self._answer(request, {"message": "404 Not found"}, 404)
