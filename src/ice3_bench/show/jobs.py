"""The jobs of a run: their table, in the user's words, and what its reader must know."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ice3_bench.cluster.run import COMPARING
from ice3_bench.cluster.states import State
from ice3_bench.history.newest import Conditions, Result
from ice3_bench.show.cells import Summary, cells_table
from ice3_bench.text import listed, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.cluster.following import Look, Situation
    from ice3_bench.cluster.run import Run
    from ice3_bench.report import Report

STYLES = {
    State.FINISHED: "green",
    State.FAILED: "red",
    State.TIME_LIMIT: "red",
    State.LOST: "red",
    State.CANCELLED: "yellow",
    State.PREEMPTED: "yellow",
    State.NODE_FAILED: "yellow",
}
GPU_WORDS = {
    "name": "GPU",
    "driver": "driver of the GPU",
    "runtime": "CUDA runtime",
    "sm_clock_max_mhz": "highest clock of the GPU in MHz",
    "memory_clock_max_mhz": "highest clock of the GPU's memory in MHz",
    "power_limit_watts": "power limit of the GPU in watts",
}
"""The parts of ``Gpu.identity`` in the user's words."""
NO_SPACE = 2**16
"""Bytes below which a disk is full."""
LOG_LINES = 12
"""Lines of a failed job's output that are shown."""


def jobs_table(run: Run, look: Look) -> Group:
    """Make the table of the jobs, with a line below it if the scheduler does not do what it is asked."""
    table = Table(title=f"Run {run.record.id} on {run.record.name}", title_justify="left")
    for heading in ("cell", "state", "time", "node", "job"):
        table.add_column(heading, justify="right" if heading == "time" else "left", no_wrap=heading != "state")
    for one in look.situations:
        started, attempt = one.attempt.started if one.attempt else None, one.attempt
        table.add_row(
            one.task.name,
            Text(words(one), STYLES.get(one.verdict.state, "")),
            "" if attempt is None or started is None else _elapsed(one),
            started.node if started else "",
            "" if attempt is None else attempt.job or "",
        )
    trouble = [Text(f"The scheduler says: {plain(look.trouble)}. It is asked again.")] if look.trouble else []
    return Group(table, *trouble)


def words(situation: Situation) -> str:
    """Say what became of a job in one line."""
    state, detail = situation.verdict.state, situation.verdict.detail
    said = state.value
    attempt = situation.attempt
    if state.again:
        said += ", given up" if situation.over else ", will be submitted again"
    elif attempt is not None and attempt.number > 1:
        said += f" (attempt {attempt.number})"
    return f"{said}: {plain(detail)}" if detail else said


def _elapsed(situation: Situation) -> str:
    """Return how long a job has run, or ran."""
    attempt = situation.attempt
    started = attempt.started if attempt else None
    if attempt is None or started is None or situation.verdict.state is State.WAITING:
        return ""
    try:
        end = (attempt.folder / "status").stat().st_mtime
    except OSError:
        if situation.over:
            return ""
        end = time.time()
    minutes, seconds = divmod(max(int(end - started.time), 0), 60)
    return f"{minutes}:{seconds:02d}"


def explanations(look: Look) -> list[str]:
    """Quote the last lines of the jobs that did not finish, unless the user gave them up."""
    said = []
    for one in look.situations:
        if one.attempt is None or not one.over or one.verdict.state is State.FINISHED or one.task.name in COMPARING:
            continue
        if one.verdict.state is State.CANCELLED and one.attempt.cancelled.exists():
            continue
        lines = [f"    {plain(line)}" for line in one.attempt.last_lines(LOG_LINES)]
        where = f"{one.task.name}: {words(one)}. "
        said.append(
            where + (f"{one.attempt.output} ends with" if lines else f"There is no output in {one.attempt.output}.")
        )
        said += lines
        if one.attempt.folder.is_dir() and shutil.disk_usage(one.attempt.folder).free < NO_SPACE:
            said.append(f"The disk of {one.attempt.folder} is full: free space, and measure the cell again.")
    return said


def results_of_all(reports: Sequence[Report]) -> Group:
    """Make the one table of all cells of a run, with a note for each testbed whose nodes differ."""
    results = sorted(
        (Result(report, benchmark) for report in reports for benchmark in report.benchmarks),
        key=lambda result: result.order,
    )
    first = reports[0].protocol
    testbeds = listed(sorted({report.machine.testbed for report in reports}))
    conditions = Conditions(testbeds, first.threads, first.profile, first.arrangement)
    return Group(cells_table(Summary(results, conditions, None, {})), *map(Text, differing_nodes(reports)))


def differing_nodes(reports: Sequence[Report]) -> list[str]:
    """Name the testbeds whose nodes are not alike: what was measured on them is not compared."""
    said = []
    for testbed in sorted({report.machine.testbed for report in reports}):
        group = [report for report in reports if report.machine.testbed == testbed and report.job is not None]
        found: dict[str, dict[str, set[str]]] = {}
        for report in group:
            for name, value in _identity(report).items():
                found.setdefault(name, {}).setdefault(value, set()).add(report.job.node if report.job else "")
        for name, nodes in found.items():
            if len(nodes) > 1:
                each = [f"{value} ({', '.join(sorted(names))})" for value, names in sorted(nodes.items())]
                said.append(
                    f"The nodes of testbed '{testbed}' differ in their {name}: {listed(each)}. Give them partitions, "
                    "or 'options' such as --constraint, and testbeds of their own in pyproject.toml."
                )
    return said


def _identity(report: Report) -> dict[str, str]:
    """Say what nodes of one testbed must have in common, with its words; a CPU cell says nothing of a device."""
    machine, compiler = report.machine, report.software.compiler
    return {
        "processor": machine.cpu,
        "cores": str(machine.cores),
        "share of the cores": str(machine.quota),
        **({GPU_WORDS[name]: str(value) for name, value in machine.gpu.identity.items()} if machine.gpu else {}),
        **({f"version of {compiler.split()[0]}": compiler} if compiler else {}),
    }
