"""Instructions of a call, counted by valgrind's callgrind: a second witness that no load on the machine can disturb."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.compare.workers import Side, Worker, WorkerError
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ice3_bench.compare.result import Case

PROFILE = "instructions"
"""The profile of compiler arguments; without AVX-512, which valgrind cannot run."""
THRESHOLD = 0.001
"""Relative change from which the counts differ; they repeat to 0.01 %."""
TIMES = 5
"""Calls counted; the least is taken, for now and then Python does something else in one."""
SHIM = """
#include <valgrind/callgrind.h>
void collected(void (*call)(void)) {
    CALLGRIND_START_INSTRUMENTATION;
    call();
    CALLGRIND_DUMP_STATS;
    CALLGRIND_STOP_INSTRUMENTATION;
}
"""
"""The C function that has callgrind count during a call only; all else, imports above all, runs without it."""


@dataclass(frozen=True)
class Count:
    """Instructions of one call on both sides."""

    base: int
    contender: int

    @property
    def change(self) -> float:
        """Relative change; positive is more."""
        return self.contender / self.base - 1.0

    @property
    def verdict(self) -> str:
        """``more``, ``fewer`` or ``equal``."""
        if abs(self.change) < THRESHOLD:
            return "equal"
        return "more" if self.change > 0.0 else "fewer"


def require_valgrind() -> None:
    """Raise UsageError, saying what mends it, where instructions cannot be counted."""
    if shutil.which("valgrind") is None:
        raise UsageError("--instructions needs valgrind and it is not on PATH: on Debian, apt-get install valgrind.")
    with tempfile.TemporaryDirectory(prefix="ice3-bench-") as folder:
        build_shim(Path(folder))


def _compiler() -> str:
    for name in ("cc", "gcc", "g++", "clang", "clang++"):
        if path := shutil.which(name):
            return path
    raise UsageError("--instructions needs a C compiler and none is on PATH: on Debian, apt-get install g++.")


def build_shim(folder: Path) -> Path:
    """Compile the library with the function inside which callgrind counts; raises UsageError without its header."""
    source, library = folder / "collected.c", folder / "collected.so"
    source.write_text(SHIM, encoding="utf-8")
    command = [_compiler(), "-x", "c", "-shared", "-fPIC", str(source), "-o", str(library)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise UsageError(
            "--instructions needs valgrind/callgrind.h, which comes with valgrind on Debian, elsewhere with a package "
            f"such as valgrind-devel. The compiler says: {run.stderr.strip().splitlines()[0]}"
        )
    return library


def count(sides: Mapping[str, Side], cases: Sequence[Case], folder: Path) -> tuple[dict[str, Count], list[str]]:
    """Count the instructions of one call of each case, both sides at once, and say what could not be counted.

    Parameters
    ----------
    sides
        Built with the profile ``instructions``, with one thread.
    folder
        For temporary files.
    """
    shim = build_shim(folder)
    waiting, problems, counts = list(cases), [], {}
    while waiting:
        with ExitStack() as stack:
            workers = {
                label: stack.enter_context(Worker.started(side, folder / f"{label}.log", _command(folder, label)))
                for label, side in sides.items()
            }
            done = []
            try:
                for case in waiting:
                    for worker in workers.values():
                        worker.ask("count", **case.request, shim=str(shim), times=TIMES)
                    for worker in workers.values():
                        worker.answer()
                    done.append(case)
            except WorkerError as error:
                problems.append(f"the instructions of {waiting[len(done)].name} cannot be counted: {error}")
            for worker in workers.values():
                worker.close()
        parts = {label: _parts(folder, label) for label in sides}
        for number, case in enumerate(done):
            first = TIMES * number
            base, contender = (min(parts[label][first : first + TIMES]) for label in ("base", "contender"))
            counts[case.name] = Count(base, contender)
        waiting = waiting[len(done) + 1 :]
    return counts, problems


def _command(folder: Path, label: str) -> list[str]:
    for old in folder.glob(f"{label}.counts*"):
        old.unlink()
    return [
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        f"--callgrind-out-file={folder / label}.counts",
    ]


def _parts(folder: Path, label: str) -> list[int]:
    """Return the count of each dump, in order: its ``totals``; the ``summary`` is right in the first only."""
    dumps = sorted(folder.glob(f"{label}.counts.*"), key=lambda path: int(path.suffix[1:]))
    return [
        int(match[1])
        for path in dumps
        if (match := re.search(r"^totals: (\d+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
    ]
