"""The version of the norm: whoever changes how errors are measured is told to raise it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ice3_probe.accuracy import compare
from ice3_probe.components import COMPONENTS
from ice3_probe.messages import NORM
from ice3_probe.norms import norm_of
from ice3_probe.reference import DATA, load

if TYPE_CHECKING:
    from ice3_probe.reference import DataSet

ERRORS = {
    (2, "float64"): {
        "ice4_sedimentation_lite": 0.000276369,
        "ice4_tendencies_lite": 4.38542e-11,
        "ice_adjust_lite": 0.142861,
        "microphysics_lite": 0.0914619,
        "rain_ice_lite": 0.00208234,
    },
    (2, "float32"): {
        "ice4_sedimentation_lite": 0.000276369,
        "ice4_tendencies_lite": 4.38541e-11,
        "ice_adjust_lite": 4.08339e-06,
        "microphysics_lite": 4.53325e-05,
        "rain_ice_lite": 0.000125874,
    },
}
"""By norm and precision: mean error of the outputs of each of our data sets, if all values are a little too
large; an error counts as 1 at most."""


def mean_error(data: DataSet, precision: str) -> float:
    errors = []
    for field in (field.name for field in COMPONENTS[data.component].outputs):
        norm = norm_of(data, field, precision, "production")
        if norm is not None and not norm.excluded.all():
            wanted = np.where(norm.excluded, 0.0, norm.reference)
            shifted = wanted + 1e-8 * np.abs(wanted).mean()
            found = compare(field, shifted, wanted, norm.scale, norm.tolerance, norm.excluded)
            errors.append(min(found.error, 1.0))
    return float(np.mean(errors))


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_another_norm_has_another_version(precision: str) -> None:
    found = {path.stem: mean_error(load(path), precision) for path in sorted(DATA.glob("*.nc"))}
    assert found == pytest.approx(ERRORS[NORM, precision], rel=1e-5), (
        "The same outputs get other errors. If the norm changed, raise NORM of ice3_probe.messages, so that they are "
        "not compared with those of earlier runs; if only the data changed, they are still comparable."
    )
