"""Comparisons of revisions and their calibration as tables: on the console and in Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ice3_bench.compare.calibration import ENOUGH
from ice3_bench.compare.verdict import Verdict
from ice3_bench.show.console import Fitting
from ice3_bench.show.markdown import markdown_table
from ice3_bench.text import count, duration, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.compare.calibration import Calibration
    from ice3_bench.compare.result import BenchmarkComparison, CellComparison, Comparison

HEADINGS = ("benchmark", "verdict", "change", "99 % interval", "detectable", "wall", "base", "contender", "memory")
PREEMPTED = 0.05
"""Share of preempted rounds above which wall time is marked."""
STYLES = {Verdict.SLOWER: "red", Verdict.FASTER: "green", Verdict.UNDECIDED: "bold yellow"}
LOUD = ("UNDECIDED", "NOT COMPARED", "NOT CHECKED", "PHYSICS DIFFERS")


def _headings(comparison: Comparison) -> list[str]:
    counted = any(benchmark.instructions for benchmark in comparison.benchmarks)
    return [*HEADINGS, "instructions"] if counted else [*HEADINGS]


def _row(benchmark: BenchmarkComparison, width: int) -> list[str]:
    """Return the first ``width`` cells of a line of a comparison."""
    decision, counted = benchmark.decision, benchmark.instructions
    instructions = f"{counted.verdict} ({counted.change:+.3%})" if counted else "–"
    if decision is None:
        return [benchmark.name, "not compared", *["–"] * 7, instructions][:width]
    wall = f"{benchmark.wall_change:+.1%}" if benchmark.wall_change is not None else "–"
    if benchmark.preempted is not None and benchmark.preempted > PREEMPTED:
        wall += f" ({benchmark.preempted:.0%} preempted)"
    memory = "–"
    if benchmark.base_bytes and benchmark.contender_bytes is not None:
        memory = f"{size(benchmark.contender_bytes)} ({benchmark.contender_bytes / benchmark.base_bytes - 1.0:+.2%})"
    measured = decision.pairs > 0
    line = [
        benchmark.name,
        _verdict(benchmark),
        f"{decision.change:+.2%}" if measured else "–",
        f"{decision.low:+.2%} … {decision.high:+.2%}" if measured else "not measured",
        "–" if decision.detectable is None else f"{decision.detectable:.1%}",
        wall,
        duration(benchmark.base_ns or 0.0) if measured else "–",
        duration(benchmark.contender_ns or 0.0) if measured else "–",
        memory,
        instructions,
    ]
    return line[:width]


def _verdict(benchmark: BenchmarkComparison) -> str:
    decision = benchmark.decision
    assert decision is not None  # noqa: S101 (asked by the caller)
    marks = {
        ", larger": benchmark.larger,
        ", physics differs": benchmark.physics_differs,
        ", not to be trusted": benchmark.marked is not None,
    }
    clock = " by wall time" if decision.clock == "wall" else ""
    return "".join([decision.verdict, clock, *(mark for mark, said in marks.items() if said)])


def _remarks(comparison: Comparison) -> list[str]:
    """Return the remarks on a comparison: accuracy, problems, and the reason of each verdict."""
    remarks = []
    for cell in comparison.cells:
        remarks += [f"{cell.cell}: {remark}" for remark in cell.remarks]
        remarks += _inaccuracies(cell)
        if cell.accuracy_policy == "report":
            remarks.append(f'{cell.cell}: accuracy = "report", so no change decides the exit code.')
        for benchmark in cell.benchmarks:
            remarks += _said_of(benchmark)
    return remarks


def _said_of(benchmark: BenchmarkComparison) -> list[str]:
    remarks = [f"{benchmark.name}: {remark}" for remark in benchmark.remarks]
    if benchmark.physics_differs:
        remarks.append(f"{benchmark.name}: physics differs, an output is out of tolerance on at least one side.")
    if benchmark.missing:
        remarks.append(f"{benchmark.name}: not compared. {benchmark.missing}")
    if benchmark.decision:
        remarks.append(f"{benchmark.name}: {benchmark.decision.verdict}, {benchmark.decision.reason}.")
    if counted := benchmark.instructions:
        remarks.append(
            f"{benchmark.name}: {counted.verdict} instructions, {counted.base} and {counted.contender} "
            f"({counted.change:+.4%}), counted by callgrind in one run."
        )
    return remarks


def _inaccuracies(cell: CellComparison) -> list[str]:
    """Return a sentence for each component with outputs that are less accurate."""
    remarks = []
    for component in dict.fromkeys(entry.component for entry in cell.less_accurate):
        worse = [entry for entry in cell.less_accurate if entry.component == component]
        worst = max(worse, key=lambda entry: (entry.failed, entry.counts, entry.contender / entry.tolerance))
        state = "OUT OF TOLERANCE" if worst.failed else "in tolerance" + (", more than doubled" if worst.counts else "")
        before = "is not known for the base" if worst.base is None else f"was {worst.base:.2e}"
        remarks.append(
            f"{cell.cell}: {component} is less accurate, {state}: {count(len(worse), 'output')}, worst "
            f"'{worst.field}', whose error is {worst.contender:.2e} and {before} (tolerance {worst.tolerance:.0e})."
        )
    return remarks


def comparison_summary(comparison: Comparison) -> str:
    """Say how many benchmarks got which verdict."""
    benchmarks = comparison.benchmarks
    verdicts = [benchmark.decision.verdict for benchmark in benchmarks if benchmark.decision]
    counts = {
        "slower": verdicts.count(Verdict.SLOWER),
        "faster": verdicts.count(Verdict.FASTER),
        "same": verdicts.count(Verdict.SAME),
        "UNDECIDED": verdicts.count(Verdict.UNDECIDED),
        "larger": sum(benchmark.larger for benchmark in benchmarks),
        "less accurate": sum(entry.counts for cell in comparison.cells for entry in cell.less_accurate),
        "ACCURACY NOT CHECKED": sum(
            cell.broken is not None or any(one.unchecked for one in cell.benchmarks) for cell in comparison.cells
        ),
        "NOT COMPARED": len(benchmarks) - len(verdicts),
        "PHYSICS DIFFERS": sum(benchmark.physics_differs for benchmark in benchmarks),
    }
    return ", ".join(f"{number} {what}" for what, number in counts.items() if number)


def comparison_table(comparison: Comparison) -> Group:
    """Make the table of a comparison, with a sentence on each verdict below."""
    title = f"{comparison.contender.text} against {comparison.base.text}: CPU time in {comparison.arrangement} weather"
    table = Table(title=title, title_justify="left")
    headings = _headings(comparison)
    for heading in headings:
        table.add_column(heading, no_wrap=heading == "benchmark", justify="left" if heading == "benchmark" else "right")
    for benchmark in comparison.benchmarks:
        verdict = benchmark.decision.verdict if benchmark.decision else Verdict.UNDECIDED
        table.add_row(*_row(benchmark, len(headings)), style=STYLES.get(verdict))
    summary = comparison_summary(comparison)
    below = [*_remarks(comparison), f"Calibration: {comparison.calibration}."]
    loud = "bold yellow" if any(word in summary for word in LOUD) else "bold"
    return Group(Fitting(table), *map(Text, below), Text(summary, style=loud))


def comparison_markdown(comparison: Comparison, literal: Callable[[str], str] = str) -> str:
    """Make the same table in Markdown, for a pull request.

    Parameters
    ----------
    literal
        Makes text that Markdown would interpret literal.
    """
    headings = _headings(comparison)
    rows = ([literal(entry) for entry in _row(one, len(headings))] for one in comparison.benchmarks)
    sides = f"{comparison.contender.text} against {comparison.base.text}"
    title = f"CPU time of {sides} in {comparison.arrangement} weather: {comparison_summary(comparison)}"
    below = [*_remarks(comparison), f"Calibration: {comparison.calibration}."]
    return "\n".join(
        [
            literal(title),
            "",
            *markdown_table([literal(heading) for heading in headings], rows),
            "",
            *(f"- {literal(remark.replace(chr(10), ' '))}" for remark in below),
            "",
        ]
    )


def calibration_table(calibration: Calibration) -> Group:
    """Make the table of a calibration, with what it means below."""
    table = Table(title=f"bench-compare on {calibration.benchmark}", title_justify="left")
    for heading in (
        "injected",
        "as measured",
        "trials",
        "said slower",
        "faster",
        "95 % interval",
        "median change",
        "undecided",
    ):
        table.add_column(heading, justify="right")
    for trials in filter(len, calibration.trials):
        low, high = trials.interval()
        table.add_row(
            f"{trials.injected:.1%}" if trials.injected else "nothing",
            f"{statistics.median(trials.true):.2%}",
            str(len(trials)),
            str(trials.slower),
            str(trials.alarms - trials.slower),
            f"{low:.1%} … {high:.1%}",
            f"{statistics.median(trials.changes):+.2%}",
            str(trials.verdicts.count(Verdict.UNDECIDED)),
        )
    found, few = calibration.detectable, [one for one in calibration.trials if one.injected and not one.enough]
    if found is not None:
        summary = f"Smallest of these slowdowns found in at least 95 % of the trials: {found:.1%}."
    elif few:
        fewest = min(map(len, few))
        summary = f"Not enough trials to say what is found in 95 % of them: {fewest} of {ENOUGH} at least."
    else:
        summary = "None of these slowdowns was found in 95 % of the trials."
    each = calibration.seconds / max(1, sum(len(trials) for trials in calibration.trials))
    pairs = statistics.median([number for trials in calibration.trials for number in trials.pairs] or [0])
    cost = f"A trial took {each:.1f} s and {count(round(pairs), 'pair')} of processes (median)."
    return Group(Fitting(table), Text(f"{calibration.statement}."), Text(f"{summary} {cost}"))
