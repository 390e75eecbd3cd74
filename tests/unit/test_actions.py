"""The variables of a workflow run."""

from __future__ import annotations

from ice3_bench.github.actions import Actions


def test_one_variable_alone_is_no_workflow_run() -> None:
    assert Actions.read({"GITHUB_ACTIONS": "true"}) is None
    assert Actions.read({"GITHUB_REPOSITORY": "a/b"}) is None
    run = Actions.read({"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "a/b"})
    assert run is not None
    assert run.run_url == "https://github.com/a/b/actions/runs/"
