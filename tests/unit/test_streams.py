"""Output that cannot be written ends no command."""

from __future__ import annotations

import io
import os
import sys
from typing import cast

import pytest

from ice3_bench.streams import Enduring, enduring_streams, harmless


def test_what_an_encoding_lacks_is_replaced() -> None:
    raw = io.BytesIO()
    stream = Enduring(io.TextIOWrapper(raw, encoding="ascii"))
    stream.write("5 °C – ✓\n")
    stream.flush()
    assert raw.getvalue() == b"5 ?C ? ?\n"
    assert stream.encoding == "ascii"


def test_a_pipe_that_nobody_reads_falls_silent() -> None:
    reader, writer = os.pipe()
    stream = Enduring(os.fdopen(writer, "w", encoding="utf-8"))
    os.close(reader)
    for _ in range(3):
        assert stream.write("x" * 100_000) == 100_000
        stream.flush()
    cast("io.TextIOWrapper", stream).close()


def test_the_streams_are_given_back() -> None:
    before = sys.stdout, sys.stderr
    with enduring_streams():
        assert isinstance(sys.stdout, Enduring)
        print("heard")
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("::error::broken", ": :error::broken"),
        ("fine\n  ::add-mask::main\n", "fine\n  : :add-mask::main\n"),
        ("Error: ##[error]x, ice_adjust::y", "Error: ## [error]x, ice_adjust::y"),
        ("a\rb\x1b[2Jc\x1b]0;title\x07", r"a\rb\x1b[2Jc\x1b]0;title\x07"),
        ("\x1b[31mred\x1b[0m\ttab", "\x1b[31mred\x1b[0m\ttab"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_what_is_printed_is_no_command(text: str, printed: str) -> None:
    assert harmless(text) == printed


def test_a_command_is_one_at_the_start_of_a_line_only_however_it_is_written() -> None:
    raw = io.StringIO()
    stream = Enduring(raw)
    for text in ("rain", "::graupel", "\n", "  ", "::error::x", "\n::warning::y"):
        stream.write(text)
    assert raw.getvalue() == "rain::graupel\n  : :error::x\n: :warning::y"
