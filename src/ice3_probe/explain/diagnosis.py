"""Try whether known mistakes explain what a port of IceAdjust computes: plant them in the NumPy implementation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy_ice3

from ice3_probe.accuracy import compare
from ice3_probe.components import component_of
from ice3_probe.errors import cell_errors
from ice3_probe.explain.mistakes import MISTAKES
from ice3_probe.messages import Diagnosis, KnownMistake

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ice3_probe.contract import Option
    from ice3_probe.explain.mistakes import Mistake
    from ice3_probe.explain.sample import Sample
    from ice3_probe.reference import Array, DataSet

MOST = 8
"""Mistakes that are tried together."""
LEAST_GAIN = 0.02
"""Share of the error, in decimal digits, that one more mistake must remove."""
LEAST_CURED = 0.1
"""Share of the wrong values that mistakes must cure to be worth telling if they make no output right."""
_HUGE = 1e100
"""What a value that is not finite counts as, so that no port agrees with it."""
_DIGITS = 20.0
"""Decimal digits that a value can be wrong by; also those of one that is not finite."""


@dataclass(frozen=True)
class Fit:
    """How well a port agrees with the NumPy implementation.

    Attributes
    ----------
    digits
        Decimal digits by which values exceed their tolerance, as a mean over all of them.
    wrong
        Share of the values that exceed their tolerance.
    outputs
        Number of outputs that are out of tolerance.
    """

    digits: float
    wrong: float
    outputs: int


class Trials:
    """The NumPy implementation on the inputs of samples, with mistakes planted; what was tried is kept."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._fits: dict[frozenset[Mistake], Fit] = {}

    def fit(self, mistakes: Collection[Mistake] = ()) -> Fit:
        """Compare the port with the implementation that makes ``mistakes``."""
        key = frozenset(mistakes)
        if key not in self._fits:
            self._fits[key] = self._compare(planted(key))
        return self._fits[key]

    def explained(self, mistakes: Collection[Mistake]) -> bool:
        """Tell whether the port agrees within the tolerances with the implementation that makes ``mistakes``."""
        return self.fit(mistakes).outputs == 0

    def _compare(self, scheme: numpy_ice3.Scheme) -> Fit:
        digits, wrong, values, outputs = 0.0, 0, 0, 0
        for sample in self._samples:
            computed = adjusted(sample.data, sample.case.options, scheme)
            for one in sample.compared:
                wanted = np.nan_to_num(computed[one.error.field], nan=_HUGE, posinf=_HUGE, neginf=-_HUGE)
                norm, scale = one.norm, np.maximum(one.norm.scale, np.abs(wanted))  # mistakes may make values large
                errors = cell_errors(one.got, wanted, scale, one.excluded)
                with np.errstate(divide="ignore"):
                    excess = np.log10(errors) - np.log10(norm.tolerance.value)
                digits += float(np.clip(excess, 0.0, _DIGITS).sum())
                wrong += int((excess > 0.0).sum())
                values += int((~one.excluded).sum())
                outputs += not compare("", one.got, wanted, scale, norm.tolerance, one.excluded).passed
        return Fit(digits / values, wrong / values, outputs)


def planted(mistakes: Collection[Mistake]) -> numpy_ice3.Scheme:
    """Return the scheme with mistakes, planted in the order of their table."""
    scheme = numpy_ice3.Scheme()
    for mistake in MISTAKES:
        if mistake in mistakes:
            scheme = mistake.plant(scheme)
    return scheme


def adjusted(data: DataSet, options: Mapping[str, Option], scheme: numpy_ice3.Scheme) -> dict[str, Array]:
    """Run the NumPy implementation on a data set.

    Raises
    ------
    numpy_ice3.UnsupportedOption
        If it does not have an option.
    """
    chosen: dict[str, Any] = {field.name: options[field.name] for field in dataclasses.fields(numpy_ice3.Options)}
    inputs: dict[str, Any] = {}
    for field in component_of("ice_adjust").inputs:
        values = data.input(field.name, len(field.dims) - 1)
        inputs[field.name] = np.zeros(data.shape[: len(field.dims) - 1]) if values is None else values
    setting = numpy_ice3.Options(**chosen)
    with np.errstate(all="ignore"):  # mistakes may divide by zero
        outputs = numpy_ice3.ice_adjust(**inputs, timestep=data.timestep, options=setting, scheme=scheme)
    return {name: np.asarray(values, np.float64) for name, values in outputs.items()}


def diagnose(component: str, samples: Sequence[Sample]) -> Diagnosis:
    """Find the known mistakes that explain what a port computed; if none does, those that explain most.

    Mistakes are added one by one, always the one that removes most of the error. All samples count, also those on
    which the port is right: a mistake that would make them wrong is none.
    """
    usable, not_tried = [], []
    for sample in samples:
        reason = _unusable(sample)
        if reason:
            not_tried.append(f"{sample.data.name}: {reason}")
        else:
            usable.append(sample)
    if not any(sample.wrong for sample in usable):
        return Diagnosis(component, 0, not_tried=tuple(not_tried))
    trials = Trials(usable)
    found = _search(trials)
    before, after = trials.fit(), trials.fit(found)
    alternatives: list[Mistake] = []
    if trials.explained(found):
        alternatives = [
            other
            for other in MISTAKES
            if other not in found and any(trials.explained({*found, other} - {one}) for one in found)
        ]
    elif after.outputs == before.outputs and after.wrong > (1.0 - LEAST_CURED) * before.wrong:
        found, after = (), before
    return Diagnosis(
        component,
        tried=len(MISTAKES),
        mistakes=_told(found),
        alternatives=_told(alternatives),
        wrong_before=before.wrong,
        wrong_after=after.wrong,
        outputs_before=before.outputs,
        outputs_after=after.outputs,
        not_tried=tuple(not_tried),
    )


def _unusable(sample: Sample) -> str:
    """Say why the mistakes cannot be tried on a sample; empty if they can."""
    try:
        computed = adjusted(sample.data, sample.case.options, numpy_ice3.Scheme())
    except numpy_ice3.UnsupportedOption as error:
        return f"the NumPy implementation lacks an option: {error}"
    for one in sample.compared:
        norm, field = one.norm, one.error.field
        if not compare(field, computed[field], norm.reference, norm.scale, norm.tolerance, one.excluded).passed:
            return f"the NumPy implementation itself differs from the reference in '{field}'"
    return ""


def _search(trials: Trials) -> tuple[Mistake, ...]:
    """Return mistakes that explain the samples, without any that is not needed; or those that explain most."""
    found: tuple[Mistake, ...] = ()
    while len(found) < MOST and not trials.explained(found):
        left = [mistake for mistake in MISTAKES if mistake not in found]
        best = min(left, key=lambda mistake: trials.fit((*found, mistake)).digits)
        if trials.fit((*found, best)).digits > (1.0 - LEAST_GAIN) * trials.fit(found).digits:
            break
        found = (*found, best)
    if trials.explained(found):
        for one in found:
            without = tuple(other for other in found if other is not one)
            found = without if trials.explained(without) else found
    return found


def _told(mistakes: Collection[Mistake]) -> tuple[KnownMistake, ...]:
    return tuple(KnownMistake(one.name, one.what, one.right) for one in MISTAKES if one in mistakes)
