"""Every stencil of the GPU cells is compiled, which needs nvcc and CuPy but no GPU; nothing is run."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.port.matrix import GPU

from ice3_gt4py import port
from ice3_gt4py.compilation import Build
from ice3_probe.components import component_of
from ice3_probe.contract import Case
from ice3_probe.device import HOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ice3_probe.contract import Cell

ARCHITECTURE = "90"  # Hopper
COMPONENTS = (
    "ice_adjust", "ice_adjust:adjusted_state", "ice_adjust:modular", "rain_ice", "rain_ice:fluxes",
    "rain_ice:sedimentation", "rain_ice:tendencies", "microphysics",
)  # fmt: skip
CELLS = [(backend, precision) for backend in GPU for precision in ("float64", "float32")]


@pytest.fixture
def toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CUDA toolkit. Without a driver, two questions to the device are answered in its place.

    They are the compute capability, and the allocation of storages, whose content does not enter the build.
    """
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("CuPy is not installed: nox -s gpu-build installs it")
    from gt4py import storage  # noqa: PLC0415
    from gt4py.cartesian import config  # noqa: PLC0415
    from gt4py.cartesian.backend import pyext_builder  # noqa: PLC0415

    nvcc = Path(config.build_settings["cuda_bin_path"], "nvcc")
    if not nvcc.exists():
        pytest.skip(f"there is no nvcc at {nvcc}")
    monkeypatch.setattr(pyext_builder, "get_cuda_compute_capability", lambda: None)
    monkeypatch.setitem(config.build_settings, "cuda_arch", ARCHITECTURE)
    monkeypatch.setattr(storage, "zeros", zeros)
    monkeypatch.setattr(storage, "from_array", lambda array, **_: np.asarray(array))


def zeros(shape: Sequence[int], dtype: np.dtype[Any], **_: Any) -> np.ndarray[Any, Any]:
    return np.zeros(shape, dtype)


@pytest.mark.gpu_build
@pytest.mark.slow
@pytest.mark.usefixtures("toolkit")
def test_the_kernel_that_holds_the_device_compiles(tmp_path: Path) -> None:
    from gt4py.cartesian import config  # noqa: PLC0415

    source, target = tmp_path / "hold.cu", tmp_path / "hold.cubin"
    source.write_text(HOLD, encoding="utf-8")
    nvcc = Path(config.build_settings["cuda_bin_path"], "nvcc")
    subprocess.run([str(nvcc), f"-arch=sm_{ARCHITECTURE}", "-cubin", "-o", str(target), str(source)], check=True)
    assert target.stat().st_size > 0


@pytest.mark.gpu_build
@pytest.mark.slow
@pytest.mark.filterwarnings(  # DaCe leaves the pipes open through which it asks for a GPU
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize(("backend", "precision"), CELLS)
@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.usefixtures("toolkit")
def test_the_stencils_of_a_component_compile(
    make_cell: Callable[..., Cell],
    backend: str,
    precision: str,
    component: str,
    tmp_path_factory: pytest.TempPathFactory,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = tmp_path_factory.getbasetemp() / f"{backend}-{precision}"  # components share stencils
    compiled = Build.stencil

    def keeping(build: Build, definition: Any, externals: Any) -> Any:
        folder = cache / definition.__name__
        folder.mkdir(parents=True, exist_ok=True)
        arguments = (*build.compile_args, "-Xptxas=-v", "--keep", f"--keep-dir={folder}")
        return compiled(replace(build, compile_args=arguments), definition, externals)

    monkeypatch.setattr(Build, "stencil", keeping)
    monkeypatch.setattr(Build, "require_toolchain", lambda _: None)
    cell = make_cell(backend, precision, "production", cache)
    port.create(Case(component, (2, 2, 3), 50.0, component_of(component).options()), cell)
    said = capfd.readouterr()
    libraries = [path for path in cache.rglob("*_pyext*.so") if "_BUILD" not in str(path)]
    assert libraries
    assert all(b".nv_fatbin" in path.read_bytes() for path in libraries)
    sources = "".join(path.read_text(encoding="utf-8") for path in cache.rglob("computation.hpp"))
    assert "GT_DECLARE_TMP" not in sources, "a temporary field passes through memory"
    assert "allocate(allocator" not in sources, "a temporary field passes through memory"
    instructions = "".join(path.read_text(encoding="utf-8") for path in cache.rglob("*.ptx"))
    assert (".f64" in instructions) == (precision == "float64"), "float32 is not computed in float32"
    spilled = [int(count) for count in re.findall(r"(\d+) bytes spill stores", said.out + said.err)]
    registers = [int(count) for count in re.findall(r"Used (\d+) registers", said.out + said.err)]
    print(f"{backend} {precision} {component}: registers {registers}, bytes of spill stores {spilled}")
    if component.startswith("ice_adjust"):
        assert sum(spilled) == 0, "IceAdjust is held to the memory bandwidth: it must not spill registers"
