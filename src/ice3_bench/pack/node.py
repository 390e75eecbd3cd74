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

from ice3_bench.cell.environment import adopt_packages
from ice3_bench.errors import BenchError, Exit, UsageError
from ice3_bench.pack.manifest import HARNESS, PROJECT, SITES, STENCILS, Manifest, read_manifest
from ice3_bench.report import load_report
from ice3_bench.settings.matrix import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.settings.matrix import Cell

RESERVE = 15.0
"""Seconds of the budget that are reserved for collecting the results."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not complete yet; write ``results.tar.gz`` and ``summary.txt`` after each cell."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, further = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    parser = argparse.ArgumentParser(prog="run", description="Measure the cells of this archive, without network.")
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=Path(), help="folder for results.tar.gz and summary.txt")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which no cell is started")
    parser.add_argument("--cells", nargs="+", help="only these")
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
    stencils = project / ".cache" / "stencils"
    if not stencils.exists() and (folder / STENCILS).is_dir():
        shutil.copytree(folder / STENCILS, stencils)
    done: dict[str, str] = {}
    for number, cell in enumerate(cells, start=1):
        if cell.id not in manifest.cells:
            raise UsageError(f"The archive does not hold {cell.id}: it holds {', '.join(manifest.cells)}.")
        left = options.budget - (time.monotonic() - start) - RESERVE
        if _complete(folder, cell):
            done[cell.id] = "complete already"
        elif left <= 0.0:
            done[cell.id] = "not started: the budget is used up"
        else:
            print(f"[{number}/{len(cells)}] {cell.id}", flush=True)
            site = folder / SITES / cell.backend.id
            adopt_packages(
                cell.backend, project / ".cache" / "environments", site, manifest.sites[cell.backend.id].packages
            )
            code = _measure(folder, cell, further)
            done[cell.id] = "complete" if code == 0 else f"exit code {code}"
        _bring_together(folder, manifest, done, options.output)
    summary = _summary(manifest, done)
    print(summary, end="")
    print(f"Results: {options.output / 'results.tar.gz'}. At home: tar -xzf results.tar.gz && nox -s bench-upload")
    return int(Exit.FAILED) if any(state.startswith("exit code") for state in done.values()) else int(Exit.OK)


def _complete(folder: Path, cell: Cell) -> bool:
    """Tell whether a cell was measured completely since the archive was unpacked."""
    path = folder / "results" / cell.id / "report.json"
    if not path.exists():
        return False
    try:
        report = load_report(path)
    except UsageError:
        return False
    return report.incomplete is None and not report.failures


def _measure(folder: Path, cell: Cell, further: Sequence[str]) -> int:
    """Run a session; return its exit code."""
    environment = {
        **os.environ,
        "ICE3_BENCH_RESULTS": str(folder / "results"),
        "PYTHONPATH": os.pathsep.join([str(folder / HARNESS), str(folder / SITES / cell.backend.id)]),
        "NO_COLOR": "1",
    }
    words = ["bench", "--backend", cell.backend.id, "--precision", cell.precision, "--", *further]
    return subprocess.run(
        [sys.executable, "-m", "ice3_bench", *words], cwd=folder / PROJECT, env=environment, check=False
    ).returncode


def _summary(manifest: Manifest, done: dict[str, str]) -> str:
    lines = [f"{cell:<32} {state}" for cell, state in done.items()]
    return "\n".join([f"Revision {manifest.commit}", *lines, ""])


def _bring_together(folder: Path, manifest: Manifest, done: dict[str, str], output: Path) -> None:
    """Write what there is: reports, logs and the local history."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "summary.txt").write_text(_summary(manifest, done), encoding="utf-8")
    temporary = output / ".results.part"
    with tarfile.open(temporary, "w:gz") as archive:
        for path in sorted((folder / "results").rglob("*")):
            if path.is_file() and path.suffix in (".json", ".log", ".md"):
                archive.add(path, arcname=str(path.relative_to(folder)))
    temporary.replace(output / "results.tar.gz")


if __name__ == "__main__":
    sys.exit(main())
