"""What the user writes after ``--``: the options of a session, and those that reach pytest."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ice3_bench.cell.passes import STABILISING_FLAGS
from ice3_bench.errors import UsageError
from ice3_bench.names import parse_domain
from ice3_bench.settings.matrix import parse_components
from ice3_probe.messages import ARRANGEMENTS, STANDARD_ARRANGEMENT

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
    domains
        Domains that replace those of the cell; empty: those of the cell.
    device
        Number of the GPU.
    components
        Components that replace those of the cell; empty: those of the cell.
    arrangement
        Where the columns of the weather stand.
    pytest_args
        What reaches pytest.
    """

    quiet: bool = False
    threads: int = 1
    device: int | None = None
    profile: Literal["production", "strict"] = "production"
    domains: tuple[Domain, ...] = ()
    components: tuple[str, ...] = ()
    arrangement: Arrangement = STANDARD_ARRANGEMENT
    pytest_args: tuple[str, ...] = ()


def add_arrangement(parser: argparse.ArgumentParser, settings: Settings) -> None:
    """Add the option ``--arrangement``, which all commands that time have in common."""
    parser.add_argument(
        "--arrangement",
        choices=ARRANGEMENTS,
        default=settings.arrangement,
        help="columns of the weather: similar ones side by side, or anywhere (default: %(default)s)",
    )


def parse_arguments(arguments: Sequence[str], settings: Settings) -> Options:
    """Split what the user wrote after ``--`` into the session's own options and pytest's.

    Raises
    ------
    UsageError
        If an option of the session has a bad value, or an option for pytest is one that only the session may set.
    """
    parser = argparse.ArgumentParser(
        prog="nox -s bench-CELL --",
        epilog="-k ice_adjust and other options reach pytest and pytest-benchmark.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--threads", type=int, default=settings.threads, help="OpenMP threads")
    parser.add_argument("--device", type=int, help="which GPU, in nvidia-smi's order")
    parser.add_argument("--profile", choices=("production", "strict"), default="production", help="compiler flags")
    parser.add_argument("--domain", action="append", default=[], help="16x16x30 instead of the cell's; repeatable")
    parser.add_argument(
        "--components", type=parse_components, default=(), help="ice_adjust,ice_adjust:modular instead of the cell's"
    )
    add_arrangement(parser, settings)
    try:
        given, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise UsageError(f"{error} (in the arguments {' '.join(arguments)}).") from error
    if given.threads < 1:
        raise UsageError(f"--threads {given.threads}: at least one thread is needed.")
    if given.device is not None and given.device < 0:
        raise UsageError(f"--device {given.device}: the first GPU has number 0.")
    for argument in rest:
        if argument.partition("=")[0] in OWN_OPTIONS:
            raise UsageError(
                f"{argument}: the session sets this itself, so that what is stored is what was measured. nox -l lists "
                "the cells; flags and compiler arguments are in [tool.ice3-bench] of pyproject.toml."
            )
    domains = tuple(dict.fromkeys(parse_domain(domain) for domain in given.domain))
    return Options(
        given.quiet,
        given.threads,
        given.device,
        given.profile,
        domains,
        given.components,
        given.arrangement,
        tuple(rest),
    )
