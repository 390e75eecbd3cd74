"""The page of the local history: complete, self-contained, and safe with any name."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.history.checks import check
from ice3_bench.history.series import collect
from ice3_bench.history.store import History
from ice3_bench.measures import MEASURES
from ice3_bench.report import Commit, FieldError, Metric
from ice3_bench.show.page import Latest, page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

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


def written(history: History, settings: Settings) -> tuple[str, Outline]:
    with history:
        series = collect(history, None, settings.bencher.base_branch, measures=list(settings.history.thresholds))
        latest = [Latest(report, check(report, history, settings)) for report in history.latest_of_each()]
    text = page(series, latest, settings.history.thresholds, datetime(2026, 5, 4, 12, 30, tzinfo=UTC))
    outline = Outline()
    outline.feed(text)
    return text, outline


def figures(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', text, flags=re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


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
    assert "between 4200000000 and 5200000000" in seen
    assert re.search(r"latency \+\d+\.\d % \(1\.00 ms to 1\.10 ms; statistic \d+, needed 17\)", seen)
    plots = [attributes["id"] for tag, attributes in outline.elements if attributes.get("class") == "plot"]
    assert plots == list(figures(text)) == ["plot0", "plot1", "plot2"]


def test_the_page_needs_no_network(history: History, settings: Settings) -> None:
    _, outline = written(history, settings)
    for tag, attributes in outline.elements:
        assert not attributes.keys() & {"src", "srcset"}, tag
        assert tag not in ("link", "iframe", "object", "embed")
        assert (attributes.get("href") or "#").startswith("#")
    policy = next(attributes["content"] for tag, attributes in outline.elements if "http-equiv" in attributes)
    assert "default-src 'none'" in (policy or "")
    assert max(map(len, outline.scripts)) > 1_000_000  # Plotly


def test_a_plot_has_values_band_limits_levels_and_the_change(history: History, settings: Settings) -> None:
    text, _ = written(history, settings)
    figure = figures(text)["plot0"]
    by_fill = [trace for trace in figure["data"] if trace.get("fill") == "tonexty"]
    assert len(by_fill) == 1
    limits = [trace for trace in figure["data"] if trace["line"].get("dash") == "dot"]
    assert len(limits) == 1
    drawn = [value for value in limits[0]["y"] if value is not None]
    assert len(drawn) == 40 - 10  # the first ten runs have too little history
    (values,) = (trace for trace in figure["data"] if "text" in trace)
    assert len(values["y"]) == 40
    assert values["y"][0] == pytest.approx(0.996, abs=0.01)
    assert "laptop" in values["text"][0]
    assert "0000000000" in values["text"][0]
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [25.5]
    (note,) = figure["layout"]["annotations"]
    assert re.fullmatch(r"\+(9\.9|10\.\d) %", note["text"])


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
    text, outline = written(history, settings)
    assert not any(tag == "img" for tag, _ in outline.elements)
    assert sum(tag == "script" for tag, _ in outline.elements) == 3
    assert HOSTILE in " ".join(outline.text)
    hovers = [hover for figure in figures(text).values() for trace in figure["data"] for hover in trace.get("text", [])]
    assert hovers
    assert not any("<img" in hover or "</script" in hover for hover in hovers)


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
    text = page(series, latest, settings.history.thresholds, datetime(2026, 5, 4, tzinfo=UTC))
    assert list(figures(text)) == ["plot0"]


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
    (values,) = (trace for trace in figures(text)["plot0"]["data"] if "text" in trace)
    assert values["marker"]["symbol"][-2:] == ["circle", "circle-open"]
    assert "timing doubtful" in values["text"][-1]
