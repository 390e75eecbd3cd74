"""What all commands that send jobs to a cluster have in common: sending them, waiting, and collecting."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit as InvokeExit
from rich.live import Live

from ice3_bench.bencher.upload import HISTORY
from ice3_bench.cell.probe import phyex_checkout
from ice3_bench.cell.session import program
from ice3_bench.cluster.following import Follower
from ice3_bench.cluster.run import COMPARING, Task
from ice3_bench.cluster.states import State, own_end
from ice3_bench.cluster.submission import discard, make_run, plan, tidy
from ice3_bench.commands.bench import tell_beyond, tell_failures
from ice3_bench.commands.sending import send_queued, store_reports
from ice3_bench.compare.result import FILE, MARKDOWN
from ice3_bench.errors import Exit, UsageError, worst
from ice3_bench.files import write_atomically
from ice3_bench.history.checks import check
from ice3_bench.history.store import History
from ice3_bench.show.compared import compared_with
from ice3_bench.show.console import say
from ice3_bench.show.jobs import explanations, jobs_table, results_of_all, words
from ice3_bench.streams import tell
from ice3_bench.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ice3_bench.cluster.following import Look
    from ice3_bench.cluster.run import Run, RunRecord
    from ice3_bench.cluster.scheduler import Scheduler
    from ice3_bench.commands.common import Surroundings
    from ice3_bench.report import Report
    from ice3_bench.settings.cluster import Cluster

GLANCE = 2.0
"""Seconds between two looks at the files of the jobs."""
COMPARISON = (FILE, MARKDOWN)
"""Files of a comparison in the results."""


def scheduler_of(kind: str) -> Scheduler:
    """Return a scheduler; raises UsageError if the extra of the package that talks to it is not installed."""
    try:
        from ice3_bench.cluster.scheduler import Scheduler  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(
            f"QToolKit, which talks to schedulers, is not installed: {sys.executable} -m pip install "
            "'ice3-bench[cluster]', or use nox -s bench-cluster, which does."
        ) from error
    return Scheduler(kind)


def follower_of(run: Run) -> Follower:
    """Return what looks at a run."""
    return Follower(run, scheduler_of(run.record.cluster.scheduler))


def planned(surroundings: Surroundings, name: str, cluster: Cluster, tasks: Sequence[Task]) -> RunRecord:
    """Say what a run is to do; its jobs find PHYEX where this process does."""
    phyex = phyex_checkout(surroundings.project, surroundings.settings)
    return plan(name, cluster, tasks, {"PHYEX_DIR": str(phyex)} if phyex else {})


def send(surroundings: Surroundings, record: RunRecord, *, with_history: bool = False) -> Follower:
    """Submit the jobs of a run, and return what follows them; those that are refused for now are submitted later.

    Raises
    ------
    UsageError
        If it refuses the first job.
    """
    scheduler_of(record.cluster.scheduler)  # complain before anything is copied
    run = make_run(surroundings.project, surroundings.results, record, surroundings.placed, with_history=with_history)
    follower = follower_of(run)
    try:
        look = follower.look(submit=True)
    except KeyboardInterrupt:
        tell(come_back(run))
        raise
    if all(one.verdict.state is State.NOT_SUBMITTED for one in look.situations):
        discard(surroundings.project, run.folder)
        raise UsageError(
            f"The scheduler of '{record.name}' refuses the first job: {look.trouble}. Correct "
            f"[tool.ice3-bench.cluster.{record.name}] in pyproject.toml (docs/cluster.md)."
        )
    return follower


def come_back(run: Run) -> str:
    """Say how to come back to jobs that go on."""
    command = "invoke" if Path(sys.argv[0]).name in ("invoke", "inv") else program("ice3-bench")
    return (
        f"The jobs of run {run.record.id} go on without this program. Come back with\n"
        f"    {command} cluster.status\n"
        f"    {command} cluster.collect --wait\n"
        f"    {command} cluster.cancel --run {run.record.id}"
    )


def wait_for(follower: Follower, console: Console) -> Look:
    """Wait until all jobs have ended, showing their table; submit what is to be submitted again.

    On Ctrl-C the jobs go on, and it says how to come back to them.
    """
    told: dict[str, str] = {}
    try:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                look = follower.look(ask=follower.due, submit=True)
                if console.is_terminal:
                    live.update(jobs_table(follower.run, look), refresh=True)
                else:
                    _tell_changes(look, told, console)
                if look.over:
                    return look
                time.sleep(GLANCE)
    except KeyboardInterrupt:
        tell(come_back(follower.run))
        raise


def _tell_changes(look: Look, told: dict[str, str], console: Console) -> None:
    """Print a line for each job whose state is new, and what the scheduler complains of."""
    for one in look.situations:
        now = words(one)
        if told.get(one.task.name) != now:
            told[one.task.name] = now
            say(console, f"{one.task.name}: {now}")
    if look.trouble and told.get("") != look.trouble:
        say(console, f"The scheduler says: {look.trouble}. It is asked again.")
    told[""] = look.trouble or told.get("", "")


def collect(surroundings: Surroundings, console: Console, run: Run, look: Look) -> Exit:
    """Store what the jobs that have ended measured, show it and send it; return the exit code.

    A report is stored once, however often this is called.
    """
    measured = [one for one in look.situations if one.over and one.attempt and one.task.name not in COMPARING]
    found = {one.task.name: one.attempt.report for one in measured if one.attempt is not None}
    paths = [path for path in found.values() if path is not None]
    missing = [
        one.task.name for one in measured if one.verdict.state is State.FINISHED and found[one.task.name] is None
    ]
    codes = {Exit.OK if one.verdict.state is State.FINISHED else Exit.FAILED for one in look.situations if one.over}
    reports: list[Report] = []
    if paths:
        stored = store_reports(surroundings, console, paths=paths)
        reports = [*stored.new, *stored.known]
        if stored.problems or _checked(surroundings, console, stored.new):
            codes.add(Exit.FAILED)
        codes.add(send_queued(surroundings, console, surroundings.revision(), stored.new, asked=False))
    _bring_home(surroundings, run, look)
    console.print(jobs_table(run, look))
    if reports:
        console.print(results_of_all(reports))
    for line in explanations(look):
        tell(line)
    if missing:
        codes.add(Exit.FAILED)
        tell(f"Error: {listed(missing)} finished, but no report is seen here: collect again later.")
    if look.over and not missing and not run.closed:
        with suppress(UsageError):  # a full disk: the next look closes it
            run.close()
        tidy(surroundings.project, run.folder)
    if not look.over:
        say(console, come_back(run))
    return worst(codes)


def _checked(surroundings: Surroundings, console: Console, reports: Sequence[Report]) -> bool:
    """Check new reports against the history; say what lies beyond its limit, and whether something does."""
    beyond = False
    with History(surroundings.results / HISTORY) as history:
        for report in reports:
            previous, other = history.previous_of_each(report), history.latest_other(report)
            checks = check(report, history, surroundings.settings)
            for line in compared_with(report, previous, other):
                say(console, f"{report.cell}: {line}")
            tell_beyond(checks, report)
            tell_failures(report)
            beyond = beyond or any(one.violation for one in checks)
    return beyond


def _bring_home(surroundings: Surroundings, run: Run, look: Look) -> None:
    """Copy what a comparison or a calibration wrote to the results, and print what it said, with the names of here."""
    for one in look.situations:
        if one.task.name not in COMPARING or one.attempt is None or not one.over:
            continue
        home, folder, moved = surroundings.results, one.attempt.results, dict[str, str]()
        for path in [folder / name for name in COMPARISON] + sorted((folder / "calibrations").glob("*.json")):
            here = home / path.relative_to(folder)
            if path.is_file() and path.stat().st_mtime > run.record.created.timestamp():
                write_atomically(here, path.read_text(encoding="utf-8"))
                moved[str(path)] = str(here)
        if own_end(one.attempt.code):
            said = one.attempt.output.read_text(encoding="utf-8", errors="backslashreplace")
            for there, name in moved.items():
                said = said.replace(there, name)
            print(said, end="")


def send_comparison(
    surroundings: Surroundings,
    name: str,
    cluster: Cluster,
    what: str,
    words: Sequence[str],
    threads: int,
    console: Console,
) -> None:
    """Compare revisions, or calibrate the comparison, in one job on one node; end with its exit code.

    Parameters
    ----------
    what
        ``compare`` or ``calibrate``.
    words
        What the user wrote after ``--``, with the name of the cluster, which is left out.

    Raises
    ------
    UsageError
        If it refuses the job.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--on")
    _, given = parser.parse_known_args(list(words))
    task = Task(name=what, device="cpu", threads=threads, words=(what, "--", *given))
    follower = send(surroundings, planned(surroundings, name, cluster, [task]), with_history=True)
    console.print(f"Submitted to {name}, run {follower.run.record.id}.")
    look = wait_for(follower, console)
    code: int = collect(surroundings, console, follower.run, look)
    attempt = look.situations[0].attempt
    if attempt is not None and own_end(attempt.code):
        code = attempt.code or code
    if code:
        raise InvokeExit(code=int(code))
