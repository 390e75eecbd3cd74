"""Copies of points: compiled, they do what NumPy does, and let other threads run."""

from __future__ import annotations

import fcntl
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.port.matrix import VECTORISING
from tests.port.side_by_side import other_threads_run_during

from ice3_gt4py import copies, extension
from ice3_gt4py.compilation import CPP, Build, CompilationError, NotCachedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ice3_gt4py.copies import Copies
    from ice3_probe.contract import Cell

    Draw = Callable[[st.SearchStrategy[Any]], Any]

NUMPY = cast("Copies", copies)
PRECISIONS = st.sampled_from([np.dtype(np.float32), np.dtype(np.float64)])
SPECIAL = st.sampled_from([0.0, -0.0, 1e-7, -1e-7, np.inf, -np.inf, np.nan, 1e-40, 2.0])
PROPERTY = settings(deadline=None)

pytestmark = pytest.mark.compiled


@pytest.fixture(scope="session")
def compiled(make_build: Callable[..., Build]) -> Copies:
    return copies.copies_for(make_build(VECTORISING[0]))


class Case(NamedTuple):
    """Fields, buffers that hold something, points, and the first place of the buffers that is written."""

    fields: list[NDArray[Any]]
    buffers: list[NDArray[Any]]
    points: NDArray[np.intp]
    first: int

    def copy(self) -> Case:
        return Case([one.copy() for one in self.fields], [one.copy() for one in self.buffers], self.points, self.first)


@st.composite
def cases(draw: Draw) -> Case:
    dtype, size, number = draw(PRECISIONS), draw(st.integers(1, 200)), draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    points = draw(arrays.arrays(np.intp, st.integers(0, 100), elements=st.integers(0, size - 1)))
    first, behind = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    fields, buffers = (
        [np.asarray(rng.random(length), dtype) for _ in range(number)]
        for length in (size, first + points.size + behind)
    )
    return Case(fields, buffers, points, first)


@pytest.mark.parametrize("name", ["gather", "scatter"])
@PROPERTY
@given(case=cases())
def test_points_are_copied_as_by_numpy(compiled: Copies, name: str, case: Case) -> None:
    expected = case.copy()
    getattr(compiled, name)(*case)
    getattr(NUMPY, name)(*expected)
    for ours, numpys in zip(case.fields + case.buffers, expected.fields + expected.buffers, strict=True):
        np.testing.assert_array_equal(ours, numpys)


class Chunks(NamedTuple):
    """Kinds of all points, how many are looked at together, and how many the buffers of a kind can hold."""

    kinds: NDArray[Any]
    chunk: int
    size: int


@st.composite
def chunks(draw: Draw) -> Chunks:
    weather = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60)), min_size=1, max_size=20)
    runs = draw(weather)  # neighbours are often alike
    kinds = np.repeat([kind for kind, _ in runs], [length for _, length in runs]).astype(draw(PRECISIONS))
    return Chunks(kinds, draw(st.integers(1, 200)), draw(st.integers(1, 100)))


def packed(functions: Copies, given: Chunks) -> list[list[tuple[int, ...]]]:
    """Places and values of the points of each kind, in the order in which they are packed."""
    kinds, chunk, size = given
    fields = [[np.arange(kinds.size, dtype=kinds.dtype), kinds] for _ in range(4)]
    buffers = [[np.empty(size, kinds.dtype) for _ in range(2)] for _ in range(4)]
    points, numbers = [np.empty(size, np.intp) for _ in range(4)], np.zeros(4, np.intp)
    pack = functions.packer(points, numbers, fields, buffers)
    found: list[list[tuple[int, ...]]] = [[] for _ in range(4)]

    def take(kind: int) -> None:
        held = slice(numbers[kind])
        found[kind] += zip(points[kind][held].tolist(), *(one[held].tolist() for one in buffers[kind]), strict=True)
        numbers[kind] = 0

    for begin in range(0, kinds.size, chunk):
        part, start = kinds[begin : begin + chunk], 0
        while start < part.size:
            before, start = start, pack(part, start, begin)
            full = np.flatnonzero(numbers == size)
            assert start == part.size or full.size, "it stops where buffers are full only"
            assert start > before
            for kind_full in full:
                take(int(kind_full))
    for kind, _ in enumerate(points):
        take(kind)
    return found


@PROPERTY
@given(case=chunks())
def test_all_points_of_a_kind_are_packed_in_order(compiled: Copies, case: Chunks) -> None:
    for functions in (compiled, NUMPY):
        for kind, found in enumerate(packed(functions, case), start=1):
            assert found == [(place, place, kind) for place in np.flatnonzero(case.kinds == kind).tolist()]


@PROPERTY
@given(
    dtype=PRECISIONS,
    values=arrays.arrays(
        float, st.tuples(st.integers(1, 5), st.integers(0, 600), st.integers(1, 6)), elements=SPECIAL, fill=st.just(0.0)
    ),
    order=st.sampled_from("CF"),
    cut=st.integers(0, 6),
)
def test_the_highest_level_is_found_as_by_numpy(
    compiled: Copies, dtype: np.dtype[Any], values: NDArray[Any], order: Literal["C", "F"], cut: int
) -> None:
    number, columns, levels = values.shape
    with np.errstate(over="ignore"):
        fields = [field.astype(dtype, order=order) for field in values]
    limits = [1e-7, 1.0, 1e-30, 1.0, 1e-7][:number]
    exceeds = np.zeros((columns, levels), bool)
    for field, limit in zip(fields, limits, strict=True):
        exceeds |= ~(field <= dtype.type(limit)) | np.signbit(field)
    expected = np.where(exceeds.any(axis=1), exceeds.argmax(axis=1), levels)
    for functions in (compiled, NUMPY):
        found, cut = np.full(columns, levels), min(cut, levels)
        for first, last in ((cut, levels), (0, cut)):  # two threads take them in any order
            functions.highest(fields, limits, first, last, found)
        np.testing.assert_array_equal(found, expected)


def test_what_does_not_fit_is_refused(compiled: Copies) -> None:
    field, points = np.zeros(10), np.arange(4)
    with pytest.raises(ValueError, match="the buffers are too small"):
        compiled.gather([field], [np.zeros(5)], points, 2)
    with pytest.raises(ValueError, match="the buffers are too small"):
        compiled.scatter([field], [field], points, -1)
    with pytest.raises(ValueError, match="every field needs a buffer"):
        compiled.scatter([field], [], points, 0)
    with pytest.raises(ValueError, match="every field needs a limit"):
        compiled.highest([field[:, None]], [], 0, 1, points)
    for number in (0, 6):
        with pytest.raises(ValueError, match="there are one to five fields"):
            compiled.highest([field[:, None]] * number, [1.0] * number, 0, 1, points)
    with pytest.raises(ValueError, match="the fields do not lie alike"):
        compiled.highest([np.zeros((10, 2)), np.zeros((10, 2), order="F")], [1.0, 1.0], 0, 1, np.zeros(10, np.intp))
    for first, last, columns in ((0, 2, 10), (-1, 1, 10), (0, 1, 9)):
        with pytest.raises(ValueError, match="the fields have other columns, or fewer levels"):
            compiled.highest([field[:, None]], [1.0], first, last, np.zeros(columns, np.intp))
    with pytest.raises(ValueError, match="there are four kinds of points"):
        compiled.packer([points], np.zeros(1, np.intp), [[field]], [[field]])
    places, fields = [np.zeros(2, np.intp) for _ in range(4)], [[field] for _ in range(4)]
    with pytest.raises(ValueError, match="the buffers are too small"):
        compiled.packer(places, np.zeros(4, np.intp), fields, [[np.zeros(1)] for _ in range(4)])
    pack = compiled.packer(places, np.array([0, 0, 2, 0]), fields, fields)
    with pytest.raises(ValueError, match="the buffers of a kind are full"):
        pack(field, 0, 0)
    pack = compiled.packer(places, np.zeros(4, np.intp), fields, fields)
    for start, begin in ((-1, 0), (0, -1), (0, 1)):
        with pytest.raises(ValueError, match="the points are not in the fields"):
            pack(field, start, begin)


def test_what_is_only_read_may_be_read_only(compiled: Copies) -> None:
    field, buffer, points = np.arange(10.0), np.zeros(10), np.arange(10)
    for array in (field, points):
        array.flags.writeable = False
    compiled.gather([field], [buffer], points, 0)
    np.testing.assert_array_equal(buffer, field)
    buffer.flags.writeable = False
    with pytest.raises(ValueError, match="array is not writeable"):
        compiled.gather([field], [buffer], points, 0)
    compiled.highest([field[:, None]], [1.0], 0, 1, np.zeros(10, np.intp))
    compiled.scatter([np.zeros(10)], [buffer], points, 0)


@pytest.mark.parametrize("buffer", [np.zeros(10, np.float32), np.zeros(20)[::2], np.zeros(10, np.int64)])
def test_arrays_of_another_type_or_with_gaps_are_refused(compiled: Copies, buffer: NDArray[Any]) -> None:
    with pytest.raises(TypeError, match="incompatible function arguments"):
        compiled.gather([np.zeros(10)], [buffer], np.arange(4), 0)


def large_calls(functions: Copies) -> dict[str, Callable[[], object]]:
    """Calls that do nothing but what they are named after, for long."""
    size = 2**21
    field, buffer, points, levels = np.zeros(size), np.zeros(size), np.arange(size), np.ones(size, np.intp)
    pack = functions.packer([points] * 4, np.zeros(4, np.intp), [[field]] * 4, [[buffer]] * 4)
    return {
        "gather": lambda: functions.gather([field], [buffer], points, 0),
        "scatter": lambda: functions.scatter([field], [buffer], points, 0),
        "pack": lambda: pack(field, 0, 0),
        "highest": lambda: functions.highest([field[:, None]], [1.0], 0, 1, levels),
    }


@pytest.mark.parametrize("name", ["gather", "scatter", "pack", "highest"])
def test_other_threads_run_while_points_are_found_and_copied(compiled: Copies, name: str) -> None:
    assert other_threads_run_during(large_calls(compiled)[name])


@pytest.fixture
def build(make_cell: Callable[..., Cell], tmp_path: Path) -> Build:
    return Build.from_cell(make_cell(VECTORISING[0], cache=tmp_path))


def test_they_are_compiled_once(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotCachedError, match=r"packing.cpp is not compiled in the cache"):
        copies.copies_for(build.from_cache())
    copies.copies_for(build)
    monkeypatch.setattr(extension, "_compile", lambda *_: pytest.fail("compiled again"))
    copies.copies_for(build.from_cache())
    with pytest.raises(NotCachedError):
        copies.copies_for(replace(build.from_cache(), compile_args=(*build.compile_args, "-g0")))


def test_checkouts_share_them_unless_a_source_differs(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies.copies_for(build)
    checkout = tmp_path / "checkout"
    shutil.copytree(CPP, checkout)
    (checkout / ".packing.cpp.swp").write_bytes(b"\xff")  # of an editor
    monkeypatch.setattr(extension, "CPP", checkout)
    copies.copies_for(build.from_cache())
    with (checkout / "ice3_lock.hpp").open("a", encoding="utf-8") as header:
        header.write("// changed\n")
    with pytest.raises(NotCachedError):
        copies.copies_for(build.from_cache())


def test_to_load_them_imports_no_dace(build: Build) -> None:
    copies.copies_for(build)
    program = (
        "import pickle, sys;"
        "from ice3_gt4py.compilation import Build; from ice3_gt4py.toolchain import import_only_for;"
        "backend, arguments, cache = pickle.loads(sys.stdin.buffer.read()); import_only_for(backend);"
        "from ice3_gt4py.copies import copies_for;"
        "copies_for(Build(backend, compiler='cxx', compile_args=arguments, cache=cache, cached_only=True));"
        "sys.exit('dace' in sys.modules)"
    )
    given = pickle.dumps((build.backend, build.compile_args, build.cache))
    subprocess.run([sys.executable, "-c", program], input=given, check=True)


def test_one_process_compiles_them_and_others_wait(build: Build, tmp_path: Path) -> None:
    copies.copies_for(build)
    (lock,) = tmp_path.glob("packing-*.lock")
    with ThreadPoolExecutor(1) as pool, lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = pool.submit(copies.copies_for, build.from_cache())
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        fcntl.flock(file, fcntl.LOCK_UN)
        waiting.result(timeout=60)


def test_what_does_not_compile_is_named_and_leaves_nothing(
    build: Build, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = replace(build, compile_args=(*build.compile_args, "-include", "no_such_header.hpp"))
    with pytest.raises(CompilationError, match=r"packing.cpp could not be compiled .*apt-get install g\+\+"):
        copies.copies_for(broken)
    assert "no_such_header.hpp" in capfd.readouterr().err
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
