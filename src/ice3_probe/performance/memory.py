"""The memory pass: each benchmark in a process of its own, and the peak that memray or the device's pool saw."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_probe.messages import Peak
from ice3_probe.ports import PortError

if TYPE_CHECKING:
    from collections.abc import Callable

RESET_BYTES: pytest.StashKey[int] = pytest.StashKey()
"""What the port of a test keeps for ``reset`` only."""
DEVICE_BYTES: pytest.StashKey[int] = pytest.StashKey()
"""Peak of the device's pool in a test."""


def peak_of(item: pytest.Item, benchmark: str) -> Peak | None:
    """Return the peak memory of a test that has run; None if none was recorded."""
    reset_bytes = item.stash.get(RESET_BYTES, 0)
    if DEVICE_BYTES in item.stash:
        return Peak(benchmark, item.stash[DEVICE_BYTES] - reset_bytes)
    folder = item.config.getoption("memray_bin_path", None)
    if not folder:
        return None
    for description in Path(folder).glob("metadata/*"):
        record = json.loads(description.read_text(encoding="utf-8"))
        if record["test_id"] == item.nodeid:
            from memray import FileReader  # noqa: PLC0415 (only the memory pass needs it)

            dump = Path(folder) / Path(record["result_file"]).name
            with FileReader(dump) as reader:
                return Peak(benchmark, reader.metadata.peak_memory - reset_bytes, str(dump))
    return None


def starts_threads(load: Callable[[], None]) -> bool:
    """Tell whether loading a port starts threads: True in this process, if it does; otherwise False in its copy.

    A process that is forked from one with threads would lack them, and wait for them for ever. So a copy of this
    process loads the port. If that starts no threads, the copy goes on with everything loaded, and this process only
    waits for it and ends as it does. Where threads cannot be counted, they are assumed.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # otherwise both would write it
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        goes_on = False
        try:
            before = _threads()
            load()
            goes_on = _threads() == before
        finally:
            if not goes_on:
                os._exit(0)
        os.write(writer, b"1")
        os.close(writer)
        return False
    os.close(writer)
    goes_on = bool(os.read(reader, 1))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not goes_on:
        return True
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(abs(code))


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def run_forked(run: Callable[[], None]) -> None:
    """Call ``run`` in a forked process, and fail with the message of what it raises."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        message = ""
        try:
            run()
        except BaseException as error:  # noqa: BLE001 (whatever it is, the parent reports it)
            own = isinstance(error, (AssertionError, PortError))
            message = (str(error) if own else "") or f"{type(error).__name__}: {error}"
        os.write(writer, message.encode()[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", errors="replace") as pipe:
        message = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        message = f"its process was killed by signal {-code}" if code < 0 else f"its process ended with code {code}"
    if message:
        pytest.fail(message.splitlines()[0], pytrace=False)
