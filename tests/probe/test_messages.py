from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice3_probe import messages
from ice3_probe.contract import Cell
from ice3_probe.messages import (
    Benchmark,
    Checked,
    Done,
    Failure,
    Job,
    MessageError,
    Rounds,
    Start,
    decode,
    decode_as,
    encode,
)

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
CELLS = st.builds(
    Cell,
    backend=st.text(),
    precision=st.sampled_from(["float32", "float64"]),
    device=st.sampled_from(["cpu", "gpu"]),
    threads=st.integers(),
    cache=st.text("abc/.", min_size=1).map(Path),
    settings=st.dictionaries(st.text(), st.text()),
)
st.register_type_strategy(float, FLOATS)
st.register_type_strategy(Cell, CELLS)
MESSAGES = st.one_of([st.from_type(kind) for kind in typing.get_args(messages.Message)])


@given(MESSAGES)
def test_every_message_is_read_as_it_was_written(message: Any) -> None:
    line = encode(message)
    assert "\n" not in line
    assert decode(line) == message


def test_every_kind_of_message_is_known() -> None:
    assert {Job, Start, Checked, Done} <= set(typing.get_args(messages.Message))


JOB = Job("a.py", Cell("x", "float64", "cpu", 1, Path("/c"), {}), (Benchmark("n", "c", (1, 2, 3), "rich"),), ("c",))


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(encode(JOB)), **fields})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("rain", "Not a message: 'rain'"),
        ("[]", "version None"),
        (changed(version=99), r"version 99 \(expected 1\)"),
        (changed(kind="Hail"), "unknown kind 'Hail'"),
        (changed(hail=1), "unknown fields: hail"),
        (changed(port=5), "Job.port is 5"),
        (changed(checked=[1]), r"Job.checked\[0\] is 1"),
        (changed(profile="fast"), "Job.profile is 'fast'"),
        (changed(benchmarks=[{"name": "n"}]), "lacks a field"),
        (changed(benchmarks=[{"name": "n", "component": "c", "domain": [1, 2], "mix": "m"}]), "domain is"),
        (changed(cell=None), "Job.cell is None, not an object"),
    ],
)
def test_a_bad_message_says_what_is_wrong_with_it(line: str, told: str) -> None:
    with pytest.raises(MessageError, match=told):
        decode(line)


def test_a_message_of_another_kind_is_refused() -> None:
    with pytest.raises(MessageError, match="A message Failure: expected Rounds"):
        decode_as(Rounds, encode(Failure("no")))


def test_numbers_that_are_not_finite_are_never_written() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        encode(messages.Prepared(1, float("nan")))


@pytest.mark.parametrize("line", ["[" * 200_000, "9" * 5000, '{"version": NaN}', '"\\ud800"'])
def test_a_line_that_is_no_message_is_refused(line: str) -> None:
    with pytest.raises(MessageError):
        decode(line)
