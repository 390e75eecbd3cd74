"""Invoke tasks that measure on a cluster: submit, status, collect, cancel; and what a job runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.arguments import Parser, names_in
from ice3_bench.cell.environment import make_environment
from ice3_bench.cell.options import parse_arguments
from ice3_bench.cell.session import run_session
from ice3_bench.cluster.run import FOLDER, Run, Task, load_run, runs
from ice3_bench.cluster.script import batch_script
from ice3_bench.cluster.submission import absolute, choose, name_of_testbed
from ice3_bench.commands.bench import tell_failures
from ice3_bench.commands.common import Surroundings, arguments, explained
from ice3_bench.commands.jobs import collect, come_back, follower_of, planned, scheduler_of, send, wait_for
from ice3_bench.errors import Exit, UsageError, worst
from ice3_bench.report import ClusterJob
from ice3_bench.show.console import make_console, say, working
from ice3_bench.show.jobs import jobs_table
from ice3_bench.streams import tell
from ice3_bench.text import count, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ice3_bench.cluster.run import RunRecord
    from ice3_bench.settings.matrix import Cell


def _parse(given: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = Parser(
        prog="nox -s bench-cluster --",
        description="Measure cells as jobs of a cluster, one job for each. Further options are those of bench-<cell>.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--cells", action="names", nargs="+", default=["cpu"], help="ids, backends, precisions or tags (default: cpu)"
    )
    parser.add_argument("--on", metavar="NAME", help="a cluster of pyproject.toml (default: the only one)")
    parser.add_argument("--dry-run", action="store_true", help="show the jobs and their script, and submit nothing")
    parser.add_argument("--install-only", action="store_true", help="make the environments, and submit nothing")
    parser.add_argument(
        "--wait", action=argparse.BooleanOptionalAction, default=True, help="wait and collect (default), or come back"
    )
    parser.add_argument("--quiet", action="store_true", help="print the tables and errors only")
    return parser.parse_known_args(given)


@task
@explained
def submit(_context: Context) -> None:
    """Measure cells as jobs of a cluster, one for each. Arguments after --: see -- --help."""
    options, further = _parse(arguments())
    surroundings = Surroundings.read()
    settings = surroundings.settings
    cells = settings.select(options.cells)
    threads = parse_arguments(further, settings).threads  # complain now, and not in every job
    name, cluster = choose(settings, options.on)
    tasks = [
        Task(
            name=cell.id,
            device=cell.backend.device,
            threads=threads,
            testbed=name_of_testbed(settings, name, cell.backend.device),
            words=("cluster.measure", "--cell", cell.id, "--", *absolute(further)),
        )
        for cell in cells
    ]
    console = make_console(quiet=options.quiet)
    if options.dry_run:
        _show_jobs(surroundings, planned(surroundings, name, cluster, tasks))
        return
    surroundings.where()  # complain about a wrong credential before measuring, not after
    _install(surroundings, cells, console)
    if options.install_only:
        return
    with working(console, "submitting"):
        follower = send(surroundings, planned(surroundings, name, cluster, tasks))
    run = follower.run
    console.print(f"Submitted {count(len(tasks), 'job')} to {name}, run {run.record.id}.")
    if not options.wait:
        say(console, come_back(run))
        return
    _end(collect(surroundings, make_console(), run, wait_for(follower, console)))


def _install(surroundings: Surroundings, cells: Sequence[Cell], console: Console) -> None:
    """Make the environments of the cells: nodes may have no network."""
    backends = {cell.backend.id: cell.backend for cell in cells}
    with working(console, "making environments") as notify:
        for name, backend in backends.items():
            notify(f"making the environment of {name}")
            make_environment(backend, surroundings.project / ".cache" / "environments", notify)
    console.print(f"The environments of {count(len(backends), 'backend')} are there.")


def _show_jobs(surroundings: Surroundings, record: RunRecord) -> None:
    """Print the jobs that would be submitted, and the script of the first one of each device."""
    run, shown = Run(surroundings.results / FOLDER / record.id, record), set[str]()
    names = ", ".join(one.name for one in record.tasks)
    print(f"Would submit {count(len(record.tasks), 'job')} to {record.name}: {names}.")
    for one in record.tasks:
        if one.device not in shown:
            shown.add(one.device)
            script = batch_script(scheduler_of(record.cluster.scheduler), run, run.attempt(one, 1))
            print(f"\nThe script of {one.name}:\n\n{script}", end="")


def _selected(surroundings: Surroundings, wanted: str | None) -> list[Run]:
    """Return the run of this id; without an id, those that are not over, or the last one."""
    known = runs(surroundings.results)
    if not known:
        raise UsageError(f"There are no runs in {surroundings.results}: nox -s bench-cluster begins one.")
    if wanted is None:
        return [run for run in known if not run.closed] or known[-1:]
    found = [run for run in known if run.record.id == wanted]
    if not found:
        raise UsageError(f"There is no run '{wanted}': expected one of {quoted([run.record.id for run in known])}.")
    return found


@task(help={"run": "id of a run (default: those that are not over, or the last one)"})
@explained
def status(_context: Context, run: str | None = None) -> None:
    """Show the jobs of a cluster and what became of them."""
    surroundings, console = Surroundings.read(), make_console()
    for one in _selected(surroundings, run):
        look = follower_of(one).look()
        console.print(jobs_table(one, look))
        if not one.closed:
            console.print(f"cluster.collect --run {one.record.id} stores what has ended, and submits what is missing.")


@task(
    name="collect",
    help={
        "run": "id of a run (default: those that are not over, or the last one)",
        "wait": "wait until all jobs have ended",
    },
)
@explained
def collect_task(_context: Context, run: str | None = None, wait: bool = False) -> None:
    """Store and show what the jobs of a cluster measured; submit again what has to be."""
    surroundings, console = Surroundings.read(), make_console()
    codes = []
    for one in _selected(surroundings, run):
        follower = follower_of(one)
        look = wait_for(follower, console) if wait else follower.look(submit=not one.closed)
        codes.append(collect(surroundings, console, one, look))
    _end(worst(codes))


@task(
    help={
        "run": "id of a run (default: the one that is not over)",
        "cells": "give up these cells only, separated by commas",
    }
)
@explained
def cancel(_context: Context, run: str | None = None, cells: str | None = None) -> None:
    """Give up jobs of a cluster; what has ended is kept."""
    surroundings, console = Surroundings.read(), make_console()
    found = [one for one in _selected(surroundings, run) if run or not one.closed]
    if len(found) != 1:
        raise UsageError(
            f"There are {count(len(found), 'run')} that could be cancelled: name one with --run, of "
            f"{quoted([one.record.id for one in found])}."
            if found
            else "No run is under way."
        )
    (one,) = found
    known = [task.name for task in one.record.tasks]
    wanted = known if cells is None else names_in(cells)
    if not wanted:
        raise UsageError("--cells names nothing.")
    for name in wanted:
        if name not in known:
            raise UsageError(f"Run {one.record.id} has no cell '{name}': expected one of {quoted(known)}.")
    console.print(jobs_table(one, follower_of(one).cancel(wanted)))
    console.print(f"cluster.collect --run {one.record.id} stores what was measured before.")


@task(help={"cell": "id of the cell"})
@explained
def measure(_context: Context, cell: str) -> None:
    """Measure a cell in a job, which calls this; nothing is stored or sent. Arguments after -- as in bench."""
    surroundings, console = Surroundings.read(), make_console()
    run = load_run(surroundings.results.parent)
    (own,) = [one for one in run.record.tasks if one.name == cell]
    settings = surroundings.settings.model_copy(update={"testbed": own.testbed})
    started = run.attempt(own, int(surroundings.results.name)).started
    job = None
    if started is not None:
        job = ClusterJob(cluster=run.record.name, id=started.job, node=started.node, partition=started.partition)
    outcome = run_session(
        surroundings.project,
        surroundings.results,
        settings.cell_by_id(cell),
        settings,
        arguments(),
        console,
        surroundings.placed,
        job,
    )
    tell_failures(outcome.report)
    if outcome.report.incomplete:
        tell(f"Error: {outcome.report.incomplete}")
    _end(outcome.code)


def _end(code: Exit) -> None:
    if code is not Exit.OK:
        raise InvokeExit(code=int(code))
