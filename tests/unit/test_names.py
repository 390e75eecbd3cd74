"""Names of benchmarks and domains, and words: made and read in one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice3_bench.errors import UsageError
from ice3_bench.measures import MEASURES, written
from ice3_bench.names import BenchmarkName, domain_text, label, parse_domain
from ice3_bench.text import changed, count, duration, listed, number, quoted, short, size

points = st.tuples(*[st.integers(1, 999_999)] * 3)


@given(
    component=st.sampled_from(["ice_adjust", "rain_ice", "ice_adjust:modular", "rain_ice:a-b_1"]),
    domain=points,
    mix=st.sampled_from([None, "rich", "typical"]),
)
def test_a_name_is_read_as_it_was_made(component: str, domain: tuple[int, int, int], mix: str | None) -> None:
    name = BenchmarkName(component, "gt_cpu_ifirst", "float64", domain, mix)
    assert BenchmarkName.parse(name.text) == name
    assert label(name.text) == name.label
    assert parse_domain(domain_text(domain)) == domain


def test_a_name_and_its_label() -> None:
    name = BenchmarkName("ice_adjust:modular", "jax", "float32", (50, 50, 60), "rich")
    assert name.text == "ice_adjust:modular/jax/float32/50x50x60/rich"
    assert name.label == "ice_adjust:modular 50x50x60 rich"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ice_adjust/numpy/float64",
        "ice_adjust/gt:cpu/float64/1x1x1",
        "ice_adjust/numpy/float64/0x1x1",
        "ice_adjust/numpy/float64/1x1",
        "ice_adjust/numpy/float64/1x1x1/rich/more",
        "ice_adjust:/numpy/float64/1x1x1",
        "ice_adjust/numpy/float64/1x1x1\n",
        "<b>/numpy/float64/1x1x1",
    ],
)
def test_what_is_not_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a benchmark"):
        BenchmarkName.parse(text)
    assert label(text) == text


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        ("latency", 1.25e6, "1.25 ms"),
        ("latency", 12.0, "12 ns"),
        ("peak-memory", 36e6, "36.0 MB"),
        ("throughput", 150e6, "150.00 Mpoint/s"),
        ("bandwidth", 0.254, "25 %"),
        ("accuracy", 1e-15, "1.0e-15"),
        ("compile-time", 3.2e10, "32.00 s"),
        ("transfer-in", 2e3, "2.00 µs"),
        ("wrong-outputs", 3.0, "3"),
    ],
)
def test_a_value_is_written_with_the_unit_that_suits_it(measure: str, value: float, text: str) -> None:
    assert written(measure, value) == text


def test_the_table_of_measures_is_complete() -> None:
    assert all(measure.scales[-1].size <= 1.0 for measure in MEASURES.values())
    assert [one.name for one in MEASURES.values() if one.gates] == ["latency", "peak-memory", "accuracy"]
    assert [one.name for one in MEASURES.values() if one.larger_is_better] == ["throughput", "bandwidth"]
    assert MEASURES["latency"].worse(1.0, 2.0)
    assert MEASURES["throughput"].worse(2.0, 1.0)
    assert len({one.title for one in MEASURES.values()}) == len(MEASURES)


def test_plurals_lists_and_commits() -> None:
    assert [count(n, "output") for n in (0, 1, 2)] == ["0 outputs", "1 output", "2 outputs"]
    assert count(1, "is", "are") == "1 is"
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert quoted(["a", "b"]) == "'a', 'b'"
    assert (short("0123456789abcdef"), short(None)) == ("0123456789", "no commit")
    assert (duration(999.0), duration(1e3), size(999), size(1e9)) == ("999 ns", "1.00 µs", "999 B", "1.0 GB")
    assert (changed(0.5), changed(-0.1), changed(2.0)) == ("+50.0 %", "-10.0 %", "× 3")


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.0025, ".0f", "0.0025"),
        (0.25, ".0f", "0.25"),
        (0.0, ".0f", "0"),
        (-0.004, ".2f", "-0.0040"),
        (41.2, ".0f", "41"),
    ],
)
def test_a_number_that_is_not_zero_never_shows_as_zero(value: float, form: str, text: str) -> None:
    assert number(value, form) == text
