"""The page of the history in a real browser: what its script draws, tells, compares and filters."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.git import Told
from ice3_bench.history.checks import check
from ice3_bench.history.newest import last_of_each
from ice3_bench.history.series import collect
from ice3_bench.history.store import History
from ice3_bench.report import Commit, Metric
from ice3_bench.show.page.commits import Commits
from ice3_bench.show.page.document import Latest, page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
RUNS = 30
HOSTILE = "<img src=x onerror=document.title='hacked'>"

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no browser: apt-get install chromium")


@pytest.fixture
def page_of(tmp_path: Path, make_report: Callable[..., Report], settings: Settings) -> Callable[..., str]:
    """Make a page of two cells with a step after the twentieth run, and with errors of zero."""
    return partial(_page, tmp_path, make_report, settings)


@pytest.fixture
def text(page_of: Callable[..., str]) -> str:
    """The page of what is watched but the errors."""
    return page_of("latency", "peak-memory")


def _page(tmp_path: Path, make_report: Callable[..., Report], settings: Settings, *measures: str) -> str:
    told = {f"{RUNS - 1:040x}": Told(HOSTILE, "2026-05-03 10:00")}
    with History(tmp_path / "history.db") as history:
        for number in range(RUNS):
            for cell in ("gt_cpu_ifirst", "numpy"):
                value = 1e6 * (1.0 + 0.004 * ((7 * number) % 11 - 5) / 5) * (1.1 if number >= 20 else 1.0)
                created = datetime(2026, 4, 1, tzinfo=UTC) + timedelta(days=number)
                commit = Commit(hash=f"{number:040x}", branch="main")
                report = make_report(value, cell=f"{cell}-float64", created=created, commit=commit)
                report.benchmarks[0].name = f"ice_adjust/{cell}/float64/50x50x60"
                report.benchmarks[0].measures["accuracy"] = Metric(value=0.0)
                history.add(report)
        series = collect(history, None, "main", measures=measures)
        latest = [Latest(one, check(one, history, settings)) for one in history.latest_of_each()]
        commits = Commits("https://example.org/a", told)
        now = datetime(2026, 5, 4, tzinfo=UTC)
        return page(series, last_of_each(history), latest, settings.history.thresholds, commits, now)


def shown(folder: Path, text: str, script: str, *options: str) -> Any:
    """Return what a script finds in the page after all is drawn."""
    asking = f"""<script>
    const asking = setInterval(() => {{
      dispatchEvent(new Event("beforeprint")); // draws all, also what is not seen
      if (!document.querySelector(".plot svg")) return;
      clearInterval(asking);
      document.body.dataset.found = JSON.stringify((() => {{ {script} }})());
    }}, 100);
    </script>"""
    path = folder / "page.html"
    path.write_text(text.replace("</body>", f"{asking}</body>"), encoding="utf-8")
    assert BROWSER is not None
    fixed = ("--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=6000", "--dump-dom")
    command = [
        BROWSER,
        *fixed,
        f"--user-data-dir={folder}/browser",
        *(options or ["--window-size=1280,6000"]),
        path.as_uri(),
    ]
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    answer = re.search(r'data-found="([^"]*)"', done.stdout)
    assert answer is not None, done.stderr[-2000:]
    return json.loads(html.unescape(answer[1]))


def test_every_series_is_drawn_and_can_be_read_by_keyboard(text: str, tmp_path: Path) -> None:
    script = """
    const plot = document.querySelector(".plot"), slider = plot.querySelector("input");
    const read = () => [slider.getAttribute("aria-valuetext"), plot.querySelector(".readout").textContent,
      [...plot.querySelectorAll(".readout a")].map((one) => one.href)];
    const last = read();
    slider.value = 20; slider.dispatchEvent(new Event("input"));
    const details = plot.querySelector("details"); details.open = true; details.dispatchEvent(new Event("toggle"));
    return { last, step: read(), drawn: document.querySelectorAll(".plot svg").length,
      name: slider.getAttribute("aria-label"), rows: plot.querySelectorAll("tbody tr").length,
      parts: ["band", "value", "limit", "run", "level", "step", "cursor"]
        .map((kind) => plot.querySelectorAll("svg ." + kind).length),
      images: document.querySelectorAll("img").length, title: document.title,
      wide: document.documentElement.scrollWidth > innerWidth };
    """
    found = shown(tmp_path, text, script)
    assert found["drawn"] == 4
    assert found["parts"] == [1, 1, 1, RUNS + 1, 2, 1, 2]  # the cursor is a line and a dot
    assert found["name"] == "Run of ice_adjust/gt_cpu_ifirst/float64/50x50x60 latency on laptop"
    assert found["rows"] == RUNS
    assert HOSTILE in found["last"][0]
    assert (found["images"], found["title"]) == (0, "ice3-bench: main")
    value, told, links = found["step"]
    assert re.match(
        r"1\.10 ms, \+\d+\.\d % from the run before, to stay below 1\.\d\d ms, measured 2026-04-21 00:00", value
    )
    assert told.startswith("1.10 ms")
    base = "https://example.org/a"
    assert links == [f"{base}/commit/{20:040x}", f"{base}/compare/{19:040x}...{20:040x}"]
    assert not found["wide"]


def test_no_axis_begins_below_zero(page_of: Callable[..., str], tmp_path: Path) -> None:
    script = """
    const ticks = (plot) => [...plot.querySelectorAll("text")].map((tick) => tick.textContent);
    return [...document.querySelectorAll(".plot svg")].map(ticks);
    """
    axes = shown(tmp_path, page_of("accuracy"), script)
    assert len(axes) == 2
    for axis in axes:
        assert any(re.fullmatch(r"0(\.0+)?", tick) for tick in axis)
        assert not [tick for tick in axis if tick.startswith(("-", "\u2212"))]


def test_two_runs_are_compared_and_the_filter_hides(text: str, tmp_path: Path) -> None:
    script = """
    const every = (selector) => [...document.querySelectorAll(selector)];
    const rows = () => every("#comparison tbody tr").map((row) => [...row.cells].map((cell) => cell.textContent));
    const visible = (selector) => every(selector).filter((one) => one.checkVisibility()).length;
    const first = document.getElementById("first"), before = rows();
    first.selectedIndex = 15; first.dispatchEvent(new Event("change"));
    const after = rows(), all = visible("figure");
    const uncheck = (value) => document.querySelector(`#filter input[value="${value}"]`).click();
    document.getElementById("filter").open = true;
    uncheck("peak-memory"); uncheck("numpy-float64");
    const filtered = document.getElementById("filtered").textContent;
    const one = [visible("figure"), rows().length, visible(".bars tbody tr"), filtered];
    document.getElementById("none").click();
    const none = [visible("figure"), visible("section[data-cell]"), visible(".bars")];
    document.getElementById("all").click();
    return { before, after, all, one, none, again: visible("figure"), choices: first.options.length };
    """
    found = shown(tmp_path, text, script)
    assert (found["choices"], found["all"], found["again"]) == (RUNS, 4, 4)
    assert len(found["before"]) == 4
    row = {one[0]: one[1:] for one in found["after"]}["ice_adjust/numpy/float64/50x50x60 latency on laptop"]
    assert row[:2] == ["1.00 ms", "1.10 ms"]
    assert 9.0 < float(row[2].removesuffix(" %")) < 11.0
    assert found["one"] == [1, 1, 1, "1 of 2 cells, 1 of 2 measures"]
    assert found["none"] == [0, 0, 0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_on_a_phone(text: str, tmp_path: Path, scheme: str) -> None:
    """All text has the contrast that WCAG asks for at level AA, and nothing is wider than the screen."""
    script = """
    const linear = (one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    const light = (colour) => {
      const [red, green, blue] = colour.match(/[0-9.]+/g).map((one) => linear(one / 255));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const back = (element) => {
      const colour = getComputedStyle(element).backgroundColor;
      return colour === "rgba(0, 0, 0, 0)" && element.parentElement ? back(element.parentElement) : colour;
    };
    let worst = 100;
    for (const element of document.querySelectorAll("main *, header *")) {
      if (![...element.childNodes].some((one) => one.nodeType === 3 && one.data.trim())) continue;
      const style = getComputedStyle(element);
      const one = light(element.closest("svg") ? style.fill : style.color), other = light(back(element));
      worst = Math.min(worst, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
    }
    return { worst, dark: light(back(document.body)) < 0.2, wide: document.documentElement.scrollWidth - innerWidth };
    """
    options = ["--window-size=500,9000", f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"]
    found = shown(tmp_path, text, script, *options)
    assert found["dark"] == (scheme == "dark")
    assert found["worst"] >= 4.5
    assert found["wide"] <= 0
