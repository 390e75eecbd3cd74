"""C++ of this package, compiled as a Python module by GT4Py's builder and kept beside the stencils."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_gt4py.compilation import CPP, NotCachedError, compilation_error, compiler_arguments

if TYPE_CHECKING:
    from types import ModuleType

    from ice3_gt4py.compilation import Build

SUFFIXES = (".cpp", ".hpp")


def extension(name: str, build: Build) -> ModuleType:
    """Compile ``cpp/<name>.cpp`` with the compiler and the arguments of the stencils, or load it from their cache.

    Raises
    ------
    CompilationError
        If the compiler fails.
    NotCachedError
        If it would have to be compiled and ``build.cached_only`` is set.
    """
    from gt4py.cartesian import config  # noqa: PLC0415 (importing GT4Py takes seconds)

    settings = config.cache_settings
    cache = (build.cache / ".gt_cache") if build.cache else Path(settings["root_path"], settings["dir_name"])
    module = cache / f"{name}_{_digest(build)}" / f"{name}{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    with build.locked(name):
        if not module.exists():
            if build.cached_only:
                raise NotCachedError(f"{CPP / name}.cpp is not compiled in the cache.")
            with build.building(name):
                _compile(name, module, build)
    return _loaded(f"{module.parent.name}.{name}", module)


def _digest(build: Build) -> str:
    """Digest of the sources and arguments; not of the places where headers lie, so that checkouts share the cache."""
    from gt4py.cartesian import config  # noqa: PLC0415

    sources = sorted(path for path in CPP.iterdir() if path.suffix in SUFFIXES)
    basis = [
        *config.build_settings["extra_compile_args"]["cxx"],
        *build.compile_args,
        *_optimisation().values(),
        *(f"{path.name}\n{path.read_text(encoding='utf-8')}" for path in sources),
    ]
    return hashlib.sha256("\n".join(basis).encode()).hexdigest()[:16]


def _optimisation() -> dict[str, str]:
    """Return what GT4Py also passes to the compiler, as arguments of ``get_gt_pyext_build_opts``."""
    from gt4py.cartesian import config  # noqa: PLC0415

    return {"opt_level": config.GT4PY_COMPILE_OPT_LEVEL, "extra_opt_flags": config.GT4PY_EXTRA_COMPILE_OPT_FLAGS}


def _compile(name: str, module: Path, build: Build) -> None:
    from gt4py.cartesian.backend.pyext_builder import build_pybind_ext, get_gt_pyext_build_opts  # noqa: PLC0415

    module.parent.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=module.parent.parent) as scratch,
        compiler_arguments(build.compiler, (*build.compile_args, "-UICE3_UNIT_STRIDE")),  # it needs no GridTools
    ):
        try:
            options = get_gt_pyext_build_opts(**_optimisation())
            _, made = build_pybind_ext(name, [str(CPP / f"{name}.cpp")], scratch, f"{scratch}/made", **options)
        except SystemExit as failure:  # setuptools raises it when the compiler fails
            raise compilation_error(f"{name}.cpp", build) from failure
        module.parent.mkdir(exist_ok=True)
        Path(made).replace(module)


def _loaded(name: str, path: Path) -> ModuleType:
    """Load a module under a unique name: pybind11 keeps one module for each name, whichever file it came from."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 (the suffix says what it is)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
