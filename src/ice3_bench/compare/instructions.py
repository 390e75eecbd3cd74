"""Instructions of a run, counted by valgrind's callgrind: a second witness, independent of the load."""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.compare.result import Count
from ice3_bench.compare.workers import SideError, Worker
from ice3_bench.errors import UsageError
from ice3_bench.programs import run_program
from ice3_probe import messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ice3_bench.compare.sides import Label, Sides
    from ice3_bench.compare.workers import Side

PROFILE = "instructions"
"""The profile of compiler arguments; without AVX-512, which valgrind cannot run."""
TIMES = 5
"""Runs counted; the least is taken, because Python sometimes does other work in a run."""
SHIM = """
#include <valgrind/callgrind.h>
void collected(void (*call)(void)) {
    CALLGRIND_START_INSTRUMENTATION;
    call();
    CALLGRIND_DUMP_STATS;
    CALLGRIND_STOP_INSTRUMENTATION;
}
"""
"""The C function during whose call callgrind counts; everything else, imports above all, runs without it."""


def require_valgrind() -> None:
    """Raise UsageError, with the remedy, if instructions cannot be counted."""
    if shutil.which("valgrind") is None:
        raise UsageError("--instructions needs valgrind, which is not on PATH: on Debian, apt-get install valgrind.")
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
    run = run_program(command)
    if run.returncode:
        raise UsageError(
            "--instructions needs valgrind/callgrind.h, which comes with valgrind on Debian, elsewhere with a package "
            f"such as valgrind-devel. The compiler says: {run.stderr.strip().partition(chr(10))[0]}"
        )
    return library


def count(
    sides: Sides[Side], benchmarks: Sequence[messages.Benchmark], folder: Path, scratch: Path
) -> tuple[list[Count | None], list[str]]:
    """Count the instructions of one run of each benchmark, both sides at once, and say what could not be counted.

    Parameters
    ----------
    sides
        Built with the profile ``instructions``, with one thread.
    folder
        For the logs of workers that fail.
    scratch
        For temporary files.

    Returns
    -------
    list of Count or None
        In the order of ``benchmarks``.
    list of str
        Why something could not be counted.
    """
    shim = build_shim(scratch)
    counts: list[Count | None] = []
    problems = []
    while len(counts) < len(benchmarks):
        waiting = benchmarks[len(counts) :]
        done, problem = _run(sides, waiting, shim, folder)
        parts = sides.map(lambda side: _parts(scratch, side.label))
        for number in range(done):
            run = slice(TIMES * number, TIMES * (number + 1))
            counts.append(Count(base=min(parts.base[run]), contender=min(parts.contender[run])))
        if problem is not None:
            problems.append(f"the instructions of {waiting[done].name} cannot be counted: {problem}")
            counts.append(None)
    return counts, problems


def _run(
    sides: Sides[Side], waiting: Sequence[messages.Benchmark], shim: Path, folder: Path
) -> tuple[int, SideError | None]:
    """Run benchmarks inside ``shim`` until one fails; return how many did not, and the failure."""
    done = 0
    with ExitStack() as stack:
        workers = sides.map(
            lambda side: stack.enter_context(
                Worker.started(
                    side,
                    folder / f"{side.label}-instructions-{len(waiting)}.log",
                    prefix=_command(shim.parent, side.label),
                )
            )
        )
        problem = None
        try:
            for benchmark in waiting:
                for worker in workers:
                    worker.ask(messages.CountInstructions(benchmark, str(shim), TIMES))
                for worker in workers:
                    worker.answer(messages.Done)
                done += 1
        except SideError as error:
            problem = error
        for worker in workers:
            worker.close()
    return done, problem


def _command(scratch: Path, label: Label) -> list[str]:
    for old in scratch.glob(f"{label}.counts*"):
        old.unlink()
    return [
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        f"--callgrind-out-file={scratch / label}.counts",
    ]


def _parts(scratch: Path, label: Label) -> list[int]:
    """Return the count of each dump, in order: its ``totals``; the ``summary`` is right in the first only."""
    dumps = sorted(scratch.glob(f"{label}.counts.*"), key=lambda path: int(path.suffix[1:]))
    return [
        int(match[1])
        for path in dumps
        if (match := re.search(r"^totals: (\d+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
    ]
