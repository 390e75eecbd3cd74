"""Making the archive: the files as they are, the packages of each environment, and what is compiled already."""

from __future__ import annotations

import platform
import shutil
import sysconfig
import tarfile
import tempfile
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from ice3_bench.cell.cuda import cuda_major
from ice3_bench.cell.machine import PACKED_COMMIT, describe_commit
from ice3_bench.cell.options import Options
from ice3_bench.cell.physics import compile_stencils
from ice3_bench.cell.session import prepare
from ice3_bench.cell.toolchain import stencil_cache
from ice3_bench.compare.revisions import copy_files
from ice3_bench.errors import BenchError, UsageError
from ice3_bench.pack.manifest import HARNESS, NAME, PROJECT, SITES, STENCILS, Manifest, Site
from ice3_bench.pack.sites import UNNEEDED, copy_environment, copy_harness, link_equal_files
from ice3_bench.settings.values import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ice3_bench.cell.environment import Environment
    from ice3_bench.cell.workplace import Workplace
    from ice3_bench.settings.matrix import Backend, Cell, Settings

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
        The archive, ``.tar.gz``. Beside it, a cell that cannot be compiled leaves its log.
    on_node
        Packages that the machine has: they are left out.
    compile_here
        Compile the CPU cells now, so that a machine of this kind finds them compiled.
    notify
        Called with what is being done.

    Raises
    ------
    BenchError
        If a cell cannot be packed or compiled, an environment cannot be made, or the archive cannot be written.
    """
    _require_environments_of_their_own(cells)
    without = [canonicalize_name(name) for name in on_node]
    remarks = []
    sites: dict[str, Site] = {}
    options = Options(threads=settings.threads)  # the session's own: what is compiled must be found by it
    try:
        with tempfile.TemporaryDirectory(prefix="ice3-bench-pack-") as temporary:
            folder = Path(temporary) / "pack"
            copy_files(project, folder / PROJECT)
            notify("copying the harness")
            copy_harness(folder / HARNESS, without)
            for cell in cells:
                backend = cell.backend
                notify(f"packing {cell.id}")
                logs = output.parent / f"{cell.id}-pack"
                place = prepare(project, Path(temporary) / cell.id, logs, cell, settings, options, notify)
                if backend.id not in sites:
                    site = sites[backend.id] = _site(backend, place.environment)
                    copy_environment(_site_packages(place.environment), folder / SITES / backend.id, without)
                    if backend.python is not None:
                        remarks.append(f"{backend.name} needs Python {site.python} on the machine")
                if backend.device == "gpu":
                    remarks.append(f"{cell.id} is compiled on the machine, with its nvcc")
                elif backend.compiler and compile_here:
                    notify(f"compiling {cell.id}")
                    _compile(place, folder / STENCILS, sites[backend.id])
            _describe(project, folder, cells, sites)
            notify("compressing")
            link_equal_files(folder)
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
    return Packed(output, size, tuple(cell.id for cell in cells), tuple(remarks))


def _require_environments_of_their_own(cells: Sequence[Cell]) -> None:
    for cell in cells:
        if cell.backend.python == CURRENT:
            raise UsageError(
                f"Backend '{cell.backend.name}' cannot be packed: it is measured in the harness's own environment "
                f'(python = "{CURRENT}"). Give it requirements and a version of Python in pyproject.toml, or leave '
                "it out of --cells."
            )


def _site(backend: Backend, environment: Environment) -> Site:
    packages = {name: version for name, version in environment.packages.items() if name not in UNNEEDED}
    return Site(
        python=".".join(packages["python"].split(".")[:2]),
        packages=packages,
        cuda=cuda_major() if any("{cuda}" in requirement for requirement in backend.requirements) else None,
    )


def _site_packages(environment: Environment) -> Path:
    """Return the folder of an environment's packages."""
    root = environment.python.parents[1]
    found = [*root.glob("lib/python3.*/site-packages"), *root.glob("Lib/site-packages")]
    if not found:
        raise UsageError(f"The environment at {root} has no packages: remove it, and the next session makes it again.")
    return found[0]


def _compile(place: Workplace, target: Path, site: Site) -> None:
    """Compile a cell, and copy what is compiled to where a session on the machine looks for it.

    Raises
    ------
    BenchError
        If it cannot be compiled; its log is kept.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    try:
        compile_stencils(place)
    except BenchError:
        place.results.mkdir(parents=True, exist_ok=True)
        for log in place.folder.glob("*.log"):
            shutil.copy2(log, place.results / log.name)
        raise
    there = stencil_cache(
        target,
        place.cell,
        place.compile_args,
        place.threads,
        replace(place.environment, packages=site.packages),
        place.project,
    )
    shutil.copytree(place.stencils, there, dirs_exist_ok=True)


def _describe(project: Path, folder: Path, cells: Sequence[Cell], sites: dict[str, Site]) -> None:
    """Write the manifest, the revision and the program ``run``."""
    manifest = Manifest(
        commit=describe_commit(project),
        python=sysconfig.get_python_version(),
        machine=platform.machine(),
        cells=tuple(cell.id for cell in cells),
        sites=sites,
    )
    (folder / NAME).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    (folder / PROJECT / PACKED_COMMIT).write_text(manifest.commit.model_dump_json(), encoding="utf-8")
    script = resources.files("ice3_bench.pack").joinpath("run.sh").read_text(encoding="utf-8")
    run = folder / "run"
    run.write_text(script.replace("@PYTHON@", manifest.python).replace("@MACHINE@", manifest.machine), encoding="utf-8")
    run.chmod(0o755)


def _compress(folder: Path, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.part")
    try:
        with tarfile.open(temporary, "w:gz", compresslevel=6) as archive:
            archive.add(folder, arcname="ice3-bench-pack")
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
