"""Invoke tasks that compare two revisions, and that prove the comparison on this machine."""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from ice3_bench.cell.machine import machine_name
from ice3_bench.compare import instructions
from ice3_bench.compare.calibration import Calibration, place, statements
from ice3_bench.compare.calibration import calibrate as run_trials
from ice3_bench.compare.result import (
    SIDES,
    Case,
    CellComparison,
    Comparison,
    Protocol,
    as_json,
    compare_cell,
    exit_code,
)
from ice3_bench.compare.revisions import WORKTREE, benchmarks, checked_out, default_base, environment, stencils
from ice3_bench.compare.workers import Side
from ice3_bench.errors import Interrupted, UsageError
from ice3_bench.report import write_atomically
from ice3_bench.settings.matrix import load_settings, parse_domain
from ice3_bench.show.tables import calibration_table, comparison_markdown, comparison_table, make_console
from tasks.common import PROJECT, Surroundings, arguments, explained

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.compare.revisions import Revision
    from ice3_bench.settings.matrix import Cell, Settings

ENVIRONMENTS = PROJECT / ".cache" / "environments"
PREPARATION = 30.0
"""Seconds that a cell is thought to take beside its pairs, until one has shown it."""
COMPARED = {"comparison.json": as_json, "comparison.md": comparison_markdown}
"""Files of a comparison, in the results folder."""
UNPROVEN = "how far to trust this on this machine is not known: nox -s bench-calibrate measures it"
COUNTED_DOMAIN = "16x16x60"
"""Largest domain whose instructions are counted; valgrind runs 50 times as long as the processor."""


def _clean_up_when_interrupted() -> None:
    """Let SIGTERM and a lost terminal interrupt as Ctrl-C does, and none interrupt the cleaning up that follows."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, interrupt)


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def _whole(least: int, most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is no whole number from {least} to {most}")
        return int(text)

    return whole


def _parse(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench-compare --", description="Compare two revisions.")
    parser.add_argument(
        "--base", help="revision to compare with, REV... its merge base (default: of the default branch)"
    )
    parser.add_argument("--contender", default=WORKTREE, help=f"revision, or '{WORKTREE}': the files as they are")
    parser.add_argument(
        "--cells", nargs="+", default=["gt_cpu_ifirst-float64"], help="ids, backends, precisions or tags; cpu: all here"
    )
    parser.add_argument("--benchmarks", nargs="+", default=[], help="only benchmarks whose name contains one of these")
    parser.add_argument("--domain", help="domain instead of each backend's compare-domain, such as 100x100x90")
    parser.add_argument("--threads", type=_whole(1, 4096), help="OpenMP threads (default: those of pyproject.toml)")
    parser.add_argument("--budget", type=_positive, default=75.0, help="seconds for each benchmark")
    parser.add_argument("--total", type=_positive, default=1200.0, help="seconds for all; the budgets shrink to fit")
    parser.add_argument("--instructions", action="store_true", help="also count instructions, with valgrind")
    parser.add_argument(
        "--undecided-exit", type=_whole(0, 255), default=0, help="exit code when something is undecided"
    )
    parser.add_argument("--quiet", action="store_true", help="print the table only")
    return parser.parse_args(given)


def _cells(settings: Settings, names: list[str], console_say: Callable[[str], None]) -> list[Cell]:
    """Return the cells to compare; GPU cells cannot be."""
    selected = settings.select(names)
    cells = [cell for cell in selected if cell.backend.device == "cpu"]
    if not cells:
        raise UsageError(
            f"Revisions cannot be compared in cell {selected[0].id}: the clock is CPU time. Compare CPU cells "
            f"(--cells cpu are all of them); nox -s {selected[0].session} measures this one."
        )
    if len(cells) < len(selected):
        console_say(f"{len(selected) - len(cells)} GPU cells are left out: revisions are compared on CPU cells.")
    return cells


def _cases(
    cells: list[Cell], benchmarks: dict[str, list[str]], domain: str | None, wanted: list[str]
) -> dict[str, list[Case]]:
    names = {
        cell.id: [
            f"{component}/{cell.backend.id}/{cell.precision}/{domain or _domain(cell)}{mix}"
            for component, mixes in benchmarks.items()
            for mix in ([f"/{mix}" for mix in mixes] or [""])
        ]
        for cell in cells
    }
    cases = {
        cell: [Case.parse(name) for name in group if not wanted or any(part in name for part in wanted)]
        for cell, group in names.items()
    }
    if not any(cases.values()):
        known = ", ".join(name for group in names.values() for name in group)
        raise UsageError(f"No benchmark contains {' or '.join(wanted)}: there are {known}.")
    return {cell: group for cell, group in cases.items() if group}


def _listed(revisions: dict[str, Revision]) -> tuple[dict[str, list[str]], _UnusableError | None]:
    """Return the benchmarks of either revision, and the error of one whose benchmarks cannot be listed."""
    found: dict[str, list[str]] = {}
    problems = []
    for label, revision in revisions.items():
        try:
            for name, mixes in benchmarks(revision).items():
                found[name] = [*dict.fromkeys([*found.get(name, []), *mixes])]
        except UsageError as error:
            problems.append(_UnusableError(label, str(error)))
    if len(problems) == len(revisions):
        raise problems[-1]
    return found, problems[0] if problems else None


def _domain(cell: Cell) -> str:
    return cell.backend.compare_domain or cell.backend.domains[0]


def _build_options(settings: Settings, cell: Cell, cache: Path, profile: str) -> tuple[str, ...]:
    compile_args = settings.compile_args(settings.backend(cell.backend.name), profile)
    return (
        f"--backend={cell.backend.name}",
        f"--precision={cell.precision}",
        f"--cache={cache}",
        *(f"--compile-arg={argument}" for argument in compile_args),
    )


def _sides(
    revisions: dict[str, Revision], cell: Cell, threads: int, profile: str = "production"
) -> tuple[dict[str, Side], str | None]:
    """Make the sides of a cell, each with its own environment and compiler arguments, and say how they differ."""
    sides, packages = {}, {}
    for label, revision in reversed(revisions.items()):  # where neither can be made, it is the contender's fault
        try:
            settings = load_settings(revision.tree)
            made = environment(revision, settings.backend(cell.backend.name).extra, ENVIRONMENTS, label)
            cache = stencils(PROJECT, revision, made.packages, threads)
            options = _build_options(settings, cell, cache, profile)
        except KeyError as error:
            raise _UnusableError(label, f"its pyproject.toml has no profile {error}") from error
        except UsageError as error:
            raise _UnusableError(label, str(error)) from error
        sides[label] = Side(label, made.python, revision.tree, options, threads)
        packages[label] = made.packages
    base, contender = packages["base"], packages["contender"]
    changed = [
        f"{name} {base.get(name, 'absent')} -> {contender.get(name, 'absent')}"
        for name in {**base, **contender}
        if base.get(name) != contender.get(name)
    ]
    difference = f"the environments differ: {', '.join(changed)} (rm -r {ENVIRONMENTS} has both made anew)"
    return {label: sides[label] for label in revisions}, difference if changed else None


class _UnusableError(UsageError):
    """A revision that cannot be measured in a cell."""

    def __init__(self, side: str, what: str) -> None:
        super().__init__(what)
        self.side = side


@dataclass(frozen=True)
class _Job:
    """What is compared."""

    revisions: dict[str, Revision]
    unusable: _UnusableError | None
    """What is wrong with one of them, if it cannot be measured at all."""
    threads: int
    protocol: Protocol
    family: int
    count: bool
    """Whether instructions are counted."""
    notify: Callable[[str], None]

    def compare(self, cell: Cell, cases: list[Case], share: float) -> CellComparison:
        """Compare a cell; what cannot be measured is said in the result."""
        self.notify(f"environments of {cell.id}")
        try:
            if self.unusable:
                raise self.unusable
            sides, difference = _sides(self.revisions, cell, self.threads)
        except _UnusableError as error:
            lacking = [Comparison(case.name, missing=f"{error.side}: {error}", at_fault=error.side) for case in cases]
            return CellComparison(cell.id, lacking)
        # The total leaves so much for each benchmark; where it binds, there is no patience with the first look.
        budget = min(self.protocol.budget, share)
        protocol = replace(self.protocol, budget=budget, patience=min(self.protocol.patience, share / budget))
        result = compare_cell(cell.id, sides, cases, protocol, self.family, self.notify)
        result.remarks += [difference] if difference else []
        if self.count and "compiled" in cell.backend.tags:
            self._count(cell, cases, result)
        return result

    def _count(self, cell: Cell, cases: list[Case], result: CellComparison) -> None:
        self.notify(f"instructions of {cell.id}")
        try:
            sides, _ = _sides(self.revisions, cell, 1, instructions.PROFILE)
        except _UnusableError as error:
            result.remarks.append(f"instructions cannot be counted, {error.side}: {error}")
            return
        small = parse_domain(COUNTED_DOMAIN)
        counted = [replace(c, domain=min(c.domain, small, key=lambda d: d[0] * d[1] * d[2])) for c in cases]
        with tempfile.TemporaryDirectory(prefix="ice3-bench-") as folder:
            counts, problems = instructions.count(sides, counted, Path(folder))
        result.remarks += problems
        for benchmark in result.benchmarks:
            benchmark.instructions = counts.get(benchmark.name)


@task
@explained
def compare(_context: Context) -> None:
    """Compare two revisions on this machine: faster, slower, same or undecided. Arguments after --: see -- --help."""
    _clean_up_when_interrupted()
    options = _parse(arguments())
    surroundings = Surroundings.read()
    settings = surroundings.settings
    console = make_console(quiet=options.quiet)
    # Those that are decided soon come first, so that the slow ones have what is left of the total.
    cells = sorted(_cells(settings, options.cells, console.print), key=lambda cell: "compiled" not in cell.backend.tags)
    if options.instructions:
        if not any("compiled" in cell.backend.tags for cell in cells):
            raise UsageError("--instructions counts those of compiled cells, such as --cells gt_cpu_ifirst-float64.")
        instructions.require_valgrind()
    for name in COMPARED:  # the last comparison must not be taken for this one
        (surroundings.results / name).unlink(missing_ok=True)
    deadline = time.monotonic() + options.total
    protocol, threads = Protocol(budget=options.budget), options.threads or settings.threads
    known = statements(surroundings.results / "calibrations", machine_name(settings.testbed), _key(protocol))
    said = "; ".join(known if threads == settings.threads else []) or UNPROVEN
    results: list[CellComparison] = []
    with (
        checked_out(PROJECT, options.base or default_base(PROJECT)) as base,
        checked_out(PROJECT, options.contender) as contender,
        console.status("preparing") as status,
    ):
        revisions = dict(zip(SIDES, (base, contender), strict=True))
        found, unusable = _listed(revisions)
        cases = _cases(cells, found, options.domain, options.benchmarks)
        cells = [cell for cell in cells if cell.id in cases]
        left = family = sum(len(group) for group in cases.values())
        job = _Job(revisions, unusable, threads, protocol, family, options.instructions, status.update)
        shown = (results, str(base), str(contender), f"Calibration: {said}.")
        aside = PREPARATION
        for number, cell in enumerate(cells):
            start = time.monotonic()
            for_pairs = deadline - start - aside * (len(cells) - number)
            results.append(job.compare(cell, cases[cell.id], max(for_pairs, 1.0) / left))
            left -= len(cases[cell.id])
            # What a cell takes beside its pairs, as the last one shows: environments, stencils, memory, accuracy.
            aside = time.monotonic() - start - sum(benchmark.seconds for benchmark in results[-1].benchmarks)
            for name, write in COMPARED.items():  # after each cell, so that an interruption loses none
                write_atomically(surroundings.results / name, write(*shown))
    make_console(quiet=False).print(comparison_table(*shown))
    code = exit_code(results, options.undecided_exit)
    if code:
        raise InvokeExit(code=code)


def _key(protocol: Protocol) -> Protocol:
    """Return the procedure as calibrations are kept by: the budget is an allowance, no part of it."""
    return replace(protocol, budget=Protocol().budget)


def _parse_calibration(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench-calibrate --", description="Prove bench-compare here.")
    parser.add_argument("--budget", type=_positive, default=3600.0, help="seconds of trials")
    parser.add_argument(
        "--trials", type=_whole(1, 10**6), default=100, help="trials of each kind, those already stored included"
    )
    parser.add_argument("--fresh", action="store_true", help="start over instead of adding to what is stored")
    parser.add_argument("--cell", default="gt_cpu_ifirst-float64", help="cell of the matrix")
    parser.add_argument("--component", default="ice_adjust", help="what is called")
    parser.add_argument("--domain", help="domain instead of the backend's compare-domain")
    parser.add_argument("--injected", type=_positive, nargs="+", default=[0.02, 0.03], help="known slowdowns")
    options = parser.parse_args(given)
    if len({f"{share:.1%}" for share in options.injected}) < len(options.injected):
        parser.error(f"--injected {options.injected}: slowdowns have to differ by 0.1 % at least")
    return options


@task
@explained
def calibrate(_context: Context) -> None:
    """Measure false alarms and power of bench-compare on this machine. Arguments after --: see -- --help."""
    _clean_up_when_interrupted()
    options = _parse_calibration(arguments())
    surroundings = Surroundings.read()
    settings = surroundings.settings
    (cell,) = _cells(settings, [settings.cell_by_id(options.cell).id], print)
    protocol, machine = Protocol(), machine_name(settings.testbed)
    console = make_console()
    path: Path | None = None
    try:
        with checked_out(PROJECT, WORKTREE) as revision, console.status("calibrating") as status:
            case = _cases([cell], benchmarks(revision), options.domain, [f"{options.component}/"])[cell.id][0]
            path = place(surroundings.results / "calibrations", machine, case.name, protocol)
            known = Calibration.load(path) if path.exists() and not options.fresh else None
            sides, _ = _sides(dict.fromkeys(SIDES, revision), cell, settings.threads)
            result = run_trials(
                sides["base"],
                case,
                known or Calibration(machine, case.name, asdict(protocol), []),
                injected=(0.0, *options.injected),
                budget=options.budget,
                trials=options.trials,
                protocol=protocol,
                store=lambda calibration: write_atomically(path, calibration.as_json()),
                notify=status.update,
            )
    except KeyboardInterrupt:
        kept = f": the trials that were complete are in {path}" if path and path.exists() else ""
        raise Interrupted(f"Interrupted{kept}.") from None
    console.print(calibration_table(result))
    console.print(f"Stored in {path}.", soft_wrap=True)
