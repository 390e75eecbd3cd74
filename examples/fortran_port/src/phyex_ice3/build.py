"""Compile PHYEX, as it is in a checkout, into one shared library."""

from __future__ import annotations

import fcntl
import graphlib
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phyex_ice3.arguments import require_known_arguments
from phyex_ice3.sources import INCLUDES, SourceError, find_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from phyex_ice3.sources import Source

OWN = Path(__file__).parent / "fortran"
ALWAYS = ("-fPIC", "-cpp", "-ffree-line-length-none", "-w")
DOUBLE = ("-fdefault-real-8", "-fdefault-double-8")
LINK = ("-shared", "-Wl,-z,defs", "-O2", "-fno-fast-math", "-fno-unsafe-math-optimizations")
"""Linked with -Ofast or -ffast-math, a library would round denormal numbers of the whole process to zero."""
EXPANDER = "pyfortool"
"""PHYEX's own tool, which writes the array syntax between its directives as loops."""
DIRECTIVE = b"mnh_expand"
QUOTED_LINES = 8


class BuildError(Exception):
    """PHYEX cannot be compiled; the message has the compiler's."""


@dataclass(frozen=True)
class Library:
    """A compiled PHYEX.

    Attributes
    ----------
    built
        Whether it was compiled just now.
    expanded
        Whether its array syntax was written as loops.
    sources
        Digest of PHYEX's files.
    """

    path: Path
    built: bool
    expanded: bool
    sources: str


def build(checkout: Path, cache: Path, precision: str, flags: Sequence[str]) -> Library:
    """Return the library of a checkout; compile it if the cache does not hold it.

    Parameters
    ----------
    cache
        Folder that keeps libraries. One compiler uses it: another has another folder.
    precision
        ``float32`` or ``float64``.
    flags
        Compiler arguments, besides those that the sources need.

    Raises
    ------
    SourceError
        If the checkout or the cache cannot be used, or no Fortran compiler is found.
    BuildError
        If a file does not compile.
    """
    compiler = find_compiler()
    sources = find_sources(checkout)
    require_known_arguments(checkout)
    expander = Path(sys.executable).with_name(EXPANDER)
    own = sorted(path for path in OWN.iterdir() if path.is_file())
    includes = sorted((checkout / INCLUDES).glob("*.h"))
    theirs = _digest([*includes, *(source.path for source in sources)])
    command = [*compiler, *ALWAYS, *(DOUBLE if precision == "float64" else ()), *flags]
    basis = f"{_digest(own)} {theirs} {shlex.join([*command, *LINK])} {expander.exists()}"
    library = cache / f"phyex-{hashlib.sha256(basis.encode()).hexdigest()[:12]}-{precision}.so"
    try:
        with locked(cache):
            built = not library.exists()
            if built:
                _build(library, compiler, lambda work: _compile_all(work, checkout, sources, expander, command))
    except OSError as error:
        raise SourceError(f"{cache} cannot be written: {error}. Make it writable, or free space.") from error
    return Library(library, built=built, expanded=expander.exists(), sources=theirs)


def _build(library: Path, compiler: Sequence[str], compile_all: Callable[[Path], list[Path]]) -> None:
    """Compile in a folder beside the library, which appears when it is whole."""
    for abandoned in library.parent.glob("phyex-*/"):
        shutil.rmtree(abandoned, ignore_errors=True)  # of a process that was killed
    with tempfile.TemporaryDirectory(dir=library.parent, prefix="phyex-") as folder:
        made = Path(folder, library.name)
        objects = compile_all(Path(folder))
        _run([*compiler, *LINK, "-o", str(made), *map(str, objects)], "the library")
        made.replace(library)


def find_compiler() -> list[str]:
    """Return the Fortran compiler: the variables FC (or gfortran) and FFLAGS; raises SourceError if there is none."""
    command, further = _words("FC") or ["gfortran"], _words("FFLAGS")
    if shutil.which(command[0]) is None:
        raise SourceError(
            f"The Fortran compiler {command[0]} is not on PATH: on Debian, apt-get install gfortran; or name another "
            "one with the variable FC."
        )
    return [*command, *further]


def _words(variable: str) -> list[str]:
    try:
        return shlex.split(os.environ.get(variable, ""))
    except ValueError as error:
        raise SourceError(f"The variable {variable} cannot be read: {error}. Correct its quotation marks.") from error


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _compile_all(
    work: Path, checkout: Path, sources: Sequence[Source], expander: Path, command: list[str]
) -> list[Path]:
    """Compile every file once those are done whose modules it uses, on all processors; return the objects."""
    folders = ["-J", str(work), "-I", str(work), "-I", str(OWN), "-I", str(checkout / INCLUDES)]
    files = {str(source.path): source.path for source in sources} | {"stubs": OWN / "stubs.F90"}
    makers = {module: str(source.path) for source in sources for module in source.modules}
    needs = {
        str(source.path): {"stubs"} | {makers[module] for module in source.used if module in makers}
        for source in sources
    }
    files["wrapper"], needs["wrapper"] = OWN / "wrapper.F90", set(needs)
    order = graphlib.TopologicalSorter(needs)
    order.prepare()
    objects = {name: work / f"{number}.o" for number, name in enumerate(files)}

    def compile_one(name: str) -> None:
        source = _expanded(files[name], work, expander)
        _run([*command, *folders, "-c", str(source), "-o", str(objects[name])], files[name].name)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running: dict[Future[None], str] = {}
        try:
            while order.is_active():
                running.update({pool.submit(compile_one, name): name for name in order.get_ready()})
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    order.done(running.pop(future))
        finally:
            pool.shutdown(cancel_futures=True)
    return list(objects.values())


def _expanded(path: Path, work: Path, expander: Path) -> Path:
    """Return a file with its array syntax written as loops, if it has directives for that and the tool is there."""
    if not expander.exists() or DIRECTIVE not in path.read_bytes().lower():
        return path
    copy = work / path.name
    shutil.copyfile(path, copy)
    _run([str(expander), "--mnhExpand", "--wrapH", str(copy)], f"{path.name} (by {EXPANDER})")
    return copy


def _run(command: list[str], what: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if run.returncode:
        lines = [line.strip() for line in (run.stderr or run.stdout).splitlines() if line.strip()]
        python = lines[:1] == ["Traceback (most recent call last):"]  # its error comes last
        quoted = lines[-QUOTED_LINES:] if python else lines[:QUOTED_LINES]
        raise BuildError(f"PHYEX does not compile: {what}: {' / '.join(quoted) or f'exit code {run.returncode}'}")


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Wait until no other process compiles or times for a cache; make the folder if there is none."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "phyex.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
