"""Invoke tasks that look at the local history: its series in the terminal, and all of it as a page."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.tasks import task

from ice3_bench.arguments import Parser
from ice3_bench.bencher.upload import HISTORY
from ice3_bench.commands.common import Surroundings, arguments, explained
from ice3_bench.errors import UsageError
from ice3_bench.files import write_atomically
from ice3_bench.git import commits_told, web_address
from ice3_bench.history.checks import check
from ice3_bench.history.newest import last_of_each
from ice3_bench.history.store import opened
from ice3_bench.measures import MEASURES
from ice3_bench.show.console import make_console
from ice3_bench.show.tables import history_table
from ice3_bench.text import count

if TYPE_CHECKING:
    from ice3_bench.history.series import Series
    from ice3_bench.settings.matrix import Settings


def _parser(session: str, what: str, settings: Settings) -> argparse.ArgumentParser:
    known: list[str] = list(MEASURES)
    watched = [measure for measure in known if measure in settings.history.thresholds] or known
    parser = Parser(prog=f"nox -s {session} --", description=what)
    parser.add_argument("--branch", help="branch whose runs to show (default: the base branch); HEAD: runs on none")
    parser.add_argument(
        "--benchmarks", action="names", nargs="+", default=[], help="only benchmarks whose name contains one of these"
    )
    parser.add_argument(
        "--measures",
        action="names",
        nargs="+",
        default=watched,
        metavar="MEASURE",
        choices=known,
        help=f"of {', '.join(known)} (default: those watched)",
    )
    parser.add_argument(
        "--older", action="store_true", help="also series that ended with other settings, such as a compiler"
    )
    return parser


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s\"'<>]+", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not an address: write https://github.com/OWNER/NAME")
    return text.rstrip("/")


def _collect(surroundings: Surroundings, options: argparse.Namespace) -> list[Series]:
    from ice3_bench.history.series import collect  # noqa: PLC0415 (it needs NumPy, which takes a while to import)

    with opened(surroundings.results / HISTORY) as history:
        found = collect(
            history,
            options.branch,
            surroundings.settings.bencher.base_branch,
            benchmarks=options.benchmarks,
            measures=options.measures,
            older=options.older,
        )
    for said in history.set_aside.values():
        print(f"Warning: {said}", file=sys.stderr)
    return found


@task(name="history")
@explained
def history_task(_context: Context) -> None:
    """Show every series of the local history and where its level changed. Arguments after --: see -- --help."""
    surroundings = Surroundings.read()
    parser = _parser("bench-history", "Show every series and where its level changed.", surroundings.settings)
    parser.add_argument("--changed", action="store_true", help="only series whose level changed")
    parser.add_argument("--json", action="store_true", help="print JSON, with every value")
    options = parser.parse_args(arguments())
    series = _collect(surroundings, options)
    if options.changed:
        series = [one for one in series if one.detection.changes]
    if options.json:
        print(json.dumps([one.as_json() for one in series], indent=1))
    elif series:
        make_console().print(history_table(series))
    else:
        print("No series changed its level.", file=sys.stderr)


@task(name="report")
@explained
def report_task(_context: Context) -> None:
    """Write the local history as one page, results/report.html. Arguments after --: see -- --help."""
    try:
        from ice3_bench.show.page.commits import Commits  # noqa: PLC0415
        from ice3_bench.show.page.document import Latest, page  # noqa: PLC0415 (bench environments have no Jinja)
    except ModuleNotFoundError as error:
        raise UsageError(f"The page needs {error.name}, which is not installed: run nox -s bench-report.") from error
    surroundings = Surroundings.read()
    settings = surroundings.settings
    parser = _parser("bench-report", "Write the local history as one page.", settings)
    parser.add_argument("--output", type=Path, default=surroundings.results / "report.html", help="file to write")
    parser.add_argument(
        "--repository",
        type=_address,
        metavar="URL",
        help="pages of the repository, to link commits to (default: those of the remote origin)",
    )
    options = parser.parse_args(arguments())
    series = _collect(surroundings, options)
    with opened(surroundings.results / HISTORY) as history:
        reports = {report.cell: report for report in reversed(history.latest_of_each())}
        latest = [Latest(reports[cell], check(reports[cell], history, settings)) for cell in sorted(reports)]
        newest = last_of_each(history)
    hashes = {point.commit for one in series for point in one.points} | {
        one.result.report.commit.hash for one in newest
    }
    commits = Commits(
        options.repository or web_address(surroundings.project),
        commits_told(surroundings.project, sorted(filter(None, hashes))),
    )
    text = page(series, newest, latest, settings.history.thresholds, commits, datetime.now(UTC))
    write_atomically(options.output, text)
    print(f"Wrote {os.path.relpath(options.output)}: {count(len(latest), 'cell')}, {len(series)} series.")
