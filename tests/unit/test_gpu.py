"""What GPU cells have and others do not. No device is needed: where one is played, only the plumbing is tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_session import Place

from ice3_bench.cell.device import SMI_COLUMNS, compute_capability, device_record, gpu_table, nvcc_version
from ice3_bench.cell.machine import describe_machine, describe_software
from ice3_bench.errors import Exit, UsageError
from ice3_bench.report import Benchmark, Gpu, Metric, Report, Rounds, load_report, parse_report
from ice3_gt4py.device import CACHES, sets_to_rotate

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2]
CELL = "gt_gpu-float64"
FACTS = {"runtime": "13.0", "cache_bytes": 5e7, "memory_bytes": 8e10, "copy_bytes_per_second": 4.3e12}
SMI = "NVIDIA H200, GPU-8a1b, 1, 580.65.06, 1980, 3201, 700.00, 1755, 3201"


@pytest.fixture
def gpu() -> Gpu:
    return device_record({**FACTS, "smi": SMI})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# The device ---------------------------------------------------------------------------------------------------------


def test_the_record_has_what_nvidia_smi_says(gpu: Gpu) -> None:
    assert (gpu.name, gpu.uuid, gpu.index, gpu.driver) == ("NVIDIA H200", "GPU-8a1b", 1, "580.65.06")
    assert (gpu.sm_clock_max_mhz, gpu.memory_clock_max_mhz, gpu.power_limit_watts) == (1980.0, 3201.0, 700.0)
    assert (gpu.sm_clock_mhz, gpu.memory_clock_mhz) == (1755.0, 3201.0)


@pytest.mark.parametrize("placeholder", ["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]"])
def test_what_the_driver_does_not_say_is_none(placeholder: str) -> None:
    record = device_record({**FACTS, "smi": SMI.replace("700.00", placeholder)})
    assert record.power_limit_watts is None
    assert record.sm_clock_mhz == 1755.0


@pytest.mark.parametrize("line", ["", "No devices were found", "NVIDIA H200, GPU-8a1b"])
def test_another_answer_of_nvidia_smi_is_quoted(line: str) -> None:
    with pytest.raises(UsageError, match=f"answered '{line}' where {len(SMI_COLUMNS)} values"):
        device_record({**FACTS, "smi": line})


@pytest.mark.parametrize(
    ("old", "new"), [("H200", "H100"), ("580.65.06", "575.1"), ("1980", "1785"), ("700.00", "500.00"), ("3201", "2619")]
)
def test_another_device_driver_or_limit_is_not_compared(
    make_report: Callable[..., Report], gpu: Gpu, old: str, new: str
) -> None:
    keys = {
        make_report(machine=describe_machine(1, "here", one)).comparability
        for one in (gpu, device_record({**FACTS, "smi": SMI.replace(old, new)}))
    }
    assert len(keys) == 2


def test_another_one_of_the_same_model_is_compared(make_report: Callable[..., Report], gpu: Gpu) -> None:
    twin = gpu.model_copy(
        update={"uuid": "GPU-ffff", "index": 0, "sm_clock_mhz": 1740.0, "copy_bytes_per_second": 4e12}
    )
    keys = {make_report(machine=describe_machine(1, None, one)).comparability for one in (gpu, twin)}
    assert len(keys) == 1


def test_the_testbed_is_named_after_the_model(gpu: Gpu) -> None:
    assert describe_machine(1, None, gpu).testbed == "nvidia-h200"
    assert describe_machine(1, "node", gpu).testbed == "node NVIDIA H200"
    assert describe_machine(1, "node").testbed == "node"


def test_the_key_of_a_cpu_report_knows_no_gpu(make_report: Callable[..., Report]) -> None:
    assert set(make_report().comparability_basis) == {
        "testbed", "cpu", "cores", "device", "python", "compiler", "compile_args", "threads", "environment",
    }  # fmt: skip


def test_a_report_from_before_gpu_cells_is_read(make_report: Callable[..., Report]) -> None:
    data = make_report().model_dump(mode="json")
    del data["machine"]["gpu"]
    for benchmark in data["benchmarks"]:
        del benchmark["rounds"]["kernel_ns"]
    report = parse_report(json.dumps(data), "here", "nothing")
    assert report.machine.gpu is None
    assert report.benchmarks[0].times == report.benchmarks[0].rounds.cpu_ns  # type: ignore[union-attr]
    assert report.comparability == make_report().comparability


def test_the_compilers_of_a_gpu_cell_are_both_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvcc = tmp_path / "bin/nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text("#!/bin/sh\necho 'Cuda compilation tools, release 12.8, V12.8.93'\n", encoding="utf-8")
    nvcc.chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    assert nvcc_version() == "nvcc 12.8.93"
    assert (describe_software("gpu").compiler or "").startswith("nvcc 12.8.93")
    assert "nvcc" not in (describe_software().compiler or "")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "none"))
    assert nvcc_version() is None


def test_no_nvidia_smi_is_no_error_where_only_the_cache_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert compute_capability(None) is None


@given(st.integers(1, 2**36), st.integers(1, 2**28))
def test_between_two_uses_of_a_set_more_than_the_cache_is_touched(set_bytes: int, cache_bytes: int) -> None:
    sets = sets_to_rotate(set_bytes, cache_bytes)
    assert sets >= 2
    assert (sets - 1) * set_bytes >= CACHES * cache_bytes
    assert sets == 2 or (sets - 2) * set_bytes < CACHES * cache_bytes  # no more than that takes


# Sessions of GPU cells ----------------------------------------------------------------------------------------------


def test_a_session_reports_kernel_time_wall_time_transfers_and_memory(place: Place) -> None:
    run = place.bench("--device", "1", backend="gt:gpu")
    assert run.returncode == Exit.OK, run.stderr
    report = load_report(place.results / CELL / "report.json")
    for benchmark in report.benchmarks:
        measures, rounds = benchmark.measures, benchmark.rounds
        assert rounds is not None
        assert benchmark.clock == "kernel"
        assert set(rounds.kernel_ns) == {8192}
        assert len(rounds.kernel_ns) == len(rounds.wall_ns)
        assert measures["latency"].value == 8192.0
        assert measures["bandwidth"].value == pytest.approx(3 * 8 * benchmark.points / 8192e-9 / 6e12)
        assert measures["transfer-in"].value == 1000.0  # 'x'
        assert measures["transfer-out"].value == 6000.0  # 'x' and 'y'
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


@pytest.mark.parametrize("number", ["-1", "first"])
def test_a_bad_device_number_is_refused(place: Place, number: str) -> None:
    run = place.bench("--device", number, backend="gt:gpu")
    assert run.returncode == Exit.USAGE
    assert "--device" in run.stderr


def test_without_nvidia_smi_nothing_is_measured(place: Place) -> None:
    run = place.bench(backend="gt:gpu", misbehaviour="no-nvidia-smi")
    assert run.returncode == Exit.USAGE
    assert "nvidia-smi could not describe the device" in run.stderr
    assert "timing" not in run.stdout
    assert place.nothing_is_stored()


@pytest.mark.parametrize("arguments", [("compare", "--", "--cells"), ("calibrate", "--", "--cell")])
def test_revisions_are_not_compared_by_the_cpu_time_of_launches(place: Place, arguments: tuple[str, ...]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "invoke", *arguments, CELL],
        cwd=place.project,
        env=place.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == Exit.USAGE, run.stderr
    assert f"Revisions cannot be compared in cell {CELL}" in run.stderr
    assert "nox -s bench-gt_gpu-float64" in run.stderr


@pytest.mark.slow
def test_one_command_measures_all_gpu_cells_and_writes_the_table_of_what_did_not_fail_too(place: Place) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "invoke", "gpu", "--", "--domain", "32x32x16", "--benchmark-max-time=0.01", "--quiet"],
        cwd=place.project,
        env=place.environment("fail-alpha"),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == Exit.FAILED
    table = (place.results / "gpu.md").read_text(encoding="utf-8")
    assert table in run.stdout
    for backend in ("gt:gpu", "dace:gpu"):
        for precision in ("float32", "float64"):
            start = "| NVIDIA Stand-In 80GB |"
            assert f"{start} alpha | – | 32x32x16 | {precision} | {backend} | failed |" in table
            assert f"{start} beta | – | 32x32x16 | {precision} | {backend} | 0.5 |" in table


# The table ----------------------------------------------------------------------------------------------------------


def test_the_table_is_per_point_and_says_what_it_was_measured_with(
    make_report: Callable[..., Report], gpu: Gpu
) -> None:
    benchmark = Benchmark(
        name="rain_ice/gt_gpu/float64/384x288x90/rich",
        component="rain_ice",
        domain=(384, 288, 90),
        clock="kernel",
        rounds=Rounds(wall_ns=[3_000_000, 2_986_000], cpu_ns=[1, 1], switches=[0, 0], kernel_ns=[1, 1]),
    )
    points = benchmark.points
    per_point: dict[Any, float] = {"latency": 0.2, "transfer-in": 4.0, "transfer-out": 2.5, "peak-memory": 250.0}
    benchmark.measures = {measure: Metric(value=value * points) for measure, value in per_point.items()}
    benchmark.measures |= {"bandwidth": Metric(value=0.28), "accuracy": Metric(value=3e-11)}
    failed = Benchmark(
        name="ice_adjust/gt_gpu/float64/384x288x90", component="ice_adjust", domain=(384, 288, 90), error="x"
    )
    report = make_report(
        cell=CELL,
        backend="gt:gpu",
        device="gpu",
        machine=describe_machine(1, None, gpu),
        benchmarks=[benchmark, failed],
    )
    lines = gpu_table([report]).splitlines()
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert lines[2] == (
        "| NVIDIA H200 | rain_ice | rich | 384x288x90 | float64 | gt:gpu "
        "| 0.2 | 28% | 0.301 | 4 | 2.5 | 250 | 3.0e-11 |"
    )
    assert lines[3].startswith("| NVIDIA H200 | ice_adjust | – | 384x288x90 | float64 | gt:gpu | failed | – |")
    for told in ("driver 580.65.06", "700 W", "1755 MHz", "4.300 TB/s", "0123456789"):
        assert told in lines[5]


# The noxfile --------------------------------------------------------------------------------------------------------


def nox(home: Path, *sessions: str) -> subprocess.CompletedProcess[str]:
    """Start GPU sessions with the CUDA toolkit at ``home``."""
    return subprocess.run(
        [sys.executable, "-m", "nox", "--no-venv", "--install-only", "-s", *sessions],
        cwd=PROJECT,
        env={"PATH": str(home), "CUDA_HOME": str(home), "HOME": str(home), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("release", [None, "11.8", "14.0"])
def test_without_a_toolkit_that_fits_the_session_ends_with_2_before_it_installs(
    tmp_path: Path, release: str | None
) -> None:
    if release:
        nvcc = tmp_path / "bin/nvcc"
        nvcc.parent.mkdir()
        nvcc.write_text(
            f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.1'\n", encoding="utf-8"
        )
        nvcc.chmod(0o755)
    run = nox(tmp_path, "bench-gt_gpu-float64")
    assert run.returncode == Exit.USAGE, run.stderr
    assert "needs nvcc of CUDA 12 or 13" in run.stderr
    assert "install" not in run.stdout


def test_a_session_without_its_toolkit_does_not_end_the_others(tmp_path: Path) -> None:
    run = nox(tmp_path, "bench-gt_gpu-float64", "bench-gt_gpu-float32")
    assert run.returncode == 1, run.stderr
    for session in ("bench-gt_gpu-float64", "bench-gt_gpu-float32"):
        assert f"{session}: aborted" in run.stderr
    assert run.stderr.count("needs nvcc of CUDA 12 or 13") == 2
