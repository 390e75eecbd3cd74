"""The page of the local history: complete, self-contained, and safe with any name."""

from __future__ import annotations

import base64
import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.git import Told
from ice3_bench.history.checks import check
from ice3_bench.history.newest import last_of_each
from ice3_bench.history.series import Series, collect
from ice3_bench.history.store import History, Point, SeriesKey
from ice3_bench.measures import MEASURES
from ice3_bench.report import Commit, FieldError, Metric
from ice3_bench.show.page.bars import bars
from ice3_bench.show.page.commits import Commits
from ice3_bench.show.page.curves import compressed, curves
from ice3_bench.show.page.document import Latest, page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

UNKNOWN = Commits()
HOSTILE = "</script><img src=x onerror=alert(1)>'\"&"


class Outline(HTMLParser):
    """Elements, attributes and text of a page, scripts apart."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.text.append(data)


def written(history: History, settings: Settings, commits: Commits = UNKNOWN) -> tuple[str, Outline]:
    with history:
        series = collect(history, None, settings.bencher.base_branch, measures=list(settings.history.thresholds))
        latest = [Latest(report, check(report, history, settings)) for report in history.latest_of_each()]
        newest = last_of_each(history)
    now = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
    text = page(series, newest, latest, settings.history.thresholds, commits, now)
    outline = Outline()
    outline.feed(text)
    return text, outline


def drawn(text: str) -> dict[str, Any]:
    """What the script of a page draws."""
    found = re.search(r'<script type="text/plain" id="curves">(.*?)</script>', text, flags=re.DOTALL)
    assert found is not None
    return dict(json.loads(zlib.decompress(base64.b64decode(found[1]))))


@pytest.fixture
def history(tmp_path: Path, make_report: Callable[..., Report]) -> History:
    history = History(tmp_path / "history.db")
    with history:
        for number in range(40):
            wave = 1.0 + 0.004 * ((7 * number) % 11 - 5) / 5
            value = 1e6 * wave * (1.1 if number >= 25 else 1.0)
            history.add(make_report(value, commit=Commit(hash=f"{number:040d}"[::-1], branch="main")))
    return history


def test_the_page_holds_latest_results_changes_and_series(history: History, settings: Settings) -> None:
    text, outline = written(history, settings)
    seen = " ".join(outline.text)
    for told in ("gt_cpu_ifirst-float64", "ice_adjust 50x50x60", "1.10 ms", "36.0 MB", "2026-05-04 12:30", "✓ 3 of 3"):
        assert told in seen
    assert re.search(r"between\s+4200000000\s+and\s+5200000000", seen)
    assert re.search(r"latency \+\d+\.\d % \(1\.00 ms to 1\.10 ms; statistic \d+, needed 17\)", seen)
    plots = [attributes["data-series"] for _, attributes in outline.elements if attributes.get("class") == "plot"]
    assert plots == ["0", "1", "2"]
    assert [one["measure"] for one in drawn(text)["series"]] == ["latency", "peak-memory", "accuracy"]


def test_the_newest_times_are_bars_with_their_change(history: History, make_report: Callable[..., Report]) -> None:
    """A run of another component alone hides neither the newest result of a cell nor what it is compared with."""
    with history:
        parts = [(2.2e6, "rain_ice", "gt_gpu"), (3.3e6, "ice_adjust", "numpy"), (3.63e6, "ice_adjust", "numpy")]
        for latency, component, backend in parts:
            report = make_report(latency, cell=f"{backend}-float64", device="gpu" if backend == "gt_gpu" else "cpu")
            report.benchmarks[0].component = component
            report.benchmarks[0].name = f"{component}/{backend}/float64/50x50x60"
            history.add(report)
        last = last_of_each(history)
    table = bars(last, UNKNOWN)
    assert [one["component"] for one in table] == ["ice_adjust", "rain_ice"]
    first, second = table[0]["tables"][0]["bars"]
    assert (first["cell"], first["time"], first["width"]) == ("gt_cpu_ifirst-float64", "7.36 ns", "30.4")
    assert (second["cell"], second["time"], second["width"]) == ("numpy-float64", "24.2 ns", "100.0")
    assert (second["change"], second["gpu"]) == ({"text": "▲ +10.0 ± 2.8 %", "kind": "bad"}, False)
    assert (table[1]["tables"][0]["bars"][0]["gpu"], table[1]["tables"][0]["bars"][0]["change"]["text"]) == (
        True,
        "first run",
    )
    with history:
        alone = make_report(1e6)
        alone.benchmarks[0].name = "ice_adjust/gt_cpu_ifirst/float64/16x16x30"
        alone.benchmarks[0].domain = (16, 16, 30)
        history.add(alone)
        again = {one.result.benchmark.name: one for one in last_of_each(history)}
        newer = make_report(1.21e6)
        history.add(newer)
        compared = {one.result.benchmark.name: one for one in last_of_each(history)}
    assert again["ice_adjust/gt_cpu_ifirst/float64/50x50x60"].change == last[0].change
    change = compared["ice_adjust/gt_cpu_ifirst/float64/50x50x60"].change
    assert change is not None
    assert change.relative == pytest.approx(0.1, abs=0.01)


def test_conditions_that_all_results_share_are_said_once(
    history: History, make_report: Callable[..., Report], settings: Settings
) -> None:
    _, outline = written(history, settings)
    assert " ".join(outline.text).count("shuffled weather") == 2  # once for all bars, once with all numbers
    with history:
        report = make_report(cell="numpy-float64")
        report.benchmarks[0].name = "ice_adjust/numpy/float64/50x50x60"
        report.protocol.threads = 2
        history.add(report)
        where = [bar["where"] for one in bars(last_of_each(history), UNKNOWN) for bar in one["tables"][0]["bars"]]
    assert sorted(where) == ["1 thread", "2 threads"]


def test_the_page_needs_no_network(history: History, settings: Settings) -> None:
    _, outline = written(history, settings)
    for tag, attributes in outline.elements:
        assert not attributes.keys() & {"src", "srcset"}, tag
        assert tag not in ("link", "iframe", "object", "embed")
        assert (attributes.get("href") or "#").startswith("#")
    policy = next(attributes["content"] for tag, attributes in outline.elements if "http-equiv" in attributes)
    assert "default-src 'none'" in (policy or "")


def test_commits_are_linked_and_told(history: History, settings: Settings) -> None:
    before, after = f"{24:040d}"[::-1], f"{25:040d}"[::-1]
    told = {after: Told("fix: <i>slower</i>", "2026-05-03 10:00")}
    text, outline = written(history, settings, Commits("https://example.org/a/b", told))
    links = [attributes["href"] for tag, attributes in outline.elements if tag == "a"]
    assert f"https://example.org/a/b/commit/{after}" in links
    assert f"https://example.org/a/b/compare/{before}...{after}" in links
    assert "fix: <i>slower</i> (2026-05-03 10:00)" in " ".join(outline.text)
    data = drawn(text)
    assert data["repository"] == "https://example.org/a/b"
    assert data["commits"][25] == [after, "fix: <i>slower</i>", "2026-05-03 10:00"]
    assert data["commits"][24] == [before]


def test_a_curve_has_values_band_limits_levels_and_the_change(history: History, settings: Settings) -> None:
    data = drawn(written(history, settings)[0])
    latency, memory, _ = data["series"]
    assert (latency["size"], latency["axis"], len(latency["values"])) == (1e6, "ms", 40)
    assert latency["values"][0] == pytest.approx(0.996e6, abs=1e4)
    assert latency["low"] is None  # the values themselves
    assert latency["high"] == pytest.approx([1.03 * value for value in latency["values"]], rel=1e-4)
    assert latency["upper"][:10] == [None] * 10  # too little history
    assert all(latency["upper"][10:])
    assert latency["lower"] is None
    ((place, text, worse),) = latency["changes"]
    assert (place, worse) == (25, True)
    assert re.fullmatch(r"\+(9\.9|10\.\d) %", text)
    assert latency["levels"] == pytest.approx([1e6, 1.1e6], rel=0.01)
    assert memory["values"] == [36e6] * 40
    assert memory["runs"] == latency["runs"] == 0
    assert len(data["runs"][0]["times"]) == 40


def test_limits_are_those_of_the_checks(tmp_path: Path, make_report: Callable[..., Report], settings: Settings) -> None:
    history = History(tmp_path / "history.db")
    with history:
        for number in range(14):
            history.add(make_report(1e6 + 1e4 * (number * 7 % 5)))
        report = history.latest_of_each()[0]
        limit = {one.measure: one.boundary.upper for one in check(report, history, settings)}
    data = drawn(written(history, settings)[0])
    for one in data["series"]:
        assert one["upper"][-1] == pytest.approx(limit[one["measure"]], rel=1e-4)


def test_names_from_reports_are_escaped(tmp_path: Path, make_report: Callable[..., Report], settings: Settings) -> None:
    history = History(tmp_path / "hostile.db")
    with history:
        report = make_report(commit=Commit(hash="a" * 40, branch=HOSTILE))
        report.machine.testbed = HOSTILE
        report.machine.cpu = HOSTILE
        report.benchmarks[0].name = "ice_adjust/gt_cpu_ifirst/float64/50x50x60/rich"
        report.benchmarks[0].remarks = [HOSTILE]
        failed = report.benchmarks[0].model_copy(update={"name": report.benchmarks[0].name + "2", "error": HOSTILE})
        report.benchmarks.append(failed)
        history.add(report)
    _, outline = written(history, settings, Commits("https://example.org", {"a" * 40: Told(HOSTILE, HOSTILE)}))
    assert not any(tag == "img" for tag, _ in outline.elements)
    assert sum(tag == "script" for tag, _ in outline.elements) == 2
    assert HOSTILE in " ".join(outline.text)
    assert not any("onerror" in attributes for _, attributes in outline.elements)


@pytest.mark.parametrize("measure", list(MEASURES))
def test_any_measure_can_be_shown_alone(
    tmp_path: Path, make_report: Callable[..., Report], settings: Settings, measure: str
) -> None:
    history = History(tmp_path / "history.db")
    with history:
        for _ in range(2):
            report = make_report()
            report.benchmarks[0].measures[measure] = Metric(value=2.0)
            history.add(report)
        series = collect(history, None, "main", measures=[measure])
        latest = [Latest(one, check(one, history, settings)) for one in history.latest_of_each()]
        newest = last_of_each(history)
    text = page(series, newest, latest, settings.history.thresholds, UNKNOWN, datetime(2026, 5, 4, tzinfo=UTC))
    assert list(drawn(text)["measures"]) == [measure]


def test_what_is_not_to_be_trusted_is_marked(
    history: History, make_report: Callable[..., Report], settings: Settings
) -> None:
    wrong = FieldError(data_set="lite", component="ice_adjust", field="rvs", error=1.0, tolerance=1e-12, passed=False)
    with history:
        history.add(make_report(5e6, accuracy=[wrong], accuracy_policy="report"))
    text, outline = written(history, settings)
    seen = " ".join(outline.text)
    assert "physics differs" in seen
    assert "1 output is out of tolerance" in seen
    assert drawn(text)["series"][0]["doubtful"] == [40]


def test_a_long_history_of_many_series_is_small(make_report: Callable[..., Report], settings: Settings) -> None:
    """Ten cells with fourteen benchmarks each have 140 latencies, and the page must stay below 5 MB."""
    random, start = Random(3), datetime(2024, 1, 1, tzinfo=UTC)  # noqa: S311 (no secret)
    made = []
    for number in range(5):
        points = []
        for run in range(1500):
            value = 1e6 * random.gauss(1.0, 0.02)
            metric = Metric(value=value, lower_value=value, upper_value=value * random.uniform(1.01, 1.05))
            points.append(Point(start + timedelta(hours=run, minutes=number), f"{run:040x}", metric))
        key = SeriesKey(f"ice_adjust/a{number}/float64/50x50x60", "latency", "a")
        made.append(Series(key, "main", make_report(), points))
    size = len(compressed(curves(made, settings.history.thresholds, {}, None)))
    assert 140 / 5 * size < 4e6
