"""Write the Grafana dashboard of the metrics that bench-export gives to Prometheus.

    python -m pip install grafana-foundation-sdk && python grafana/dashboard.py

writes grafana/dashboard.json, to be imported in Grafana (Dashboards, New, Import).
"""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import ScaleDistribution, VizOrientation
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

FILE = Path(__file__).with_suffix(".json")
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
FILTERS = ("component", "backend", "precision", "testbed", "branch")
"""Labels that can be chosen at the top of the dashboard."""
LEGEND = "{{component}} {{mix}} {{domain}} {{backend}} {{precision}}"
REACH = "7d"
"""How old a value may be and still be shown; series of imported histories have one value for each run."""
HALF, WHOLE = 12, 24
"""Widths of panels."""


def newest(metric: str, back: str = "") -> str:
    """Return the query of the last value of each chosen series."""
    chosen = ", ".join(f'{label}=~"${label}"' for label in FILTERS)
    return f"last_over_time({metric}{{{chosen}}}[{REACH}]{f' offset {back}' if back else ''})"


def query(expression: str, legend: str = LEGEND) -> prometheus.Dataquery:
    """Return a query over the range of time that is shown."""
    return prometheus.Dataquery().expr(expression).legend_format(legend)


def plot(title: str, metric: str, unit: str, about: str, *, logarithmic: bool = False) -> timeseries.Panel:
    """Return a plot of the history of a measure."""
    panel = timeseries.Panel().title(title).description(about).unit(unit).datasource(SOURCE).height(9).span(HALF)
    if logarithmic:
        panel.scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10))
    return panel.with_target(query(newest(metric)))


def panels() -> list[dashboards.cogbuilder.Builder[dashboards.dashboard.Panel]]:
    """Return the panels: what is looked for first comes first."""
    per_point = f"sort_desc(1 / {newest('ice3_bench_throughput_points_per_second')})"
    latency = "ice3_bench_latency_seconds"
    return [
        bargauge.Panel()
        .title("Time per grid point")
        .description("Newest run of each cell: shorter is better.")
        .datasource(SOURCE)
        .unit("s")
        .orientation(VizOrientation.HORIZONTAL)
        .height(12)
        .span(HALF)
        .with_target(query(per_point).instant()),
        table.Panel()
        .title("Beyond a limit of the history")
        .description("1: the newest value is worse than its limit; 0: it is not.")
        .datasource(SOURCE)
        .height(12)
        .span(HALF)
        .with_target(query(f"sort_desc({newest('ice3_bench_worse')})").instant().format("table")),
        stat.Panel()
        .title("Age of the newest run")
        .datasource(SOURCE)
        .unit("s")
        .height(5)
        .span(WHOLE)
        .with_target(
            query(f"time() - max by (testbed, backend, precision) ({newest('ice3_bench_run_timestamp_seconds')})",
                  "{{testbed}} {{backend}} {{precision}}").instant()
        ),
        plot("Latency", latency, "s", "Shortest time of a call."),
        timeseries.Panel()
        .title("Latency against the week before")
        .description("Relative change: above zero is slower.")
        .datasource(SOURCE)
        .unit("percentunit")
        .height(9)
        .span(HALF)
        .with_target(query(f"{newest(latency)} / {newest(latency, REACH)} - 1")),
        plot("Peak memory", "ice3_bench_peak_memory_bytes", "decbytes", "Peak of the fields and the call."),
        plot("Accuracy", "ice3_bench_accuracy", "none", "Largest normalised error.", logarithmic=True),
        plot("Throughput", "ice3_bench_throughput_points_per_second", "none", "Grid points per second."),
        plot("Memory bandwidth", "ice3_bench_bandwidth_ratio", "percentunit", "Fraction of the STREAM triad."),
    ]  # fmt: skip


def built() -> str:
    """Return the dashboard as JSON."""
    made = (
        dashboards.Dashboard("ICE3 benchmarks")
        .uid("ice3-bench")
        .tags(["ice3-bench"])
        .readonly()
        .time("now-90d", "now")
        .with_variable(dashboards.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for label in FILTERS:
        made.with_variable(
            dashboards.QueryVariable(label)
            .query(f"label_values(ice3_bench_latency_seconds, {label})")
            .datasource(SOURCE)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    for panel in panels():
        made.with_panel(panel)
    return (
        json.dumps(json.loads(JSONEncoder(sort_keys=True, indent=1).encode(made.build())), indent=1, sort_keys=True)
        + "\n"
    )


if __name__ == "__main__":
    FILE.write_text(built(), encoding="utf-8")
