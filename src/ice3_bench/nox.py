"""The nox sessions of any project with a ``[tool.ice3-bench]``: standard library and nox only.

A noxfile needs two lines::

    from ice3_bench.nox import sessions
    sessions()
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import nox

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "ice3-bench"
"""The program of the harness that every session runs."""
PRECISIONS = ("float32", "float64")
"""Precisions of a matrix that names none."""
ID = r"[a-z0-9_]{1,64}"
"""Ids of backends."""
ON = ("--on", "--o")
"""The option that names a cluster, and what argparse takes for it."""
USAGE = 2
"""Exit code of wrong usage, as in ``ice3_bench.errors``."""
PATIENCE = 15.0
"""Seconds that a session has to end after Ctrl-C."""

UPLOAD = "Store what was measured in the local history and send it to Bencher if a key is set."
COMMENT = "Write the job summary, and the comment and check of the pull request (or the note on GitLab)."
GPU = "Measure all GPU cells, then write the table results/gpu.md."
COMPARE = "Compare two revisions on this machine: faster, slower, same or undecided."
BISECT = "Find the first commit that is slower than a good one, with few comparisons."
CALIBRATE = "Prove bench-compare on this machine: false alarms and power, with known slowdowns."
CLUSTER = "Measure cells as jobs of a cluster (SLURM, PBS), one for each, and collect their results."
TABLE = "Show one table of the newest results of all cells on this machine, to publish it."
HISTORY = "Show every series of the local history and where its level changed."
EXPORT = "Give the local history to other programs: tables, Prometheus, github-action-benchmark, PHYEX."
PACK = "Pack cells into one archive that measures them on a machine without network."
REPORT = "Write the local history as one page, results/report.html."
BENCHER = "Manage the Bencher project: nox -s bencher -- check, setup, archive or fork-upload."
PORT = "Begin a port or hold one to the contract: nox -s port -- new or check."


def sessions(pyproject: str = "pyproject.toml") -> None:
    """Define the sessions: one for each cell of the matrix, and those that compare, show and send results.

    Without a matrix there are no cells, but a port can be begun.
    """
    written = nox.project.load_toml(pyproject) if Path(pyproject).exists() else {}
    table = written.get("tool", {}).get("ice3-bench", {})
    harness = str(table.get("harness", PROGRAM))
    for number, backend in enumerate(table.get("backends", [])):
        if lacking := [key for key in ("name", "id") if key not in backend]:
            sys.exit(f"Error: backend {number + 1} of [tool.ice3-bench] in {pyproject} lacks '{lacking[0]}'.")
        if not re.fullmatch(ID, str(backend["id"])):
            sys.exit(
                f"Error: the id '{backend['id']}' of backend {number + 1} of [tool.ice3-bench] in {pyproject} may have "
                "at most 64 lower-case letters, digits and _: it is a part of the sessions' names."
            )
        for precision in table.get("precisions", PRECISIONS):
            _define_cell(harness, backend, precision, table)
    _define("bench-gpu", GPU, _arguments(harness, "gpu"))
    _define("bench-upload", UPLOAD, _options(harness, "upload"))
    _define("bench-comment", COMMENT, _options(harness, "comment"))
    _define_group(harness, "bencher", BENCHER, "check (or setup, archive, fork-upload)")
    _define("bench-cluster", CLUSTER, _arguments(harness, "cluster.submit", extra="cluster"), reuse=True)
    _define("bench-compare", COMPARE, _arguments(harness, "compare"), reuse=True)
    _define("bench-bisect", BISECT, _arguments(harness, "bisect"), reuse=True)
    _define("bench-calibrate", CALIBRATE, _arguments(harness, "calibrate"), reuse=True)
    _define("bench-table", TABLE, _arguments(harness, "table"))
    _define("bench-history", HISTORY, _arguments(harness, "history"))
    _define("bench-report", REPORT, _arguments(harness, "report", extra="report"))
    _define("bench-export", EXPORT, _arguments(harness, "export", extra="export"))
    _define("bench-pack", PACK, _arguments(harness, "pack"))
    _define_group(harness, "port", PORT, "check --backend ID (or new --id ID)")


def end(session: nox.Session, code: int) -> NoReturn:
    """End nox with an exit code of the harness; if other sessions are still to run, fail this one."""
    if len(session._runner.manifest) > 1:  # noqa: SLF001 (nox tells it nowhere else)
        session.error(f"exit code {code}")
    raise SystemExit(code) from None


def run(session: nox.Session, *arguments: str) -> None:
    """Run a command of the harness; end nox with its exit code if that means more than failure."""
    beside = str(Path(sys.executable).parent)  # what was installed with nox, such as uv
    parent = {"ICE3_BENCH_PARENT": str(os.getpid())}  # with which it must end
    path = os.pathsep.join([*(session.bin_paths or ()), os.environ.get("PATH", os.defpath), beside])
    try:
        session.run(PROGRAM, *arguments, env={"PATH": path, **parent}, interrupt_timeout=PATIENCE)
    except nox.command.CommandFailed as failure:
        code = getattr(failure, "return_code", None)
        if code is not None and code > 1:
            end(session, code)
        raise


def _usage() -> Any:  # noqa: ANN401 (a module)
    """Return the module ``usage``, also where the package is not installed beside nox."""
    path = Path(__file__).with_name("usage.py")
    spec = importlib.util.spec_from_file_location("ice3_bench_usage", path)
    assert spec is not None  # noqa: S101 (the file ends with .py)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _asked_for_help() -> bool:
    """Whether the user asks what a session takes: that needs neither an environment nor the harness."""
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return not {"-h", "--help"}.isdisjoint(given)


def _define(
    name: str,
    what: str,
    body: Callable[[nox.Session], None],
    tags: tuple[str, ...] = (),
    *,
    told: str | None = None,
    reuse: bool = False,
) -> None:
    """Define a session.

    Parameters
    ----------
    told
        What it takes, if the user asks for that and it is known here.
    reuse
        Whether to keep its environment, which jobs of a cluster may still need.
    """

    def session(session: nox.Session) -> None:
        body(session)

    def tell(_session: nox.Session) -> None:
        print(told)

    defined = session if told is None else tell
    defined.__doc__ = what
    backend = None if told is None else "none"
    nox.session(name=name, tags=list(tags), default=False, venv_backend=backend, reuse_venv=reuse or None)(defined)


def _define_cell(harness: str, backend: dict[str, Any], precision: str, table: dict[str, Any]) -> None:
    def measure(session: nox.Session) -> None:
        try:
            _parser(table).parse_known_args(session.posargs)
        except argparse.ArgumentError as error:
            print(f"Error: {error} (in the arguments {' '.join(session.posargs)}).", file=sys.stderr)
            end(session, USAGE)
        _install(session, harness)
        options = ["--backend", backend["id"], "--precision", precision]
        run(session, "bench", *options, *(["--", *session.posargs] if session.posargs else []))

    tags = dict.fromkeys(("bench", precision, backend.get("device", "cpu"), *backend.get("tags", ())))
    what = f"Measure {backend['name']} in {precision}: accuracy, time and memory."
    told = _parser(table).format_help() if _asked_for_help() else None
    _define(f"bench-{backend['id']}-{precision}", what, measure, tuple(tags), told=told)


def _parser(table: dict[str, Any]) -> argparse.ArgumentParser:
    """Return the parser of a bench session, with the defaults of the project."""
    defaults = {name: table[name] for name in ("threads", "arrangement") if name in table}
    parser: argparse.ArgumentParser = _usage().bench_parser(**defaults)
    return parser


def _define_group(harness: str, group: str, what: str, usage: str) -> None:
    told = _usage().group_help(group) if _asked_for_help() else None
    _define(group, what, _group(harness, group, usage), told=told)


def _options(harness: str, command: str) -> Callable[[nox.Session], None]:
    """Make a session whose arguments are options of the command."""

    def body(session: nox.Session) -> None:
        _install(session, harness)
        run(session, command, *session.posargs)

    return body


def _arguments(harness: str, command: str, extra: str = "") -> Callable[[nox.Session], None]:
    """Make a session whose arguments reach the command after ``--``."""

    def body(session: nox.Session) -> None:
        on_cluster = any(word.partition("=")[0] in ON for word in session.posargs)
        _install(session, harness, extra or ("cluster" if on_cluster else ""))
        run(session, command, "--", *session.posargs)

    return body


def _group(harness: str, group: str, usage: str) -> Callable[[nox.Session], None]:
    """Make a session whose first argument is a command of a group; the others are its options."""

    def body(session: nox.Session) -> None:
        if not session.posargs:
            session.error(f"Usage: nox -s {group} -- {usage}, then its options.")
        _install(session, harness)
        task, *options = session.posargs
        run(session, f"{group}.{task}", *options)

    return body


def _install(session: nox.Session, harness: str, extra: str = "") -> None:
    """Install the harness, with one of its extras if given; the ports get environments of their own.

    Options such as ``-e`` come first. What follows is one requirement, whatever blanks it has. An environment that nox
    reuses (``-r``) has an editable harness already, unless its project asks for other packages by now.
    """
    options, what = [], harness.strip()
    while what.startswith("-") and len(what.split()) > 1:
        option, what = what.split(maxsplit=1)
        options.append(option)
    what = _with_extra(what, extra) if extra else what
    project = Path(what.partition("[")[0], "pyproject.toml")
    if {"-e", "--editable"}.isdisjoint(options) or not project.is_file() or not session.bin_paths:
        session.install(*options, what)
        return
    mark = Path(session.bin_paths[0]).with_name("installed")
    asked = f"{what}\n{hashlib.sha256(project.read_bytes()).hexdigest()}\n"
    if mark.is_file() and mark.read_text(encoding="utf-8") == asked:
        return
    session.install(*options, what)
    if not session._runner.global_config.no_install:  # noqa: SLF001 (nox tells it nowhere else)
        mark.write_text(asked, encoding="utf-8")


def _with_extra(what: str, extra: str) -> str:
    """Ask for an extra of a requirement: of a name, a folder, or an address, which may follow a name and @."""
    before = what.partition("@")[0]
    if "://" in before:
        return f"ice3-bench[{extra}] @ {what}"
    if "/" in before:
        return f"{what}[{extra}]"
    name, version = re.split(r"(?=[<>=!~;@ ])|$", what, maxsplit=1)
    return f"{name}[{extra}]{version}"


if __name__ == "__main__":
    sys.exit("These are sessions for nox: call sessions() in noxfile.py.")
