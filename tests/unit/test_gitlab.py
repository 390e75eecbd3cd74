"""The variables of a pipeline, and the note that is created once and updated in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from tests.servers.gitlab_server import BOT, PROJECT_ID, READ_TOKEN, TOKEN, GitLabServer

from ice3_bench.bencher.document import Revision
from ice3_bench.commands.common import Surroundings
from ice3_bench.errors import UploadError, UsageError
from ice3_bench.gitlab.client import GitLab
from ice3_bench.gitlab.pipeline import Pipeline
from ice3_bench.settings.policy import BencherPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

A, B, C = (letter * 40 for letter in "abc")
MARKER = "<!-- x -->"
POLICY = BencherPolicy(base_branches=("main", "dev"))
JOB = {"GITLAB_CI": "true", "CI_PROJECT_ID": "7", "CI_COMMIT_SHA": A, "CI_PIPELINE_URL": "https://x/p/1"}
REQUEST = {
    "CI_MERGE_REQUEST_IID": "3",
    "CI_MERGE_REQUEST_PROJECT_ID": "7",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "7",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "weather/ice3",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "dev",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": B,
}
FORK = {
    "CI_PROJECT_ID": "8",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "some/body/ice3",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "main",
}


@pytest.mark.parametrize(
    ("variables", "revision"),
    [
        ({"CI_COMMIT_BRANCH": "dev"}, Revision("dev", A)),
        ({"CI_COMMIT_TAG": "v1"}, None),
        ({"CI_COMMIT_BRANCH": "dev", "CI_PIPELINE_SOURCE": "parent_pipeline"}, Revision("dev", A)),
        (REQUEST, Revision("topic", A, "dev", B, 3)),
        ({**REQUEST, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": C}, Revision("topic", A, "dev", C, 3)),  # merged results
        ({**REQUEST, **FORK}, Revision("pr/3/some/body/main", A, "dev", B, 3)),
        ({**REQUEST, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "main"}, Revision("pr/3/weather/main", A, "dev", B, 3)),
    ],
)
def test_the_variables_say_what_is_measured(variables: dict[str, str], revision: Revision | None) -> None:
    pipeline = Pipeline.read({**JOB, **variables})
    assert pipeline is not None
    assert pipeline.revision(POLICY) == revision


def test_elsewhere_there_is_no_pipeline() -> None:
    assert Pipeline.read({}) is None
    assert Pipeline.read({"GITLAB_CI": "true"}) is None  # something else sets it
    assert Pipeline.read({"CI": "true", "CI_PROJECT_ID": "7", "CI_COMMIT_SHA": A}) is None


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"CI_COMMIT_SHA": ""}, "CI_COMMIT_SHA is not set"),
        ({**REQUEST, "CI_MERGE_REQUEST_IID": "$X"}, "CI_MERGE_REQUEST_IID is not a number"),
        ({**REQUEST, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": ""}, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME is not"),
    ],
)
def test_variables_that_contradict_each_other_are_told(variables: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("$", r"\$")):
        Pipeline.read({**JOB, **variables})


def test_a_merge_request_names_its_project_and_the_token_is_hidden() -> None:
    pipeline = Pipeline.read({**JOB, **REQUEST, **FORK, "ICE3_BENCH_GITLAB_TOKEN": TOKEN})
    assert pipeline is not None
    assert pipeline.merge_request is not None
    assert (pipeline.merge_request.project, pipeline.merge_request.fork) == ("7", True)
    assert pipeline.token is not None
    assert TOKEN not in repr(pipeline)


def test_a_task_on_gitlab_knows_its_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BENCHER_BRANCH", "GITHUB_ACTIONS", "ICE3_BENCH_RESULTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**JOB, **REQUEST}.items():
        monkeypatch.setenv(name, value)
    surroundings = Surroundings.read()
    assert surroundings.branches() == {A: "topic"}
    assert surroundings.revision() == Revision("topic", A, "dev", B, 3)


@pytest.fixture
def server() -> Iterator[GitLabServer]:
    with GitLabServer() as running:
        yield running


def test_the_note_is_created_once_and_updated_in_place(server: GitLabServer) -> None:
    server.write(3, 5, f"{MARKER} somebody copied it")
    for _ in range(130):  # more than a page
        server.write(3, 5, "a discussion")
    server.write(3, BOT, f"{MARKER} added a label", system=True)
    with GitLab(server.api, str(PROJECT_ID), SecretStr(TOKEN)) as client:
        done = [client.put_note(3, MARKER, f"{MARKER} {number}") for number in range(3)]
        other = client.put_note(4, MARKER, f"{MARKER} 0")
    assert [*done, other] == ["created", "updated", "updated", "created"]
    assert [note["body"] for note in server.notes[3] if note["author"]["id"] == BOT] == [
        f"{MARKER} added a label",
        f"{MARKER} 2",
    ]
    assert server.notes[3][0]["body"].endswith("somebody copied it")


@pytest.mark.parametrize(("token", "status"), [(READ_TOKEN, 403), ("glpat-wrong", 401)])
def test_a_refusal_says_what_the_token_needs(server: GitLabServer, token: str, status: int) -> None:
    with (
        GitLab(server.api, str(PROJECT_ID), SecretStr(token)) as client,
        pytest.raises(UploadError, match=f"status {status}.*scope api") as caught,
    ):
        client.put_note(3, MARKER, MARKER)
    assert token not in str(caught.value)


def test_an_address_that_does_not_answer_is_told() -> None:
    with (
        GitLab("http://127.0.0.1:9", str(PROJECT_ID), SecretStr(TOKEN)) as client,
        pytest.raises(UploadError, match="GitLab cannot be reached"),
    ):
        client.put_note(3, MARKER, MARKER)
