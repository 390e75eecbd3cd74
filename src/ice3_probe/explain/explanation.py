"""Explain the checks of a job: where outputs are wrong, which option decides, and which known mistake fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ice3_probe.components import component_of
from ice3_probe.explain.conditions import conditions, temperature
from ice3_probe.explain.deciding import deciding
from ice3_probe.explain.diagnosis import diagnose
from ice3_probe.explain.order import in_order, step_of
from ice3_probe.explain.patterns import best_pattern
from ice3_probe.explain.sample import beyond, samples
from ice3_probe.messages import Explained, WrongOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ice3_probe.accuracy import Compared
    from ice3_probe.explain.sample import Sample
    from ice3_probe.messages import Answer, Job


def explain_all(job: Job, folder: Path, started: Callable[[str], None]) -> Iterator[Answer]:
    """Explain what the accuracy pass of a job kept in a folder.

    Parameters
    ----------
    started
        Called with what is being done.

    Yields
    ------
    Explained
        For each data set and component.
    Deciding, Diagnosis
        For each component with wrong outputs; the diagnosis of IceAdjust only.

    Raises
    ------
    DataSetError
        If a data set cannot be used.
    """
    by_component: dict[str, list[Sample]] = {}
    for sample in samples(job, folder):
        by_component.setdefault(sample.case.component, []).append(sample)
        yield explain(sample)
    for component, checked in by_component.items():
        if not any(sample.wrong for sample in checked):
            continue
        yield from deciding(component, checked)
        if component_of(component).name == "ice_adjust":
            started(f"known mistakes in {component}")
            yield diagnose(component, checked)


def explain(sample: Sample) -> Explained:
    """Say where the outputs of a sample are wrong."""
    component = sample.case.component
    wrong = [_where(sample, sample.wrong[field]) for field in in_order(component, sample.wrong)]
    return Explained(sample.data.name, component, len(sample.compared), tuple(wrong))


def _where(sample: Sample, one: Compared) -> WrongOutput:
    bad, compared = beyond(one), ~one.excluded
    kelvin, met = temperature(sample.data), conditions(sample.data)
    levels = None
    if bad.ndim == 2:
        found = np.flatnonzero(bad.any(axis=0))
        levels = int(found[0]), int(found[-1])
    else:
        kelvin, met = kelvin[:, -1], {words: mask[:, -1] for words, mask in met.items()}
    pattern = best_pattern(bad, compared, met)
    return WrongOutput(
        field=one.error.field,
        step=step_of(sample.case.component, one.error.field),
        share=float(bad.sum() / compared.sum()),
        maximum=one.error.maximum,
        tolerance=one.error.tolerance,
        levels=levels,
        temperatures=(float(kelvin[bad].min()), float(kelvin[bad].max())),
        condition=pattern.condition if pattern else "",
        recall=pattern.recall if pattern else 0.0,
        precision=pattern.precision if pattern else 0.0,
    )
