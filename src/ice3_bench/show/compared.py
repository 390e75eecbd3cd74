"""Which earlier runs a report is compared with, or what keeps it from being compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ice3_bench.report import DEFAULT_PORT
from ice3_bench.text import listed, short
from ice3_probe.messages import FORMER_ARRANGEMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_bench.report import Report

WORDS = {
    "compile_args": "compiler arguments",
    "environment": "",  # variables are named
    "settings": "setting",
    "cpu": "processor",
    "testbed": "machine",
    "gpu": "GPU",
    "quota": "quota of cores",
}
"""What people call the parts of the key of comparability, where that is not their name."""
UNSAID = {"weather": FORMER_ARRANGEMENT, "port": DEFAULT_PORT}
"""Values of the parts that are left out of the key."""


def compared_with(report: Report, previous: Mapping[str, Report], other: Report | None) -> list[str]:
    """Say which runs the benchmarks are compared with.

    Parameters
    ----------
    previous
        The last comparable run of each benchmark that has one, by benchmark.
    other
        The last run of the cell that is not comparable.
    """
    runs = {run.id: run for run in previous.values()}
    said = []
    for run in sorted(runs.values(), key=lambda one: one.created, reverse=True):
        own = [one.label for one in report.benchmarks if one.name in previous and previous[one.name].id == run.id]
        what = "Compared" if len(runs) == 1 else f"{listed(own)}: compared"
        since = report.software.differences(run.software)
        versions = f", which had other versions: {', '.join(since)}" if since else ""
        said.append(f"{what} with the run of {_named(run)}{versions}.")
    if not said and other is not None:
        differing = "; ".join(differences(report, other))
        said.append(f"Not compared with the run of {_named(other)}, since it differs: {differing}.")
    return said


def differences(report: Report, before: Report) -> list[str]:
    """Say what keeps a report from being compared with an earlier one of the cell: each part, from what to what."""
    new, old = report.comparability_basis, before.comparability_basis
    said = []
    for name in dict.fromkeys((*new, *old)):
        values = old.get(name, UNSAID.get(name)), new.get(name, UNSAID.get(name))
        if values[0] != values[1]:
            said += _difference(WORDS.get(name, name), *values)
    if report.physics_differs != before.physics_differs:
        words = ("within tolerance", "out of tolerance")
        said.append(f"physics {words[before.physics_differs]} -> {words[report.physics_differs]}")
    return said


def _difference(what: str, old: Any, new: Any) -> list[str]:  # noqa: ANN401 (what a key is made of)
    if isinstance(old, dict) or isinstance(new, dict):
        old, new = old or {}, new or {}
        names = [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]
        return [f"{what} {name} {_text(old.get(name))} -> {_text(new.get(name))}".strip() for name in names]
    if isinstance(old, list) and isinstance(new, list):
        lost, added = [one for one in old if one not in new], [one for one in new if one not in old]
        if lost or added:
            return [f"{what} {' '.join(lost) or 'none'} -> {' '.join(added) or 'none'}"]
        return [f"order of the {what}"]
    return [f"{what} {_text(old)} -> {_text(new)}"]


def _text(value: object) -> str:
    return "none" if value is None or value == "" else str(value)


def _named(run: Report) -> str:
    return f"{run.created:%Y-%m-%d %H:%M} UTC ({short(run.commit.hash)})"
