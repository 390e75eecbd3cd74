"""What the sessions take after ``--``, and what they say of it, in the standard library only: nox alone can tell it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

ARRANGEMENTS = ("coherent", "shuffled")
"""Those of ``ice3_probe.messages``."""


def bench_parser(
    threads: int = 1,
    arrangement: str = ARRANGEMENTS[0],
    kind: type[argparse.ArgumentParser] = argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Return the parser of a bench session; what it does not know is for pytest.

    Parameters
    ----------
    threads, arrangement
        Defaults, those of pyproject.toml.
    kind
        Class of the parser.
    """
    parser = kind(
        prog="nox -s bench-CELL --",
        epilog="-k ice_adjust and other options reach pytest and pytest-benchmark.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument(
        "--resume", action="store_true", help="leave out cells that have a report of this commit and configuration"
    )
    parser.add_argument("--threads", type=int, default=threads, help="threads that compute (default: %(default)s)")
    parser.add_argument("--device", type=int, help="which GPU, in nvidia-smi's order")
    parser.add_argument("--profile", choices=("production", "strict"), default="production", help="compiler flags")
    parser.add_argument(
        "--domain", action="append", default=[], help="16x16x30, or phyex, instead of the cell's; repeatable"
    )
    parser.add_argument(
        "--components",
        action="extend",
        nargs="+",
        default=[],
        help="ice_adjust ice_adjust:modular instead of the cell's",
    )
    add_arrangement(parser, arrangement)
    add_strict_machine(parser)
    parser.add_argument("--data", action="append", default=[], help="PHYEX's data to time: folder or file; repeatable")
    parser.add_argument("--namelist", help="file with the options of PHYEX's data instead of the one beside them")
    parser.add_argument("--columns", type=int, help="repeat the columns of PHYEX's data until there are so many")
    return parser


def add_arrangement(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option ``--arrangement``, which all commands that time have in common."""
    parser.add_argument(
        "--arrangement",
        choices=ARRANGEMENTS,
        default=default,
        help="columns of the weather: similar ones side by side, or anywhere (default: %(default)s)",
    )


def add_strict_machine(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--strict-machine``, which all commands that time have in common."""
    parser.add_argument(
        "--strict-machine", action="store_true", help="time nothing if the machine is busy, throttled or swapping"
    )


@dataclass(frozen=True)
class Command:
    """A command of a group.

    Attributes
    ----------
    what
        What it does, a sentence.
    options
        What each option is, by its name.
    """

    what: str
    options: dict[str, str]


_TESTBED = {"testbed": "name of the testbed (default: those of the reports in results/, or this machine)"}

BENCHER = {
    "check": Command(
        "Check the connection to Bencher: host, key, project, measures, testbed, thresholds; say how to fix it.",
        _TESTBED,
    ),
    "setup": Command(
        "Create the measures, the base branch, the testbed and the thresholds, unless they exist.",
        {**_TESTBED, "dry-run": "print what would be created"},
    ),
    "archive": Command(
        "Archive the branch of a closed pull request; a protected branch is refused.",
        {"branch": "branch to archive (default: that of the closed pull request)"},
    ),
    "fork-upload": Command(
        "Send the reports that the workflow run of a fork measured, and comment; the event names the commit.",
        {"folder": "folder with the reports of the fork, <cell>/report.json"},
    ),
}
PORT = {
    "new": Command(
        "Write a port file to fill in, its table in pyproject.toml and its test; nothing is overwritten.",
        {
            "id": "id of the new backend: lower-case letters, digits and _",
            "component": "ice_adjust (default), rain_ice, microphysics or a part such as rain_ice:sedimentation",
            "path": "file of the port (default: bench/port_<id>.py)",
        },
    ),
    "check": Command(
        "Hold a port to every rule of the contract on a tiny domain, and say line by line what is wrong.",
        {
            "backend": "name or id of the backend",
            "precision": "float32 or float64 (default: all of pyproject.toml)",
        },
    ),
}
GROUPS = {"bencher": BENCHER, "port": PORT}


def group_help(group: str) -> str:
    """Return what the commands of a group do, and their options."""
    lines = [f"usage: nox -s {group} -- COMMAND [OPTIONS]"]
    for name, command in GROUPS[group].items():
        lines += ["", f"{name}: {command.what}"]
        lines += [f"  --{option:<12} {told}" for option, told in command.options.items()]
    return "\n".join(lines)
