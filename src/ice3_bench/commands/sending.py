"""The one upload shared by every bench session, bench-upload and continuous integration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_bench.bencher.connection import Missing
from ice3_bench.bencher.upload import HISTORY, Sent, Stored, send, store
from ice3_bench.errors import Exit, UploadError, UsageError
from ice3_bench.history.store import History
from ice3_bench.show.console import say, working
from ice3_bench.streams import tell
from ice3_bench.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from ice3_bench.bencher.document import Revision
    from ice3_bench.commands.common import Surroundings
    from ice3_bench.report import Report


def upload_reports(
    surroundings: Surroundings,
    console: Console,
    paths: list[Path] | None = None,
    reports: Sequence[Report] = (),
) -> Exit:
    """Store reports in the local history and send what is queued; say what happened and return the exit code.

    Parameters
    ----------
    paths, reports
        As in ``store``.
    """
    stored = store_reports(surroundings, console, paths, reports)
    code = send_queued(surroundings, console, surroundings.revision(), stored.new)
    return Exit.FAILED if stored.problems else code


def store_reports(
    surroundings: Surroundings, console: Console, paths: list[Path] | None = None, reports: Sequence[Report] = ()
) -> Stored:
    """Store reports in the local history, and say what happened; parameters are as in ``store``."""
    stored = store(surroundings.results, paths, reports, surroundings.project)
    if stored.mended:
        tell(f"Warning: {stored.mended}")
    console.print(
        f"Stored {count(len(stored.new), 'new report')} in "
        f"{surroundings.results / HISTORY} ({len(stored.known)} known already).",
        soft_wrap=True,
    )
    for problem in stored.problems:
        tell(f"Error: {problem}")
    return stored


def send_queued(
    surroundings: Surroundings, console: Console, revision: Revision | None, new: list[Report], *, asked: bool = True
) -> Exit:
    """Send what is queued, ``new`` being what was just stored; say what happened and return the exit code.

    Parameters
    ----------
    asked
        Whether the user asked for it. Who did not is told only once how to connect.
    """
    where = surroundings.where()
    if isinstance(where, Missing):
        if asked or not where.once or not _said(surroundings, where.reason):
            say(console, where.reason)
        return Exit.OK
    if where.unencrypted:
        tell(f"Warning: the key crosses the network unencrypted to {where.host}.")
    ids = {report.id for report in new}
    try:
        with working(console, f"sending to {where.host}"), surroundings.client() as client:
            sent = send(surroundings.results, client, surroundings.settings.bencher, revision, ids)
    except UploadError as error:  # no client can be made
        tell(f"Error: {error}")
        return error.code
    _tell(sent, surroundings, console)
    return sent.code


def _said(surroundings: Surroundings, what: str) -> bool:
    with History(surroundings.results / HISTORY) as history:
        return history.queue.said(what)


def discard_submission(surroundings: Surroundings, console: Console, number: int) -> None:
    """Take a submission out of the queue for good; its reports stay in the local history."""
    with History(surroundings.results / HISTORY) as history:
        if not history.queue.discard(number):
            queued = ", ".join(str(one.number) for one in history.queue.queued()) or "none"
            raise UsageError(f"Submission {number} is not queued; queued are: {queued}.")
    console.print(f"Submission {number} will not be sent.")


def _tell(sent: Sent, surroundings: Surroundings, console: Console) -> None:
    if sent.created:
        console.print(f"Created measures: {', '.join(sent.created)}.")
    for outcome in sent.outcomes:
        benchmarks = len({line.benchmark for line in outcome.lines})
        console.print(
            f"Sent to Bencher: branch '{outcome.branch}', testbed '{outcome.testbed}', version {outcome.version}, "
            f"{count(benchmarks, 'benchmark')}, {count(outcome.alerts, 'alert')}. {outcome.url or ''}".rstrip(),
            soft_wrap=True,
        )
        for said in outcome.silences(surroundings.settings.bencher):
            say(console, f"Note: {said}")
        for line in outcome.lines:
            if line.alert:
                tell(
                    f"Alert: {line.benchmark} {line.measure} is {line.value:.6g}, "
                    f"{line.alert} limit {line.near_limit:.6g} "
                    f"(baseline {line.baseline if line.baseline is None else format(line.baseline, '.6g')})."
                )
    if sent.left:
        console.print(f"Not sent, for reasons given before: {count(sent.left, 'older report')} (in the local history).")
    for problem in (*sent.problems, *sent.refused):
        tell(f"Error: {problem}")
    if sent.failure:
        tell(f"Error: {sent.failure}")
