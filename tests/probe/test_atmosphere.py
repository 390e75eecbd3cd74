from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice3_probe import cases, constants, device
from ice3_probe.arrangement import smooth_field
from ice3_probe.atmosphere import REGIMES, synthetic_atmosphere
from ice3_probe.contract import Cell
from ice3_probe.messages import ARRANGEMENTS, MIXES, Benchmark

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DOMAIN = (20, 20, 60)
SHARES = {"rich": 0.56, "typical": 0.27, "sparse": 0.10}
HORIZONTAL = ("sigqsat", "sea", "town")


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_it_is_finite_and_within_the_ranges_of_nature(precision: str, arrangement: str) -> None:
    fields = synthetic_atmosphere(DOMAIN, precision=precision, arrangement=arrangement)
    for name, array in fields.items():
        assert array.dtype == precision
        assert array.shape == (DOMAIN[:2] if name in HORIZONTAL else DOMAIN)
        assert np.isfinite(array).all(), name
    t = fields["th"] * fields["exn"]
    assert t.min() > 195.0
    assert t.max() < 310.0
    assert fields["pabs"].min() > 100.0
    assert fields["pabs"].max() < 1.1e5
    for name in ("rv", "rc", "rr", "ri", "rs", "rg"):
        assert fields[name].min() >= 0.0
        assert 0.0 < fields[name].max() < 0.04


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_the_seed_decides(arrangement: str) -> None:
    first, same, other = (synthetic_atmosphere(DOMAIN, seed=seed, arrangement=arrangement) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], same[name]) for name in first)
    assert not np.array_equal(first["rv"], other["rv"])


def test_columns_are_hydrostatic() -> None:
    fields = synthetic_atmosphere(DOMAIN)
    t = fields["th"] * fields["exn"]
    logarithm = np.diff(np.log(fields["pabs"]), axis=2)
    layer = -np.diff(fields["zz"], axis=2)
    mean = 0.5 * (t[:, :, 1:] + t[:, :, :-1])
    np.testing.assert_allclose(logarithm, constants.G * layer / (constants.RD * mean), rtol=1e-10)


def test_every_kind_of_weather_is_there() -> None:
    fields = synthetic_atmosphere((50, 50, 60))
    condensate = fields["rc"] + fields["ri"]
    t = fields["th"] * fields["exn"]
    clear = ~hydrometeors(fields).any(axis=2)
    assert 0.02 < clear.mean() < 0.4
    assert ((fields["rc"] > 0.0) & (fields["ri"] > 0.0)).any()
    assert ((fields["rr"] > 0.0) & (t > constants.TT)).any()
    assert ((condensate > 0.0) & (t < 235.0)).any()
    assert (fields["rc_mf"] > 0.0).any()


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(2, 9)),
    st.sampled_from(MIXES),
    st.integers(0, 2**32),
)
def test_any_shape_works_and_both_arrangements_have_the_same_columns(
    domain: tuple[int, int, int], mix: str, seed: int
) -> None:
    one, other = (synthetic_atmosphere(domain, mix=mix, seed=seed, arrangement=kind) for kind in ARRANGEMENTS)
    assert one["th"].shape == other["th"].shape == domain
    assert np.array_equal(columns_of(one), columns_of(other))


@pytest.mark.parametrize("shape", [(1, 400), (400, 1), (60, 70)])
def test_a_line_of_columns_has_the_same_columns_too(shape: tuple[int, int]) -> None:
    one, other = (synthetic_atmosphere((*shape, 20), mix="typical", arrangement=kind) for kind in ARRANGEMENTS)
    assert np.array_equal(columns_of(one), columns_of(other))
    axis = int(shape[1] > shape[0])
    assert alike(wet(one), axis) > alike(wet(other), axis) + 0.2


@pytest.mark.parametrize("domain", [(0, 1, 5), (1, 1, 1), (2, 2)])
def test_a_domain_that_is_none_is_refused(domain: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="not usable"):
        synthetic_atmosphere(domain)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="float16"):
        synthetic_atmosphere((2, 2, 4), precision="float16")


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("domain", [(50, 50, 60), (40, 70, 45)])
@pytest.mark.parametrize("mix", MIXES)
def test_a_mix_has_its_share_of_active_points(mix: str, domain: tuple[int, int, int], arrangement: str) -> None:
    active = hydrometeors(synthetic_atmosphere(domain, seed=cases.SEED, mix=mix, arrangement=arrangement))
    assert active.mean() == pytest.approx(SHARES[mix], abs=0.02)


def test_an_unknown_mix_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown weather mix 'dry': expected one of rich, typical, sparse"):
        synthetic_atmosphere((2, 2, 4), mix="dry")


def test_an_unknown_arrangement_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown arrangement 'sorted': expected one of coherent, shuffled"):
        synthetic_atmosphere((2, 2, 4), arrangement="sorted")


# Coherence -----------------------------------------------------------------------------------------------------------


def hydrometeors(fields: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    present: NDArray[np.bool_] = np.sum([fields[name] for name in ("rc", "rr", "ri", "rs", "rg")], axis=0) > 1e-15
    return present


def wet(fields: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.any(hydrometeors(fields), axis=2)
    return found


def columns_of(fields: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """All fields as a table with a row for each column, sorted."""
    table = np.concatenate([array.reshape(array.shape[0] * array.shape[1], -1) for array in fields.values()], axis=1)
    return table[np.lexsort(table.T)]


def alike(flags: NDArray[np.bool_], axis: int) -> float:
    """Probability that the neighbour of a column with the flag has it too."""
    last = flags.shape[axis] - 1
    here, there = np.take(flags, range(last), axis), np.take(flags, range(1, last + 1), axis)
    return float((here & there).sum() / here.sum())


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("seed", range(5))
def test_clouds_are_as_long_as_in_nature(seed: int, axis: int) -> None:
    """Cloud lengths with an exponent of -1.66 give 0.87 on 130 km and 0.95 on 1500 km; see ADR 16."""
    coherent, shuffled = (
        alike(wet(synthetic_atmosphere((100, 100, 20), seed=seed, mix="typical", arrangement=kind)), axis)
        for kind in ARRANGEMENTS
    )
    assert 0.87 < coherent < 0.96
    assert shuffled == pytest.approx(0.455, abs=0.03)


def test_clouds_grow_deeper_towards_their_core() -> None:
    fields = synthetic_atmosphere((100, 100, 40), mix="typical", seed=3)
    top = np.where(hydrometeors(fields), fields["zz"], 0.0).max(axis=2)
    depths = sorted({regime.depth for regime in REGIMES.values()})
    deepest = top > 1.1 * depths[-2]  # only strong updrafts reach so high, whatever their amplitude
    assert deepest.any()
    around = np.stack([np.roll(top, step, axis) for step in (-1, 1) for axis in (0, 1)])[:, deepest]
    assert (around == 0.0).mean() < 0.005  # clear air hardly ever touches them


def test_power_falls_with_the_wave_number_as_in_nature() -> None:
    lines = np.fft.rfft(np.stack([smooth_field((256, 256), seed) for seed in range(8)]), axis=1)
    power = (np.abs(lines) ** 2).mean(axis=(0, 2))
    waves = np.arange(4, 19)  # of 64 to 14 points: well above what a model damps
    slope = np.polyfit(np.log(waves), np.log(power[waves]), 1)[0]
    assert slope == pytest.approx(-5.0 / 3.0, abs=0.3)


# What the probe makes of it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_benchmark_gets_the_weather_that_it_names(arrangement: Any, tmp_path: Path) -> None:
    benchmark = Benchmark("x", "rain_ice", (6, 5, 7), "sparse", arrangement)
    given_to_port = cases.inputs_of(Cell("x", "float64", "cpu", 1, tmp_path, {}), benchmark)(SimpleNamespace())
    expected = synthetic_atmosphere((6, 5, 7), seed=cases.SEED, mix="sparse", arrangement=arrangement)
    assert all(np.array_equal(given_to_port[name], expected[name]) for name in expected)


def test_the_weather_of_a_domain_is_made_once_for_each_mix() -> None:
    first = [cases.weather((5, 4, 6), mix, "coherent") for mix in MIXES]
    for mix in MIXES:
        cases.weather(cases.SMALLEST, mix, "coherent")  # made in between, before every benchmark
    assert all(cases.weather((5, 4, 6), mix, "coherent") is one for mix, one in zip(MIXES, first, strict=True))


@pytest.mark.parametrize("domain", [(100, 100, 4), (256, 256, 3), (384, 288, 3), (130, 7, 3), (1, 1, 2)])
def test_blocks_of_weather_on_a_device_fit_together(
    domain: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", np)
    blocks: list[tuple[int, int, int]] = []

    def weather(block: tuple[int, int, int]) -> dict[str, NDArray[np.float64]]:
        blocks.append(block)
        return synthetic_atmosphere(block, mix="typical")

    fields = device.tiled_weather(weather, domain, "float32", "F")
    (block,) = blocks
    assert max(block[:2]) <= device.BLOCK
    for name, array in fields.items():
        assert array.dtype == "float32"
        assert array.shape == (domain[:2] if name in HORIZONTAL else domain)
        assert np.array_equal(array[: block[0], : block[1]], weather(block)[name].astype("float32"))
    whole, part = wet(fields), wet(synthetic_atmosphere(block, mix="typical"))
    assert whole.mean() == pytest.approx(part.mean(), abs=0.02)
    if min(domain[:2]) > device.BLOCK:  # clouds cross the seams as they cross any other place
        seams = range(block[0], domain[0], block[0])
        assert np.mean([alike(whole[row - 1 : row + 1], 0) for row in seams]) > 0.87
