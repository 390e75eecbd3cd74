"""Tasks about Bencher: check, setup, archive, and the uploads for forks."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.bencher.client import Bencher, BencherError, Patience
from ice3_bench.bencher.connection import Missing
from ice3_bench.bencher.document import in_weather
from ice3_bench.bencher.project import foreign_units, missing
from ice3_bench.bencher.upload import HISTORY
from ice3_bench.cell.machine import machine_name
from ice3_bench.commands.common import Surroundings, explained
from ice3_bench.commands.publishing import github, publish
from ice3_bench.commands.sending import send_queued
from ice3_bench.errors import Exit, UploadError, UsageError
from ice3_bench.github.actions import revision_of_pull_request
from ice3_bench.github.fork_reports import read_reports
from ice3_bench.history.store import History
from ice3_bench.reports import load_report, report_files
from ice3_bench.show.console import make_console
from ice3_bench.text import count
from ice3_bench.usage import BENCHER

if TYPE_CHECKING:
    from ice3_bench.bencher.project import Step
    from ice3_bench.github.actions import Actions

KNOWN_VERSION = (0, 6, 12)
NO_KEY = (
    "There is no key, so nothing can be sent: sign up at https://bencher.dev or on a server of your own, create a "
    "project and a key, export BENCHER_API_KEY=... BENCHER_PROJECT=... and check again (docs/bencher.md)."
)
CHECK_SECONDS = 10.0  # a user waits for a check, but not for an upload


@task(help=BENCHER["check"].options)
@explained
def check(_context: Context, testbed: str | None = None) -> None:
    """Check the connection to Bencher: host, key, project, measures, testbed, thresholds; say how to fix it."""
    surroundings = Surroundings.read()
    where = surroundings.where()
    if isinstance(where, Missing):
        _look(surroundings, testbed)
        raise UsageError(f"{NO_KEY} {_waiting(surroundings)}".rstrip())
    print(f"host       {where.host}")
    print(f"project    {where.project}")
    print(f"credential {where.kind}" + (": deprecated, create a key instead" if where.kind == "token" else ""))
    with surroundings.client(CHECK_SECONDS) as client:
        _tell_version(client)
        client.project()
        print("access     yes")
        steps = _tell_missing(client, surroundings, testbed)
    if steps:
        named = f" --testbed {shlex.quote(testbed)}" if testbed else ""
        raise InvokeExit(f"Create what is missing with: nox -s bencher -- setup{named}", code=int(Exit.USAGE))
    print("Nothing is missing.")


def _look(surroundings: Surroundings, testbed: str | None) -> None:
    """Check what can be checked without a key: the server, and a project that is public."""
    where = surroundings.anonymous()
    print(f"host       {where.host}")
    print(f"project    {where.project or 'missing: set BENCHER_PROJECT to its slug'}")
    print("credential missing")
    try:
        with Bencher(where, Patience(deadline=CHECK_SECONDS)) as client:
            _tell_version(client)
            if not where.project:
                return
            try:
                client.project()
            except BencherError as error:
                private = f"no ({error.status}): without a key only public projects can be seen, and there is none"
                print(f"access     {private} of this name")
                return
            print("access     to read, as the project is public")
            _tell_missing(client, surroundings, testbed)
    except UploadError as error:
        print(f"server     {error}")


def _tell_version(client: Bencher) -> None:
    version = client.version()
    print(f"server     {version}")
    if tuple(int(part) for part in version.split(".") if part.isdecimal()) < KNOWN_VERSION:
        print("           older than 0.6.12: limits of t-test and z-score may differ from a local check")


def _tell_missing(client: Bencher, surroundings: Surroundings, testbed: str | None) -> list[Step]:
    """Print what a project lacks, and return it."""
    for said in foreign_units(client):
        print(f"note       {said}")
    steps = missing(client, surroundings.settings.bencher, _testbeds(surroundings, testbed))
    for step in steps:
        print(f"missing    {step.said}")
    return steps


def _waiting(surroundings: Surroundings) -> str:
    """Say how many runs of the local history wait to be sent; empty if there are none, or no history."""
    path = surroundings.results / HISTORY
    if not path.exists():
        return ""
    with History(path) as history:
        number = len(history.queue.pending())
    return f"{count(number, 'run waits', 'runs wait')} to be sent." if number else ""


@task(help=BENCHER["setup"].options)
@explained
def setup(_context: Context, testbed: str | None = None, dry_run: bool = False) -> None:
    """Create the measures, the base branch, the testbed and the thresholds, unless they exist."""
    surroundings = Surroundings.read()
    with surroundings.client() as client:
        client.project()
        steps = missing(client, surroundings.settings.bencher, _testbeds(surroundings, testbed))
        for step in steps:
            if not dry_run:
                step.make(client)
            print(f"{'Would create' if dry_run else 'Created'} {step.said}")
    print("Nothing is missing." if not steps else "Nothing was changed." if dry_run else "Next: nox -s bench-upload")


@task(help=BENCHER["archive"].options)
@explained
def archive(_context: Context, branch: str | None = None) -> None:
    """Archive the branch of a closed pull request; a protected branch is refused."""
    surroundings = Surroundings.read()
    policy = surroundings.settings.bencher
    if branch is None:
        revision = surroundings.revision()
        if revision is None or revision.pull_request is None:
            raise UsageError(
                "No pull request is closed here: name the branch, as in nox -s bencher -- archive --branch X."
            )
        branch = revision.branch
    if policy.protects(branch):
        raise UsageError(
            f"Branch '{branch}' is protected by [tool.ice3-bench.bencher] of pyproject.toml: it is not archived."
        )
    where = surroundings.where()
    if isinstance(where, Missing):
        print(where.reason)
        return
    with surroundings.client() as client:
        done = client.archive(branch)
    print(f"Archived branch '{branch}'." if done else f"Bencher has no branch '{branch}' to archive.")


@task(name="fork-upload", positional=[], help=BENCHER["fork-upload"].options)
@explained
def fork_upload(_context: Context, folder: str) -> None:
    """Send the reports that the workflow run of a fork measured, and comment; the event names the commit."""
    surroundings = Surroundings.read()
    actions = _actions(surroundings)
    run = actions.event.get("workflow_run")
    if actions.event_name != "workflow_run" or not isinstance(run, dict):
        raise UsageError("bencher.fork-upload runs in a workflow with 'on: workflow_run' only.")
    if run.get("conclusion") not in ("success", "failure"):  # failure: a fork's regression fails its own run
        raise UsageError(f"The workflow run of the fork ended with '{run.get('conclusion')}': nothing to send.")
    if not run.get("head_repository"):
        print("The fork was deleted: nothing to do.")
        return
    try:
        head = str(run["head_sha"]), str(run["head_repository"]["owner"]["login"]), str(run["head_branch"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"The description of the workflow run lacks {error}: is this its event?") from error
    with github(actions) as client:
        # None of this comes from the fork's artifact: GitHub itself says which commit was measured.
        pulls = client.pull_requests_of(*head)
    if not pulls:
        print(f"No open pull request has the head {head[0][:10]}: closed, or pushed to since. Nothing to do.")
        return
    revisions = [revision_of_pull_request(one, actions.repository, surroundings.settings.bencher) for one in pulls]
    reports = read_reports(Path(folder), surroundings.settings, head[0])
    codes = []
    for revision in revisions:
        # A history for each, since a report is sent once from a history. What a fork calls its branch is forgotten.
        own = replace(surroundings, results=surroundings.results / f"pull-request-{revision.pull_request}")
        with History(own.results / HISTORY) as history:
            for report in reports:
                report.commit.branch, report.commit.base = revision.branch, revision.base
                history.add(report)
        codes.append(send_queued(own, make_console(), revision, reports))
        publish(own, revision, None, run.get("html_url"), failed=run["conclusion"] == "failure")
    code = next((one for one in codes if one is not Exit.OK), Exit.OK)
    if code is not Exit.OK:
        raise InvokeExit(code=int(code))


def _actions(surroundings: Surroundings) -> Actions:
    if surroundings.actions is None:
        raise UsageError("This runs in GitHub Actions only (GITHUB_ACTIONS is not 'true').")
    return surroundings.actions


def _testbeds(surroundings: Surroundings, given: str | None) -> list[str]:
    if given:
        return [given]
    reports = [load_report(path) for path in report_files(surroundings.results)]
    settings = surroundings.settings
    names = {in_weather(one.machine.testbed, one.protocol.arrangement) for one in reports}
    if settings.testbed or not names:
        names.add(in_weather(machine_name(settings.testbed), settings.arrangement))
    return sorted(names)
