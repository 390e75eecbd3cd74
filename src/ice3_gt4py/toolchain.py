"""What GT4Py needs on this machine: a compiler, the Python headers, and in GPU cells CuPy, nvcc and a device."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shlex
import shutil
import sys
import sysconfig
import warnings
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ice3_probe.contract import Unavailable

if TYPE_CHECKING:
    from types import ModuleType


def import_gt4py(backend: str = "") -> None:
    """Import GT4Py, also on a machine without a compiler, and with the DaCe backends if ``backend`` is one.

    GT4Py asks the C++ compiler for its version while it is imported. Without a compiler the import fails, although some
    of GT4Py's backends need none. Meanwhile another program that answers ``--version`` takes the compiler's place.
    """
    if "gt4py.cartesian" not in sys.modules:
        _import()
    if backend.startswith("dace:"):
        with suppress(ImportError):  # then it is unknown
            importlib.import_module("gt4py.cartesian.backend.dace_backend")  # adds itself to the known ones


def import_only_for(backend: str) -> None:
    """Import what one backend of GT4Py needs: importing DaCe takes twice as long as all the rest of GT4Py.

    GT4Py does without DaCe if it cannot be imported, and its other backends do not use it. ``import_gt4py`` adds a DaCe
    backend later if asked to, but programs that DaCe orchestrates must have imported GT4Py before.
    """
    if backend.startswith("dace:") or "gt4py.cartesian" in sys.modules or "dace" in sys.modules:
        import_gt4py(backend)
        return
    sys.modules["dace"] = cast("ModuleType", None)  # what makes an import fail
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="GT4Py was unable to load DaCe")
            _import()
    finally:
        del sys.modules["dace"]


def _import() -> None:
    if shutil.which(compiler()[0]):
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


def compiler() -> list[str]:
    """Return the command of the C++ compiler as setuptools starts it, without its flags.

    It is the variable CXX, or else what this Python was built with.
    """
    words = (os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++").split()
    return list(takewhile(lambda word: not word.startswith("-"), words)) or ["c++"]


def require_compiler(backend: str) -> None:
    """Raise Unavailable, with the remedy, if the C++ compiler or Python.h is missing."""
    missing = [word for word in compiler() if shutil.which(word) is None]
    if missing:
        others = [name for name in ("g++", "clang++", "c++") if shutil.which(name)]
        found = f"this Python asks for {missing[0]}: set the variable CXX={others[0]}" if others else "none is on PATH"
        raise Unavailable(
            f"Backend '{backend}' needs a C++20 compiler and {found}{', or' if others else ':'} install one, on Debian "
            "apt-get install g++. Backends without a 'compiler' in pyproject.toml run without one."
        )
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        raise Unavailable(
            f"Backend '{backend}' needs Python.h, which is not in {sysconfig.get_paths()['include']}: "
            "install the Python headers, on Debian apt-get install python3-dev."
        )


def require_gpu(backend: str) -> None:
    """Raise Unavailable, with the remedy, if CuPy, nvcc, a device, NVRTC or the C++ compiler is missing."""
    if importlib.util.find_spec("cupy") is None:
        raise Unavailable(
            f"Backend '{backend}' needs CuPy, which is not installed: pip install cupy-cuda12x, or cupy-cuda13x with "
            "CUDA 13. The sessions nox -t gpu install the one that fits the CUDA toolkit."
        )
    import cupy  # noqa: PLC0415 (only GPU environments have it)
    from gt4py.cartesian import config  # noqa: PLC0415 (importing GT4Py takes seconds)

    nvcc = Path(config.build_settings["cuda_bin_path"], "nvcc")
    if not nvcc.exists():
        raise Unavailable(
            f"Backend '{backend}' needs nvcc and there is none at {nvcc}: install the CUDA toolkit, or set "
            "CUDA_HOME to the folder that holds it."
        )
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise Unavailable(
            f"Backend '{backend}' needs a CUDA device and none can be used here ({error}): run on a machine with an "
            "NVIDIA GPU and its driver (nvidia-smi lists them), or measure the CPU cells with nox -t cpu."
        ) from error
    if devices == 0:
        raise Unavailable(
            f"Backend '{backend}' needs a CUDA device and none is visible: nvidia-smi lists those of the machine, "
            "CUDA_VISIBLE_DEVICES and the session's --device choose among them."
        )
    try:
        cupy.cuda.nvrtc.getVersion()
    except RuntimeError as error:
        raise Unavailable(
            f"CuPy finds no NVRTC ({type(error).__name__}): install the whole CUDA toolkit, or pip install "
            "nvidia-cuda-nvrtc (nvidia-cuda-nvrtc-cu12 for CUDA 12)."
        ) from error
    require_compiler(backend)
