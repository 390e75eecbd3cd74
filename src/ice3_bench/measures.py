"""The table of measures: what each one is called, its unit, which direction is better, and how it is written.

This is the only place that knows them. A new measure is one more line of ``MEASURES``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from ice3_bench.text import DURATION, SIZE, Scale, Scales, suited


@dataclass(frozen=True)
class Measure:
    """A measure.

    Attributes
    ----------
    name
        Name in reports, policies and the history, and Bencher's slug.
    unit
        Unit of the values that are stored.
    title, bencher_units
        Name and units on Bencher, which scales only ``nanoseconds (ns)``, ``seconds (s)`` and ``bytes (B)``.
    scales
        Units in which values are shown to a reader.
    label
        Heading of a column of values.
    axis
        Label of a plot's axis; empty if the unit says enough.
    larger_is_better
        Direction in which a change is an improvement.
    gates
        Whether a policy must say if it is watched. Other measures are not watched unless a policy gives them a
        threshold, so that a policy stays valid when a measure is added.
    timing
        Whether it is computed from times, which are doubtful if the benchmark is marked.
    positive
        Whether zero is impossible; negative values always are.
    most
        Largest possible value.
    normed
        Whether values of different norms of the errors are not comparable.
    """

    name: str
    unit: str
    title: str
    bencher_units: str
    scales: Scales
    label: str
    axis: str = ""
    larger_is_better: bool = False
    gates: bool = False
    timing: bool = False
    positive: bool = False
    most: float = 1e30
    normed: bool = False

    def possible(self, value: float) -> bool:
        """Tell whether a value can have been measured."""
        return (value > 0.0 if self.positive else value >= 0.0) and value <= self.most

    def written(self, value: float) -> str:
        """Write a value, given in ``unit``, with the unit that suits it."""
        return suited(self.scales, value).written(value)

    def worse(self, before: float, after: float) -> bool:
        """Tell whether a value is worse than the one before it."""
        return after < before if self.larger_is_better else after > before


_NANOSECONDS = "nanoseconds (ns)"
_RATES: Scales = (Scale(1e6, "Mpoint/s", ".2f"), Scale(1.0, "point/s", ".0f"))
_PERCENT: Scales = (Scale(0.01, "%", ".0f"),)
_ERRORS: Scales = (Scale(1.0, "", ".1e"),)
_ENERGY: Scales = (Scale(1.0, "J", ".2f"), Scale(1e-3, "mJ", ".2f"))
_SPECIFIC_ENERGY: Scales = (Scale(1.0, "J/Mpoint", ".3g"),)
_COUNTS: Scales = (Scale(1.0, "", ".0f"),)

# accuracy: the largest normalised error.
# bandwidth: the fraction of the memory bandwidth that was measured with the STREAM triad, in GPU cells with copies on
# the device.
# transfer-in, transfer-out: all inputs of a call to the device, all outputs back; GPU cells only.
# compile-time: of cold builds only.
# energy: of a call, and of a million grid points: processor packages or GPU, with whatever else runs on them.
# wrong-outputs: the number of outputs out of tolerance, in cells whose accuracy is reported instead of gating.
MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("latency", "ns", "Latency", _NANOSECONDS, DURATION, "latency", gates=True, timing=True, positive=True),
        Measure(
            "throughput", "points/s", "Throughput", "points / second (points/s)", _RATES, "throughput",
            larger_is_better=True, timing=True, positive=True,
        ),
        Measure("peak-memory", "B", "Peak Memory", "bytes (B)", SIZE, "peak memory", gates=True),
        Measure(
            "accuracy", "1", "Accuracy", "normalised error (1)", _ERRORS, "error", axis="error", gates=True,
            most=sys.float_info.max, normed=True,
        ),
        Measure(
            "bandwidth", "1", "Bandwidth", "fraction of STREAM triad (1)", _PERCENT, "of triad", axis="% of triad",
            larger_is_better=True, timing=True, positive=True,
        ),
        Measure("transfer-in", "ns", "Transfer In", _NANOSECONDS, DURATION, "to device", timing=True, positive=True),
        Measure("transfer-out", "ns", "Transfer Out", _NANOSECONDS, DURATION, "back", timing=True, positive=True),
        Measure("compile-time", "ns", "Compile Time", _NANOSECONDS, DURATION, "compile", positive=True),
        Measure(
            "wrong-outputs", "1", "Wrong Outputs", "outputs (1)", _COUNTS, "wrong outputs", axis="outputs", normed=True,
        ),
        Measure("energy", "J", "Energy", "joules (J)", _ENERGY, "energy", timing=True),
        Measure(
            "energy-per-mpoint", "J/Mpoint", "Energy per Million Points", "joules / million points (J/Mpoint)",
            _SPECIFIC_ENERGY, "energy", timing=True,
        ),
    )
}  # fmt: skip


def _known(name: str) -> str:
    if name not in MEASURES:
        raise ValueError(f"'{name}' is not a measure: expected one of {', '.join(MEASURES)}")
    return name


MeasureName = Annotated[str, AfterValidator(_known)]
"""Name of a measure, as a type of pydantic's models."""


def written(measure: str, value: float) -> str:
    """Write a value of the measure of this name."""
    return MEASURES[measure].written(value)


def place(name: str) -> int:
    """Return the place of a measure in the table, to sort by."""
    return list(MEASURES).index(name)
