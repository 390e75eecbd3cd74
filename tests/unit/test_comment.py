"""The comment on a pull request: what it says, that nothing in it can act, and that it is never too long."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from ice3_bench.bencher.answer import Line, Outcome
from ice3_bench.bencher.document import PHYSICS_DIFFERS
from ice3_bench.compare.result import BenchmarkComparison, CellComparison, Compared, Comparison
from ice3_bench.compare.verdict import Decision, Verdict
from ice3_bench.github.comment import LIMIT, MARKER, SUMMARY_LIMIT, Content, comment, escape

if TYPE_CHECKING:
    from ice3_bench.settings.matrix import Settings

SLOWER = Decision(Verdict.SLOWER, 0.1, 0.09, 0.11, 1e-4, 0.01, 16, "10 % more CPU time")


def compared(number: int) -> Comparison:
    benchmarks = [
        BenchmarkComparison(
            name=f"ice_adjust/numpy/float64/{i}x50x60",
            component="ice_adjust",
            decision=SLOWER,
            base_ns=1e6,
            contender_ns=1.1e6,
        )
        for i in range(1, number + 1)
    ]
    return Comparison(
        base=Compared(name="main", commit="a" * 40),
        contender=Compared(name="@topic", commit="b" * 40),
        calibration="none",
        cells=[CellComparison(cell="numpy-float64", benchmarks=benchmarks)],
    )


def outcome(lines: list[Line], testbed: str = "node", alerts: int = 0) -> Outcome:
    return Outcome(
        report="r",
        project="ice3",
        public=True,
        branch="topic",
        testbed=testbed,
        console="https://bencher.dev",
        lines=lines,
        alerts=alerts,
    )


def line(name: str = "ice_adjust/numpy/float64/50x50x60", **fields: Any) -> Line:
    values = {"measure": "latency", "units": "nanoseconds (ns)", "value": 2e6, "threshold": True}
    return Line(benchmark=name, **{**values, **fields})


def test_names_cannot_leave_their_cell(settings: Settings) -> None:
    evil = "@everybody | <script> [x](http://evil) `code` *b* _i_ #1 \n\n# h"
    text = comment(
        Content("c" * 40, settings.bencher, [outcome([line(evil, alert="upper", upper_limit=1e6)], evil, alerts=1)])
    )
    body = re.sub(r"&#\d+;", "", text.replace(MARKER, ""))
    assert not re.search(r"@|<script|\]\(http://evil|`|\*b|#1|^# h", body, re.MULTILINE)
    assert escape("a_b") == "a&#95;b"


@given(st.text(max_size=60))
def test_an_escaped_name_is_literal_and_refers_to_nothing(name: str) -> None:
    text = escape(name)
    assert re.fullmatch(r"(?:[A-Za-z0-9 ,/+%()-]|&#\d+;)*", text)
    shown = html.unescape(text)  # GitHub looks for mentions and references in what is shown
    assert not re.search(r"[@#]\w|GH-\d", shown, re.IGNORECASE)
    assert "www." not in text
    if name.isprintable() and "\u200b" not in name:
        assert shown.replace("\u200b", "") == " ".join(name.split())


def test_the_comment_says_what_is_untested_and_what_changed(settings: Settings) -> None:
    memory = line(measure="peak-memory", units="bytes (B)", value=4e7, baseline=3e7, upper_limit=5e7)
    text = comment(
        Content("c" * 40, settings.bencher, [outcome([line(), memory])], compared(1), run_url="https://x/runs/1")
    )
    assert text.startswith(f"{MARKER}\n\n## Benchmarks of cccccccccc\n")
    assert "No alert on 1 testbed, 1 of 2 values tested." in text
    assert "+33.3%" in text
    assert "### Undecided" in text
    assert "| ice&#95;adjust/numpy/float64/1x50x60 | slower |" in text
    assert "https://bencher.dev/perf/ice3" in text


def test_a_comment_stays_within_githubs_limit(settings: Settings) -> None:
    many = [
        line(f"ice_adjust/numpy/float64/{i}x50x60", alert="upper", upper_limit=1e6, baseline=1e6) for i in range(1500)
    ]
    text = comment(Content("c" * 40, settings.bencher, [outcome(many, alerts=1500)]))
    assert len(text.encode()) <= LIMIT
    assert "1500 alerts" in text
    assert "and 1485 more." in text
    long = comment(Content("c" * 40, settings.bencher, [outcome(many, alerts=1500)], comparison=compared(1500)))
    assert len(long.encode()) <= LIMIT
    assert "too long for a comment: see the job summary" in long
    whole = comment(Content("c" * 40, settings.bencher, [outcome(many, alerts=1500)], compared(1500)), SUMMARY_LIMIT)
    assert "ice&#95;adjust/numpy/float64/1500x50x60 | slower" in whole
    assert "more." not in whole
    assert len(whole.encode()) < 2**20


def test_a_comparison_cannot_act_either(settings: Settings) -> None:
    text = comment(Content("c" * 40, settings.bencher, comparison=compared(1)))
    assert "@topic" not in text
    assert "slower" in text


def test_wrong_physics_is_said(settings: Settings) -> None:
    text = comment(Content("c" * 40, settings.bencher, [outcome([line(threshold=False)], "node" + PHYSICS_DIFFERS)]))
    assert "its physics differs" in text
    assert "No threshold" not in text
