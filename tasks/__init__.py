"""Invoke tasks: thin commands over ice3_bench, used by the nox sessions, by CI and by hand."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.errors import BenchError, Exit
from ice3_bench.history import History
from ice3_bench.matrix import Settings, load_settings
from ice3_bench.passes import REFERENCE_DATA
from ice3_bench.render import make_console, results_table
from ice3_bench.session import run_session, stencil_cache
from ice3_bench.upload import HISTORY, store

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from ice3_bench.report import Report

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Surroundings:
    """Settings of the project and the variables of the environment, read once by each task."""

    settings: Settings
    results: Path

    @classmethod
    def read(cls) -> Surroundings:
        """Read pyproject.toml and the environment."""
        return cls(
            settings=load_settings(PROJECT),
            results=Path(os.environ.get("ICE3_BENCH_RESULTS") or PROJECT / "results").absolute(),
        )


def _explained(body: Callable[..., None]) -> Callable[..., None]:
    """End a task with the message and exit code of the error, not with a traceback."""

    @wraps(body)
    def explained(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        try:
            body(*arguments, **options)
        except BenchError as error:
            raise InvokeExit(f"Error: {error}", code=int(error.code)) from error
        except KeyboardInterrupt as error:
            raise InvokeExit("Interrupted: nothing was stored.", code=int(Exit.INTERRUPTED)) from error

    return explained


@task(
    help={
        "backend": "GT4Py name or id of the backend, such as gt:cpu_ifirst",
        "precision": "float32 or float64",
    }
)
@_explained
def bench(_context: Context, backend: str, precision: str) -> None:
    """Measure one cell: compile, accuracy, timing, memory, upload. Arguments after -- reach pytest."""
    surroundings = Surroundings.read()
    cell = surroundings.settings.cell(backend, precision)
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []  # Invoke's remainder loses quotes
    console = make_console(quiet="--quiet" in arguments)
    report, code = run_session(PROJECT, surroundings.results, cell, surroundings.settings, arguments, console)
    _upload(surroundings, console, [surroundings.results / cell.id / "report.json"])
    _show(surroundings, report, console)
    for benchmark in report.failures:
        print(f"Error: {benchmark.name} failed: {benchmark.error}", file=sys.stderr)
    if report.incomplete:
        print(f"Error: {report.incomplete} The timing is stored.", file=sys.stderr)
    if code is not Exit.OK:
        raise InvokeExit(code=int(code))


@task(help={"report": "store this report file instead of those of all cells", "quiet": "print errors only"})
@_explained
def upload(_context: Context, report: str | None = None, quiet: bool = False) -> None:
    """Store what was measured in the local history, and send it to Bencher when a key is set."""
    _upload(Surroundings.read(), make_console(quiet=quiet), [Path(report)] if report else None)


def _upload(surroundings: Surroundings, console: Console, paths: list[Path] | None = None) -> None:
    """Store and send; the one upload shared by every bench session, bench-upload and CI."""
    stored = store(surroundings.results, paths)
    console.print(
        f"Stored {len(stored.new)} new report{'' if len(stored.new) == 1 else 's'} in "
        f"{surroundings.results / HISTORY} ({len(stored.known)} known already).",
        soft_wrap=True,
    )
    for problem in stored.problems:
        print(f"Error: {problem}", file=sys.stderr)
    if stored.problems:
        raise InvokeExit(code=int(Exit.FAILED))


def _show(surroundings: Surroundings, report: Report, console: Console) -> None:
    """Print the table, what it is compared with, and the commands that look closer."""
    with History(surroundings.results / HISTORY) as history:
        previous, other = history.previous(report), history.latest_other(report)
    console.print(results_table(report, previous))
    if previous:
        revision = (previous.commit.hash or "no commit")[:10]
        console.print(f"Compared with the run of {previous.created:%Y-%m-%d %H:%M} UTC ({revision}).")
    elif other:
        differing = [
            key for key, value in report.comparability_basis.items() if other.comparability_basis[key] != value
        ]
        console.print(
            f"Not compared with the run of {other.created:%Y-%m-%d %H:%M} UTC: it differs in {', '.join(differing)}."
        )
    dumps = [benchmark.memray_dump for benchmark in report.benchmarks if benchmark.memray_dump]
    if dumps:
        python = Path(sys.executable)
        python = python.relative_to(PROJECT) if python.is_relative_to(PROJECT) else python
        console.print(
            f"Memory flamegraph: {python} -m memray flamegraph '{_short(dumps[-1])}'", soft_wrap=True, markup=False
        )
    console.print(f"Report: {_short(str(surroundings.results / report.cell / 'report.json'))}", soft_wrap=True)


def _short(path: str) -> str:
    return os.path.relpath(path)


@task(
    iterable=["file"],
    help={
        "backend": "GT4Py name or id of the backend, such as gt:cpu_ifirst",
        "precision": "float32 or float64",
        "file": "netCDF data set in the reference format; repeatable (default: those of tests/data)",
        "strict": "build without vector mathematics and hold float64 to the specification's 1e-12",
        "json": "print JSON",
    },
)
@_explained
def accuracy(
    _context: Context,
    backend: str,
    precision: str,
    file: list[str] | None = None,
    strict: bool = False,
    json: bool = False,
) -> None:
    """Check the physics against reference data, or against your own dumps of PHYEX."""
    from ice3.accuracy import main  # noqa: PLC0415 (importing GT4Py takes seconds)

    settings = Surroundings.read().settings
    cell = settings.cell(backend, precision)
    profile = "strict" if strict else "production"
    arguments = [f"--backend={cell.backend.name}", f"--precision={precision}", f"--profile={profile}"]
    arguments += [f"--compile-arg={argument}" for argument in settings.compile_args(cell.backend, profile)]
    arguments += [f"--cache={stencil_cache(PROJECT, settings.threads)}"]
    arguments += [f"--file={path}" for path in file or map(str, sorted((PROJECT / REFERENCE_DATA).glob("*.nc")))]
    code = main([*arguments, "--json"] if json else arguments)
    if code:
        raise InvokeExit(code=code)


namespace = Collection(accuracy, bench, upload)
