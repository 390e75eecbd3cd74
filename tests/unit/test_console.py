"""The console: what it prints is literal, and what is no terminal gets a table without cursor codes."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.table import Table

from ice3_bench.show.console import PULSE, Fitting, Steps, make_console, say, working
from ice3_bench.text import folded


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


def test_a_log_gets_a_line_for_each_step_apart_from_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    with working(make_console(), "preparing") as notify:
        notify("environments of a cell")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == ["    0 s  preparing", "    0 s  environments of a cell"]
    with working(make_console(quiet=True), "preparing"):
        pass
    assert capsys.readouterr().err == ""


def test_steps_that_differ_in_numbers_only_are_told_now_and_then() -> None:
    lines: list[str] = []
    times = iter([0.0, 1.0, 2.0, 3.0, 3.0 + PULSE, 4.0 + PULSE])
    steps = Steps(lines.append, lambda: next(times))
    for what in ("a: pair 1 of 16", "a: pair 2 of 16", "b: pair 1 of 16", "b: pair 2 of 16", "b: pair 3 of 16"):
        steps.tell(what)
    assert [line.partition("s  ")[2] for line in lines] == ["a: pair 1 of 16", "b: pair 1 of 16", "b: pair 2 of 16"]


def test_sentences_are_broken_between_words_and_commands_are_not() -> None:
    path = "/a/" + "very-long-name/" * 8
    text = f"Wrong physics: see {path} with the command below, which can be copied as it is:\n    {'word ' * 30}end"
    lines = folded(text, 40).split("\n")
    assert lines[-1] == f"    {'word ' * 30}end"
    assert " ".join(lines[:-1]) == text.split("\n", maxsplit=1)[0]
    assert [line for line in lines[:-1] if len(line) > 40] == [path]
    assert folded("short", 40) == "short"
    assert folded("", 40) == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_needs_short_lines(terminal: bool) -> None:
    sentence = "A sentence with more than forty characters in a line."
    console = Console(width=40, force_terminal=terminal, no_color=True)
    with console.capture() as captured:
        say(console, sentence)
    assert captured.get().count("\n") == (2 if terminal else 1)
    assert " ".join(captured.get().split()) == sentence
