"""Measuring the cells of an unpacked archive, on a machine without network: ``python -m ice3_bench.pack.node FOLDER``.

Each cell is measured as by ``nox -s bench-CELL``, in an environment made of the packages of the archive.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.arguments import Parser
from ice3_bench.cell.cuda import cuda_major
from ice3_bench.cell.environment import adopt_packages
from ice3_bench.errors import BenchError, Exit, UsageError
from ice3_bench.files import write_atomically
from ice3_bench.pack.manifest import HARNESS, PROJECT, SITES, STENCILS, Manifest, read_manifest
from ice3_bench.programs import PARENT, inherited
from ice3_bench.reports import FULL, PARTIAL, load_report
from ice3_bench.settings.matrix import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.pack.manifest import Site
    from ice3_bench.settings.matrix import Cell

RESERVE = 15.0
"""Seconds of the budget that are kept for bringing the results together."""
RESULTS = "results"
"""Folder of the results, here and in ``results.tar.gz``."""
FAILED = "not complete"
"""Start of the state of a cell that cannot be measured, or whose session ended with an error."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not complete yet; write ``results.tar.gz`` and ``summary.txt`` after each cell."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, further = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    parser = Parser(prog="run", description="Measure the cells of this archive, without network.")
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=Path(), help="folder for results.tar.gz and summary.txt")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which no cell is started")
    parser.add_argument("--cells", action="names", nargs="+", help="only these")
    options = parser.parse_args(own)
    try:
        manifest = read_manifest(options.folder)
        return _run(options.folder.resolve(), manifest, options, further)
    except BenchError as error:
        print(f"Error: {error}", file=sys.stderr)
        return int(error.code)
    except KeyboardInterrupt:
        print("Interrupted. What was measured is kept: run it again to go on.", file=sys.stderr)
        return int(Exit.INTERRUPTED)


def _run(folder: Path, manifest: Manifest, options: argparse.Namespace, further: Sequence[str]) -> int:
    start = time.monotonic()
    here = sysconfig.get_python_version()
    if here != manifest.python:
        raise UsageError(f"The packages are for Python {manifest.python}, but this is {here}: set PYTHON to another.")
    project = folder / PROJECT
    settings = load_settings(project)
    cells = [settings.cell_by_id(cell) for cell in options.cells or manifest.cells]
    for cell in cells:
        if cell.id not in manifest.cells:
            raise UsageError(f"The archive does not hold {cell.id}: it holds {', '.join(manifest.cells)}.")
    stencils = project / ".cache" / "stencils"
    if not stencils.exists() and (folder / STENCILS).is_dir():
        shutil.copytree(folder / STENCILS, stencils)
    done: dict[str, str] = {}
    for number, cell in enumerate(cells, start=1):
        left = options.budget - (time.monotonic() - start) - RESERVE
        if _complete(folder, cell):
            done[cell.id] = "complete already"
        elif left <= 0.0:
            done[cell.id] = "not started: the budget is used up"
        else:
            print(f"[{number}/{len(cells)}] {cell.id}", flush=True)
            try:
                done[cell.id] = _measure(folder, manifest.sites[cell.backend.id], cell, further)
            except BenchError as error:  # the other cells can be measured all the same
                print(f"Error: {cell.id}: {error}", file=sys.stderr)
                done[cell.id] = FAILED
            except KeyboardInterrupt:
                _bring_together(folder, manifest, {**done, cell.id: "interrupted"}, options.output)
                raise
        _bring_together(folder, manifest, done, options.output)
    print(_summary(manifest, done), end="")
    print(f"Results: {options.output / 'results.tar.gz'}. At home: tar -xzf results.tar.gz && nox -s bench-upload")
    return int(Exit.FAILED) if any(state.startswith(FAILED) for state in done.values()) else int(Exit.OK)


def _complete(folder: Path, cell: Cell) -> bool:
    """Tell whether a cell was measured completely since the archive was unpacked, with whatever was selected."""
    return any(_whole(folder / RESULTS / cell.id / name) for name in (FULL, PARTIAL))


def _whole(path: Path) -> bool:
    try:
        report = load_report(path)
    except UsageError:
        return False
    return report.incomplete is None and not report.failures


def _measure(folder: Path, site: Site, cell: Cell, further: Sequence[str]) -> str:
    """Run a session; return how it ended.

    Raises
    ------
    UsageError
        If this machine lacks what the archive does not hold.
    """
    backend = cell.backend
    if site.cuda is not None and cuda_major() != site.cuda:
        raise UsageError(
            f"Its packages are for CUDA {site.cuda}, and the version of nvcc here is {cuda_major() or 'unknown'}: "
            "choose the toolkit with CUDA_HOME."
        )
    environments = folder / PROJECT / ".cache" / "environments"
    made = adopt_packages(backend, environments, folder / SITES / backend.id, site.packages)
    others = [
        f"{name} {made.packages[name]} instead of {version}"
        for name, version in sorted(site.packages.items())
        if made.packages[name] != version
    ]
    if others:
        print(f"Note: {cell.id} is measured with other versions than were packed: {', '.join(others)}.", flush=True)
    variables = {name: value for name, value in inherited().items() if not name.startswith("BENCHER_")}
    variables |= {PARENT: str(os.getpid())}
    variables |= {"ICE3_BENCH_RESULTS": str(folder / RESULTS), "PYTHONPATH": str(folder / HARNESS), "NO_COLOR": "1"}
    words = ["bench", "--backend", backend.id, "--precision", cell.precision, "--", *further]
    command = [sys.executable, "-m", "ice3_bench", *words]
    with subprocess.Popen(command, cwd=folder / PROJECT, env=variables) as session:
        try:
            code = session.wait()
        except KeyboardInterrupt:  # it is interrupted too, and stores what it has
            session.wait()
            raise
    return "complete" if code == 0 else f"{FAILED}, exit code {code}"


def _summary(manifest: Manifest, done: dict[str, str]) -> str:
    commit = manifest.commit
    revision = f"{commit.hash or 'unknown'}{' and uncommitted changes' if commit.dirty and commit.hash else ''}"
    lines = [f"{cell:<32} {state}" for cell, state in done.items()]
    return "\n".join([f"Revision {revision}", *lines, ""])


def _bring_together(folder: Path, manifest: Manifest, done: dict[str, str], output: Path) -> None:
    """Write the summary and an archive of the reports and logs, as ``bench-upload`` reads them at home.

    The names in the archive start with ``results/``. The local history is not among them: it would replace that at
    home, which gets the reports instead.
    """
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(output / "summary.txt", _summary(manifest, done))
    temporary = output / ".results.part"
    with tarfile.open(temporary, "w:gz") as archive:
        for cell in done:
            for path in sorted((folder / RESULTS / cell).glob("*")):
                if path.is_file() and path.suffix in (".json", ".log"):
                    archive.add(path, arcname=f"{RESULTS}/{cell}/{path.name}")
    temporary.replace(output / "results.tar.gz")


if __name__ == "__main__":
    sys.exit(main())
