"""What is shown while a pass runs."""

from __future__ import annotations

import io
import time

from rich.console import Console

from ice3_bench.cell.progress import Progress
from ice3_probe.messages import Built, Started


def test_a_long_compilation_shows_each_component_and_that_it_goes_on() -> None:
    shown = io.StringIO()
    progress = Progress(Console(file=shown, markup=False, width=200), {"compile": 1.0, "timing": 1.0}, pulse=0.1)
    with progress.running("compile"):
        progress.notify(Started("ice_adjust, rain_ice"))
        progress.notify(Built("ice_adjust", (8, 8, 16), 43.21, cached=False))
        time.sleep(0.35)
        progress.notify(Built("rain_ice", (8, 8, 16), 0.1, cached=True))
    lines = [line.strip() for line in shown.getvalue().splitlines()]
    assert lines[:3] == ["[1/2] compile ...", "ice_adjust, rain_ice", "ice_adjust: compiled in 43.2 s"]
    assert "compile, 0 s: rain_ice" in lines[3:]
    assert lines[-2:] == ["rain_ice: loaded in 0.1 s", f"✓ compile     {progress.seconds['compile']:6.1f} s"]


def test_a_name_may_hold_what_looks_like_markup() -> None:
    shown = io.StringIO()
    progress = Progress(Console(file=shown, markup=False, width=200), {"environment": 1.0})
    with progress.running("environment"):
        progress.step("installing /tmp/[/red]/[bold]")
    assert "installing /tmp/[/red]/[bold]" in shown.getvalue()
