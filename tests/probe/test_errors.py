"""What the quantile of the errors is."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice3_probe.accuracy import compare
from ice3_probe.errors import at_quantile
from ice3_probe.norms import Limit, Tolerance

QUANTILES = ("1", "0.9999", "0.999", "0.99", "0.9", "0.5")


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=300), st.sampled_from(QUANTILES), st.randoms())
def test_a_quantile_is_an_error_that_a_cell_has(values: list[float], quantile: str, random: object) -> None:
    forgiven = floor((1 - Fraction(quantile)) * len(values))
    random.shuffle(values)  # type: ignore[attr-defined]
    assert at_quantile(np.array(values), float(quantile)) == sorted(values, reverse=True)[forgiven]


@pytest.mark.parametrize(("cells", "forgiven"), [(9_999, 0), (10_000, 1), (19_999, 1), (20_000, 2)])
def test_whole_cells_are_forgiven(cells: int, forgiven: int) -> None:
    errors = np.zeros(cells)
    errors[:forgiven] = 1.0
    assert at_quantile(errors, 0.9999) == 0.0
    errors[forgiven] = 1.0
    assert at_quantile(errors, 0.9999) == 1.0


def test_excluded_cells_do_not_count_among_those_that_are_forgiven() -> None:
    got, wanted = np.zeros((10, 20)), np.zeros((10, 20))
    got[0, :2] = 1.0
    excluded = np.zeros((10, 20), dtype=bool)
    tolerance = Tolerance((Limit(1e-3, 0.99),))
    assert compare("rv", got, wanted, np.ones((10, 20)), tolerance, excluded).passed
    excluded[5:] = True
    assert not compare("rv", got, wanted, np.ones((10, 20)), tolerance, excluded).passed
