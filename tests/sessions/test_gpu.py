"""Sessions of GPU cells, with a CuPy that plays the device: only the plumbing is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_bench.errors import Exit
from ice3_bench.reports import load_report

if TYPE_CHECKING:
    from tests.sessions.conftest import Place

CELL = "device-float64"


def test_a_session_reports_kernel_time_wall_time_transfers_and_memory(place: Place) -> None:
    run = place.bench("--device", "1", backend="device")
    assert run.returncode == Exit.OK, run.stderr
    report = load_report(place.results / CELL / "report.json")
    for benchmark in report.benchmarks:
        measures, rounds = benchmark.measures, benchmark.rounds
        assert rounds is not None
        assert benchmark.clock == "kernel"
        assert set(rounds.kernel_ns) == {8192}
        assert len(rounds.kernel_ns) == len(rounds.wall_ns)
        assert measures["latency"].value == 8192.0
        assert measures["bandwidth"].value > 0.0
        assert measures["transfer-in"].value > 0.0
        assert measures["transfer-out"].value > 0.0
        assert measures["peak-memory"].value == 123456.0
        assert benchmark.memray_dump is None
    assert report.machine.testbed == "nvidia-stand-in-80gb"
    assert report.machine.gpu is not None
    assert report.machine.gpu.index == 1
    assert report.machine.gpu.memory_clock_mhz is None
    assert "CUDA_VISIBLE_DEVICES" not in report.protocol.environment
    assert "-march=native" not in report.protocol.compile_args
    for heading in ("of copy", "to device", "back"):
        assert heading in run.stdout


def test_without_nvidia_smi_nothing_is_measured(place: Place) -> None:
    place.add_program("nvidia-smi", "exit 9")
    run = place.bench(backend="device")
    assert run.returncode == Exit.USAGE
    assert "nvidia-smi could not describe the device" in run.stderr
    assert "timing" not in run.stdout
    assert place.nothing_is_stored()


def test_revisions_are_not_compared_by_the_cpu_time_of_launches(place: Place) -> None:
    run = place.harness("compare", "--", "--cells", CELL)
    assert run.returncode == Exit.USAGE, run.stderr
    assert CELL in run.stderr


def test_one_command_measures_all_gpu_cells_and_writes_the_table_of_what_did_not_fail_too(place: Place) -> None:
    run = place.harness("gpu", "--", "--benchmark-max-time=0.01", "--quiet", misbehaviour="fail-ice_adjust")
    assert run.returncode == Exit.FAILED
    table = (place.results / "gpu.md").read_text(encoding="utf-8")
    assert table in run.stdout
    start = "| NVIDIA Stand-In 80GB |"
    assert f"{start} ice_adjust | – | 8x8x16 | float64 | fake on a device | failed |" in table
    assert f"{start} rain_ice | rich | 8x8x16 | float64 | fake on a device | 8 |" in table
