"""The local history as one self-contained HTML page: the latest results, the changes of level, a plot of every series.

Plotly and its JavaScript are in the page, so it opens without a network. A plot is drawn when it is scrolled to. Every
name comes from a report and is escaped: by Jinja in the page, and in the plots' data, whose text Plotly reads as HTML.
"""

from __future__ import annotations

import html
import json
import statistics
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from plotly import graph_objects as go
from plotly.offline import get_plotlyjs

from ice3_bench.history.thresholds import boundary, selected
from ice3_bench.measures import MEASURES, written
from ice3_bench.show.remarks import marks, remarks
from ice3_bench.text import changed, count, duration, short, suited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ice3_bench.history.checks import Check
    from ice3_bench.history.series import Series
    from ice3_bench.report import Benchmark, Report
    from ice3_bench.settings.policy import Threshold

BLUE, RED, GREEN, GREY = "#3b7dd8", "#d9483b", "#2f9e62", "#8a8f98"
TICKS = 3


@dataclass(frozen=True)
class Latest:
    """The last report of a cell and its checks."""

    report: Report
    checks: Sequence[Check]


def page(series: Sequence[Series], latest: Sequence[Latest], thresholds: Mapping[str, Threshold], now: datetime) -> str:
    """Return the page.

    Parameters
    ----------
    series
        Series of one branch, sorted by benchmark.
    latest
        The last report of each cell.
    thresholds
        The policy whose limits are drawn into the plots.
    now
        The time that the page states.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        resources.files("ice3_bench.show").joinpath("page.html").read_text(encoding="utf-8")
    )
    groups: dict[str, list[dict[str, Any]]] = {}
    for number, one in enumerate(series):
        plot = {"id": f"plot{number}", "measure": one.key.measure, "verdict": one.verdict()}
        groups.setdefault(f"{one.key.benchmark} on {one.latest.machine.testbed}", []).append(plot)
    figures = {f"plot{number}": _figure(one, thresholds.get(one.key.measure)) for number, one in enumerate(series)}
    return template.render(
        branch=series[0].branch,
        now=f"{now:%Y-%m-%d %H:%M}",
        cells=[_cell(one) for one in latest],
        changes=_changes(series),
        groups=groups,
        figures=_for_script(figures),
        plotly=get_plotlyjs().replace("</script", "<\\/script"),
    )


def _for_script(figures: dict[str, Any]) -> str:
    """Write JSON that can stand in a script element."""
    return (
        json.dumps(figures, separators=(",", ":"))
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
    )


def _cell(latest: Latest) -> dict[str, Any]:
    report = latest.report
    return {
        "cell": report.cell,
        "testbed": report.machine.testbed,
        "machine": f"{report.machine.cpu}, {report.machine.device or f'{report.machine.cores} cores'}",
        "threads": f"{count(report.protocol.threads, 'thread')}, {report.protocol.weather}",
        "commit": short(report.commit.hash) + (" with uncommitted changes" if report.commit.dirty else ""),
        "branch": report.commit.branch or "no branch",
        "created": f"{report.created:%Y-%m-%d %H:%M}",
        "rows": [_row(report, one, [c for c in latest.checks if c.benchmark == one.name]) for one in report.benchmarks],
        "remarks": remarks(report),
        "beyond": [f"{c.label} {c.measure}: {c.reason}" for c in latest.checks if c.violation],
    }


def _row(report: Report, benchmark: Benchmark, checks: Sequence[Check]) -> dict[str, Any]:
    measures = benchmark.measures
    made = sum(check.verdict != "unchecked" for check in checks)
    beyond = [check.measure for check in checks if check.violation]
    latency = measures.get("latency")

    def shown(measure: str) -> str:
        absent = "not checked" if measure == "accuracy" else "–"
        return written(measure, measures[measure].value) if measure in measures else absent

    return {
        "label": benchmark.label,
        "error": benchmark.error,
        "marks": ", ".join(marks(report, benchmark)),
        "values": {
            "latency": shown("latency"),
            "wall": duration(statistics.median(benchmark.rounds.wall_ns)) if benchmark.rounds else "–",
            "per point": f"{latency.value / benchmark.points:.2f} ns" if latency else "–",
            **{MEASURES[name].label: shown(name) for name in ("bandwidth", "peak-memory", "accuracy")},
        },
        "beyond": beyond,
        "history": "✗ " + ", ".join(beyond) if beyond else f"✓ {made} of {len(checks)}" if made else "not checked",
        "reasons": "\n".join(f"{check.measure}: {check.reason}" for check in checks),
    }


def _changes(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Group the changes of level by the commits that they lie between, newest first."""
    found: dict[str, dict[str, Any]] = {}
    for one in series:
        for point in one.detection.changes:
            group = found.setdefault(
                one.where(point), {"where": one.where(point), "at": one.points[point.index].created, "lines": []}
            )
            group["lines"].append({"text": one.sentence(point), "worse": one.worse(point)})
    return sorted(found.values(), key=lambda group: group["at"], reverse=True)


def _scale(one: Series) -> tuple[float, str]:
    """Return the size of the unit that suits a series, and the label of the axis."""
    measure = MEASURES[one.key.measure]
    scale = suited(measure.scales, statistics.median(one.values))
    return scale.size, measure.axis or scale.unit


def _limits(one: Series, model: Threshold) -> tuple[list[float | None], list[float | None]]:
    """Lower and upper limit of every run, each computed from the runs before it."""
    lower: list[float | None] = []
    upper: list[float | None] = []
    before: list[tuple[datetime, float]] = []  # newest first
    for point in one.points:
        drawn = boundary(model, selected(model, before, point.created))
        lower.append(drawn.lower)
        upper.append(drawn.upper)
        if point.trusted:
            before.insert(0, (point.created, point.metric.value))
    return lower, upper


def _figure(one: Series, model: Threshold | None) -> dict[str, Any]:
    """Make the plot of a series; colours that depend on light or dark are the page's."""
    scale, unit = _scale(one)
    runs_in_all = len(one.points)
    runs = list(range(1, runs_in_all + 1))
    figure = go.Figure()

    def scaled(values: Sequence[float | None]) -> list[float | None]:
        return [None if value is None else value / scale for value in values]

    highs = [point.metric.upper_value for point in one.points]
    lows = [point.metric.lower_value for point in one.points]
    if None not in highs and None not in lows:
        edge = {"width": 0, "color": BLUE}
        figure.add_scatter(x=runs, y=scaled(lows), mode="lines", line=edge, hoverinfo="skip")
        figure.add_scatter(
            x=runs,
            y=scaled(highs),
            mode="lines",
            line=edge,
            hoverinfo="skip",
            fill="tonexty",
            fillcolor="rgba(59,125,216,0.18)",
        )
    for limit in _limits(one, model) if model is not None else ():
        if any(value is not None for value in limit):
            line = {"width": 1.3, "color": RED, "dash": "dot", "shape": "hvh"}
            figure.add_scatter(
                x=runs, y=scaled(limit), mode="lines", line=line, hovertemplate="limit %{y:.4g}<extra></extra>"
            )
    figure.add_scatter(
        x=runs,
        y=scaled(one.values),
        mode="lines+markers" if runs_in_all <= 150 else "lines",
        line={"width": 1.2, "color": BLUE},
        marker={
            "size": 5,
            "color": BLUE,
            "symbol": ["circle" if point.trusted else "circle-open" for point in one.points],
        },
        text=[_hover(one, number) for number in range(runs_in_all)],
        hovertemplate="%{text}<extra></extra>",
    )
    edges = [0, *(change.index for change in one.detection.changes), runs_in_all]
    if len(edges) > 2:
        levels = [one.detection.changes[0].before, *(change.after for change in one.detection.changes)]
        for start, end, level in zip(edges, edges[1:], levels, strict=False):
            figure.add_scatter(
                x=[start + 0.5, end + 0.5],
                y=[level / scale] * 2,
                mode="lines",
                line={"width": 2.2, "color": GREY},
                hoverinfo="skip",
            )
    for change in one.detection.changes:
        colour = RED if one.worse(change) else GREEN
        figure.add_vline(x=change.index + 0.5, line={"width": 1.5, "color": colour})
        figure.add_annotation(
            x=change.index + 0.5,
            y=1.0,
            yref="paper",
            yanchor="bottom",
            text=changed(change.relative),
            showarrow=False,
            font={"color": colour, "size": 12},
        )
    ticks = sorted({round(1 + step * (runs_in_all - 1) / (TICKS - 1)) for step in range(TICKS)})
    figure.update_xaxes(
        tickvals=ticks,
        ticktext=[f"{one.points[tick - 1].created:%b} {one.points[tick - 1].created.day}" for tick in ticks],
        ticklabeloverflow="allow",
        range=[0.4, runs_in_all + 0.6],
    )
    figure.update_yaxes(title={"text": unit, "standoff": 8}, exponentformat="e", nticks=5)
    figure.update_layout(
        template="none", showlegend=False, margin={"l": 62, "r": 24, "t": 22, "b": 26}, height=210, hovermode="closest"
    )
    return dict(json.loads(figure.to_json()))


def _hover(one: Series, number: int) -> str:
    point = one.points[number]
    lines = [
        written(one.key.measure, point.metric.value),
        f"{point.created:%Y-%m-%d %H:%M}",
        short(point.commit),
        one.latest.machine.testbed,
        *([] if point.trusted else ["physics differs or timing doubtful"]),
    ]
    return "<br>".join(html.escape(line) for line in lines)
