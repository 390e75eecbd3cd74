"""The history as metrics of Prometheus, written by prometheus_client.

The newest value of each series carries no time, as node_exporter's textfile collector and a scrape demand: the time of
the run is a metric of its own. The whole history carries the times of its runs, for ``promtool tsdb create-blocks-from
openmetrics``.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from ice3_bench.export.table import parts
from ice3_bench.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from prometheus_client.core import Metric

    from ice3_bench.export.series import SeriesPoints
    from ice3_bench.export.table import Row
    from ice3_bench.measures import Measure

PREFIX = "ice3_bench"
LABELS = ("component", "backend", "precision", "domain", "mix", "testbed", "branch", "comparability")
"""Labels of each series; ``comparability`` keeps apart what may not be compared, such as other compilers."""
UNITS = {
    "ns": ("seconds", 1e-9),
    "B": ("bytes", 1.0),
    "points/s": ("points_per_second", 1.0),
    "J": ("joules", 1.0),
    "J/Mpoint": ("joules", 1.0),
}
"""Prometheus' base units by ours, and how many of them ours is."""
END = b"# EOF\n"
RUN_TIME = f"{PREFIX}_run_timestamp_seconds"
WORSE = f"{PREFIX}_worse"
RUN_INFO = f"{PREFIX}_run_info"


def _unit(measure: Measure) -> tuple[str, float]:
    fraction = measure.unit == "1" and measure.scales[0].unit == "%"
    return ("ratio", 1.0) if fraction else UNITS.get(measure.unit, ("", 1.0))


def metric_name(measure: Measure) -> str:
    """Return the name of the metric of a measure, with its base unit."""
    return "_".join(filter(None, (PREFIX, measure.name.replace("-", "_"), _unit(measure)[0])))


def _family(measure: Measure) -> GaugeMetricFamily:
    direction = "larger" if measure.larger_is_better else "smaller"
    return GaugeMetricFamily(
        metric_name(measure),
        f"{measure.title} of the newest run: {direction} is better.",
        labels=LABELS,
    )


def _labels(benchmark: str, testbed: str | None, branch: str | None, comparability: str) -> list[str]:
    return [part or "" for part in (*parts(benchmark), testbed, branch, comparability)]


def families(newest: Iterable[Row]) -> Iterator[Metric]:
    """Yield a family for each measure, then the times of the runs, their commits and the verdicts of their checks."""
    rows = sorted(newest, key=lambda row: row.measure)
    for measure, same in groupby(rows, key=lambda row: MEASURES[row.measure]):
        family = _family(measure)
        for row in same:
            family.add_metric(_labels_of(row), row.value * _unit(measure)[1])
        yield family
    last: dict[tuple[str, ...], Row] = {}
    for row in rows:
        labels = tuple(_labels_of(row))
        if labels not in last or last[labels].created < row.created:
            last[labels] = row
    times = GaugeMetricFamily(RUN_TIME, "When the newest run of a benchmark was measured.", labels=LABELS)
    commits = GaugeMetricFamily(
        RUN_INFO, "Commit of the newest run of a benchmark; always 1.", labels=(*LABELS, "commit")
    )
    for labels, row in last.items():
        times.add_metric(labels, row.created.timestamp())
        commits.add_metric((*labels, row.commit or ""), 1.0)
    verdicts = GaugeMetricFamily(
        WORSE,
        "Whether the newest value is beyond its limit for the worse; absent if not checked.",
        labels=(*LABELS, "measure"),
    )
    for row in rows:
        if row.gated and row.verdict != "unchecked":
            verdicts.add_metric((*_labels_of(row), row.measure), float(row.verdict == "worse"))
    yield from (times, commits, verdicts)


def _labels_of(row: Row) -> list[str]:
    return _labels(row.benchmark, row.testbed, row.branch, row.comparability)


class Families(Collector):
    """Families as a collector, which prometheus_client writes."""

    def __init__(self, made: Sequence[Metric]) -> None:
        self._made = made

    def collect(self) -> Sequence[Metric]:
        """Return the families."""
        return self._made


def write_newest(newest: Sequence[Row], stream: BinaryIO) -> int:
    """Write the newest values without times; node_exporter reads this form too. Return their number."""
    stream.write(_text_of(list(families(newest))))
    return len(newest)


def write_history(series: Iterable[SeriesPoints], stream: BinaryIO) -> int:
    """Write all values with their times, the series of a measure together; return their number.

    Values whose time is, in the milliseconds of Prometheus, not after the one before are left out.
    """
    number = 0
    for measure, same in groupby(series, key=lambda one: MEASURES[one.measure]):
        scale = _unit(measure)[1]
        stream.write(_text(_family(measure)))
        for one in same:
            family = _family(measure)
            family.add_metric(_labels(one.benchmark, one.testbed, one.branch, one.comparability), 0.0)
            name = _text(family).splitlines()[-1].rpartition(b" ")[0].decode()
            last = -1
            for milliseconds, value in one.points:
                if milliseconds > last:
                    line = f"{name} {value * scale!r} {milliseconds / 1000:.3f}\n"
                    stream.write(line.encode())
                    number += 1
                    last = milliseconds
    stream.write(END)
    return number


def _text(family: Metric) -> bytes:
    return _text_of([family]).removesuffix(END)


def _text_of(made: Sequence[Metric]) -> bytes:
    return bytes(generate_latest(Families(made)))  # type: ignore[no-untyped-call]
