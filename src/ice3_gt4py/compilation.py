"""How a stencil is built: backend, precision, compiler arguments and cache, in one value."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shlex
import shutil
import sys
import sysconfig
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import DTypeLike

PRECISIONS = ("float32", "float64")
INCLUDE = Path(__file__).parent / "include"
"""Headers that compiler arguments may name."""


class CompilationError(RuntimeError):
    """A stencil could not be built; the message names the stencil, the backend and the remedy."""


class ToolchainError(RuntimeError):
    """Something that a backend needs is missing on this machine; the message says what, and what mends it."""


class NotCachedError(RuntimeError):
    """A stencil is not in the cache, and the build forbids compiling."""


def import_gt4py() -> None:
    """Import GT4Py, also where there is no compiler.

    GT4Py asks the C++ compiler for its version while it is imported, and fails where there is none, although the
    backends debug and numpy need none. Another program that answers ``--version`` stands in for it meanwhile.
    """
    if "gt4py.cartesian" in sys.modules:
        return
    if shutil.which(_compiler()[0]):
        importlib.import_module("gt4py.cartesian")
        return
    given = os.environ.get("CXX")
    os.environ["CXX"] = shlex.quote(sys.executable)
    try:
        importlib.import_module("gt4py.cartesian")
    finally:
        del os.environ["CXX"]
        if given is not None:
            os.environ["CXX"] = given


def _compiler() -> list[str]:
    """Return the words before the first flag of CXX, else of what Python was built with, as setuptools starts them."""
    words = (os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++").split()
    return list(takewhile(lambda word: not word.startswith("-"), words)) or ["c++"]


@dataclass(frozen=True)
class Build:
    """Backend, precision and compiler arguments shared by the stencils of a component.

    On a GPU, a call returns when its kernels are issued: the caller synchronises when it needs the result.

    Attributes
    ----------
    backend
        GT4Py name of the backend, such as ``"gt:cpu_ifirst"``.
    precision
        ``"float32"`` or ``"float64"``: type of all fields, scalars and literals.
    compile_args
        Arguments added to the C++ compiler's, or to nvcc's for a GPU (ignored by ``debug`` and ``numpy``).
    cache
        Directory of the compiled stencils; ``None`` is GT4Py's own choice, ``.gt_cache`` in the working directory.
    cached_only
        Raise instead of compiling when a stencil is not in the cache.
    """

    backend: str
    precision: str = "float64"
    compile_args: tuple[str, ...] = ()
    cache: Path | None = None
    cached_only: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"Unknown precision '{self.precision}': expected one of {', '.join(PRECISIONS)}.")
        import_gt4py()
        from gt4py.cartesian.backend import REGISTRY  # noqa: PLC0415 (importing GT4Py takes seconds)

        if self.backend not in REGISTRY.names:
            known = ", ".join(sorted(REGISTRY.names))
            raise ValueError(f"Unknown backend '{self.backend}': GT4Py knows {known}.")

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy type of the fields."""
        return np.dtype(self.precision)

    @property
    def on_device(self) -> bool:
        """Whether fields live in GPU memory."""
        return self.backend.endswith("gpu") or ":gpu" in self.backend

    @property
    def compiled(self) -> bool:
        """Whether a compiler builds the stencils; otherwise they are Python."""
        return self.backend not in ("debug", "numpy")

    @property
    def along_i(self) -> bool:
        """Whether the backend computes vectors of neighbouring columns, which have to follow each other in memory."""
        return self.backend == "gt:cpu_ifirst"

    def from_cache(self) -> Build:
        """Return the same build, which raises NotCachedError instead of compiling."""
        return replace(self, cached_only=True)

    def require_toolchain(self) -> None:
        """Raise ToolchainError, saying what is missing, if the backend cannot build or run on this machine."""
        if self.on_device:
            _require_gpu(self.backend)
        elif self.compiled:
            _require_compiler(self.backend)

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
        from gt4py.cartesian import gtscript  # noqa: PLC0415

        bits = 32 if self.precision == "float32" else 64
        options: dict[str, Any] = {"device_sync": False} if self.on_device else {}
        if self.cache is not None:
            options["cache_settings"] = {"root_path": str(self.cache), "dir_name": ".gt_cache"}
        dtypes: dict[str, DTypeLike] = {"float": self.dtype.type, "int": np.int32}
        try:
            with _compiler_arguments("cuda" if self.on_device else "cxx", self.compile_args if self.compiled else ()):
                return gtscript.stencil(
                    backend=self.backend,
                    definition=definition,
                    externals=dict(externals),
                    dtypes=dtypes,
                    literal_float_precision=bits,
                    literal_int_precision=32,
                    raise_if_not_cached=self.cached_only,
                    format_source=False,  # a third of the time of building a Python stencil
                    **options,
                )
        except ValueError as failure:
            if self.cached_only and "not up to date in the cache" in str(failure):
                raise NotCachedError(f"Stencil '{definition.__name__}' is not in the cache.") from failure
            raise
        except SystemExit as failure:  # what GT4Py raises when the C++ compiler fails
            raise CompilationError(
                f"Stencil '{definition.__name__}' could not be compiled for backend '{self.backend}': "
                f"{'nvcc' if self.on_device else 'the C++ compiler'} failed (its messages are above). A C++20 compiler "
                "and the Python headers are needed, on Debian: apt-get install g++ python3-dev"
                f"{', and the CUDA toolkit' if self.on_device else ''}. The cell 'numpy' needs no compiler."
            ) from failure


def freeze(stencil: Any, origin: Mapping[str, tuple[int, ...]], domain: tuple[int, int, int]) -> Callable[..., None]:  # noqa: ANN401
    """Fix where the fields of a stencil begin and on how many points it works.

    The ``freeze`` of DaCe's stencils also writes a graph of its own for each domain, which takes a second and which
    only programs that DaCe orchestrates need.
    """
    from gt4py.cartesian.stencil_object import FrozenStencil  # noqa: PLC0415

    frozen: Callable[..., None] = FrozenStencil(stencil, origin, domain)
    return frozen


def _require_compiler(backend: str) -> None:
    missing = [word for word in _compiler() if shutil.which(word) is None]
    if missing:
        others = [name for name in ("g++", "clang++", "c++") if shutil.which(name)]
        found = f"this Python asks for {missing[0]}: set the variable CXX={others[0]}" if others else "none is on PATH"
        raise ToolchainError(
            f"Backend '{backend}' needs a C++20 compiler and {found}{', or' if others else ':'} install one, on Debian "
            "apt-get install g++. The cells of 'numpy' need none: nox -s bench-numpy-float64."
        )
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        raise ToolchainError(
            f"Backend '{backend}' needs Python.h, which is not in {sysconfig.get_paths()['include']}: "
            "install the Python headers, on Debian apt-get install python3-dev."
        )


def _require_gpu(backend: str) -> None:
    if importlib.util.find_spec("cupy") is None:
        raise ToolchainError(
            f"Backend '{backend}' needs CuPy, which is not installed: pip install -e '.[cuda12]', or '.[cuda13]' with "
            "CUDA 13. The sessions nox -t gpu install the one that fits the CUDA toolkit."
        )
    import cupy  # noqa: PLC0415 (only GPU environments have it)
    from gt4py.cartesian import config  # noqa: PLC0415

    nvcc = Path(config.build_settings["cuda_bin_path"], "nvcc")
    if not nvcc.exists():
        raise ToolchainError(
            f"Backend '{backend}' needs nvcc and there is none at {nvcc}: install the CUDA toolkit, or set "
            "CUDA_HOME to the folder where it is."
        )
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise ToolchainError(
            f"Backend '{backend}' needs a CUDA device and none can be used here ({error}): run on a machine with an "
            "NVIDIA GPU and its driver (nvidia-smi lists them), or measure the CPU cells with nox -t cpu."
        ) from error
    if devices == 0:
        raise ToolchainError(
            f"Backend '{backend}' needs a CUDA device and none is visible: nvidia-smi lists those of the machine, "
            "CUDA_VISIBLE_DEVICES and the session's --device choose among them."
        )
    try:
        cupy.cuda.nvrtc.getVersion()
    except RuntimeError as error:
        raise ToolchainError(
            f"CuPy finds no NVRTC ({type(error).__name__}): install the whole CUDA toolkit, or pip install "
            "nvidia-cuda-nvrtc (nvidia-cuda-nvrtc-cu12 for CUDA 12)."
        ) from error
    _require_compiler(backend)


@contextmanager
def _compiler_arguments(compiler: Literal["cxx", "cuda"], arguments: tuple[str, ...]) -> Iterator[None]:
    """Set GT4Py's extra compiler arguments, which are module variables, for the duration of one build."""
    import setuptools  # noqa: PLC0415
    from gt4py.cartesian import config  # noqa: PLC0415

    setuptools.distutils.sysconfig.get_config_vars()  # GT4Py edits them, and on Python 3.14 nobody else has loaded them
    compile_args = config.build_settings["extra_compile_args"]
    flags, fingerprint = compile_args[compiler], config.GT4PY_EXTRA_COMPILE_ARGS
    compile_args[compiler] = [*flags, f"-I{INCLUDE}", *arguments]
    config.GT4PY_EXTRA_COMPILE_ARGS = " ".join([*fingerprint.split(), *arguments])  # enters the hash of the cache
    try:
        yield
    finally:
        compile_args[compiler], config.GT4PY_EXTRA_COMPILE_ARGS = flags, fingerprint
