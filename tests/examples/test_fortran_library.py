"""What the Fortran port calls: its library, and the blocks in which it is given the fields."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

needs_gfortran = pytest.mark.skipif(shutil.which("gfortran") is None, reason="gfortran is not installed")


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples" / "fortran_port" / "src"))
    yield
    for name in [name for name in sys.modules if name.startswith("phyex_ice3")]:
        del sys.modules[name]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the path is the same for every example
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(1, 30))
def test_blocks_give_back_what_they_were_given(i: int, j: int, k: int, size: int) -> None:
    from phyex_ice3.blocks import Blocks  # noqa: PLC0415

    blocks = Blocks((i, j, k), size, np.dtype("float64"))
    values = np.arange(float(i * j * k)).reshape(i, j, k)
    field, water = blocks.field(), blocks.water()
    blocks.put(values, field)
    np.testing.assert_array_equal(blocks.take(field), values)
    np.testing.assert_array_equal(field[0, :, 0], values[0, 0])  # columns are contiguous
    blocks.put(values, water[:, 3])
    np.testing.assert_array_equal(blocks.take(water[:, 3]), values)
    surface = blocks.field(surface=True)
    blocks.put(values[:, :, 0], surface)
    np.testing.assert_array_equal(blocks.take(surface), values[:, :, 0])


def test_the_fastest_block_is_found_once(tmp_path: Path) -> None:
    from phyex_ice3.tuning import SIZES, SWEEPS, block_size  # noqa: PLC0415

    timed: list[int] = []

    def seconds(size: int) -> float:
        timed.append(size)
        slow = 1000.0 if len(timed) <= 5 else 0.0  # other work, while the best size is timed for the first time
        return abs(size - 60) + 1.0 + slow

    kept = tmp_path / "block.json"
    assert block_size(kept, 16, seconds) == 16
    assert block_size(kept, 1000, seconds) == 32
    assert timed == []
    assert block_size(kept, 2500, seconds) == 64
    assert timed == list(SIZES) * SWEEPS
    assert block_size(kept, 2500, seconds) == 64
    assert timed == list(SIZES) * SWEEPS


def test_two_processes_look_for_the_block_one_after_the_other(tmp_path: Path) -> None:
    from phyex_ice3.tuning import SIZES, SWEEPS, block_size  # noqa: PLC0415

    timed: list[int] = []

    def seconds(size: int) -> float:
        timed.append(size)
        time.sleep(0.01)
        return 1.0 / len(timed)  # the last one timed is the fastest

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: block_size(tmp_path / "block.json", 2500, seconds), range(2)))
    assert (found, timed) == ([SIZES[-1]] * 2, list(SIZES) * SWEEPS)


@pytest.fixture
def fortran(tmp_path: Path) -> Callable[..., Path]:
    """Return what makes a library of a function that tells the size of its reals."""
    source = tmp_path / "size.F90"
    name = "bind(c, name='ice3_real_size')"
    body = "use iso_c_binding\ninteger(c_int) :: n\nn = storage_size(1.0) / 8\n"
    source.write_text(f"function size() result(n) {name}\n{body}end\n", encoding="utf-8")

    def make(*flags: str) -> Path:
        from phyex_ice3.build import LINK  # noqa: PLC0415

        target = tmp_path / "library.so"
        subprocess.run(["gfortran", "-fPIC", *flags, *LINK, "-o", target, source], check=True)
        return target

    return make


@needs_gfortran
def test_a_library_that_cannot_be_used_says_what_to_do(tmp_path: Path, fortran: Callable[..., Path]) -> None:
    from phyex_ice3.library import LibraryError, Phyex  # noqa: PLC0415

    torn = tmp_path / "torn.so"
    torn.write_bytes(b"\x7fELF")
    with pytest.raises(LibraryError, match=r"torn\.so cannot be used here: .*Delete it, and it is built again"):
        Phyex(torn, "float64")
    with pytest.raises(LibraryError, match=r"computes with 8 bytes, which is not float32\. Take .* out of FC, FFLAGS"):
        Phyex(fortran("-fdefault-real-8"), "float32")


@needs_gfortran
@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-funsafe-math-optimizations"])
def test_fast_arithmetic_in_fflags_stays_in_the_library(fortran: Callable[..., Path], flag: str) -> None:
    """Whatever is computed in the process keeps its denormal numbers."""
    told = "import ctypes, sys, numpy; ctypes.CDLL(sys.argv[1]); print(numpy.float64(1e-310) * 0.5 > 0.0)"
    run = subprocess.run([sys.executable, "-c", told, fortran(flag)], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"
