"""Blocks that are written and read back, and what is wrong with those that cannot be used."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.probe.phyex_files import block_records, made_up, write_records

from ice3_probe.data_sets import load
from ice3_probe.phyex.layout import ICE_ADJUST, LAYOUTS, RAIN_ICE
from ice3_probe.phyex.records import find_records
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_probe.phyex.layout import Layout

layouts = st.sampled_from(LAYOUTS)
orders = st.sampled_from(["big", "little"])


@given(contents=st.lists(st.binary(max_size=40), min_size=1, max_size=20), order=orders)
def test_records_are_found_where_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], order: Any
) -> None:
    path = write_records(tmp_path_factory.mktemp("records") / "file", contents, order)
    whole = path.read_bytes()
    found = find_records(path, order, ())
    assert [whole[one.offset : one.offset + one.size] for one in found.records] == contents


@settings(max_examples=30, deadline=None)
@given(layout=layouts, order=orders, real=st.sampled_from([8, 4]), columns=st.integers(1, 9), levels=st.integers(2, 7))
def test_a_block_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, order: str, real: int, columns: int, levels: int
) -> None:
    values = made_up(layout, columns, levels)
    path = tmp_path_factory.mktemp("block") / "any name"
    data = load(write_records(path, block_records(layout, values, order, real), order))
    assert (data.component, data.shape, data.single) == (layout.component, (columns, levels), real == 4)
    for item in layout.items:
        for species, name in enumerate(item.variables):
            if name:
                wanted = values[item.name][..., species] if len(item.variables) > 1 else values[item.name]
                np.testing.assert_array_equal(data[name], wanted.astype(f"f{real}"))
    assert any("Little-endian" in remark for remark in data.remarks) == (order == "little")
    assert any("4 bytes" in remark for remark in data.remarks) == (real == 4)


@settings(max_examples=10, deadline=None)
@given(layout=layouts, counts=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_the_columns_of_a_folder_come_in_the_order_of_the_numbers(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, counts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("blocks")
    blocks = [made_up(layout, columns, 3, seed) for seed, columns in enumerate(counts)]
    for number, values in enumerate(blocks):
        write_records(folder / f"{8 + number}.dat", block_records(layout, values))  # 10.dat comes after 9.dat
    (folder / "README").write_text("no block\n")
    data = load(folder)
    np.testing.assert_array_equal(data["in_pabs"], np.concatenate([values["PPABSM"] for values in blocks]))


Records = list[bytes]


def without(number: int) -> Callable[[Records], Records]:
    return lambda records: records[:number] + records[number + 1 :]


def replaced(number: int, content: Callable[[bytes], bytes]) -> Callable[[Records], Records]:
    return lambda records: [*records[:number], content(records[number]), *records[number + 1 :]]


def integers(*values: int) -> bytes:
    return np.array(values, ">i4").tobytes()


def changed_real(place: int, value: float) -> Callable[[bytes], bytes]:
    """Replace the real at a place of a record."""
    return lambda content: content[: 8 * place] + np.array([value], ">f8").tobytes() + content[8 * place + 8 :]


@pytest.mark.parametrize(
    ("layout", "change", "message"),
    [
        (ICE_ADJUST, without(3), "has 20 records: those of ice_adjust have 21 and those of rain_ice have 32."),
        (RAIN_ICE, lambda records: [*records, b"more"], "has 33 records"),
        (ICE_ADJUST, replaced(0, lambda _: integers(4, 2, 3)), "The header of"),
        (RAIN_ICE, replaced(1, lambda _: integers(4, 1, 3, 7)), "then 6 species"),
        (ICE_ADJUST, replaced(0, lambda _: integers(-4, 1, 3)), "The header of"),
        (ICE_ADJUST, replaced(6, lambda one: one[:-8]), "record 7 (PPABSM) has 88 bytes: expected 96."),
        (ICE_ADJUST, replaced(1, lambda one: one[:60]), "record 2 (PRHODJ) has 60 bytes: expected 96 or 48."),
        (RAIN_ICE, replaced(2, lambda one: one + one), "record 3 (LLMICRO) has 96 bytes: expected 48."),
        (ICE_ADJUST, replaced(4, changed_real(5, np.nan)), "PSIGS of"),
        (ICE_ADJUST, replaced(4, changed_real(5, np.nan)), "is nan at (column, level) = (1, 1)"),
        (RAIN_ICE, replaced(16, changed_real(12 + 7, np.inf)), "is inf at (column, level) = (3, 1)"),
        (RAIN_ICE, replaced(20, changed_real(2, 1e40)), "is 1e+40 at (column, level) = (2, 0)"),
        (ICE_ADJUST, replaced(6, lambda one: np.frombuffer(one, ">f8")[::-1].tobytes()), "are upside down: PPABSM"),
    ],
)
def test_what_is_wrong_with_a_block_is_said(
    tmp_path: Path, layout: Layout, change: Callable[[Records], Records], message: str
) -> None:
    path = write_records(tmp_path / "00000003.dat", change(block_records(layout, made_up(layout, 4, 3))))
    with pytest.raises(DataSetError, match=re.escape(message)) as raised:
        load(path)
    assert "00000003.dat" in str(raised.value)
    assert "\n" not in str(raised.value)


@given(cut=st.integers(0, 3000), layout=layouts)
@settings(max_examples=50, deadline=None)
def test_a_truncated_block_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int, layout: Layout) -> None:
    path = write_records(tmp_path_factory.mktemp("cut") / "0.dat", block_records(layout, made_up(layout, 4, 3)))
    whole = path.read_bytes()
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(DataSetError, match=r"0\.dat"):
        load(path.parent)


def test_a_large_truncated_file_is_refused_at_once(tmp_path: Path) -> None:
    values = 12_000_000
    path = tmp_path / "00000000.dat"
    with path.open("wb") as file:  # with a hole: it takes no place on the disk
        file.write(integers(12, 100_000, 1, 120, 12))
        for number in range(20):
            marker = integers(8 * values)
            file.write(marker)
            file.seek(8 * values if number < 11 else 4, 1)
            file.write(marker)
    start = time.perf_counter()
    with pytest.raises(DataSetError, match=r"00000000\.dat"):
        load(path)
    assert time.perf_counter() - start < 1.0


def test_damaged_markers_are_named(tmp_path: Path) -> None:
    path = write_records(tmp_path / "0.dat", block_records(ICE_ADJUST, made_up(ICE_ADJUST, 4, 3)))
    whole = bytearray(path.read_bytes())
    whole[20 + 4 + 96 + 3] = 95  # the closing marker of PRHODJ
    path.write_bytes(whole)
    with pytest.raises(DataSetError, match=re.escape("record 2 (PRHODJ) begins with the length 96 and ends with 95")):
        load(path)


@pytest.mark.parametrize(
    ("columns", "levels", "layout", "real", "message"),
    [
        (4, 3, RAIN_ICE, 8, "mixes blocks of ice_adjust (0.dat) and rain_ice (1.dat)"),
        (4, 5, ICE_ADJUST, 8, "mixes numbers of levels: 3 (0.dat) and 5 (1.dat)"),
        (4, 3, ICE_ADJUST, 4, "mixes bytes of a real: 8 (0.dat) and 4 (1.dat)"),
    ],
)
def test_mixed_blocks_are_refused(
    tmp_path: Path, columns: int, levels: int, layout: Layout, real: int, message: str
) -> None:
    write_records(tmp_path / "0.dat", block_records(ICE_ADJUST, made_up(ICE_ADJUST, 2, 3)))
    write_records(tmp_path / "1.dat", block_records(layout, made_up(layout, columns, levels), real=real))
    with pytest.raises(DataSetError, match=re.escape(message)):
        load(tmp_path)


def test_what_is_no_block_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="holds no block of PHYEX"):
        load(tmp_path)
    (tmp_path / "1.dat").write_bytes(b"")
    with pytest.raises(DataSetError, match=r"1\.dat is not a block of PHYEX's ICE_ADJUST or RAIN_ICE: it is empty"):
        load(tmp_path)
    (tmp_path / "1.dat").write_bytes(integers(4, 60, 4))  # what the files of another program begin with
    with pytest.raises(DataSetError, match="it begins with 00 00 00 04"):
        load(tmp_path)


def test_gaps_and_wrong_counts_are_remarked_on(tmp_path: Path) -> None:
    values = made_up(RAIN_ICE, 4, 3)
    for number in (0, 2, 5):
        write_records(tmp_path / f"{number:08}.dat", block_records(RAIN_ICE, values, isize=3 if number else None))
    said = " ".join(load(tmp_path).remarks)
    assert "Files are missing in the numbering: 00000001, 00000003, 00000004." in said
    assert "(ISIZE) differs from LLMICRO: 00000002.dat, 00000005.dat." in said
