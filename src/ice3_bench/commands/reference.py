"""The task that makes a reference data set with the Fortran."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING

from invoke.context import Context  # noqa: TC002 (Invoke looks at the annotation)
from invoke.tasks import task

from ice3_bench.cell.options import Options
from ice3_bench.cell.passes import make_reference
from ice3_bench.cell.session import own_folder, prepare
from ice3_bench.cell.toolchain import fortran_version
from ice3_bench.commands.common import Surroundings, explained
from ice3_bench.errors import UsageError
from ice3_bench.git import run_git
from ice3_bench.show.console import make_console, working
from ice3_bench.text import count
from ice3_probe.messages import COMPONENTS, Recipe, Started

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.settings.matrix import Settings
    from ice3_probe.messages import Message


@task(
    name="make",
    positional=[],
    iterable=["option"],
    help={
        "phyex": "checkout of PHYEX (default: the variable PHYEX_DIR, or 'phyex' in pyproject.toml)",
        "component": "ice_adjust, rain_ice or microphysics",
        "out": "netCDF file to be written",
        "inputs": "take inputs and options from this data set, such as a dump of yours",
        "situation": "mild, stress, ground, thin, vapour, melting, limits or nuclei (default: mild)",
        "shape": "columns x levels (default: 16x60)",
        "seed": "of the weather and of the noise (default: 1)",
        "timestep": "seconds (default: 50)",
        "option": "option of PHYEX that differs, such as CFRAC_ICE_ADJUST=T; repeatable",
        "ties": "why rounding decides more than 1 % of the cells; otherwise that is an error",
        "backend": "id of the backend that is the Fortran (default: 'reference' in pyproject.toml)",
    },
)
@explained
def make_task(
    _context: Context,
    component: str,
    out: str,
    phyex: str = "",
    inputs: str = "",
    situation: str = "mild",
    shape: str = "16x60",
    seed: int = 1,
    timestep: float = 50.0,
    option: list[str] | None = None,
    ties: str = "",
    backend: str = "",
) -> None:
    """Make a reference data set: what PHYEX computes in both precisions, and which cells rounding decides."""
    surroundings = Surroundings.read()
    settings = surroundings.settings
    columns, levels = parse_shape(shape)
    recipe = Recipe(
        component=component,
        path=str(Path(out).absolute()),
        inputs=str(Path(inputs).absolute()) if inputs else "",
        situation=situation,
        columns=columns,
        levels=levels,
        seed=seed,
        timestep=float(timestep),
        options=parse_options(option or []),
        ties=ties,
        phyex=str(Path(phyex).expanduser().resolve()) if phyex else "",
        provenance=provenance(phyex or os.environ.get("PHYEX_DIR") or settings.phyex or ""),
    )
    recipe = replace(recipe, command=command_of(recipe))
    if component not in COMPONENTS:
        raise UsageError(f"There is no component '{component}': there are {', '.join(COMPONENTS)}.")
    cell = settings.cell(backend or _reference(settings), "float64")
    results = surroundings.results / cell.id
    console = make_console()
    with own_folder(results, cell) as folder, working(console, "making the environment") as show:
        options = Options(threads=settings.threads, profile="strict")
        take = _Shown(show).take
        place = prepare(surroundings.project, folder, results, cell, settings, options, show, take)
        made = make_reference(place, recipe)
    cells = made.columns * made.levels
    console.print(
        f"{os.path.relpath(made.path)}: {count(made.columns, 'column')} of {count(made.levels, 'level')}. "
        f"Rounding decides {made.masked} of {cells} cells in float64, {made.masked_single} in float32.",
        markup=False,
        soft_wrap=True,
    )


def parse_shape(text: str) -> tuple[int, int]:
    """Read a shape written as ``16x60``; raises UsageError if it is not one."""
    numbers = text.split("x")
    if len(numbers) != 2 or not all(one.isascii() and one.isdigit() and int(one) > 0 for one in numbers):
        raise UsageError(f"--shape {text}: write columns and levels as in 16x60.")
    return int(numbers[0]), int(numbers[1])


def parse_options(given: list[str]) -> dict[str, str]:
    """Read options written as ``NAME=VALUE``; raises UsageError if one is not."""
    found = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator or not name or not value:
            raise UsageError(f"--option {one}: write NAME=VALUE, such as CFRAC_ICE_ADJUST=T.")
        found[name.upper()] = value
    return found


def provenance(checkout: str) -> str:
    """Say which PHYEX and which compiler make the data, as far as that is known."""
    commit = ""
    with suppress(OSError, TimeoutExpired):
        folder = Path(checkout).expanduser()
        described = run_git(folder, "describe", "--always", "--dirty", "--tags", timeout=20)
        inside = run_git(folder, "rev-parse", "--show-prefix", timeout=20)
        if described.returncode == 0 and not inside.stdout.strip():
            commit = os.fsdecode(described.stdout).strip()
    return f"PHYEX {commit or 'of a folder without git'}, {fortran_version() or 'an unknown compiler'}"


def command_of(recipe: Recipe) -> str:
    """Write the command that makes the data set again, without the folders of this machine."""
    words = ["invoke", "reference.make", "--phyex", "PHYEX", "--component", recipe.component]
    words += ["--out", Path(recipe.path).name, "--seed", str(recipe.seed)]
    if recipe.inputs:
        words += ["--inputs", Path(recipe.inputs).name]
    else:
        shape = f"{recipe.columns}x{recipe.levels}"
        words += ["--situation", recipe.situation, "--shape", shape, "--timestep", f"{recipe.timestep:g}"]
    for name, value in recipe.options.items():
        words += ["--option", f"{name}={value}"]
    return shlex.join([*words, *(["--ties", recipe.ties] if recipe.ties else [])])


def _reference(settings: Settings) -> str:
    if settings.reference is None:
        raise UsageError("No Fortran is named: write reference = 'ID' in [tool.ice3-bench], or give --backend ID.")
    return settings.reference


@dataclass(frozen=True)
class _Shown:
    """Shows what is being done."""

    show: Callable[[str], None]

    def take(self, message: Message) -> None:
        """Take a message of the pass."""
        if isinstance(message, Started):
            self.show(message.benchmark)
