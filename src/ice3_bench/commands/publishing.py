"""What was measured, where people review it: job summary, comment and check on GitHub, note on GitLab, or terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.tasks import task

from ice3_bench.bencher.answer import Outcome
from ice3_bench.bencher.upload import HISTORY
from ice3_bench.cell.machine import describe_commit
from ice3_bench.commands.common import Surroundings, explained
from ice3_bench.compare.result import FILE as COMPARISON
from ice3_bench.compare.result import load_comparison
from ice3_bench.errors import UsageError
from ice3_bench.github.check import annotate, conclude
from ice3_bench.github.client import GitHub
from ice3_bench.github.comment import MARKER, SUMMARY_LIMIT, Content, comment
from ice3_bench.gitlab.client import GitLab
from ice3_bench.history.store import History

if TYPE_CHECKING:
    from ice3_bench.bencher.document import Revision
    from ice3_bench.compare.result import Comparison
    from ice3_bench.github.actions import Actions
    from ice3_bench.gitlab.pipeline import MergeRequest, Pipeline

NOTE_LIMIT = 900_000
"""GitLab takes a million characters."""


@task(name="comment")
@explained
def comment_task(_context: Context) -> None:
    """Write job summary, comment and check: what Bencher answered, and the verdicts of bench-compare."""
    surroundings = Surroundings.read()
    path = surroundings.results / COMPARISON
    publish(surroundings, surroundings.revision(), load_comparison(path) if path.exists() else None)


def publish(
    surroundings: Surroundings,
    revision: Revision | None,
    comparison: Comparison | None,
    run_url: str | None = None,
    *,
    failed: bool | None = None,
) -> None:
    """Publish what Bencher answered about a revision, and a comparison of it.

    Parameters
    ----------
    run_url
        Page of the run that measured; None: this one.
    failed
        Whether a job that measured failed; None: as the environment says.
    """
    actions, pipeline = surroundings.actions, surroundings.pipeline
    own = actions.run_url if actions else pipeline.url if pipeline else None
    content = _content(surroundings, revision, comparison, run_url or own)
    if actions is not None:
        _on_github(surroundings, actions, revision, content, surroundings.jobs_failed if failed is None else failed)
        return
    print(comment(content))
    if pipeline is not None and pipeline.merge_request is not None:
        _on_gitlab(pipeline, pipeline.merge_request, content)


def _content(
    surroundings: Surroundings, revision: Revision | None, comparison: Comparison | None, run_url: str | None
) -> Content:
    commit = revision.hash if revision else describe_commit(surroundings.project).hash
    with History(surroundings.results / HISTORY) as history:
        submissions = history.queue.sent(commit)
        queued = [one for one in history.queue.queued() if one.commit == commit]
    notes = [f"The results of testbed '{one.testbed}' could not be sent yet: they stay queued." for one in queued]
    outcomes = []
    for one in submissions:
        try:
            outcomes.append(Outcome.model_validate_json(one.outcome or ""))
        except ValueError:
            notes.append(f"What Bencher answered for testbed '{one.testbed}' cannot be read.")
    return Content(
        commit=commit or "uncommitted",
        policy=surroundings.settings.bencher,
        outcomes=outcomes,
        comparison=comparison,
        notes=notes,
        run_url=run_url,
    )


def _on_github(
    surroundings: Surroundings, actions: Actions, revision: Revision | None, content: Content, failed: bool
) -> None:
    if actions.summary:
        with actions.summary.open("a", encoding="utf-8") as stream:
            stream.write(comment(content, SUMMARY_LIMIT))
    if revision is None or (actions.token is None and revision.pull_request is None):
        return  # a job that may write neither a comment nor a check
    compared = content.comparison
    annotations = annotate(compared, surroundings.settings, surroundings.project) if compared else []
    check = conclude(content, failed=failed, annotations=annotations)
    text = comment(content)
    with github(actions) as client:
        if revision.pull_request is not None:
            done = client.put_comment(revision.pull_request, MARKER, text)
            print(f"Comment of pull request {revision.pull_request} {done}.")
        client.create_check(check.fields(revision.hash, text, content.run_url))
    print(f"Check {check.conclusion}: {check.title}.")


def _on_gitlab(pipeline: Pipeline, request: MergeRequest, content: Content) -> None:
    if pipeline.token is None:
        print(
            "No note on the merge request, as ICE3_BENCH_GITLAB_TOKEN is not set (or this is a pipeline of a fork): "
            "docs/ci.md says how to get one."
        )
        return
    with GitLab(pipeline.api, request.project, pipeline.token) as client:
        done = client.put_note(request.number, MARKER, comment(content, NOTE_LIMIT))
    print(f"Note on merge request {request.number} {done}.")


def github(actions: Actions) -> GitHub:
    """Return a client of the repository; raises UsageError if there is no token."""
    if actions.token is None:
        raise UsageError("GITHUB_TOKEN is not set: pass it in the step's env as ${{ github.token }}.")
    return GitHub(actions.api, actions.repository, actions.token)
