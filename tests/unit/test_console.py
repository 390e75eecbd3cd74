"""The console: what it prints is literal, and what is no terminal gets a table without cursor codes."""

from __future__ import annotations

import pytest
from rich.table import Table

from ice3_bench.show.console import Fitting, make_console, working


@pytest.mark.parametrize("forced", ["", "1"])
def test_a_log_gets_the_table_and_no_cursor_codes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, forced: str
) -> None:
    monkeypatch.setenv("FORCE_COLOR", forced)
    monkeypatch.delenv("NO_COLOR", raising=False)
    console = make_console()
    table = Table(*(f"a wide column {number}" for number in range(8)))
    table.add_row(*(str(number) for number in range(8)), style="red")
    with working(console, "measuring") as notify:
        notify("[/red]")
    console.print(Fitting(table))
    text = capsys.readouterr().out
    assert "a wide column 7" in text.splitlines()[1]  # all in one line: it is a table
    assert ("\x1b[31m" in text) == bool(forced)
    assert "\x1b[?25" not in text
    assert "\x1b[1A" not in text


@pytest.mark.parametrize("text", ["/results/[/red]", "[bold]x", ":smile:", "[link=http://x]y"])
def test_names_and_paths_are_printed_as_they_are(capsys: pytest.CaptureFixture[str], text: str) -> None:
    console = make_console()
    table = Table(text, title=text)
    table.add_row(text)
    console.print(table)
    console.print(text)
    with working(console, text) as notify:
        notify(text)
    assert capsys.readouterr().out.count(text) == 4
