"""What the user writes after ``--``: the options of a session, and those that reach pytest."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ice3_bench.arguments import Parser
from ice3_bench.cell.passes import STABILISING_FLAGS
from ice3_bench.errors import UsageError
from ice3_bench.names import PRESETS, parse_domain
from ice3_bench.settings.values import parse_components
from ice3_bench.usage import bench_parser
from ice3_probe.messages import STANDARD_ARRANGEMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.names import Domain
    from ice3_bench.settings.matrix import Settings
    from ice3_probe.messages import Arrangement

OWN_OPTIONS = (
    *("--backend", "--precision", "--compile-arg", "--cell", "--job", "--channel", "--isolate", "--leave-out"),
    *("--benchmark-json", "--benchmark-disable", "--benchmark-skip", "--memray", "--memray-bin-path"),
    *("--collect-only", "--co", "-c", "--config-file", "--rootdir", "-n", "--numprocesses"),
    *(flag.partition("=")[0] for flag in STABILISING_FLAGS if "columns" not in flag),
)
"""Options of pytest that only the session may set, so that the report says what was measured."""


@dataclass(frozen=True)
class Options:
    """What the user wrote after ``--``.

    Attributes
    ----------
    resume
        Whether a cell that was measured with this commit and configuration is left out.
    domains
        Domains that replace those of the cell; empty: those of the cell.
    device
        Number of the GPU.
    components
        Components that replace those of the cell; empty: those of the cell.
    arrangement
        Where the columns of the weather stand.
    strict_machine
        Whether anything that disturbs timings is an error.
    data
        Files and folders with data of PHYEX to time instead of the weather.
    namelist
        File with their options; empty: the one beside them.
    columns
        Columns to repeat them to; None: those that they have.
    pytest_args
        What reaches pytest.
    """

    quiet: bool = False
    resume: bool = False
    threads: int = 1
    device: int | None = None
    profile: Literal["production", "strict"] = "production"
    domains: tuple[Domain, ...] = ()
    components: tuple[str, ...] = ()
    arrangement: Arrangement = STANDARD_ARRANGEMENT
    strict_machine: bool = False
    data: tuple[str, ...] = ()
    namelist: str = ""
    columns: int | None = None
    pytest_args: tuple[str, ...] = ()

    @property
    def selective(self) -> bool:
        """Whether something else than all benchmarks of the cell may be measured."""
        selecting = [one for one in self.pytest_args if not one.startswith("--benchmark-")]
        return bool(self.domains or self.components or self.data or selecting)


def parse_arguments(arguments: Sequence[str], settings: Settings) -> Options:
    """Split what the user wrote after ``--`` into the session's own options and pytest's.

    Raises
    ------
    UsageError
        If an option of the session has a bad value, or an option for pytest is one that only the session may set.
    """
    parser = bench_parser(settings.threads, settings.arrangement, Parser)
    try:
        given, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise UsageError(f"{error} (in the arguments {' '.join(arguments)}).") from error
    if given.threads < 1:
        raise UsageError(f"--threads {given.threads}: at least one thread is needed.")
    if given.device is not None and given.device < 0:
        raise UsageError(f"--device {given.device}: the first GPU has number 0.")
    _require_data(given)
    _require_once(rest)
    for argument in rest:
        if argument.partition("=")[0] in OWN_OPTIONS:
            raise UsageError(
                f"{argument}: the session sets this itself, so that what is stored is what was measured. nox -l lists "
                "the cells; flags and compiler arguments are in [tool.ice3-bench] of pyproject.toml."
            )
    domains = tuple(dict.fromkeys(parse_domain(domain) for domain in given.domain))
    return Options(
        given.quiet,
        given.resume,
        given.threads,
        given.device,
        given.profile,
        domains,
        parse_components(*given.components),
        given.arrangement,
        given.strict_machine,
        tuple(str(Path(one).absolute()) for one in given.data),
        str(Path(given.namelist).absolute()) if given.namelist else "",
        given.columns,
        tuple(rest),
    )


def _require_once(rest: Sequence[str]) -> None:
    """Raise UsageError if an option of pytest is given twice of which it would take the last."""
    names = Counter(argument.partition("=")[0] for argument in rest)
    for name, times in names.items():
        if times > 1 and (name in ("-k", "-m") or name.startswith("--benchmark-")):
            raise UsageError(f"{name} is given twice, and pytest takes the last one only. Write -k 'a or b' for both.")


def _require_data(given: argparse.Namespace) -> None:
    """Raise UsageError if the options that belong to PHYEX's data do not fit together."""
    if given.columns is not None and given.columns < 1:
        raise UsageError(f"--columns {given.columns}: at least one column is needed.")
    if not given.data and (given.namelist or given.columns):
        raise UsageError("--namelist and --columns belong to data of PHYEX: name them with --data FOLDER.")
    if given.data and [one for one in given.domain if one not in PRESETS]:
        raise UsageError("PHYEX's data have a size of their own: use --columns, or --domain phyex, with --data.")
    if given.data and given.domain and given.columns:
        raise UsageError("--domain phyex has a number of columns: leave --columns out.")
