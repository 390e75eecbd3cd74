"""Output that cannot be written ends no command."""

from __future__ import annotations

import io
import os
import sys
from typing import cast

from ice3_bench.streams import Enduring, enduring_streams


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
