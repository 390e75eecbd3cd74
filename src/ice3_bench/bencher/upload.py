"""The upload: store every report in the local history, then send what is queued to Bencher.

The queue is in the history, so an upload may be killed at any step. One transaction turns reports into submissions with
an idempotency key; another one stores Bencher's answer. After a kill in between, the next upload sends the same
submission under the same key, which Bencher accepts only once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ice3_bench.bencher.client import BencherError, NoResultsError, RefusedError
from ice3_bench.bencher.document import Body, draft
from ice3_bench.cell.lock import locked
from ice3_bench.errors import Exit, UploadError, UsageError
from ice3_bench.git import commit_places
from ice3_bench.history.kept import keep
from ice3_bench.history.rebuilding import mended
from ice3_bench.history.store import History
from ice3_bench.measures import MEASURES
from ice3_bench.reports import load_report, report_files
from ice3_bench.text import count

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from ice3_bench.bencher.answer import Outcome
    from ice3_bench.bencher.client import Bencher
    from ice3_bench.bencher.document import Revision
    from ice3_bench.history.queue import Submission
    from ice3_bench.report import Report
    from ice3_bench.settings.policy import BencherPolicy

HISTORY = "history.db"
MOST_REFUSED = 5
"""Submissions that may be refused one after the other before the upload stops."""


@dataclass
class Stored:
    """What was found and stored."""

    new: list[Report] = field(default_factory=list)
    known: list[Report] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Reports that could not be read, each with its remedy."""
    mended: str = ""
    """What was done about a corrupt history."""


@dataclass
class Sent:
    """What Bencher accepted, and why something is left."""

    outcomes: list[Outcome] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    """Measures that were created."""
    problems: list[str] = field(default_factory=list)
    """New reports that cannot be sent, each with its remedy."""
    left: int = 0
    """Number of older reports that cannot be sent either; their remedies were given when they were new."""
    refused: list[str] = field(default_factory=list)
    """What is wrong with submissions that are set aside, and how to give them up."""
    failure: UploadError | None = None
    """Why all submissions stay queued that are left."""

    @property
    def alerts(self) -> int:
        """Number of alerts that Bencher raised."""
        return sum(outcome.alerts for outcome in self.outcomes)

    @property
    def code(self) -> Exit:
        """Exit code; a regression outranks a failed upload."""
        if self.alerts:
            return Exit.FAILED
        return Exit.NOT_UPLOADED if self.failure or self.refused or self.problems else Exit.OK


def store(
    results: Path, paths: list[Path] | None = None, reports: Sequence[Report] = (), project: Path | None = None
) -> Stored:
    """Store reports in the local history, and each in a file of its own; a report is stored once.

    Parameters
    ----------
    paths
        Files of the reports; None: those of all cells.
    reports
        What was just measured, instead of files.
    project
        Project whose repository knows the order of the commits.

    Raises
    ------
    UsageError
        If there is no report at all, or the history cannot be used.
    """
    stored = Stored()
    found = [] if reports else paths or report_files(results)
    if not found and not reports:
        raise UsageError(
            f"There are no results in {results}: measure a cell first, for example nox -s bench-numpy-float64."
        )
    stored.mended = mended(results / HISTORY)
    with History(results / HISTORY) as history:
        for report in reports:
            (stored.new if history.add(report) else stored.known).append(report)
        for path in found:
            try:
                report = load_report(path)
                _require_past(report, path)
                (stored.new if history.add(report) else stored.known).append(report)
            except UsageError as error:
                stored.problems.append(str(error))
        if project is not None:
            history.place(lambda commits: commit_places(project, commits))
    keep(results, [*stored.new, *stored.known])
    return stored


def _require_past(report: Report, path: Path) -> None:
    """Refuse a report from the future: it would come after every later run."""
    if report.created > datetime.now(UTC) + timedelta(days=1):
        raise UsageError(
            f"The report {path} was measured at {report.created:%Y-%m-%d %H:%M} UTC, which is in the future: correct "
            "the clock of that machine, or of this one."
        )


def send(
    results: Path,
    bencher: Bencher,
    policy: BencherPolicy,
    revision: Revision | None = None,
    new: Collection[str] = (),
) -> Sent:
    """Send what is queued, oldest first; stop if Bencher cannot be reached or refuses the credential.

    A submission that is refused for what it holds is set aside: it stays queued, and the others are sent. After
    ``MOST_REFUSED`` of them with none accepted, none is tried any more, since it cannot be the fault of each.

    Parameters
    ----------
    results
        Folder of the history.
    bencher, policy, revision
        Where to send, and as what.
    new
        Ids of the reports that were just stored: only for these it is an error if they cannot be sent.

    Raises
    ------
    UsageError
        If the history cannot be used.
    """
    sent = Sent()
    problems: dict[str, str] = {}
    # One upload at a time: two could both find that a submission failed half-way, and send it again under other keys.
    with locked(results / ".upload.lock"), History(results / HISTORY) as history:
        history.queue.enqueue(lambda reports: draft(reports, policy, revision, problems))
        problems |= history.set_aside
        sent.problems = [problem for run, problem in problems.items() if run in new]
        sent.left = len(problems) - len(sent.problems)
        queue = history.queue.queued()
        try:
            console = _prepare(history, bencher, sent) if queue else None
            for submission in queue:
                try:
                    outcome = _submit(history, bencher, submission, console)
                except RefusedError as error:
                    sent.refused.append(_set_aside(submission, error))
                    if len(sent.refused) == MOST_REFUSED and not sent.outcomes:
                        break
                    continue
                history.queue.accept(submission.number, outcome.model_dump_json())
                sent.outcomes.append(outcome)
        except UploadError as error:
            left = history.queue.queued()
            first = left[0]
            sent.failure = UploadError(
                f"{error} {count(len(left), 'submission stays', 'submissions stay')} queued in {history.path}, "
                f"the first is number {first.number} (testbed '{first.testbed}', branch '{first.branch}')."
            )
    return sent


def _set_aside(submission: Submission, error: RefusedError) -> str:
    return (
        f"Submission {submission.number} (testbed '{submission.testbed}', branch '{submission.branch}') is set aside, "
        f"and the others are not affected: {error} The next nox -s bench-upload tries it again; nox -s bench-upload -- "
        f"--discard {submission.number} gives it up."
    )


def _submit(history: History, bencher: Bencher, submission: Submission, console: str | None) -> Outcome:
    """Send a submission; if Bencher holds its report without results, send it again at once under a new key.

    Bencher stores a report before it reads the results. After a refusal or a failure half-way, it would answer the same
    key with the empty report for ever.
    """
    try:
        body = Body(submission.body)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RefusedError(f"It cannot be read ({type(error).__name__}).") from error
    try:
        return bencher.submit(submission.key, body, console)
    except NoResultsError:
        key = history.queue.new_key(submission.number)
    except BencherError as error:
        raise _refused(history, submission, error) from error
    try:
        return bencher.submit(key, body, console)
    except NoResultsError:
        history.queue.new_key(submission.number)
        raise
    except BencherError as error:
        raise _refused(history, submission, error) from error


def _refused(history: History, submission: Submission, error: BencherError) -> UploadError:
    """Give a refused submission a new key; return what to raise."""
    history.queue.new_key(submission.number)
    return RefusedError(str(error)) if error.of_content else error


def _prepare(history: History, bencher: Bencher, sent: Sent) -> str | None:
    """Create the measures with their units, once for each server and project; return the console's URL."""
    place = f"{bencher.where.place} {' '.join(MEASURES)}"  # prepared again when a measure is added
    done, console = history.queue.prepared(place)
    if not done:
        for measure in bencher.missing_measures():
            bencher.create_measure(measure)
            sent.created.append(measure.name)
        console = bencher.console()
        history.queue.note_prepared(place, console)
    return console
