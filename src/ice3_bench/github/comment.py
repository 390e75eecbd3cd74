"""The comment on a pull request and the job summary, in Markdown: one for all testbeds of a commit.

Every name and number from a report goes through ``escape``: reports of forks are written by strangers, and a name could
otherwise mention people, link, or end a table. GitHub looks for mentions after it has decoded the characters, so these
are broken by an invisible one as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ice3_bench.show.comparison import comparison_markdown
from ice3_bench.text import count, duration, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ice3_bench.bencher.answer import Line, Outcome
    from ice3_bench.compare.result import Comparison
    from ice3_bench.settings.policy import BencherPolicy

MARKER = "<!-- ice3-bench:report -->"
"""Hidden first line by which the comment is found again; it holds no time and no commit."""
LIMIT = 65_000
"""GitHub takes 65536 characters; counted in bytes to be safe."""
SUMMARY_LIMIT = 1_000_000
"""GitHub takes 1 MiB from each step."""
GREEN, YELLOW, RED = "🟢", "🟡", "🔴"
"""Within the limits, in the last fifth before one, beyond one."""
SHORT = 15  # rows of a table in the shortened form


@dataclass(frozen=True)
class Content:
    """The content of a comment."""

    commit: str
    policy: BencherPolicy
    outcomes: list[Outcome] = field(default_factory=list)
    comparison: Comparison | None = None
    """What bench-compare found."""
    notes: list[str] = field(default_factory=list)
    run_url: str | None = None

    @property
    def lines(self) -> list[Line]:
        """What Bencher answered on each value."""
        return [line for outcome in self.outcomes for line in outcome.lines]

    @property
    def alerts(self) -> int:
        """How many values are beyond a limit."""
        return sum(outcome.alerts for outcome in self.outcomes)

    @property
    def tested(self) -> int:
        """How many values were tested."""
        return sum(line.tested for line in self.lines)

    @property
    def near(self) -> int:
        """How many values are near a limit."""
        return sum(line.near for line in self.lines)


def escape(text: str) -> str:
    """Make text literal in Markdown and HTML, inside tables too: it mentions, links and refers to nothing."""
    coded = re.sub(r"[^A-Za-z0-9 ,/+%()-]", lambda match: f"&#{ord(match[0])};", " ".join(text.split()))
    return re.sub(r"(&#(?:64|35);|GH-)", r"\1&#8203;", coded, flags=re.IGNORECASE)


def comment(content: Content, limit: int = LIMIT) -> str:
    """Return the comment: in full if it is short enough, then without the list of all values, then shortened."""
    for details, rows, comparison in (
        (True, None, True),
        (False, None, True),
        (False, SHORT, True),
        (False, SHORT, False),
    ):
        text = _render(content, details=details, rows=rows, comparison=comparison)
        if len(text.encode()) <= limit:
            return text
    shortened = text.encode()[: limit - 40].decode(errors="ignore")
    return shortened.rsplit("\n", 1)[0] + "\n\n(shortened)\n"


def _render(content: Content, *, details: bool, rows: int | None, comparison: bool) -> str:
    every = [(outcome, line) for outcome in content.outcomes for line in outcome.lines]
    parts = [MARKER, f"## Benchmarks of {escape(content.commit[:10])}", _headline(content)]
    if content.comparison and comparison:
        parts += ["### Compared with the base on one machine", comparison_markdown(content.comparison, escape).strip()]
    elif content.comparison:
        parts.append("The comparison with the base is too long for a comment: see the job summary.")
    alerts = [(outcome, line) for outcome, line in every if line.alert]
    if alerts:
        parts += ["### Alerts", _table(alerts, rows)]
    near = [(outcome, line) for outcome, line in every if line.near]
    if near:
        parts += ["### Near a limit", _table(near, rows)]
    changed = [
        (outcome, line)
        for outcome, line in every
        if line.measure in ("accuracy", "peak-memory") and not line.alert and not line.near and _differs(line)
    ]
    if changed:
        parts += ["### Memory and accuracy", _table(changed, rows)]
    undecided = [said for outcome in content.outcomes for said in outcome.silences(content.policy)]
    if undecided or content.notes:
        parts += ["### Undecided", "\n".join(f"* {escape(said)}" for said in (*content.notes, *undecided))]
    if details and every:
        parts.append(f"<details><summary>All {len(every)} values</summary>\n\n{_table(every, None)}\n\n</details>")
    links = [f"[{escape(o.testbed)} on Bencher]({o.url})" for o in content.outcomes if o.url and _plain(o.url)]
    if content.run_url and _plain(content.run_url):
        links.append(f"[workflow run]({content.run_url})")
    if links:
        parts.append(" · ".join(links))
    return "\n\n".join(parts) + "\n"


def _headline(content: Content) -> str:
    lines, alerts, tested, near = content.lines, content.alerts, content.tested, content.near
    where = f"on {count(len(content.outcomes), 'testbed')}"
    close = f", {near} near a limit" if near else ""
    if alerts:
        return f"{RED} **{count(alerts, 'alert')}** {where}, {tested} of {count(len(lines), 'value')} tested{close}."
    if not lines:
        return "Nothing was sent to Bencher."
    if not tested:
        return f"**Undecided**: none of {count(len(lines), 'value')} {where} could be tested."
    colour = YELLOW if near else GREEN
    return f"{colour} No alert {where}, {tested} of {count(len(lines), 'value')} tested{close}."


def _table(entries: Iterable[tuple[Outcome, Line]], rows: int | None) -> str:
    listed = list(entries)
    several = len({outcome.testbed for outcome, _ in listed}) > 1
    head = ["benchmark", "measure", "value", "baseline", "change", "limit"]
    table = [["", *(["testbed"] if several else []), *head]]
    table.append([":--" if name in ("", "testbed", "benchmark", "measure") else "--:" for name in table[0]])
    for outcome, line in listed[:rows]:
        limit = line.near_limit
        table.append(
            [
                RED if line.alert else YELLOW if line.near else GREEN if line.tested else "",
                *([escape(outcome.testbed)] if several else []),
                escape(line.benchmark),
                escape(line.measure),
                shown(line.value, line.units),
                "" if line.baseline is None else shown(line.baseline, line.units),
                f"{line.value / line.baseline - 1:+.1%}" if line.baseline else "",
                "" if limit is None else shown(limit, line.units),
            ]
        )
    text = "\n".join(f"| {' | '.join(row)} |" for row in table)
    left = len(listed) - len(table) + 2
    return f"{text}\n\nand {left} more." if left > 0 else text


def shown(value: float, units: str) -> str:
    """Return a value with a unit that a reader can grasp."""
    if units == "nanoseconds (ns)":
        return duration(value)
    if units == "bytes (B)":
        return size(value)
    return f"{value:.4g}"


def _differs(line: Line) -> bool:
    return line.baseline is not None and abs(line.value - line.baseline) > 1e-3 * abs(line.baseline)


def _plain(url: str) -> bool:
    return re.fullmatch(r"https?://[\w./:-]+", url) is not None
