"""The remarks on a report: marks, and sentences below the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_bench.components import concerned
from ice3_bench.report import wrong_outputs
from ice3_bench.text import count

if TYPE_CHECKING:
    from ice3_bench.report import Benchmark, Report

FEW = 3
"""Benchmarks that a sentence names one by one."""


def marks(report: Report, benchmark: Benchmark) -> list[str]:
    """Return the words that mark a benchmark: what a reader of its results must know first."""
    wrong = {entry.component for entry in report.accuracy if not entry.passed}
    return [
        *(["physics differs"] if concerned(benchmark.component, wrong) else []),
        *(["doubtful timing"] if benchmark.marked else []),
        *(["busy machine"] if benchmark.busy else []),
    ]


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def doubts(report: Report) -> list[str]:
    """Say why benchmarks are marked: outputs that are wrong, timings that are doubtful, and a busy machine."""
    said = []
    for component in dict.fromkeys(entry.component for entry in report.accuracy):
        wrong = wrong_outputs(report.accuracy, component)
        if not wrong:
            continue
        failed = [entry for entry in report.accuracy if entry.component == component and not entry.passed]
        worst = max(failed, key=lambda entry: entry.error / entry.tolerance)
        said.append(
            f"{component}: physics differs. {count(len(wrong), 'output is', 'outputs are')} out of tolerance, "
            f"the worst is {worst.field} with an error of {worst.error:.1e} (tolerance {worst.tolerance:.0e}, "
            f"{worst.data_set})."
        )
    return [
        *said,
        *(f"{one.label}: its timing is doubtful: {_sentence(one.marked)}" for one in report.benchmarks if one.marked),
        *_busy(report),
    ]


def _busy(report: Report) -> list[str]:
    """Say in one sentence when the machine was busy; of many benchmarks, which are marked, it names the worst."""
    met = [one for one in report.benchmarks if one.busy]
    if len(met) <= FEW:
        each = ", ".join(f"{one.label} ({one.busy})" for one in met)
        return [f"The machine was busy while timing {each}."] if met else []
    worst = max(met, key=lambda one: one.rounds.waiting(report.protocol.threads) if one.rounds else 0.0)
    of_all = f"{len(met)} of {count(len(report.benchmarks), 'benchmark')}, which are marked"
    return [f"The machine was busy while timing {of_all}; the worst is {worst.label} ({worst.busy})."]


def remarks(report: Report) -> list[str]:
    """Say what a reader of the results must know: what is in doubt, and which outputs are missing."""
    said = doubts(report)
    if report.lacking:
        measured, not_measured = count(len(report.benchmarks), "benchmark was", "benchmarks were"), len(report.lacking)
        said.append(f"A partial run: {measured} measured, and {not_measured} of those of the cell in the matrix not.")
    said += [f"{one.component} on {one.data_set}: n/a, {_sentence(one.reason)}" for one in report.not_run]
    said += [
        f"{component}: {count(len(outputs), 'output is', 'outputs are')} not produced: {', '.join(outputs)}."
        for component, outputs in report.not_produced.items()
        if outputs
    ]
    if report.left_out:
        said.append(
            f"{count(report.left_out, 'cell was', 'cells were')} not compared: an input that the port ignores is not "
            "zero there."
        )
    said += [
        f"{one.label}: {one.active:.1%} of the points have hydrometeors."
        for one in report.benchmarks
        if one.active is not None
    ]
    said += [f"{one.label}: {remark}" for one in report.benchmarks for remark in one.remarks]
    return [*said, *report.remarks]
