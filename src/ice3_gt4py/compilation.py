"""How a stencil is built: all that the matrix says about a backend, in one value, and the call of GT4Py."""

from __future__ import annotations

import fcntl
import gc
import hashlib
import json
import shlex
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ice3_gt4py.dependencies import used_externals
from ice3_gt4py.toolchain import import_gt4py, import_only_for, require_compiler, require_gpu
from ice3_probe.contract import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import DTypeLike

    from ice3_probe.contract import Cell, Pieces

PRECISIONS = ("float32", "float64")
CPP = Path(__file__).parent / "cpp"
"""C++ of the port: headers that compiler arguments may name, and what ``extension`` compiles."""
CHOICES: dict[str, tuple[str, ...]] = {
    "layout": ("native", "i-first"),
    "loops": ("by-point", "branch-free"),
    "tables": ("global", "columns"),
    "compiler": ("cxx", "nvcc"),
}
"""Settings of a backend with few values; the first is the default, except for the compiler, which has none."""
SETTINGS = ("backend", *CHOICES, "row", "compile-args")
CALLING_THREAD = "-DICE3_CALLING_THREAD"
"""What makes a stencil compute in the thread that calls it; the header ``ice3_bindings.hpp`` reads it."""
ROW = 256
"""Default of the setting ``row``."""


class CompilationError(RuntimeError):
    """A stencil could not be built; the message names the stencil, the backend and the remedy."""


class SettingsError(Unavailable):
    """The settings of a backend are wrong; the message names the key and the table of pyproject.toml."""


class NotCachedError(RuntimeError):
    """A stencil is not in the cache, and the build forbids compiling."""


@dataclass(frozen=True)
class Build:
    """What the stencils of a component are built with.

    On a GPU, a call returns when its kernels are issued: the caller synchronises when it needs the result.

    Attributes
    ----------
    backend
        GT4Py's name of the backend.
    precision
        ``"float32"`` or ``"float64"``: type of all fields, scalars and literals.
    on_device
        Whether fields live in GPU memory.
    layout
        ``"i-first"``: columns follow each other in memory, fields begin with a cache line, and a call treats the
        horizontal plane as one row. This suits a backend that computes vectors of neighbouring columns.
        ``"native"``: GT4Py's layout of the backend.
    loops
        ``"branch-free"``: RainIce evaluates all processes in loops that vectorise. ``"by-point"``: it takes every point
        through its substeps alone.
    tables
        ``"global"``: stencils read lookup tables as global tables. ``"columns"``: as columns of a field.
    row
        Packed points that lie side by side: what a branch-free stencil works on at a time. Few keep its temporaries in
        cache; Python stencils want many.
    compiler
        ``"cxx"`` or ``"nvcc"``; ``None`` if the stencils are Python.
    compile_args
        Arguments added to those of the compiler.
    threads
        Threads that compute: OpenMP's share a stencil; where points are packed, Python's take stencils side by side.
    cache
        Folder of the compiled stencils; ``None`` is GT4Py's own choice, ``.gt_cache`` in the working directory.
    cached_only
        Raise instead of compiling when a stencil is not in the cache.
    building
        Called with the name of each stencil or extension that is compiled; what it returns lasts as long.
    built
        Every stencil that was built or loaded, by its name.
    """

    backend: str
    precision: str = "float64"
    on_device: bool = False
    layout: Literal["native", "i-first"] = "native"
    loops: Literal["by-point", "branch-free"] = "by-point"
    tables: Literal["global", "columns"] = "global"
    row: int = ROW
    compiler: Literal["cxx", "nvcc"] | None = None
    compile_args: tuple[str, ...] = ()
    threads: int = 1
    cache: Path | None = None
    cached_only: bool = False
    building: Pieces = field(default=nullcontext, repr=False, compare=False)
    built: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"Unknown precision '{self.precision}': expected one of {', '.join(PRECISIONS)}.")
        import_gt4py(self.backend)
        from gt4py.cartesian.backend import REGISTRY  # noqa: PLC0415 (importing GT4Py takes seconds)

        if self.backend not in REGISTRY.names:
            known = ", ".join(sorted(REGISTRY.names))
            raise ValueError(f"Unknown backend '{self.backend}': GT4Py knows {known}.")

    @classmethod
    def from_cell(cls, cell: Cell, building: Pieces = nullcontext) -> Build:
        """Take a build from a cell of the matrix.

        Raises
        ------
        SettingsError
            If a setting is missing, unknown or has an unknown value.
        """
        settings = cell.settings
        table = f"the settings of the backend '{cell.backend}' ([[tool.ice3-bench.backends]] in pyproject.toml)"
        unknown = sorted(settings.keys() - set(SETTINGS))
        if unknown:
            raise SettingsError(f"Unknown key '{unknown[0]}' in {table}: expected one of {', '.join(SETTINGS)}.")
        if "backend" not in settings:
            raise SettingsError(f"The key 'backend' is missing from {table}: it is GT4Py's name of the backend.")
        for key, values in CHOICES.items():
            if key in settings and settings[key] not in values:
                raise SettingsError(
                    f"{key} = '{settings[key]}' in {table} is unknown: expected one of {', '.join(values)}."
                )
        if "compile-args" in settings and "compiler" not in settings:
            raise SettingsError(f"There are compile-args but no compiler in {table}.")
        import_only_for(settings["backend"])  # a process measures one cell
        try:
            return cls(
                backend=settings["backend"],
                precision=cell.precision,
                on_device=cell.device == "gpu",
                layout=cast("Literal['native', 'i-first']", settings.get("layout", "native")),
                loops=cast("Literal['by-point', 'branch-free']", settings.get("loops", "by-point")),
                tables=cast("Literal['global', 'columns']", settings.get("tables", "global")),
                row=_row(settings, table),
                compiler=cast("Literal['cxx', 'nvcc'] | None", settings.get("compiler")),
                compile_args=tuple(shlex.split(settings.get("compile-args", ""))),
                threads=cell.threads,
                cache=cell.cache,
                building=building,
            )
        except ValueError as error:
            raise SettingsError(f"{error} Correct {table}.") from error

    @property
    def packs(self) -> bool:
        """Whether RainIce packs the points that have something to do.

        A stencil that works point by point skips the others itself.
        """
        return self.loops == "branch-free" and not self.on_device

    @property
    def unit_stride(self) -> int | None:
        """Dimension along which neighbours must lie side by side for the stencils (``ice3_bindings.hpp``)."""
        begin = "-DICE3_UNIT_STRIDE="
        given = [argument.removeprefix(begin) for argument in self.compile_args if argument.startswith(begin)]
        return int(given[-1]) if given else None

    @property
    def python_threads(self) -> int:
        """Python threads that pack points: one if the stencils are Python, too, since these hold its lock."""
        return self.threads if self.compiler else 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy type of the fields."""
        return np.dtype(self.precision)

    def from_cache(self) -> Build:
        """Return the same build, which raises NotCachedError instead of compiling."""
        return replace(self, cached_only=True)

    def in_calling_thread(self) -> Build:
        """Return the same build, whose stencils of gt:cpu_ifirst compute in the thread that calls them.

        Elsewhere, and without the header ``ice3_bindings.hpp``, the threads of OpenMP share them all the same.
        """
        return replace(self, compile_args=(*self.compile_args, CALLING_THREAD)) if self.compiler == "cxx" else self

    def require_toolchain(self) -> None:
        """Raise Unavailable, with the remedy, if the backend cannot build or run on this machine."""
        if self.on_device:
            require_gpu(self.backend)
        elif self.compiler:
            require_compiler(self.backend)

    def stencil(self, definition: Callable[..., None], externals: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Compile ``definition``, or load it from the cache.

        Returns
        -------
        GT4Py's StencilObject.

        Raises
        ------
        CompilationError
            If the backend's tool chain fails.
        NotCachedError
            If the stencil would have to be compiled and ``cached_only`` is set.
        """
        # GT4Py's hash sees neither the dtypes nor the externals of the functions that a stencil calls.
        used = {external: externals[external] for external in sorted(used_externals(definition))}
        basis = json.dumps([self.precision, used], default=str)
        name = f"{definition.__name__}_{hashlib.sha256(basis.encode()).hexdigest()[:8]}"
        with self.locked(name):
            try:
                return self._made(definition, used, name, cached_only=True)
            except NotCachedError:
                if self.cached_only:
                    raise
            with self.building(definition.__name__):
                return self._made(definition, used, name, cached_only=False)

    def _made(self, definition: Callable[..., None], used: Mapping[str, Any], name: str, *, cached_only: bool) -> Any:  # noqa: ANN401
        """Call GT4Py, while the lock of the stencil is held."""
        from gt4py.cartesian import gtscript  # noqa: PLC0415

        bits = 32 if self.precision == "float32" else 64
        options: dict[str, Any] = {"device_sync": False} if self.on_device else {}
        if self.cache is not None:
            options["cache_settings"] = {"root_path": str(self.cache), "dir_name": ".gt_cache"}
        dtypes: dict[str, DTypeLike] = {"float": self.dtype.type, "int": np.int32}
        annotations = dict(definition.__annotations__)
        try:
            with compiler_arguments(self.compiler, self.compile_args), _without_garbage_collection():
                self.built[name] = gtscript.stencil(
                    backend=self.backend,
                    definition=definition,
                    name=name,
                    externals=used,
                    dtypes=dtypes,
                    literal_float_precision=bits,
                    literal_int_precision=32,
                    raise_if_not_cached=cached_only,
                    format_source=False,  # a third of the time of building a Python stencil
                    **options,
                )
            return self.built[name]
        except ValueError as failure:
            if cached_only and "not up to date in the cache" in str(failure):
                raise NotCachedError(f"Stencil '{definition.__name__}' is not in the cache.") from failure
            raise
        except SystemExit as failure:  # GT4Py raises it when the compiler fails
            raise compilation_error(f"Stencil '{definition.__name__}'", self) from failure
        finally:  # GT4Py puts the dtypes into them, and leaves them there if it raises
            definition.__annotations__ = annotations

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Let one process at a time build a stencil of that name, and the others wait for it; GT4Py does not.

        Nothing is locked where the cache cannot be written: then it is only read.
        """
        with ExitStack() as stack:
            if self.cache is not None:
                with suppress(OSError):
                    self.cache.mkdir(parents=True, exist_ok=True)
                    path = self.cache / f"{name}-{self.backend.replace(':', '_')}.lock"
                    file = stack.enter_context(path.open("a"))
                    fcntl.flock(file, fcntl.LOCK_SH if self.cached_only else fcntl.LOCK_EX)
            yield


def _row(settings: Mapping[str, str], table: str) -> int:
    text = settings.get("row", str(ROW))
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"row = '{text}' in {table} is not a number of points: expected '{ROW}', for example.")
    return int(text)


def freeze(stencil: Any, origin: Mapping[str, tuple[int, ...]], domain: tuple[int, int, int]) -> Callable[..., None]:  # noqa: ANN401
    """Fix the origin of the fields of a stencil and the number of points that it works on.

    The ``freeze`` of DaCe's stencils also writes a graph of its own for each domain. It takes a second, and only
    programs that DaCe orchestrates need it.
    """
    from gt4py.cartesian.stencil_object import FrozenStencil  # noqa: PLC0415

    frozen: Callable[..., None] = FrozenStencil(stencil, origin, domain)
    return frozen


def compilation_error(what: str, build: Build) -> CompilationError:
    """Return the error that says that the compiler failed, and what it needs."""
    return CompilationError(
        f"{what} could not be compiled for backend '{build.backend}': "
        f"{'nvcc' if build.on_device else 'the C++ compiler'} failed (its messages are above). A C++20 compiler "
        "and the Python headers are needed, on Debian: apt-get install g++ python3-dev"
        f"{', and the CUDA toolkit' if build.on_device else ''}."
    )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Build a stencil without looking for cycles in GT4Py's trees of nodes, which takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def compiler_arguments(compiler: Literal["cxx", "nvcc"] | None, arguments: tuple[str, ...]) -> Iterator[None]:
    """Set GT4Py's extra compiler arguments, which are module variables, during one build."""
    import setuptools  # noqa: PLC0415
    from gt4py.cartesian import config  # noqa: PLC0415

    setuptools.distutils.sysconfig.get_config_vars()  # GT4Py edits them, and Python 3.14 does not load them itself
    compile_args = config.build_settings["extra_compile_args"]
    name = "cuda" if compiler == "nvcc" else "cxx"
    flags, fingerprint = compile_args[name], config.GT4PY_EXTRA_COMPILE_ARGS
    compile_args[name] = [*flags, f"-I{CPP}", *arguments]
    config.GT4PY_EXTRA_COMPILE_ARGS = " ".join([*fingerprint.split(), *arguments])  # enters the hash of the cache
    try:
        yield
    finally:
        compile_args[name], config.GT4PY_EXTRA_COMPILE_ARGS = flags, fingerprint
