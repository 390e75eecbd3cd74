"""Invoke tasks that compare two revisions, and that prove the comparison on this machine."""

from __future__ import annotations

import argparse
import sys
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.calibrate import Calibration
from ice3_bench.calibrate import calibrate as run_trials
from ice3_bench.comparison import Case, CellComparison, Protocol, Side, as_json, compare_cell, exit_code
from ice3_bench.errors import UsageError
from ice3_bench.matrix import parse_domain
from ice3_bench.render import calibration_table, comparison_markdown, comparison_table, make_console
from ice3_bench.report import write_atomically
from ice3_bench.revisions import WORKTREE, checked_out, default_base, environment
from ice3_bench.session import stencil_cache
from tasks.common import PROJECT, Surroundings, explained

if TYPE_CHECKING:
    from ice3_bench.matrix import Cell, Settings

DOMAIN = "30x30x60"
"""Domain of comparisons: its fields stay in cache, so that other users of the memory disturb little."""
COMPONENTS = {"ice_adjust": ("",), "rain_ice": ("/rich", "/typical"), "microphysics": ("/rich", "/typical")}


def _arguments() -> list[str]:
    """Return what the user wrote after ``--``."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench-compare --", description="Compare two revisions.")
    parser.add_argument("--base", help="revision to compare with (default: the merge base with the default branch)")
    parser.add_argument("--contender", default=WORKTREE, help=f"revision, or '{WORKTREE}': the files as they are")
    parser.add_argument("--cells", nargs="+", default=["gt_cpu_ifirst-float64"], help="cells of the matrix")
    parser.add_argument("--benchmarks", nargs="+", default=[], help="only benchmarks whose name contains one of these")
    parser.add_argument("--domain", help=f"domain instead of {DOMAIN}, such as 100x100x90")
    parser.add_argument("--budget", type=float, default=75.0, help="seconds for each benchmark")
    parser.add_argument("--undecided-exit", type=int, default=0, help="exit code when something stays undecided")
    parser.add_argument("--quiet", action="store_true", help="print the table only")
    return parser.parse_args(arguments)


def _cell(settings: Settings, name: str) -> Cell:
    """Find a cell whose revisions can be compared; raises UsageError for those of a GPU, and if there is none."""
    cell = settings.cell_by_id(name)
    if cell.backend.device == "gpu":
        raise UsageError(
            f"Revisions cannot be compared in cell {name}: workers measure CPU time. Measure both with "
            f"nox -s {cell.session}, which compares with the last run."
        )
    return cell


def _cases(cells: list[Cell], options: argparse.Namespace) -> dict[str, list[Case]]:
    cases: dict[str, list[Case]] = {}
    for cell in cells:
        domain = options.domain or _domain(cell)
        names = [
            f"{component}/{cell.backend.id}/{cell.precision}/{domain}{mix}"
            for component, mixes in COMPONENTS.items()
            for mix in mixes
        ]
        wanted = [name for name in names if not options.benchmarks or any(part in name for part in options.benchmarks)]
        cases[cell.id] = [Case.parse(name) for name in wanted]
    if not any(cases.values()):
        raise UsageError(f"No benchmark contains {' or '.join(options.benchmarks)}: there are {', '.join(names)}.")
    return cases


def _domain(cell: Cell) -> str:
    """Return the domain of comparisons, or the cell's own where that is smaller."""
    return min(DOMAIN, cell.backend.domains[0], key=lambda domain: prod(parse_domain(domain)))


def _build_options(settings: Settings, cell: Cell) -> list[str]:
    arguments = settings.compile_args(cell.backend, "production")
    return [
        f"--backend={cell.backend.name}",
        f"--precision={cell.precision}",
        f"--cache={stencil_cache(PROJECT, settings.threads)}",
        *(f"--compile-arg={argument}" for argument in arguments),
    ]


@task
@explained
def compare(_context: Context) -> None:
    """Compare two revisions on this machine: faster, slower, same or undecided. Arguments after --: see -- --help."""
    options = _parse(_arguments())
    surroundings = Surroundings.read()
    settings = surroundings.settings
    cells = [_cell(settings, name) for name in options.cells]
    cases = _cases(cells, options)
    protocol = Protocol(budget=options.budget)
    console = make_console(quiet=options.quiet)
    base_name = options.base or default_base(PROJECT)
    family = sum(len(group) for group in cases.values())
    results: list[CellComparison] = []
    environments = PROJECT / ".cache" / "environments"
    with (
        checked_out(PROJECT, base_name) as base,
        checked_out(PROJECT, options.contender) as contender,
        console.status("preparing") as status,
    ):
        for cell in cells:
            status.update(f"environments of {cell.id}")
            sides = {
                label: Side(label, environment(revision, cell.backend.extra, environments, label), revision.tree)
                for label, revision in (("base", base), ("contender", contender))
            }
            results.append(
                compare_cell(
                    cell,
                    sides,
                    cases[cell.id],
                    _build_options(settings, cell),
                    settings.threads,
                    protocol,
                    family,
                    status.update,
                )
            )
        names = (f"{base.name} ({base.commit[:12]})", f"{contender.name} ({contender.commit[:12]})")
    write_atomically(surroundings.results / "comparison.json", as_json(results, *names))
    write_atomically(surroundings.results / "comparison.md", comparison_markdown(results, *names))
    make_console(quiet=False).print(comparison_table(results, *names))
    code = exit_code(results, options.undecided_exit)
    if code:
        raise InvokeExit(code=code)


def _parse_calibration(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench-calibrate --", description="Prove bench-compare here.")
    parser.add_argument("--budget", type=float, default=1800.0, help="seconds of trials")
    parser.add_argument("--cell", default="gt_cpu_ifirst-float64", help="cell of the matrix")
    parser.add_argument("--component", default="ice_adjust", choices=list(COMPONENTS), help="what is called")
    parser.add_argument("--domain", help=f"domain instead of {DOMAIN}")
    parser.add_argument("--injected", type=float, nargs="+", default=[0.02, 0.03], help="known slowdowns")
    return parser.parse_args(arguments)


@task
@explained
def calibrate(_context: Context) -> None:
    """Measure false alarms and power of bench-compare on this machine. Arguments after --: see -- --help."""
    options = _parse_calibration(_arguments())
    surroundings = Surroundings.read()
    settings = surroundings.settings
    cell = _cell(settings, options.cell)
    domain = options.domain or _domain(cell)
    mix = COMPONENTS[options.component][0]
    case = Case.parse(f"{options.component}/{cell.backend.id}/{cell.precision}/{domain}{mix}")
    path = surroundings.results / "calibration.json"
    console = make_console()
    with console.status("calibrating") as status:

        def store(calibration: Calibration) -> None:
            write_atomically(path, calibration.as_json())
            status.update(f"{len(calibration.trials[0].verdicts)} trials of each kind")

        result = run_trials(
            Side("project", Path(sys.executable), PROJECT),
            case,
            _build_options(settings, cell),
            settings.threads,
            injected=(0.0, *options.injected),
            budget=options.budget,
            protocol=Protocol(),
            store=store,
        )
    console.print(calibration_table(result))
    console.print(f"Stored in {path}.", soft_wrap=True)
