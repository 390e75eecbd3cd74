"""The device's part of the stand-in: arrays are NumPy's, and times are what a device might say, not measured."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SMI = "NVIDIA Stand-In 80GB, GPU-0123, {index}, 580.65.06, 1980, 3201, 700.00, 1755, [N/A]"
COPIES = 6e12  # bytes per second
KERNEL_NS = 8192


def sets_to_rotate(_set_bytes: int, _cache_bytes: int) -> int:
    return 3


def cache_bytes() -> int:
    return 1


def synchronise() -> None:
    pass


class KernelClock:
    def time(self, call: Callable[[], None], prepare: Callable[[], None]) -> int:
        prepare()
        call()
        return KERNEL_NS


def transfer_times(inputs: list[Any], outputs: list[Any]) -> tuple[list[int], list[int]]:
    return [1000 * len(inputs)] * 3, [3000 * len(outputs)] * 3


def peak_memory(call: Callable[[], None]) -> int:
    call()
    return 123456


if __name__ == "__main__":
    if os.environ.get("STAND_IN") == "no-nvidia-smi":
        print("nvidia-smi could not describe the device", file=sys.stderr)
        sys.exit(2)
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path)
    options, _ = parser.parse_known_args()
    facts = {"runtime": "13.0", "cache_bytes": 50e6, "memory_bytes": 80e9, "copy_bytes_per_second": COPIES}
    smi = SMI.format(index=os.environ.get("CUDA_VISIBLE_DEVICES", "0"))
    options.output.write_text(json.dumps({**facts, "smi": smi}))
