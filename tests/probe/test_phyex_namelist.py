"""Namelists that are written and read back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.probe.phyex_files import block_records, made_up, write_records

from ice3_probe.data_sets import DEFAULTS, load
from ice3_probe.options import RainIceOptions, from_phyex
from ice3_probe.phyex.layout import RAIN_ICE
from ice3_probe.phyex.namelist import parse_namelists
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from pathlib import Path

names = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
texts = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12).map(str.rstrip)
scalars = st.one_of(st.booleans(), st.integers(-(10**6), 10**6), st.floats(-1e30, 1e30, width=64), texts)
values = st.one_of(scalars, st.lists(scalars, min_size=2, max_size=4))


def written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(written, value))
    if isinstance(value, bool):
        return ".TRUE." if value else "F"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value).replace("e", "D") if isinstance(value, float) else str(value)


@given(
    groups=st.dictionaries(names.filter(lambda name: not name.startswith("NAM_")), st.dictionaries(names, values)),
    end=st.sampled_from(["/", "&END", "  / ! the end"]),
    comma=st.sampled_from([",", "", " ! it's a remark, B=3 /"]),
)
def test_a_namelist_is_read_as_it_was_written(groups: dict[str, Any], end: str, comma: str) -> None:
    text = ""
    for name, group in groups.items():
        lines = [f"  {key.lower()} = {written(value)}{comma}\n" for key, value in group.items()]
        text += f"&NAM_{name}\n{''.join(lines)}{end}\n"
    assert parse_namelists(text) == groups


def test_what_phyex_users_write_is_understood() -> None:
    groups = parse_namelists(
        "&NAM_PARAM_ICEn CSEDIM='STAT', LSEDIC=T, XMRSTEP=5.D-5 NMAXITER_MICRO = 1 XFRMIN_NAM(3)=2., XA = 3*1.5/\n"
        "&NAM_EMPTY /\n&NAM_NEBn\n LSUBG_COND=.true. ! subgrid\n/\n"
    )
    assert groups["PARAM_ICEN"] == {
        "CSEDIM": "STAT", "LSEDIC": True, "XMRSTEP": 5e-5, "NMAXITER_MICRO": 1, "XA": [1.5, 1.5, 1.5],
    }  # fmt: skip
    assert groups["NEBN"] == {"LSUBG_COND": True}
    assert from_phyex(RainIceOptions, groups).NMAXITER_MICRO == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("&NAM_NEBN LSIGMAS = T", "group NAM_NEBN cannot be read which has no end (/)"),
        ("&NAM_NEBN 3 /", "group NAM_NEBN cannot be read at '3': a name and = are missing"),
        ("&NAM_NEBN LSIGMAS = maybe /", "'maybe' is neither a number, a logical nor a text in quotes"),
        ("&NAM_NEBN CCONDENS = 'CB02 /", "group NAM_NEBN cannot be read at ''CB02 /'"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_namelists(text)


def test_options_come_from_the_namelist_beside_the_data_or_from_the_one_that_is_given(tmp_path: Path) -> None:
    write_records(tmp_path / "0.dat", block_records(RAIN_ICE, made_up(RAIN_ICE, 2, 3)))
    assert DEFAULTS in load(tmp_path).remarks
    beside, other = tmp_path / "fort.4", tmp_path / "other"
    beside.write_text("&NAMRIP TSTEP=60. /\n&NAM_PARAM_ICEN XMRSTEP=5.E-5 /\n")
    data = load(tmp_path)
    assert (data.config["PARAM_ICEN"], data.timestep) == ({"XMRSTEP": 5e-5}, 60.0)
    assert any("namelist fort.4" in remark for remark in data.remarks)
    other.write_text("&NAM_PARAM_ICEN XMRSTEP=1.E-5 /\n")
    with pytest.raises(DataSetError, match=r"has several namelists \(fort\.4, other\)\. Choose one with --namelist"):
        load(tmp_path)
    assert load(tmp_path, other).config["PARAM_ICEN"] == {"XMRSTEP": 1e-5}
    with pytest.raises(DataSetError, match="none cannot be read"):
        load(tmp_path, tmp_path / "none")
    other.write_text("&NAM_OTHER X=1 /\n")
    with pytest.raises(DataSetError, match="neither a group NAM_PARAM_ICEN nor NAM_NEBN"):
        load(tmp_path, other)
