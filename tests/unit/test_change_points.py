"""Changes of level: what the test promises, by seeded simulation, and what must hold for any series."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice3_bench.history import change_points
from ice3_bench.history.change_points import CORRELATIONS, FEWEST, MOST, SIZES, Model, clipped, critical, detect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SERIES = 400
POINTS = 50


def noise(seed: int, count: int, rho: float = 0.0) -> Array:
    """Autocorrelated noise of standard deviation 1 around 100."""
    dice = np.random.default_rng(seed)
    values = dice.standard_normal(count)
    for t in range(1, count):
        values[t] = rho * values[t - 1] + math.sqrt(1.0 - rho**2) * values[t]
    return 100.0 + values


def flagged(rho: float) -> int:
    return sum(bool(detect(noise(seed, POINTS, rho)).changes) for seed in range(SERIES))


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_noise_is_flagged_in_one_series_of_a_hundred_at_most(rho: float) -> None:
    # At a rate of 1 % more than 9 of 400 come up once in a hundred times; these 400 are always the same.
    assert flagged(rho) <= 9


def test_a_test_that_ignores_autocorrelation_would_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_points, "CORRELATIONS", np.array([0.0]))
    assert flagged(0.5) > 0.2 * SERIES


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_a_step_of_three_sigma_is_found_within_three_points(rho: float) -> None:
    found = 0
    for seed in range(SERIES // 2):
        values = noise(seed, POINTS, rho)
        place = 10 + seed % 31
        values[place:] += 3.0
        found += any(abs(change.index - place) <= 3 for change in detect(values).changes)
    assert found >= 0.9 * SERIES / 2


def test_a_change_says_where_how_much_and_how_sure() -> None:
    values = noise(1, POINTS)
    values[20:] += 10.0
    found = detect(values)
    (change,) = found.changes
    assert change.index == 20
    assert change.before == np.median(values[:20])
    assert change.after == found.level == np.median(values[20:])
    assert change.relative == pytest.approx(0.1, abs=0.01)
    assert change.statistic > critical(POINTS)
    assert found.statistic is not None
    assert found.needed is not None
    assert found.statistic < found.needed
    assert found.scatter == pytest.approx(1.0, abs=0.3)
    assert found.skipped is None


def test_a_level_that_comes_back_has_two_changes() -> None:
    values = noise(2, 100)
    values[40:50] += 5.0
    assert [change.index for change in detect(values).changes] == [40, 50]


def test_three_levels() -> None:
    values = noise(3, 120, 0.3)
    values[30:] += 5.0
    values[80:] -= 8.0
    assert [change.index for change in detect(values).changes] == [30, 80]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_disturbed_runs_are_no_change(length: int) -> None:
    values = noise(4, POINTS)
    values[25 : 25 + length] += 50.0
    assert detect(values).changes == ()


def test_values_that_repeat_exactly() -> None:
    assert detect([42.0] * 30).changes == ()
    assert detect([0.0] * 30).changes == ()
    (change,) = detect([42.0] * 20 + [43.0] * 20).changes
    assert (change.index, change.before, change.after) == (20, 42.0, 43.0)
    (change,) = detect([0.0] * 20 + [1.0] * 20).changes
    assert math.isinf(change.relative)


def test_values_that_nearly_repeat() -> None:
    """Memory that is now and then a little larger has not changed its level; nor has a few bytes more."""
    dice = np.random.default_rng(5)
    assert sum(bool(detect((1e8 + 1e6 * (dice.random(POINTS) < 0.2)).tolist()).changes) for _ in range(100)) <= 3
    assert detect([1e8] * 25 + [1e8 + 100.0] * 25).changes == ()


def test_a_short_series_says_how_much_is_needed() -> None:
    for count in (0, 1, FEWEST - 1):
        found = detect([1.0] * count)
        assert found.skipped == f"{count} of the {FEWEST} runs needed"
        assert (found.changes, found.statistic) == ((), None)
    assert detect(noise(1, FEWEST)).skipped is None


def test_only_the_newest_points_of_a_long_series_are_looked_at() -> None:
    values = noise(6, MOST + 100)
    values[50:] += 10.0
    values[300:] += 10.0
    found = detect(values)
    assert [change.index for change in found.changes] == [300]
    assert found.count == MOST


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        detect([*noise(1, 20), value])


def test_critical_values_are_interpolated_and_held_at_the_ends() -> None:
    for changes in (1, 2):
        values = [critical(count, changes) for count in range(SIZES[0], SIZES[-1] + 1)]
        assert max(abs(a - b) for a, b in pairwise(values)) < 1.0
        assert critical(SIZES[-1] * 2, changes) == values[-1]


def likelihood(series: Array, steps: tuple[int, ...]) -> float:
    """Twice the log-likelihood by explicit covariance and least squares, the best over the correlations."""
    count = len(series)
    design = np.column_stack([np.ones(count), *(np.arange(count) >= step for step in steps)]).astype(float)
    best = -math.inf
    for rho in CORRELATIONS:
        distance = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
        root = np.linalg.cholesky(rho**distance / (1.0 - rho**2))
        x, y = np.linalg.solve(root, design), np.linalg.solve(root, series)
        residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        determinant = 2.0 * np.log(np.diag(root)).sum()
        best = max(best, -count * math.log(residual @ residual / count) - determinant)
    return best


@pytest.mark.parametrize("known", [(), (12,)])
def test_gains_are_those_of_the_explicit_likelihood(known: tuple[int, ...]) -> None:
    series = noise(7, 40, 0.4) - 100.0
    series[12:] += 2.0
    model = Model(series, floor=0.0)
    for gain in (model.best_one(known), model.best_two(known)):
        explicit = likelihood(series, (*known, *gain.steps)) - likelihood(series, known)
        assert gain.statistic == pytest.approx(explicit, rel=1e-9)
        for step in range(4, 37):  # and no other place is better
            if len(gain.steps) == 1 and all(abs(step - other) >= 4 for other in known):
                assert likelihood(series, (*known, step)) - likelihood(series, known) <= gain.statistic + 1e-9


SHAPES = st.tuples(
    st.integers(0, 10**6), st.integers(FEWEST, 80), st.floats(0.0, 0.6), st.floats(-8.0, 8.0), st.floats(0.2, 0.8)
)


def shaped(shape: tuple[int, int, float, float, float]) -> Array:
    seed, count, rho, step, where = shape
    values = noise(seed, count, rho)
    values[round(where * count) :] += step
    return values


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(-30, 30), st.integers(-4, 4))
def test_unit_and_offset_do_not_matter(shape: tuple[int, int, float, float, float], power: int, offset: int) -> None:
    values = shaped(shape)
    found = detect(values, resolution=0.0)
    moved = detect((values + 100.0 * offset) * 2.0**power, resolution=0.0)
    assert [change.index for change in moved.changes] == [change.index for change in found.changes]
    assert moved.correlation == found.correlation
    assert moved.scatter == pytest.approx((found.scatter or 0.0) * 2.0**power, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(SHAPES)
def test_a_series_read_backwards_changes_at_the_same_places(shape: tuple[int, int, float, float, float]) -> None:
    values = shaped(shape)
    forwards = detect(values)
    backwards = detect(values[::-1])
    if len(forwards.changes) == 1:
        assert [len(values) - change.index for change in backwards.changes] == [forwards.changes[0].index]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=0, max_size=60))
def test_any_finite_series_is_judged(values: list[float]) -> None:
    found = detect(values)
    indices = [change.index for change in found.changes]
    assert indices == sorted(indices)
    edges = [0, *indices, len(values)]
    assert all(b - a >= change_points.SHORTEST for a, b in pairwise(edges)) or not indices


@settings(max_examples=40, deadline=None)
@given(SHAPES)
def test_clipping_leaves_what_is_within_the_noise(shape: tuple[int, int, float, float, float]) -> None:
    values = shaped(shape)
    after = clipped(values)
    assert (np.abs(after - np.median(values)) <= np.abs(values - np.median(values)).max() + 1e-9).all()
    assert np.sum(np.abs(after - values) > 1e-9) <= len(values) / 2  # half of them lie within the median distance


def test_clipping_leaves_nearly_all_of_a_long_noise() -> None:
    values = noise(1, 1000)
    assert np.mean(np.abs(clipped(values) - values) > 1e-9) < 0.02
