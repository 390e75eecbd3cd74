"""Sessions that time data of PHYEX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.probe.phyex_files import block_records, made_up, write_records

from ice3_bench.cell.options import parse_arguments
from ice3_bench.errors import Exit, UsageError
from ice3_bench.reports import load_report
from ice3_probe.phyex.layout import ICE_ADJUST, RAIN_ICE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sessions.conftest import Place

    from ice3_bench.settings.matrix import Settings
    from ice3_probe.phyex.layout import Layout

FOUR = (4, 3)


def write_data(folder: Path, layout: Layout = ICE_ADJUST, factor: float = 2.0) -> Path:
    """Write a block whose results are the fake port's: its vapour source is ``factor`` times the input."""
    folder.mkdir()
    values = made_up(layout, *FOUR)
    values["PRS_OUT"] = factor * values["PRS"]
    write_records(folder / "00000000.dat", block_records(layout, values))
    return folder


def test_data_are_checked_timed_and_stored(place: Place, tmp_path: Path) -> None:
    folders = write_data(tmp_path / "mine"), write_data(tmp_path / "rain", RAIN_ICE)
    run = place.bench(*(f"--data={folder}" for folder in folders), "--columns=10")
    assert run.returncode == Exit.OK, run.stderr
    report = load_report(place.results / "fake-float64" / "report-partial.json")
    names = ["ice_adjust/fake/float64/data:mine/10x3", "rain_ice/fake/float64/data:rain/10x3"]
    assert [benchmark.name for benchmark in report.benchmarks] == names
    assert [benchmark.domain for benchmark in report.benchmarks] == [(10, 1, 3)] * 2
    assert [benchmark.active for benchmark in report.benchmarks] == [1.0, 1.0]
    assert {"latency", "peak-memory", "accuracy"} <= report.benchmarks[0].measures.keys()
    assert {entry.data_set for entry in report.accuracy} >= {"mine", "rain", "ice_adjust_lite.nc"}
    assert not report.physics_differs
    assert report.protocol.data.keys() == {"mine", "rain"}
    assert "ice_adjust 10x3 data:mine: 100.0% of the points have hydrometeors." in run.stdout
    assert "mine: No namelist was found" in run.stdout
    assert place.stored() == 1

    table = place.harness("table")
    assert "ice_adjust 10x3 data:mine" in table.stdout

    write_data(tmp_path / "mine" / "more", factor=1.0)  # another folder: not read
    (tmp_path / "mine" / "fort.4").write_text("&NAM_NEBN LSIGMAS=T /\n")
    other = place.bench(*(f"--data={folder}" for folder in folders), "--columns=10")
    assert "since it differs: data mine " in other.stdout
    assert "mine: Options of the namelist fort.4" in other.stdout


def test_data_that_differ_mark_the_timing_and_stop_nothing(place: Place, tmp_path: Path) -> None:
    """The reference of PHYEX's published data is of another version and namelist than that of the probe."""
    run = place.bench("--data", str(write_data(tmp_path / "old", factor=3.0)), backend="single")
    assert run.returncode == Exit.OK, run.stderr
    report = load_report(place.results / "single-float64" / "report-partial.json")
    assert report.physics_differs
    assert "latency" in report.benchmarks[0].measures
    assert "ice_adjust: physics differs." in run.stdout


def test_bad_data_are_refused_before_anything_is_measured(place: Place, tmp_path: Path) -> None:
    folder = write_data(tmp_path / "cut")
    block = folder / "00000000.dat"
    block.write_bytes(block.read_bytes()[:500])
    run = place.bench("--data", str(folder), backend="single")
    assert run.returncode == Exit.USAGE
    assert "00000000.dat is truncated: its record 6 (PMFCONV) needs" in run.stderr
    assert "compile" not in run.stdout
    assert place.nothing_is_stored()
    run = place.bench("--data", str(write_data(tmp_path / "rain", RAIN_ICE)), backend="single")
    assert run.returncode == Exit.USAGE
    assert "is data of rain_ice, and what is timed is ice_adjust." in run.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--columns", "5"), "--namelist and --columns belong to data of PHYEX"),
        (("--data", "a", "--columns", "0"), "at least one column"),
        (("--data", "a", "--domain", "4x4x4"), "use --columns, or --domain phyex"),
        (("--data", "a", "--domain", "phyex", "--columns", "5"), "leave --columns out"),
    ],
)
def test_arguments_that_do_not_fit_together_are_named(
    settings: Settings, arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        parse_arguments(arguments, settings)


def test_phyexs_own_size_is_a_preset(settings: Settings) -> None:
    given = parse_arguments(("--domain", "phyex"), settings)
    assert given.domains == ((99_840, 1, 120),)
