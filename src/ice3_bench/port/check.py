"""Hold the port of a cell to the rules of the contract, whatever it does to the process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ice3_bench.cell.passes import ended, run_pass
from ice3_probe import messages

if TYPE_CHECKING:
    from ice3_bench.cell.workplace import Workplace

ALIVE = "the port leaves the process running"
"""A rule that only the harness can judge."""


def check_contract(place: Workplace) -> list[messages.Judged]:
    """Try every rule with every component of a cell; the lines reach ``place.notify`` as they come.

    A component that ends the process does not keep the others from being tried, in another process.

    Raises
    ------
    UsageError, PassError
        If the pass itself fails.
    Interrupted
        On Ctrl-C.
    """
    place.stencils.mkdir(parents=True, exist_ok=True)
    judged: list[messages.Judged] = []
    waiting = place.cell.backend.checked
    while waiting:
        backend = place.cell.backend.model_copy(update={"components": waiting, "also_checked": ()})
        log = "check" if waiting == place.cell.backend.checked else f"check-{len(judged)}"
        untimed = tuple(messages.Benchmark(one, one, (1, 1, 1), messages.MIXES[0]) for one in waiting)
        part = replace(place, cell=place.cell.model_copy(update={"backend": backend}), benchmarks=untimed)
        answers = run_pass(part, log, ("-m", "ice3_probe", "check"))
        judged += answers.of(messages.Judged)
        if answers.complete:
            break
        last = answers.of(messages.Started)[-1:]
        component = last[0].benchmark if last and last[0].benchmark in waiting else ""
        told = f"it {ended(answers.code)}, see {place.shown_log(log)}"
        judged.append(messages.Judged(component, ALIVE, "broken", told))
        place.notify(judged[-1])
        waiting = waiting[waiting.index(component) + 1 :] if component else ()
    return judged
