"""The table of all cells, by the program, over results of whole sessions."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell.machine import machine_name
from ice3_bench.errors import Exit
from ice3_bench.history.store import History

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sessions.conftest import Place

    from ice3_bench.report import Report


def choose(place: Place, reference: str) -> None:
    path = place.project / "pyproject.toml"
    table = "[tool.ice3-bench]\n"
    text = path.read_text(encoding="utf-8").replace(table, f'{table}reference = "{reference}"\n', 1)
    path.write_text(text, encoding="utf-8")


def test_the_table_shows_all_cells_and_compares_them_with_the_reference(place: Place) -> None:
    for backend, misbehaviour in (("single", ""), ("reporting", "wrong-physics")):
        run = place.bench("--quiet", backend=backend, misbehaviour=misbehaviour)
        assert run.returncode == Exit.OK, run.stderr
    alone = place.harness("table")
    assert alone.returncode == Exit.OK, alone.stderr
    assert "ice_adjust 8x8x16" in alone.stdout
    assert "speed" not in alone.stdout
    assert "Nothing is compared: --reference CELL" in alone.stderr

    choose(place, "single")
    markdown = place.harness("table", "--", "--format", "markdown")
    assert (markdown.returncode, markdown.stderr) == (Exit.OK, "")
    caption, _, head, _, *rows = markdown.stdout.splitlines()
    assert "1 thread" in caption
    assert "| speed relative to single in the same precision |" in head
    (ours,) = (row for row in rows if "| reporting-float64 |" in row)
    assert ours.startswith("| ice_adjust | – | 8x8x16 |")
    assert "x | " in ours
    assert "| physics differs" in ours

    table = place.harness("table", "--", "--format", "csv", "--reference", "reporting-float64")
    by_cell = {row["cell"]: row for row in csv.DictReader(table.stdout.splitlines())}
    (single, reporting) = (by_cell[cell] for cell in ("single-float64", "reporting-float64"))
    ratio = float(reporting["latency_ns"]) / float(single["latency_ns"])
    assert float(single["times_faster"]) == pytest.approx(ratio)
    assert reporting["times_faster"] == ""
    assert (single["physics_differs"], reporting["physics_differs"]) == ("false", "true")


def test_a_reference_that_was_not_measured_is_an_error_if_it_was_asked_for(
    place: Place, make_report: Callable[..., Report]
) -> None:
    report = make_report(cell="single-float64")
    report.machine.testbed, report.protocol.arrangement = machine_name(), "coherent"
    report.benchmarks[0].name = "ice_adjust/single/float64/50x50x60"
    with History(place.results / "history.db") as history:
        history.add(report)
    choose(place, "fake")
    usual = place.harness("table")
    assert usual.returncode == Exit.OK
    assert "single-float64" in usual.stdout
    assert "The reference fake was not measured on" in usual.stderr
    assert "nox -s bench-fake-float64." in usual.stderr
    for arguments, told in (
        (("--reference", "fake-float64"), "nox -s bench-fake-float64."),
        (("--reference", "fake-float32"), "Unknown reference 'fake-float32': expected a backend, one of 'fake'"),
        (("--benchmarks", "rain"), "No benchmark is selected: there are 'ice_adjust/"),
        (("--threads", "7"), "nox -s bench-fake-float64 -- --threads 7."),
    ):
        run = place.harness("table", "--", *arguments)
        assert (run.returncode, run.stdout) == (Exit.USAGE, "")
        assert told in run.stderr


def test_without_a_history_there_is_no_table(place: Place) -> None:
    run = place.harness("table")
    assert run.returncode == Exit.USAGE
    assert "There is no history at" in run.stderr
