"""Bencher's seven tests against its own numbers."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ice3_bench.history.thresholds import boundary, selected
from ice3_bench.settings.policy import Threshold

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data/bencher_threshold_vectors.json").read_text(encoding="utf-8")
)
TOLERANCE = {"t_test": 1e-9}


def agrees(found: float | None, expected: float | None, tolerance: float) -> bool:
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=tolerance, abs_tol=0.0)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["id"])
def test_baseline_limits_and_alert_are_benchers(vector: dict[str, Any]) -> None:
    # One vector has no boundary, which settings refuse and POST /v0/run takes.
    model, expected = Threshold.model_construct(**vector["model"]), vector["expected"]
    found = boundary(model, VECTORS["sequences"][vector["history_ref"]][::-1])
    tolerance = TOLERANCE.get(model.test, 1e-12)
    assert agrees(found.baseline, expected["baseline"], tolerance)
    assert agrees(found.lower, expected["lower_limit"], tolerance)
    assert agrees(found.upper, expected["upper_limit"], tolerance)
    assert found.crossed(vector["value"]) == expected["alert"]
    nothing = expected["baseline"] is expected["lower_limit"] is expected["upper_limit"] is None
    assert (found.skipped is not None) == nothing


def test_every_test_has_vectors() -> None:
    assert {vector["model"]["test"] for vector in VECTORS["vectors"]} == {
        "static", "percentage", "z_score", "t_test", "log_normal", "iqr", "delta_iqr",
    }  # fmt: skip


@pytest.mark.parametrize("case", VECTORS["delta_iqr_order_matters"], ids=lambda case: case["order"])
def test_delta_iqr_divides_by_the_newer_value(case: dict[str, Any]) -> None:
    model = Threshold(test="delta_iqr", upper_boundary=case.get("upper_boundary", 1.0))
    newest_first = case["oldest_first"][::-1] if "correct" in case["order"] else case["oldest_first"]
    assert agrees(boundary(model, newest_first).upper, case["upper_limit"], 1e-12)


@pytest.mark.parametrize("case", VECTORS["invalid_models"], ids=lambda case: case["why"])
def test_models_that_bencher_refuses_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Threshold.model_validate(case["model"])


@pytest.mark.parametrize("entry", VECTORS["student_t_quantiles"], ids=lambda entry: f"{entry['df']}-{entry['p']}")
def test_quantiles_of_student(entry: dict[str, float]) -> None:
    count = int(entry["df"]) + 1
    if not 0.5 <= entry["p"] < 1.0:
        pytest.skip("not a boundary")
    history = [float(number) for number in range(count)]
    found = boundary(Threshold(test="t_test", upper_boundary=entry["p"]), history)
    deviation = math.sqrt(count * (count + 1) / 12)  # of 0 .. count - 1, with n - 1
    assert found.upper == pytest.approx((count - 1) / 2 + deviation * math.sqrt(1 + 1 / count) * entry["t"], rel=1e-9)


def test_quantiles_of_the_normal_distribution() -> None:
    anchors = VECTORS["test_source_anchors"]
    found = boundary(Threshold(test="z_score", upper_boundary=0.85), [-1.0, 0.0, 1.0])
    assert found.upper == pytest.approx(anchors["z_limit_p085"], rel=1e-12)


@pytest.mark.parametrize(
    ("model", "history", "why"),
    [
        (Threshold(test="percentage", upper_boundary=0.1), [], "0 of the 1 run needed"),
        (Threshold(test="static", upper_boundary=1.0), [], "0 of the 1 run needed"),
        (Threshold(test="t_test", upper_boundary=0.9), [1.0], "1 of the 2 runs needed"),
        (Threshold(test="iqr", upper_boundary=1.0, min_sample_size=10), [1.0] * 3, "3 of the 10 runs needed"),
        (Threshold(test="t_test", upper_boundary=0.9), [1.0, 1.0], "the same"),
        (Threshold(test="log_normal", upper_boundary=0.9), [1.0, 0.0], "not positive"),
        (Threshold(test="delta_iqr", upper_boundary=0.9), [0.0, 1.0], "a change against a value of zero"),
        (Threshold(test="delta_iqr", upper_boundary=0.9), [0.0, 0.0], "a change against a value of zero"),
        (
            Threshold(test="delta_iqr", upper_boundary=0.9),
            [1.0] * 5 + [0.0, 0.0, 1.0] * 10,
            "two values of zero follow",
        ),
    ],
)
def test_a_test_that_is_not_made_says_why(model: Threshold, history: list[float], why: str) -> None:
    found = boundary(model, history)
    assert why in (found.skipped or "")
    assert (found.baseline, found.lower, found.upper) == (None, None, None)
    assert found.crossed(1e9) is None


@pytest.mark.parametrize(
    ("newest_first", "upper"),
    [
        # The change against the zero is infinite and the largest: no quartile falls on it.
        ([10.0, 11.0, 10.0, 11.0, 10.0, 0.0, 10.0, 10.0, 10.0, 10.0], 10.0 * (1.0 + 0.1)),
        # Between two zeros the change is not a number: it is the last one.
        ([10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 0.0, 0.0], 10.0),
    ],
)
def test_delta_iqr_is_made_with_zeros_in_the_history(newest_first: list[float], upper: float) -> None:
    """As Bencher 0.6.12 does."""
    found = boundary(Threshold(test="delta_iqr", upper_boundary=1.0), newest_first)
    assert found.skipped is None
    assert found.baseline == 10.0
    assert found.upper == pytest.approx(upper, rel=1e-12)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_history_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        boundary(Threshold(test="percentage", upper_boundary=0.1), [1.0, value])


def test_the_window_counts_back_from_now_and_the_sample_is_the_newest() -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    history = [(now - timedelta(seconds=10 * age), float(age)) for age in range(10)]
    assert selected(Threshold(test="iqr", upper_boundary=1.0, window=30), history, now) == [0.0, 1.0, 2.0, 3.0]
    model = Threshold(test="iqr", upper_boundary=1.0, window=30, max_sample_size=2)
    assert selected(model, history, now) == [0.0, 1.0]


MODELS = st.one_of(
    st.builds(
        Threshold,
        test=st.sampled_from(["percentage", "iqr", "delta_iqr"]),
        lower_boundary=st.floats(0.0, 10.0),
        upper_boundary=st.floats(0.0, 10.0),
    ),
    st.builds(
        Threshold,
        test=st.sampled_from(["z_score", "t_test", "log_normal"]),
        lower_boundary=st.floats(0.5, 0.9999),
        upper_boundary=st.floats(0.5, 0.9999),
    ),
)
HISTORIES = st.lists(st.floats(1.0, 1e9), min_size=2, max_size=40)


@given(MODELS, HISTORIES, st.integers(-20, 20))
def test_the_unit_of_the_measure_does_not_matter(model: Threshold, history: list[float], exponent: int) -> None:
    scale = 2.0**exponent  # exact
    found, scaled = boundary(model, history), boundary(model, [scale * value for value in history])
    if found.upper is None or scaled.upper is None:  # on the verge of no spread
        return
    assert found.baseline is not None
    tolerance = 1e-9 * max(abs(found.upper), found.baseline) * scale
    assert scaled.upper == pytest.approx(found.upper * scale, rel=1e-9, abs=tolerance)


@given(MODELS, HISTORIES)
def test_the_baseline_lies_between_the_limits(model: Threshold, history: list[float]) -> None:
    found = boundary(model, history)
    if found.skipped is None:
        assert found.lower is not None
        assert found.baseline is not None
        assert found.upper is not None
        margin = 1e-9 * found.baseline
        assert found.lower <= found.baseline + margin
        assert found.baseline <= found.upper + margin


@given(MODELS, HISTORIES)
def test_a_wider_boundary_alerts_no_sooner(model: Threshold, history: list[float]) -> None:
    assert model.upper_boundary is not None
    wider = model.model_copy(update={"upper_boundary": (model.upper_boundary + 1.0) / 2.0})
    if model.upper_boundary <= 1.0:
        near, far = boundary(model, history), boundary(wider, history)
        if near.upper is not None and far.upper is not None:
            assert near.upper <= far.upper * (1.0 + 1e-12)


@given(HISTORIES, st.sampled_from(["percentage", "z_score", "t_test", "log_normal", "iqr"]), st.randoms())
def test_only_delta_iqr_sees_the_order(history: list[float], test: str, dice: Any) -> None:
    boundary_of = 0.1 if test in ("percentage", "iqr") else 0.9
    model = Threshold.model_validate({"test": test, "upper_boundary": boundary_of})
    shuffled = list(history)
    dice.shuffle(shuffled)
    first, second = boundary(model, history), boundary(model, shuffled)
    if first.upper is not None and second.upper is not None:
        assert second.upper == pytest.approx(first.upper, rel=1e-6)
