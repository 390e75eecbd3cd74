"""The table of all cells of a machine: on the console, in Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ice3_bench.measures import written
from ice3_bench.show.console import Fitting
from ice3_bench.show.markdown import literal, markdown_table
from ice3_bench.show.remarks import doubts, marks
from ice3_bench.text import count, significant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ice3_bench.history.newest import Conditions, Result
    from ice3_bench.history.reference import Ratio, Reference
    from ice3_bench.report import Report


@dataclass(frozen=True)
class Summary:
    """What the table shows.

    Attributes
    ----------
    results
        Sorted by component, domain and mix, the fastest first.
    reference
        None if nothing is compared.
    ratios
        By benchmark.
    """

    results: Sequence[Result]
    conditions: Conditions
    reference: Reference | None
    ratios: Mapping[str, Ratio]

    @property
    def reports(self) -> list[Report]:
        """The reports of the results, by cell."""
        found = {result.report.id: result.report for result in self.results}
        return sorted(found.values(), key=lambda report: report.cell)

    @property
    def caption(self) -> str:
        """Machine, threads, dates and commit."""
        reports = self.reports
        machines = dict.fromkeys(f"{one.machine.cpu}, {count(one.machine.cores, 'core')}" for one in reports)
        devices = dict.fromkeys(one.machine.device for one in reports if one.machine.device)
        dates = sorted({f"{one.created:%Y-%m-%d}" for one in reports})
        commits = {one.commit.text for one in reports}
        return ", ".join(
            [
                f"{self.conditions.machine} ({'; '.join([*machines, *devices])})",
                count(self.conditions.threads, "thread"),
                *([] if self.conditions.profile == "production" else [f"profile {self.conditions.profile}"]),
                " and ".join(self.weather),
                " to ".join(dict.fromkeys((dates[0], dates[-1]))),
                f"commit {commits.pop()}" if len(commits) == 1 else "several commits",
            ]
        )

    @property
    def weather(self) -> list[str]:
        """What was timed, in words."""
        found = {result.name.is_data for result in self.results}
        words = {False: f"{self.conditions.arrangement} weather", True: "data of PHYEX"}
        return [word for is_data, word in words.items() if is_data in found]

    @property
    def ratio(self) -> str:
        """What the ratios are; empty if nothing is compared."""
        if self.reference is None:
            return ""
        return f"speed relative to {self.reference.text}{'' if self.reference.precision else ' in the same precision'}"

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the results: commits if they differ, the clock of GPUs, marks and failures."""
        by_commit: dict[str, list[str]] = {}
        for report in self.reports:
            by_commit.setdefault(report.commit.text, []).append(report.cell)
        said = [f"Commit {commit}: {', '.join(dict.fromkeys(cells))}." for commit, cells in by_commit.items()]
        said = said if len(by_commit) > 1 else []
        if any(one.benchmark.clock == "kernel" for one in self.results):
            said.append("GPU cells: time and memory of the device, without transfers.")
        norms = {one.accuracy_norm for one in self.reports if one.accuracy}
        if len(norms) > 1:
            old = dict.fromkeys(one.cell for one in self.reports if one.accuracy and one.accuracy_norm < max(norms))
            said.append(f"Errors of {', '.join(old)} are in an earlier norm, not comparable with the others.")
        marked = dict.fromkeys(one.report.id for one in self.results if marks(one.report, one.benchmark))
        said += [f"{one.cell}: {doubt}" for one in self.reports if one.id in marked for doubt in doubts(one)]
        failures = [one for one in self.results if one.benchmark.error is not None]
        return [*said, *(f"{one.benchmark.name} failed: {_line(one.benchmark.error or '')}" for one in failures)]

    def cells(self, result: Result) -> list[str]:
        """Return ns per point, ratio (if there is a reference), peak memory and error of a result."""
        measures, failed = result.benchmark.measures, result.benchmark.error is not None
        ratio = self.ratios.get(result.benchmark.name)
        own = self.reference is not None and self.reference.holds(result)
        time = "–" if result.per_point is None else significant(result.per_point, 3)
        memory, error = measures.get("peak-memory"), measures.get("accuracy")
        return [
            "failed" if failed else time,
            *([ratio.text if ratio else "reference" if own else "–"] if self.reference else []),
            "–" if memory is None or failed else written("peak-memory", memory.value),
            "not checked" if error is None else written("accuracy", error.value),
        ]


def _line(text: str) -> str:
    """Make text one line without control characters, which could write anywhere on a terminal."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def cells_table(summary: Summary) -> Group:
    """Make the table for the console: below each benchmark its cells, and below the table the notes."""
    speed = f"\n{summary.ratio}" if summary.ratio else ""
    table = Table(title=Text(_line(summary.caption) + speed), title_justify="left", show_edge=False)
    table.add_column("benchmark, cell", no_wrap=True)
    for heading in ("ns/point", *(["speed"] if summary.ratio else []), "memory", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for label, results in groupby(summary.results, key=lambda result: result.name.label):
        table.add_section()
        table.add_row(Text(label, "bold"))
        for result in results:
            words = marks(result.report, result.benchmark)
            name = Text.assemble(f"  {result.report.cell}", *((f"\n  {word}", "bold yellow") for word in words))
            table.add_row(name, *map(Text, summary.cells(result)))
    return Group(Fitting(table), *(Text(_line(note)) for note in summary.notes))


def cells_markdown(summary: Summary) -> str:
    """Make the table in Markdown: the caption, a line for each benchmark, and the notes as a list."""
    numbers = [heading for heading in ("ns/point", summary.ratio, "memory", "error") if heading]
    marked = any(marks(one.report, one.benchmark) for one in summary.results)
    headings = ["component", "mix", "domain", "cell", *numbers, *(["marked"] if marked else [])]
    rows = []
    for result in summary.results:
        name = result.name
        words = [", ".join(marks(result.report, result.benchmark))] if marked else []
        row = [name.component, name.mix or "–", name.extent, result.report.cell]
        rows.append([literal(cell) for cell in (*row, *summary.cells(result), *words)])
    table = markdown_table([literal(heading) for heading in headings], rows, right=[literal(one) for one in numbers])
    notes = [f"- {literal(note)}" for note in summary.notes]
    return "\n".join([f"{literal(summary.caption)}.", "", *table, *(["", *notes] if notes else []), ""])


def cells_csv(summary: Summary) -> str:
    """Make the table as CSV, a row for each benchmark, with full precision and the units in the column names."""
    rows = [_record(result, summary.ratios.get(result.benchmark.name)) for result in summary.results]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def _record(result: Result, ratio: Ratio | None) -> dict[str, Any]:
    report, benchmark, name = result.report, result.benchmark, result.name
    machine, measures = report.machine, benchmark.measures
    values = {measure: metric.value for measure, metric in measures.items()} if benchmark.error is None else {}
    words = marks(report, benchmark)
    levels = name.domain[2]
    per_column = None if result.per_point is None else 1e-6 * result.per_point * levels
    return {
        "component": name.component,
        "mix": name.mix,
        "domain": name.extent,
        "points": benchmark.points,
        "cell": report.cell,
        "backend": name.backend,
        "precision": name.precision,
        "device": machine.device or report.device,
        "testbed": machine.testbed,
        "cpu": machine.cpu,
        "threads": report.protocol.threads,
        "profile": report.protocol.profile,
        "weather": "data" if name.is_data else report.protocol.arrangement,
        "clock": benchmark.clock,
        "latency_ns": values.get("latency"),
        "latency_upper_quartile_ns": measures["latency"].upper_value if "latency" in values else None,
        "latency_ns_per_point": result.per_point,
        "latency_ms_per_column": per_column,
        "columns_per_second": None if per_column is None else 1e3 / per_column,
        "reference": ratio.reference if ratio else None,
        "times_faster": ratio.value if ratio else None,
        "times_faster_relative_spread": ratio.spread if ratio else None,
        "peak_memory_bytes": values.get("peak-memory"),
        "normalised_error": measures["accuracy"].value if "accuracy" in measures else None,
        "physics_differs": "physics differs" in words,
        "doubtful_timing": benchmark.marked is not None,
        "busy_machine": benchmark.busy is not None,
        "failure": _line(benchmark.error) if benchmark.error else None,
        "commit": report.commit.hash,
        "uncommitted_changes": report.commit.dirty,
        "created_utc": report.created.isoformat(),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 (text, a number or nothing)
    """Keep a spreadsheet from reading text as a formula, and write booleans in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r\n") else value
