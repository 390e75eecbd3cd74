from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ice3_probe import constants
from ice3_probe.atmosphere import synthetic_atmosphere

DOMAIN = (20, 20, 60)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_it_is_finite_and_within_the_ranges_of_nature(precision: str) -> None:
    fields = synthetic_atmosphere(DOMAIN, precision=precision)
    for name, array in fields.items():
        assert array.dtype == precision
        assert array.shape == (DOMAIN[:2] if name in ("sigqsat", "sea", "town") else DOMAIN)
        assert np.isfinite(array).all(), name
    t = fields["th"] * fields["exn"]
    assert t.min() > 195.0
    assert t.max() < 310.0
    assert fields["pabs"].min() > 100.0
    assert fields["pabs"].max() < 1.1e5
    for name in ("rv", "rc", "rr", "ri", "rs", "rg"):
        assert fields[name].min() >= 0.0
        assert 0.0 < fields[name].max() < 0.04


def test_the_seed_decides() -> None:
    first, same, other = (synthetic_atmosphere(DOMAIN, seed=seed) for seed in (1, 1, 2))
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
    total = np.sum([fields[name] for name in ("rc", "rr", "ri", "rs", "rg")], axis=0)
    clear = (total == 0.0).all(axis=2)
    assert 0.02 < clear.mean() < 0.4
    assert ((fields["rc"] > 0.0) & (fields["ri"] > 0.0)).any()
    assert ((fields["rr"] > 0.0) & (t > constants.TT)).any()
    assert ((condensate > 0.0) & (t < 235.0)).any()
    assert (fields["rc_mf"] > 0.0).any()


@settings(deadline=None, max_examples=15)
@given(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(2, 9)))
def test_any_shape_works(domain: tuple[int, int, int]) -> None:
    fields = synthetic_atmosphere(domain)
    assert fields["th"].shape == domain


@pytest.mark.parametrize("domain", [(0, 1, 5), (1, 1, 1), (2, 2)])
def test_a_domain_that_is_none_is_refused(domain: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="not usable"):
        synthetic_atmosphere(domain)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="float16"):
        synthetic_atmosphere((2, 2, 4), precision="float16")


@pytest.mark.parametrize(("mix", "share"), [("rich", 0.56), ("typical", 0.27)])
def test_a_mix_has_its_share_of_active_points(mix: str, share: float) -> None:
    fields = synthetic_atmosphere((50, 50, 90), mix=mix)
    active = np.sum([fields[name] for name in ("rc", "rr", "ri", "rs", "rg")], axis=0) > 1e-15
    assert active.mean() == pytest.approx(share, abs=0.03)


def test_an_unknown_mix_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown weather mix 'dry': expected one of rich, typical"):
        synthetic_atmosphere((2, 2, 4), mix="dry")
