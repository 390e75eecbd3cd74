"""What GPU cells have and others do not: the record of the device, compilers, the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice3_bench.cell.cuda import compute_capability, nvcc_version
from ice3_bench.cell.device import SMI_COLUMNS, device_record
from ice3_bench.cell.machine import describe_machine
from ice3_bench.cell.toolchain import compilers
from ice3_bench.errors import UsageError
from ice3_bench.report import Benchmark, Gpu, Metric, Report, Rounds
from ice3_bench.reports import parse_report
from ice3_bench.show.gpu import gpu_table
from ice3_probe.device import CACHES, sets_to_rotate
from ice3_probe.messages import Device

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.settings.matrix import Settings

CELL = "gt_gpu-float64"
SMI = "NVIDIA H200, GPU-8a1b, 1, 580.65.06, 1980, 3201, 700.00, 1755, 3201"


def described(smi: str) -> Device:
    return Device(
        runtime="13.0", cache_bytes=50_000_000, memory_bytes=80_000_000_000, copy_bytes_per_second=4.3e12, smi=smi
    )


@pytest.fixture
def gpu() -> Gpu:
    return device_record(described(SMI))


# The device ---------------------------------------------------------------------------------------------------------


def test_the_record_has_what_nvidia_smi_says(gpu: Gpu) -> None:
    assert (gpu.name, gpu.uuid, gpu.index, gpu.driver) == ("NVIDIA H200", "GPU-8a1b", 1, "580.65.06")
    assert (gpu.sm_clock_max_mhz, gpu.memory_clock_max_mhz, gpu.power_limit_watts) == (1980.0, 3201.0, 700.0)
    assert (gpu.sm_clock_mhz, gpu.memory_clock_mhz) == (1755.0, 3201.0)


@pytest.mark.parametrize("placeholder", ["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]"])
def test_what_the_driver_does_not_say_is_none(placeholder: str) -> None:
    record = device_record(described(SMI.replace("700.00", placeholder)))
    assert record.power_limit_watts is None
    assert record.sm_clock_mhz == 1755.0


@pytest.mark.parametrize("line", ["", "No devices were found", "NVIDIA H200, GPU-8a1b"])
def test_another_answer_of_nvidia_smi_is_quoted(line: str) -> None:
    with pytest.raises(UsageError, match=f"answered '{line}', but {len(SMI_COLUMNS)} values"):
        device_record(described(line))


@pytest.mark.parametrize(
    ("old", "new"), [("H200", "H100"), ("580.65.06", "575.1"), ("1980", "1785"), ("700.00", "500.00"), ("3201", "2619")]
)
def test_another_device_driver_or_limit_is_not_compared(
    make_report: Callable[..., Report], gpu: Gpu, old: str, new: str
) -> None:
    keys = {
        make_report(machine=describe_machine("here", one)).comparability
        for one in (gpu, device_record(described(SMI.replace(old, new))))
    }
    assert len(keys) == 2


def test_another_one_of_the_same_model_is_compared(make_report: Callable[..., Report], gpu: Gpu) -> None:
    twin = gpu.model_copy(
        update={"uuid": "GPU-ffff", "index": 0, "sm_clock_mhz": 1740.0, "copy_bytes_per_second": 4e12}
    )
    keys = {make_report(machine=describe_machine(None, one)).comparability for one in (gpu, twin)}
    assert len(keys) == 1


def test_the_testbed_is_named_after_the_model(gpu: Gpu) -> None:
    assert describe_machine(None, gpu).testbed == "nvidia-h200"
    assert describe_machine("node", gpu).testbed == "node NVIDIA H200"
    assert describe_machine("node").testbed == "node"


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


def test_the_compilers_of_a_gpu_cell_are_both_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nvcc = tmp_path / "bin/nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text("#!/bin/sh\necho 'Cuda compilation tools, release 12.8, V12.8.93'\n", encoding="utf-8")
    nvcc.chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    assert nvcc_version() == "nvcc 12.8.93"
    assert (compilers(settings.backend("gt_gpu")) or "").startswith("nvcc 12.8.93")
    assert "nvcc" not in (compilers(settings.backend("gt_cpu_ifirst")) or "")
    assert compilers(settings.backend("numpy")) is None
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
        machine=describe_machine(None, gpu),
        benchmarks=[benchmark, failed],
    )
    lines = gpu_table([report]).splitlines()
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert lines[2] == (
        "| NVIDIA H200 | rain_ice | rich | 384x288x90 | float64 | gt:gpu "
        "| 0.2 | 28 % | 0.301 | 4 | 2.5 | 250 | 3.0e-11 |"
    )
    assert lines[3].startswith("| NVIDIA H200 | ice_adjust | – | 384x288x90 | float64 | gt:gpu | failed | – |")
    for told in ("driver 580.65.06", "700 W", "1755 MHz", "4.300 TB/s", "0123456789"):
        assert told in lines[5]
    hostile = gpu_table([report.model_copy(update={"backend": "a|b"})]).splitlines()
    assert hostile[2].count("|") == lines[2].count("|")
