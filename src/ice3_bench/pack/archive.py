"""Making the archive: the files as they are, the packages of each environment, and what is compiled already."""

from __future__ import annotations

import shutil
import sysconfig
import tarfile
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell import passes
from ice3_bench.cell.machine import describe_commit
from ice3_bench.cell.options import Options
from ice3_bench.cell.session import prepare
from ice3_bench.compare.revisions import copy_files
from ice3_bench.errors import UsageError
from ice3_bench.pack.manifest import HARNESS, NAME, PROJECT, SITES, STENCILS, Manifest, Site
from ice3_bench.pack.sites import copy_environment, copy_harness, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ice3_bench.cell.environment import Environment
    from ice3_bench.settings.matrix import Cell, Settings

MOST_BYTES = 64 * 2**20
"""Size up to which an archive is easily carried."""


@dataclass(frozen=True)
class Packed:
    """An archive that was made.

    Attributes
    ----------
    remarks
        What its user should know.
    """

    path: Path
    bytes: int
    cells: tuple[str, ...]
    remarks: tuple[str, ...]


def make_archive(
    project: Path,
    cells: Sequence[Cell],
    settings: Settings,
    output: Path,
    *,
    on_node: Sequence[str] = (),
    compile_here: bool = True,
    notify: Callable[[str], None] = lambda _what: None,
) -> Packed:
    """Pack cells into one archive with a program ``run`` that measures them on a machine without network.

    Parameters
    ----------
    output
        The archive, ``.tar.gz``.
    on_node
        Packages that the machine has: they are left out.
    compile_here
        Compile the CPU cells now, so that a machine of this kind finds them compiled.
    notify
        Called with what is being done.

    Raises
    ------
    BenchError
        If an environment cannot be made, a cell cannot be compiled, or the archive cannot be written.
    """
    without = [normalised(name) for name in on_node]
    remarks = []
    sites: dict[str, Site] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="ice3-bench-pack-") as temporary:
            folder = Path(temporary) / "pack"
            copy_files(project, folder / PROJECT)
            notify("copying the harness")
            copy_harness(folder / HARNESS, without)
            for cell in cells:
                backend = cell.backend
                notify(f"packing {cell.id}")
                place = prepare(project, Path(temporary) / "run", Path(temporary), cell, settings, Options(), notify)
                if backend.id not in sites:
                    sites[backend.id] = Site(packages=place.environment.packages)
                    copy_environment(_site_packages(place.environment), folder / SITES / backend.id, without)
                if backend.device == "gpu":
                    remarks.append(f"{cell.id} will be compiled on the machine: here, that needs a device")
                elif backend.compiler and compile_here:
                    notify(f"compiling {cell.id}")
                    place.folder.mkdir(parents=True, exist_ok=True)
                    passes.compile_stencils(place)
                    shutil.copytree(place.stencils, folder / STENCILS / place.stencils.name, dirs_exist_ok=True)
            commit = describe_commit(project)
            manifest = Manifest(
                commit=f"{commit.hash or 'no commit'}{' and uncommitted changes' if commit.dirty else ''}",
                python=sysconfig.get_python_version(),
                cells=tuple(cell.id for cell in cells),
                sites=sites,
            )
            (folder / NAME).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
            script = resources.files("ice3_bench.pack").joinpath("run.sh").read_text(encoding="utf-8")
            (folder / "run").write_text(script.replace("@PYTHON@", manifest.python), encoding="utf-8")
            (folder / "run").chmod(0o755)
            notify("compressing")
            _compress(folder, output)
    except OSError as error:
        raise UsageError(
            f"The archive {output} cannot be written: {error}. Free space, or name another file with --output."
        ) from error
    size = output.stat().st_size
    if size > MOST_BYTES:
        remarks.append(
            f"the archive has {size / 2**20:.0f} MiB, more than {MOST_BYTES / 2**20:.0f}: --on-node NAME leaves out "
            "packages that the machine has"
        )
    return Packed(output, size, manifest.cells, tuple(remarks))


def _site_packages(environment: Environment) -> Path:
    """Return the folder of an environment's packages."""
    root = environment.python.parents[1]
    found = [*root.glob("lib/python3.*/site-packages"), *root.glob("Lib/site-packages")]
    if not found:
        raise UsageError(f"The environment at {root} has no packages: remove it, and the next session makes it again.")
    return found[0]


def _compress(folder: Path, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.part")
    try:
        with tarfile.open(temporary, "w:gz", compresslevel=6) as archive:
            archive.add(folder, arcname="ice3-bench-pack")
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
