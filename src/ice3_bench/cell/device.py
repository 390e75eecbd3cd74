"""The record of the device of a GPU cell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ice3_bench.errors import UsageError
from ice3_bench.report import Gpu

if TYPE_CHECKING:
    from ice3_probe.messages import Device

SMI_COLUMNS = {
    "name": "name",
    "uuid": "uuid",
    "index": "index",
    "driver_version": "driver",
    "clocks.max.sm": "sm_clock_max_mhz",
    "clocks.max.memory": "memory_clock_max_mhz",
    "power.limit": "power_limit_watts",
    "clocks.sm": "sm_clock_mhz",
    "clocks.mem": "memory_clock_mhz",
}
"""Columns that nvidia-smi is asked for, and their names in the record; units are MHz and W."""
_TEXTS = ("name", "uuid", "driver")


def device_record(device: Device) -> Gpu:
    """Make the record of the device from what the device pass found out.

    Raises
    ------
    UsageError
        If nvidia-smi's line in it is not as expected.
    """
    values = [value.strip() for value in device.smi.split(",")]
    if len(values) != len(SMI_COLUMNS):
        raise UsageError(
            f"nvidia-smi answered '{device.smi}', but {len(SMI_COLUMNS)} values were expected: update the driver."
        )
    asked: dict[str, Any] = {
        name: value if name in _TEXTS else _number(value)
        for name, value in zip(SMI_COLUMNS.values(), values, strict=True)
    }
    return Gpu(
        **asked,
        runtime=device.runtime,
        cache_bytes=device.cache_bytes,
        memory_bytes=device.memory_bytes,
        copy_bytes_per_second=device.copy_bytes_per_second,
    )


def _number(text: str) -> float | None:
    """Read a number; None for the placeholders [N/A] and [Not Supported] of nvidia-smi."""
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None
