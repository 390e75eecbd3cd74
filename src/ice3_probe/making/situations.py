"""Situations: weather that makes particular laws of the scheme matter, for reference data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ice3_probe import constants
from ice3_probe.atmosphere import STATE_NAMES, synthetic_atmosphere
from ice3_probe.components import component_of
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ice3_probe.messages import Recipe

    Array = NDArray[np.float64]
    Fields = dict[str, Array]
    Change = Callable[[Fields, np.random.Generator], None]

WATER = ("rv", "rc", "rr", "ri", "rs", "rg")


def make_inputs(recipe: Recipe) -> Fields:
    """Return the inputs of a component in a situation, shape (column, level) or (column,).

    Raises
    ------
    DataSetError
        If there is no such situation, or the shape or the time step cannot be used.
    """
    if recipe.situation not in SITUATIONS:
        raise DataSetError(f"There is no situation '{recipe.situation}': there are {', '.join(SITUATIONS)}.")
    if recipe.columns < 1 or recipe.levels < 2 or recipe.seed < 0 or not recipe.timestep > 0.0:
        raise DataSetError(
            f"{recipe.columns} columns, {recipe.levels} levels, seed {recipe.seed} and {recipe.timestep} s cannot be "
            "used: expected at least 1 column and 2 levels, a seed of at least 0 and a positive time step."
        )
    domain = (recipe.columns, 1, recipe.levels)
    made = synthetic_atmosphere(domain, seed=recipe.seed, timestep=recipe.timestep, arrangement="shuffled")
    fields = {name: np.array(values[:, 0]) for name, values in made.items()}
    random = np.random.default_rng([recipe.seed, 3])
    SITUATIONS[recipe.situation](fields, random)
    _follow(fields, recipe.timestep, random)
    return {field.name: fields[field.name] for field in component_of(recipe.component).inputs}


def _follow(fields: Fields, timestep: float, random: np.random.Generator) -> None:
    """Make what follows from the state: density, sources with an external tendency, RainIce's names."""
    t = fields["th"] * fields["exn"]
    fields["rhodref"] = fields["pabs"] / (constants.RD * t * (1.0 + fields["rv"] / constants.EPSILO))
    for name in WATER:
        tendency = fields.pop(f"d{name}", 0.0)
        forced = fields[name] * (1.0 + fields.pop(f"f{name}", random.uniform(-0.05, 0.05, t.shape)))
        fields[f"{name}s"] = np.maximum(forced + tendency, 0.0) / timestep
    fields["ths"] = (fields["th"] + fields.pop("dth", random.uniform(-0.5, 0.5, t.shape))) / timestep
    fields.update({state: fields[name] for state, name in STATE_NAMES.items()})


def _log_uniform(random: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> Array:
    return np.exp(random.uniform(np.log(low), np.log(high), shape))


def _saturation(fields: Fields) -> Array:
    """Saturation mixing ratio over liquid."""
    t = fields["th"] * fields["exn"]
    vapour = np.exp(constants.ALPW - constants.BETAW / t - constants.GAMW * np.log(t))
    vapour = np.minimum(vapour, 0.3 * fields["pabs"])
    return np.asarray(constants.EPSILO * vapour / (fields["pabs"] - vapour))


def _mild(fields: Fields, _random: np.random.Generator) -> None:
    """Leave the columns as they are: the weather of the timings."""
    _ = fields


def _stress(fields: Fields, random: np.random.Generator) -> None:
    """Any mixture of species at any temperature, each point for itself, with strong external tendencies."""
    shape = fields["th"].shape
    t = random.uniform(205.0, 310.0, shape)
    near = random.random(shape) < 0.3
    t = np.where(near, constants.TT + random.uniform(-8.0, 8.0, shape), t)
    fields["th"] = t / fields["exn"]
    fields["rv"] = _saturation(fields) * random.uniform(0.3, 1.15, shape)
    for name in WATER[1:]:
        content = _log_uniform(random, 1e-7, 5e-3, shape)
        fields[name] = np.where(random.random(shape) < 0.65, content, 0.0)
        fields[f"d{name}"] = random.uniform(-0.4, 0.4, shape) * fields[name]
    fields["rc"] = np.where(t > 233.0, fields["rc"], 0.0)
    fields["rr"] = np.where(t > 233.0, fields["rr"], 0.0)
    fields["ri"] = np.where(t < 278.0, np.minimum(fields["ri"], 1e-3), 0.0)
    fields["drv"] = random.uniform(-0.05, 0.05, shape) * fields["rv"]
    fields["dth"] = random.uniform(-2.0, 2.0, shape)
    fields["cit"] = np.where(fields["ri"] > 0.0, _log_uniform(random, 1e2, 1e5, shape), 0.0)
    fields["sigs"] = fields["rv"] * _log_uniform(random, 1e-3, 0.2, shape)
    _mass_flux(fields, random, 0.1)


def _mass_flux(fields: Fields, random: np.random.Generator, most: float) -> None:
    """Mass-flux cloud in half of the points, with up to ``most`` of the vapour as liquid or ice or both."""
    shape = fields["th"].shape
    kind = random.integers(0, 6, shape)  # none in half of them; liquid, ice, both in the others
    for name, numbers in (("rc_mf", (3, 5)), ("ri_mf", (4, 5))):
        content = fields["rv"] * most * _log_uniform(random, 0.05, 1.0, shape)
        fields[name] = np.where(np.isin(kind, numbers), content, 0.0)
    fields["cf_mf"] = np.where(kind > 2, _log_uniform(random, 0.02, 1.0, shape), 0.0)
    fields["weight_mf_cloud"] = np.where(kind > 2, random.uniform(0.0, 0.3, shape), 0.0)


def _ground(fields: Fields, random: np.random.Generator) -> None:
    """Cloud at the ground, over sea, land and town."""
    _stress(fields, random)
    lowest = fields["rc"][:, -8:]
    lowest[...] = _log_uniform(random, 1e-5, 2e-3, lowest.shape)
    fields["th"][:, -8:] = random.uniform(266.0, 296.0, lowest.shape) / fields["exn"][:, -8:]
    fields["rv"] = _saturation(fields) * random.uniform(0.7, 1.05, fields["rv"].shape)
    fields["sea"] = random.choice([0.0, 0.3, 0.7, 1.0], fields["sea"].shape)
    fields["town"] = np.where(fields["sea"] < 1.0, random.choice([0.0, 0.4], fields["town"].shape), 0.0)


def _thin(fields: Fields, random: np.random.Generator) -> None:
    """Layers so thin that everything falls through several of them in a step, droplets and ice too."""
    _stress(fields, random)
    fields["dzz"] = _log_uniform(random, 0.05, 60.0, fields["dzz"].shape)
    fields["zz"] = np.cumsum(fields["dzz"][:, ::-1], axis=1)[:, ::-1]


def _vapour(fields: Fields, random: np.random.Generator) -> None:
    """Mass-flux cloud that asks for more than the vapour that there is, and deviations of all sizes."""
    _stress(fields, random)
    _mass_flux(fields, random, 3.0)


def _melting(fields: Fields, random: np.random.Generator) -> None:
    """All species within a kelvin of the melting point, from 0.01 K on, on both sides of it."""
    _stress(fields, random)
    shape = fields["th"].shape
    distance = random.choice([-1.0, 1.0], shape) * _log_uniform(random, 1e-2, 1.0, shape)
    fields["th"] = (constants.TT + distance) / fields["exn"]
    fields["rv"] = _saturation(fields) * random.uniform(0.6, 1.05, shape)
    for name, low, high in (("rr", 1e-5, 3e-3), ("ri", 1e-6, 3e-4), ("rs", 1e-6, 4e-3), ("rg", 1e-6, 4e-3)):
        fields[name] = np.where(random.random(shape) < 0.8, _log_uniform(random, low, high, shape), 0.0)
    fields["cit"] = np.where(fields["ri"] > 0.0, _log_uniform(random, 1e2, 1e5, shape), 0.0)
    fields["dth"] = random.uniform(-1.0, 1.0, shape)


def _limits(fields: Fields, random: np.random.Generator) -> None:
    """Temperatures at -35 °C, from where drops freeze, and crystals at the 1e-7 kg kg-1 from which they fall."""
    _stress(fields, random)
    shape = fields["th"].shape
    distance = random.choice([-1.0, 1.0], shape) * _log_uniform(random, 1e-3, 0.5, shape)
    fields["th"] = (constants.TT - 35.0 + distance) / fields["exn"]
    fields["rv"] = _saturation(fields) * random.uniform(0.5, 0.9, shape)
    for name in ("rc", "rr"):
        fields[name] = np.where(random.random(shape) < 0.8, _log_uniform(random, 1e-6, 2e-3, shape), 0.0)
    # More rain would freeze until it is -35 °C, and rounding would decide on which side that is.
    fields["rr"] = np.minimum(fields["rr"], np.abs(distance) / 500.0)
    fields["ri"] = 1e-7 * (1.0 + random.choice([-1.0, 1.0], shape) * _log_uniform(random, 1e-5, 1e-2, shape))
    fields["fri"], fields["dri"] = np.zeros(shape), np.zeros(shape)
    fields["cit"] = _log_uniform(random, 1e2, 1e5, shape)


def _nuclei(fields: Fields, random: np.random.Generator) -> None:
    """Air between saturation over ice and over liquid, with few crystals: all three laws of their nucleation."""
    _stress(fields, random)
    shape = fields["th"].shape
    below = np.where(random.random(shape) < 0.6, random.uniform(4.0, 4.99, shape), random.uniform(1.0, 8.0, shape))
    fields["th"] = (constants.TT - below) / fields["exn"]
    # Saturation over ice is lower by about 1 % per kelvin below the triple point.
    fields["rv"] = _saturation(fields) * (1.0 + 0.01 * below * random.uniform(-0.3, 0.1, shape))
    for name in WATER[1:]:
        # Rain would freeze on the new crystals, and rounding would decide whether the first graupel grows.
        present = (random.random(shape) < 0.3) & (name != "rr")
        fields[name], fields[f"d{name}"] = present * fields[name], present * fields[f"d{name}"]
    fields["cit"] = np.where(fields["ri"] > 0.0, _log_uniform(random, 1e1, 1e4, shape), 0.0)


SITUATIONS: dict[str, Change] = {
    "mild": _mild,
    "stress": _stress,
    "ground": _ground,
    "thin": _thin,
    "vapour": _vapour,
    "melting": _melting,
    "limits": _limits,
    "nuclei": _nuclei,
}
"""Situations by name."""
