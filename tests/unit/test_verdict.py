from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice3_bench.compare.verdict import Rule, Verdict, confidence_interval, decide

TRIALS = 300


def simulated(change: float, spread: float, pairs: int, seed: int) -> list[float]:
    """Ratios of pairs of processes with a relative spread of the minimum of ``spread`` in each process."""
    random = np.random.default_rng(seed)
    base, contender = (1.0 + np.abs(random.normal(0.0, spread, pairs)) for _ in range(2))
    return list((1.0 + change) * contender / base)


def verdicts(change: float, spread: float = 0.009) -> list[Verdict]:
    rule = Rule(looks=1)
    pairs = rule.pairs_needed(1)
    ratios = [simulated(change, spread, pairs, seed) for seed in range(TRIALS)]
    return [decide({"a": values}, rule)["a"].verdict for values in ratios]


def test_no_difference_raises_no_alarm() -> None:
    """At most 1 % of 300 trials, within what chance allows (upper 99.9 % bound)."""
    found = verdicts(0.0)
    assert found.count(Verdict.SLOWER) + found.count(Verdict.FASTER) <= 9
    assert found.count(Verdict.SAME) > 0.9 * TRIALS


@pytest.mark.parametrize(("change", "power"), [(0.02, 0.95), (0.03, 0.99)])
def test_a_slowdown_is_found(change: float, power: float) -> None:
    """With a spread of the minimum of 0.4 % between processes, half of what busy machines show."""
    assert verdicts(change, spread=0.004).count(Verdict.SLOWER) >= power * TRIALS


def test_a_speedup_is_found() -> None:
    assert verdicts(-0.03, spread=0.004).count(Verdict.FASTER) >= 0.99 * TRIALS


def test_noise_leaves_it_undecided_and_says_so() -> None:
    decision = decide({"a": simulated(0.015, 0.05, 16, 3)}, Rule())["a"]
    assert decision.verdict is Verdict.UNDECIDED
    assert "--budget" in decision.reason
    assert decision.detectable is not None
    assert decision.detectable > 0.02


@pytest.mark.parametrize("change", [0.0, 0.008, 0.015, 0.02])
def test_the_pairs_that_would_decide_it_do(change: float) -> None:
    """They do in at least half of the undecided trials: with that number, half the interval fits."""
    rule = Rule(looks=1)
    decided = undecided = 0
    for seed in range(60):
        first = decide({"a": simulated(change, 0.03, 16, seed)}, rule)["a"]
        if first.verdict is Verdict.UNDECIDED:
            needed = re.search(r"about (\d+) pairs would decide it", first.reason)
            assert needed is not None
            after = decide({"a": simulated(change, 0.03, int(needed[1]), 1000 + seed)}, rule)["a"]
            decided += after.verdict is not Verdict.UNDECIDED
            undecided += 1
    assert undecided > 10
    assert decided >= undecided / 2


@pytest.mark.parametrize(("family", "pairs", "spread"), [(1, 16, 0.02), (10, 16, 0.02), (100, 32, 0.01)])
def test_what_is_called_detectable_is_found(family: int, pairs: int, spread: float) -> None:
    """A slowdown of two thirds of it often is not: the figure is neither too small nor much too large."""

    def drawn(change: float, seed: int) -> list[float]:
        return list(1.0 + change + np.random.default_rng(seed).normal(0.0, spread, pairs))

    stated = [decide({"a": drawn(0.0, seed)}, Rule(), family)["a"].detectable for seed in range(50)]
    detectable = float(np.median([value for value in stated if value is not None]))
    found = [
        [decide({"a": drawn(share * detectable, seed)}, Rule(), family)["a"].verdict for seed in range(100, 300)]
        for share in (1.0, 0.67)
    ]
    powers = [verdicts_.count(Verdict.SLOWER) / 200 for verdicts_ in found]
    assert powers[0] > 0.88
    assert powers[1] < 0.88


def test_too_few_pairs_for_any_significance_detect_nothing() -> None:
    assert decide({"a": [1.05] * 10}, Rule(), family=50)["a"].detectable is None


def test_too_few_pairs_decide_nothing_however_much_they_agree() -> None:
    found = [decide({"a": [1.001] * pairs}, Rule())["a"] for pairs in range(1, 9)]
    assert [decision.verdict for decision in found] == [Verdict.UNDECIDED] * 7 + [Verdict.SAME]
    assert "at least 8 pairs" in found[0].reason


@pytest.mark.parametrize("family", [1, 2, 50])
def test_a_change_that_too_few_pairs_show_says_how_many_would(family: int) -> None:
    """However large it is, and though the interval excludes 0."""
    rule = Rule()
    fewest = rule.pairs_needed(family)
    for pairs in range(1, fewest):
        decision = decide({"a": simulated(20.0, 0.1, pairs, pairs)}, rule, family)["a"]
        assert decision.verdict is Verdict.UNDECIDED
        assert f"at least {fewest} pairs" in decision.reason
    assert decide({"a": simulated(20.0, 0.1, fewest, 0)}, rule, family)["a"].verdict is Verdict.SLOWER


def test_the_number_of_benchmarks_is_paid_for() -> None:
    ratios = simulated(0.03, 0.002, 10, 1)
    alone = decide({"a": ratios}, Rule(looks=1))["a"]
    among_many = decide({"a": ratios}, Rule(looks=1), family=50)["a"]
    assert alone.verdict is Verdict.SLOWER
    assert among_many.verdict is not Verdict.SLOWER
    assert among_many.p == pytest.approx(min(1.0, 50 * alone.p))


def test_holm_spares_the_clear_ones() -> None:
    clear = {f"clear {n}": simulated(0.05, 0.002, 14, n) for n in range(3)}
    decisions = decide({**clear, "same": simulated(0.0, 0.002, 14, 9)}, Rule())
    assert [decisions[name].verdict for name in clear] == [Verdict.SLOWER] * 3
    assert decisions["same"].verdict is Verdict.SAME


@pytest.mark.parametrize("benchmarks", [1, 5, 50])
def test_the_pairs_needed_can_reach_the_significance(benchmarks: int) -> None:
    rule = Rule()
    pairs = rule.pairs_needed(benchmarks)
    ratios = {f"b{n}": simulated(0.05, 0.001, pairs, n) for n in range(benchmarks)}
    assert all(decision.verdict is Verdict.SLOWER for decision in decide(ratios, rule).values())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.5, 2.0), min_size=1, max_size=30))
def test_the_interval_holds_the_median(ratios: list[float]) -> None:
    low, high = confidence_interval(ratios, 0.99)
    assert low <= np.median(ratios) <= high


def test_the_interval_covers_the_truth() -> None:
    random = np.random.default_rng(0)
    intervals = [confidence_interval(list(random.lognormal(0.0, 0.02, 12)), 0.95) for _ in range(1000)]
    assert sum(low <= 1.0 <= high for low, high in intervals) >= 930


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.9, 1.1), min_size=8, max_size=20))
def test_swapping_the_sides_swaps_the_verdict(ratios: list[float]) -> None:
    there = decide({"a": ratios}, Rule())["a"]
    back = decide({"a": [1.0 / ratio for ratio in ratios]}, Rule())["a"]
    assert there.p == pytest.approx(back.p)
    if there.verdict is Verdict.SLOWER and there.change > 0.0102:
        assert back.verdict is Verdict.FASTER


@pytest.mark.parametrize("ratios", [[], [1.0, 0.0], [-1.0]])
def test_what_is_no_ratio_is_refused(ratios: list[float]) -> None:
    with pytest.raises(ValueError, match="no positive ratios"):
        decide({"a": ratios}, Rule())
