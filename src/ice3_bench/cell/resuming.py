"""What an earlier report of a cell tells: how long the passes took, and whether it need not be measured again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ice3_bench.cell.data import digests
from ice3_bench.cell.machine import cores, describe_commit, describe_software, quota
from ice3_bench.cell.probe import fixed_variables
from ice3_bench.cell.toolchain import build_variables, processor
from ice3_bench.errors import UsageError
from ice3_bench.report import Protocol
from ice3_bench.reports import FULL, load_report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ice3_bench.cell.workplace import Workplace
    from ice3_bench.report import Report


def measured_before(place: Workplace, protocol: Protocol, paths: Iterable[Path]) -> Report | None:
    """Return the report that measuring a cell now would only repeat, for ``--resume``; None if there is none.

    It must be complete, of the same clean commit and machine, packages and settings, and of the same benchmarks.

    Parameters
    ----------
    protocol
        How the cell would be measured now.
    paths
        Files of reports, the first that fits is taken.
    """
    commit = describe_commit(place.project)
    if commit.hash is None or commit.dirty:
        return None
    for path in paths:
        try:
            report = load_report(path)
        except UsageError:
            continue
        if (report.commit.hash, report.commit.dirty) == (commit.hash, False) and _same(place, protocol, report):
            return report
    return None


def _same(place: Workplace, protocol: Protocol, report: Report) -> bool:
    machine, backend = report.machine, place.cell.backend
    return (
        not report.failures
        and report.incomplete is None
        and {one.name for one in report.benchmarks} == {one.name for one in place.benchmarks}
        and report.protocol == protocol
        and (report.cell, report.port, report.settings) == (place.cell.id, backend.port, backend.settings)
        and (machine.cpu, machine.cores, machine.quota) == (processor(), cores(), quota())
        and report.software == describe_software(place.environment, backend)
    )


def protocol_of(place: Workplace) -> Protocol:
    """Return how the cell is measured."""
    return Protocol(
        profile=place.profile,
        compile_args=list(place.compile_args),
        threads=place.threads,
        environment={**build_variables(), **fixed_variables(place.cell.backend, place.threads)},
        arrangement=place.arrangement,
        data=digests(place.found, place.namelist),
    )


def last_passes(place: Workplace) -> dict[str, float]:
    """Return the seconds of each pass the last time, if it measured the same benchmarks."""
    try:
        last = load_report(place.results / FULL)
    except UsageError:  # no report, or an unreadable one: only the estimate of the time left needs it
        return {}
    same = {one.name for one in last.benchmarks} == {one.name for one in place.benchmarks}
    return {record.name: record.seconds for record in last.passes} if same else {}
