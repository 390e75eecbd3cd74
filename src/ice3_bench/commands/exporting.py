"""The command that gives the local history to other programs."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.tasks import task

from ice3_bench.arguments import Parser
from ice3_bench.bencher.upload import HISTORY
from ice3_bench.commands.common import Surroundings, arguments, explained
from ice3_bench.errors import UsageError
from ice3_bench.export.benchmark_action import one_direction, write_benchmark_action
from ice3_bench.export.csv_file import write_csv
from ice3_bench.export.output import STANDARD_OUTPUT, opened
from ice3_bench.export.phyex_perf import write_phyex_perf
from ice3_bench.export.table import Selection, newest, rows
from ice3_bench.history.store import opened as opened_history
from ice3_bench.measures import MEASURES
from ice3_bench.text import count

if TYPE_CHECKING:
    from typing import BinaryIO

    from ice3_bench.history.store import History
    from ice3_bench.settings.matrix import Settings

FORMATS = {
    "csv": "history.csv",
    "parquet": "history.parquet",
    "openmetrics": "ice3_bench.prom",
    "benchmark-action": "benchmark-action.json",
    "phyex-perf": "phyex-perf.txt",
}
"""Formats, and the files in the folder of results that they are written to by default."""


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a date: write 2026-11-30 or 2026-11-30T12:00+01:00"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _parse(given: list[str]) -> argparse.Namespace:
    parser = Parser(prog="nox -s bench-export --", description="Give the local history to others.", exit_on_error=False)
    parser.add_argument("--format", choices=FORMATS, default="csv", help="default: %(default)s")
    parser.add_argument("--since", type=_time, help="only runs since this date, in UTC unless it has a zone")
    parser.add_argument(
        "--cells", action="names", nargs="+", default=[], metavar="CELL", help="only these cells, such as numpy-float64"
    )
    parser.add_argument(
        "--measures",
        action="names",
        nargs="+",
        default=[],
        metavar="MEASURE",
        choices=list(MEASURES),
        help=f"of {', '.join(MEASURES)} (default: all)",
    )
    parser.add_argument("--branch", help="only runs of this branch (default: all)")
    parser.add_argument("--output", help="file to write, - for standard output (default: a file in results/)")
    parser.add_argument(
        "--history", action="store_true", help="openmetrics: all values with their times, not the newest ones"
    )
    parser.add_argument("--serve", type=int, metavar="PORT", help="openmetrics: serve the newest values at /metrics")
    parser.add_argument("--address", default="127.0.0.1", help="with --serve: where to listen (default: %(default)s)")
    try:
        options = parser.parse_args(given)
    except argparse.ArgumentError as error:
        raise UsageError(f"{error}.") from error
    if options.format != "openmetrics" and (options.history or options.serve is not None):
        raise UsageError("--history and --serve belong to --format openmetrics.")
    if options.history and options.serve is not None:
        raise UsageError("--serve serves the newest values: leave out --history.")
    return options


@task(name="export")
@explained
def export_task(_context: Context) -> None:
    """Give the local history to other programs, as a table or as metrics. Arguments after --: see -- --help."""
    options = _parse(arguments())
    surroundings = Surroundings.read()
    path = surroundings.results / HISTORY
    committed = options.format not in ("csv", "parquet")
    measures = one_direction(options.measures) if options.format == "benchmark-action" else options.measures
    selection = Selection(options.since, options.cells, measures, options.branch, committed)
    if options.serve is not None:
        with opened_history(path):  # it must be there
            pass
        _serve(surroundings, selection, options)
        return
    target = options.output or str(surroundings.results / FORMATS[options.format])
    if options.format == "parquet" and target == STANDARD_OUTPUT and sys.stdout.isatty():
        raise UsageError("Parquet is no text for a terminal: name a file with --output, or add > FILE.")
    with opened_history(path) as history, opened(target) as stream:
        number = _write(history, surroundings.settings, selection, options, stream)
    if target != STANDARD_OUTPUT:
        print(f"Wrote {os.path.relpath(target)}: {count(number, 'value')}.")


def _write(
    history: History, settings: Settings, selection: Selection, options: argparse.Namespace, stream: BinaryIO
) -> int:
    """Write the export; return the number of values."""
    match options.format:
        case "csv":
            return write_csv(rows(history, settings, selection), stream)
        case "phyex-perf":
            return write_phyex_perf(rows(history, settings, selection), stream)
        case "benchmark-action":
            return write_benchmark_action(newest(history, settings, selection), stream)
    try:
        if options.format == "parquet":
            from ice3_bench.export.parquet_file import write_parquet  # noqa: PLC0415 (an extra)

            return write_parquet(rows(history, settings, selection), stream)
        from ice3_bench.export.openmetrics import write_history, write_newest  # noqa: PLC0415 (an extra)
        from ice3_bench.export.series import series  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _lacking(error) from error
    if options.history:
        return write_history(series(history, selection), stream)
    return write_newest(newest(history, settings, selection), stream)


def _serve(surroundings: Surroundings, selection: Selection, options: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    try:
        from ice3_bench.export.serving import Newest, serve  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        raise _lacking(error) from error
    values = Newest(surroundings.results / HISTORY, surroundings.settings, selection)
    server, thread = serve(values, options.address, options.serve)
    print(f"Serving http://{options.address}:{server.server_port}/metrics until Ctrl-C.", flush=True)
    try:
        thread.join()
    finally:
        server.shutdown()


def _lacking(error: ModuleNotFoundError) -> UsageError:
    return UsageError(f"This format needs {error.name}, which is not installed: run it by nox -s bench-export.")
