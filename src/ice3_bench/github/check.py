"""The check on a commit: the verdict on all that was measured of it, and which changed files it may come from.

Nobody knows which line of a port costs the time. Annotations therefore say only what is known: a component of a cell is
slower, and the file is among those that changed in what the cell measures. Where many files changed, none is named.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ice3_bench.compare.result import exit_code
from ice3_bench.compare.verdict import Verdict
from ice3_bench.errors import Exit
from ice3_bench.git import changed_lines
from ice3_bench.show.comparison import comparison_summary
from ice3_bench.text import changed, count

if TYPE_CHECKING:
    from pathlib import Path

    from ice3_bench.compare.result import BenchmarkComparison, Comparison
    from ice3_bench.github.comment import Content
    from ice3_bench.settings.matrix import Backend, Settings

NAME = "ice3-bench"
"""Name of the check, which a branch protection can require."""
UNDECIDED = 4
"""Any code that tells an undecided comparison from the others."""
MOST_FILES = 5
"""Changed files from which on none is annotated."""
LONGEST_TITLE = 250
SETTINGS_FILE = "pyproject.toml"


@dataclass(frozen=True)
class Annotation:
    """A remark on lines of a file, as GitHub takes it."""

    path: str
    start_line: int
    end_line: int
    title: str
    message: str
    annotation_level: Literal["warning"] = "warning"


@dataclass(frozen=True)
class Check:
    """The verdict on a commit."""

    conclusion: Literal["success", "failure", "neutral"]
    """``neutral``: nothing could be decided. It satisfies a branch protection."""
    title: str
    annotations: list[Annotation] = field(default_factory=list)

    def fields(self, commit: str, summary: str, run_url: str | None) -> dict[str, Any]:
        """Return the check as GitHub's interface takes it, on a commit and with a text in Markdown."""
        output = {
            "title": self.title[:LONGEST_TITLE],
            "summary": summary,
            "annotations": [asdict(one) for one in self.annotations],
        }
        details = {} if run_url is None else {"details_url": run_url}
        return {
            "name": NAME,
            "head_sha": commit,
            "status": "completed",
            "conclusion": self.conclusion,
            "output": output,
            **details,
        }


def conclude(content: Content, *, failed: bool = False, annotations: list[Annotation] | None = None) -> Check:
    """Decide on what a comment says.

    Parameters
    ----------
    failed
        Whether a job that measures failed.
    """
    lines, alerts, tested, near = content.lines, content.alerts, content.tested, content.near
    compared = content.comparison
    code = UNDECIDED if compared is None else exit_code(compared, UNDECIDED)
    said = [] if compared is None else [f"against the base: {comparison_summary(compared)}"]
    said += [f"{count(alerts, 'alert')}, {tested} of {count(len(lines), 'value')} tested"] if lines else []
    if near:
        said.append(f"{near} near a limit")
    if failed and not alerts and code != Exit.FAILED:
        said.insert(0, "a job that measures failed")
    title = "; ".join(said) or "nothing was compared or tested"
    if failed or alerts or code == Exit.FAILED:
        return Check("failure", title, annotations or [])
    decided = not content.notes and (code == Exit.OK or (compared is None and tested))
    return Check("success" if decided else "neutral", title)


def annotate(comparison: Comparison, settings: Settings, project: Path) -> list[Annotation]:
    """Annotate the changed files of what became slower, unless they are many or git does not know the commits."""
    slower: dict[str, list[str]] = {}
    files: dict[str, tuple[int, int]] = {}
    for cell in comparison.cells:
        benchmarks = [one for one in cell.benchmarks if one.decision and one.decision.verdict is Verdict.SLOWER]
        if not benchmarks or cell.accuracy_policy == "report":
            continue
        backend = settings.cell_by_id(cell.cell).backend
        found = changed_lines(project, comparison.base.commit, comparison.contender.commit, _measured(backend))
        files |= found if len(found) <= MOST_FILES else {}
        for name in found if len(found) <= MOST_FILES else ():
            where = "the only file" if len(found) == 1 else f"one of the {len(found)} files"
            slower.setdefault(name, []).append(f"{_told(benchmarks)} This is {where} that changed in what it measures.")
    return [
        Annotation(name, *files[name], title="slower than the base", message="\n".join(messages))
        for name, messages in sorted(slower.items())
    ]


def _measured(backend: Backend) -> list[str]:
    """Return the folders and files that decide what a backend measures."""
    return [*backend.pythonpath, *([backend.port] if backend.port_is_file else []), SETTINGS_FILE]


def _told(benchmarks: list[BenchmarkComparison]) -> str:
    told = [f"{one.name} {changed(one.decision.change)}" for one in benchmarks if one.decision]
    return f"Slower: {', '.join(told)}."
