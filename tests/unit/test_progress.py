"""What is shown while a pass runs."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ice3_bench.cell.durations import Durations
from ice3_bench.cell.pieces import Pieces
from ice3_bench.cell.progress import Progress
from ice3_probe.messages import Building, Built, PieceBuilt, Started

if TYPE_CHECKING:
    from pathlib import Path

PASSES = ("compile", "timing")


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def plain(shown: io.StringIO) -> Console:
    return Console(file=shown, markup=False, highlight=False, width=200)


def test_a_long_compilation_shows_each_component_and_that_it_goes_on() -> None:
    shown = io.StringIO()
    progress = Progress(plain(shown), PASSES, Pieces("fast"), pulse=0.1)
    with progress.running("compile"):
        progress.notify(Building("ice_adjust"))
        progress.notify(Building("rain_ice"))
        progress.notify(Built("ice_adjust", (8, 8, 16), 43.21, cached=False))
        time.sleep(0.35)
        progress.notify(Built("rain_ice", (8, 8, 16), 0.1, cached=True))
    lines = [line.strip() for line in shown.getvalue().splitlines()]
    assert lines[:4] == [
        "[1/2] compile ...",
        "ice_adjust for fast",
        "rain_ice for fast",
        "ice_adjust: compiled in 43.2 s",
    ]
    assert "compile, 0 s: rain_ice for fast: 0 s" in lines[4:]
    assert lines[-2:] == ["rain_ice: loaded in 0.1 s", f"✓ compile     {progress.seconds['compile']:6.1f} s"]


def test_each_piece_is_a_step_with_its_backend_its_time_and_what_the_last_time_tells(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "durations.json"
    pieces = Pieces("gt:fast", Durations(path, "here"), clock)
    assert pieces.take(Building("rain_ice")) == "rain_ice for gt:fast"
    assert pieces.take(Building("rain_ice", "fall")) == "rain_ice, fall for gt:fast"
    clock.now = 50.0
    assert pieces.under_way == ["rain_ice, fall for gt:fast: 50 s"]  # no estimate: it was never compiled here
    assert pieces.take(PieceBuilt("rain_ice", "fall", 60.0)) == "rain_ice, fall: compiled in 60.0 s"
    assert pieces.under_way == []
    assert pieces.take(Built("rain_ice", (2, 2, 3), 61.0, cached=False)) == "rain_ice: compiled in 61.0 s"

    again = Pieces("gt:fast", Durations(path, "here"), clock)
    again.take(Building("rain_ice"))
    begun = again.take(Building("rain_ice", "fall"))
    assert begun == "rain_ice, fall for gt:fast, 60 s when it was last compiled here"
    clock.now += 20.0
    assert again.under_way == ["rain_ice, fall for gt:fast: 20 s, about 40 s left"]
    clock.now += 50.0
    assert again.under_way == ["rain_ice, fall for gt:fast: 70 s, longer than the 60 s of the last time"]

    elsewhere = Pieces("gt:fast", Durations(path, "there"), clock)
    assert elsewhere.take(Building("rain_ice", "fall")) == "rain_ice, fall for gt:fast"


def test_a_port_that_builds_nothing_in_pieces_is_one_step_with_an_estimate_of_its_own(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "durations.json"
    pieces = Pieces("jit", Durations(path, "here"), clock)
    pieces.take(Building("ice_adjust"))
    pieces.take(Built("ice_adjust", (2, 2, 3), 30.0, cached=False))
    again = Pieces("jit", Durations(path, "here"), clock)
    again.take(Building("ice_adjust"))
    clock.now += 10.0
    assert again.under_way == ["ice_adjust for jit: 10 s, about 20 s left"]
    again.take(Built("ice_adjust", (2, 2, 3), 0.5, cached=True))  # what is loaded teaches nothing
    assert Durations(path, "here").of("ice_adjust", "") == 30.0


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"here": 3}', '{"here": {"ice_adjust/": "long"}}', "null"])
def test_a_file_of_durations_that_cannot_be_read_gives_no_estimate_and_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "durations.json"
    path.write_text(text, encoding="utf-8")
    durations = Durations(path, "here")
    assert durations.of("ice_adjust", "") is None
    durations.note("ice_adjust", "", 2.0)
    assert Durations(path, "here").of("ice_adjust", "") == 2.0


def test_durations_that_cannot_be_kept_disturb_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    durations = Durations(tmp_path / "file" / "durations.json", "here")
    durations.note("ice_adjust", "", 2.0)
    assert durations.of("ice_adjust", "") == 2.0


def test_the_time_left_is_told_only_if_the_last_time_tells_it(clock: Clock) -> None:
    progress = Progress(plain(io.StringIO()), PASSES, Pieces("fast", clock=clock))
    with progress.running("compile"):
        assert progress.left(5.0) == ""
        progress.expected = {"compile": 10.0, "timing": 20.0}
        assert progress.left(4.0) == ", about 26 s left"
        assert progress.left(11.0) == ", longer than the 10 s of the last time"
        progress.notify(Building("ice_adjust"))
        assert progress.left(4.0) == ""  # the pieces have estimates of their own


def test_a_terminal_shows_a_line_for_each_piece() -> None:
    shown = io.StringIO()
    console = Console(file=shown, markup=False, highlight=False, width=80, force_terminal=True)
    progress = Progress(console, PASSES, Pieces("gt:fast"))
    with progress.running("compile"):
        progress.notify(Building("rain_ice"))
        progress.notify(Building("rain_ice", "fall"))
        console.print(progress)
    assert "rain_ice, fall for gt:fast: 0 s" in shown.getvalue()


def test_a_name_may_hold_what_looks_like_markup() -> None:
    shown = io.StringIO()
    progress = Progress(plain(shown), ("environment",))
    with progress.running("environment"):
        progress.step("installing /tmp/[/red]/[bold]")
        progress.notify(Started("[/red]"))
    assert "installing /tmp/[/red]/[bold]" in shown.getvalue()
