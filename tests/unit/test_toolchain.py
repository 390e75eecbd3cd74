"""The one key of the folders of compiled stencils: everything that changes what is compiled changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.cell import toolchain
from ice3_bench.cell.environment import Environment
from ice3_bench.cell.toolchain import cache_basis, stencil_cache

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.settings.matrix import Backend, Cell, Settings

HEADER = "src/ice3_gt4py/cpp/ice3_bindings.hpp"


@dataclass(frozen=True)
class Given:
    cell: Cell
    arguments: tuple[str, ...]
    threads: int
    environment: Environment
    tree: Path
    gpu: int | None = None

    @property
    def folder(self) -> Path:
        return stencil_cache(
            Path("root"), self.cell, self.arguments, self.threads, self.environment, self.tree, self.gpu
        )

    def with_backend(self, **changes: Any) -> Given:
        backend = self.cell.backend.model_copy(update=changes)
        return replace(self, cell=self.cell.model_copy(update={"backend": backend}))


@pytest.fixture
def given(settings: Settings, tmp_path: Path) -> Given:
    header = tmp_path / HEADER
    header.parent.mkdir(parents=True)
    header.write_text("#define ICE3_UNIT_STRIDE 0\n", encoding="utf-8")
    environment = Environment(Path("python"), {"python": "3.11.7", "gt4py": "1.1.12", "dace": "2.0.0a4"})
    return Given(settings.cell("gt:cpu_ifirst", "float64"), ("-O3",), 1, environment, tmp_path)


def packages(**versions: str) -> Callable[[Given], Given]:
    return lambda given: replace(
        given, environment=Environment(Path("python"), {**given.environment.packages, **versions})
    )


CHANGES: dict[str, Callable[[Given], Given]] = {
    "flags": lambda given: replace(given, arguments=("-O2",)),
    "order of flags": lambda given: replace(given, arguments=("-O3", "-g")),
    "Python": packages(python="3.12.1"),
    "GT4Py": packages(gt4py="1.2.0"),
    "DaCe": packages(dace="2.0.0"),
    "another package": packages(jax="0.7"),
    "threads": lambda given: replace(given, threads=2),
    "precision": lambda given: replace(given, cell=given.cell.model_copy(update={"precision": "float32"})),
    "port": lambda given: given.with_backend(port="other.port"),
    "settings": lambda given: given.with_backend(settings={"backend": "gt:cpu_ifirst", "loops": "by-point"}),
    "environment": lambda given: given.with_backend(environment={"XLA_FLAGS": "x"}),
    "sources": lambda given: given.with_backend(compiled_sources=("*.none",)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_code_changes_the_folder(given: Given, change: str) -> None:
    assert CHANGES[change](given).folder != given.folder


@pytest.mark.parametrize(
    ("function", "value"),
    [("compiler_version", "g++ 99"), ("processor", "another"), ("instructions", ["sse"])],
)
def test_the_machine_changes_the_folder(
    given: Given, monkeypatch: pytest.MonkeyPatch, function: str, value: object
) -> None:
    before = given.folder
    monkeypatch.setattr(toolchain, function, lambda: value)
    assert given.folder != before


@pytest.mark.parametrize("variable", ["CXXFLAGS", "GT4PY_EXTRA_COMPILE_ARGS"])
def test_build_variables_change_the_folder(given: Given, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    before = given.folder
    monkeypatch.setenv(variable, "-Wall")
    assert given.folder != before


def test_an_edited_added_or_renamed_header_changes_the_folder(given: Given) -> None:
    folders = {given.folder}
    header = given.tree / HEADER
    header.write_text("#define ICE3_UNIT_STRIDE 2\n", encoding="utf-8")
    folders.add(given.folder)
    (header.parent / "more.hpp").touch()
    folders.add(given.folder)
    header.rename(header.with_name("renamed.hpp"))
    folders.add(given.folder)
    assert len(folders) == 4


def test_what_does_not_matter_keeps_the_folder(given: Given) -> None:
    before = given.folder
    (given.tree / "README.md").write_text("words", encoding="utf-8")
    (given.tree / HEADER).touch()
    assert given.folder == before
    assert given.with_backend(domains=("8x8x8",), tags=("new",)).folder == before
    assert replace(given, environment=Environment(Path("/elsewhere"), given.environment.packages)).folder == before


def test_the_key_of_a_gpu_cell_knows_the_device_and_no_cpu(
    settings: Settings, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "nvcc_version", lambda: "nvcc 13.0.88")
    monkeypatch.setattr(toolchain, "compute_capability", lambda index: f"9.{index or 0}")
    gpu = replace(given, cell=settings.cell("gt:gpu", "float64"))
    basis = cache_basis(gpu.cell, (), 1, gpu.environment, gpu.tree, 0)
    assert not basis.keys() & {"processor", "instructions", "threads"}
    assert basis["compiler"] is not None
    before = gpu.folder
    assert replace(gpu, threads=4).folder == before
    assert replace(gpu, gpu=1).folder != before
    monkeypatch.setattr(toolchain, "nvcc_version", lambda: "nvcc 13.1")
    assert gpu.folder != before


def test_a_backend_without_a_compiler_does_not_ask_for_one(
    settings: Settings, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    numpy = replace(given, cell=settings.cell("numpy", "float64"))
    before = numpy.folder
    monkeypatch.setattr(toolchain, "compiler_version", lambda: "g++ 99")
    assert numpy.folder == before


def test_every_source_that_the_matrix_names_exists(settings: Settings) -> None:
    project = Path(__file__).parents[2]

    def names(backend: Backend) -> bool:
        return all(list(project.glob(pattern)) for pattern in backend.compiled_sources)

    assert all(names(backend) for backend in settings.backends)


def test_another_fortran_compiler_has_another_folder(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    fortran = given.with_backend(compiler="fc")
    monkeypatch.setattr(toolchain, "fortran_version", lambda: "GNU Fortran 12")
    before = fortran.folder
    monkeypatch.setattr(toolchain, "fortran_version", lambda: "GNU Fortran 13")
    newer = fortran.folder
    assert newer != before
    monkeypatch.setenv("FFLAGS", "-fno-inline")
    assert fortran.folder not in (before, newer)


def test_the_fortran_compiler_is_the_one_that_fc_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "my fort"
    compiler.write_text("#!/bin/sh\necho 'My Fortran 7'\n", encoding="utf-8")
    compiler.chmod(0o755)
    for given in (f"'{compiler}' -q", f"env '{compiler}' -q"):  # env stands for a compiler cache
        monkeypatch.setenv("FC", given)
        assert toolchain.fortran_version() == "My Fortran 7"
    monkeypatch.setenv("FC", "no-such-compiler")
    assert toolchain.fortran_version() is None
