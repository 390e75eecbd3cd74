"""A synthetic atmosphere: hydrostatic columns in the weather regimes of the reference data, for any shape.

Temperature falls with height to a tropopause, pressure is integrated hydrostatically, and each column belongs to one
regime, which sets its surface temperature, its humidity and where its hydrometeors lie. Columns are drawn at random and
then arranged: ``coherent`` in cloud systems, from clear air through ever deeper clouds to the strong updrafts, or
``shuffled``, as they were drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ice3_probe import constants
from ice3_probe.arrangement import coherent
from ice3_probe.messages import ARRANGEMENTS, MIXES, STANDARD_ARRANGEMENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ice3_probe.fields import Shape

TOP = 20000.0  # m
TROPOPAUSE = 203.0  # K; above 195 K, below which the scheme is meaningless
LAPSE_RATE = 6.5e-3  # K m-1


@dataclass(frozen=True)
class Regime:
    """What the columns of a regime look like.

    Attributes
    ----------
    surface
        Temperature at the ground, K.
    humidity
        Relative humidity at the ground; it decreases upwards.
    cloud, rain, ice, snow, graupel
        (bottom, top) in m and mixing ratio in kg kg-1 of each hydrometeor; ``None`` if it is absent.
    """

    surface: float
    humidity: float
    cloud: tuple[float, float, float] | None = None
    rain: tuple[float, float, float] | None = None
    ice: tuple[float, float, float] | None = None
    snow: tuple[float, float, float] | None = None
    graupel: tuple[float, float, float] | None = None

    @property
    def depth(self) -> float:
        """Height of the highest hydrometeor, m; 0 in clear air."""
        layers = (self.cloud, self.rain, self.ice, self.snow, self.graupel)
        return max((layer[1] for layer in layers if layer), default=0.0)


REGIMES: dict[str, Regime] = {
    "warm_rain": Regime(299.0, 0.95, cloud=(600, 4200, 8e-4), rain=(0, 4000, 1e-3)),
    "mixed_phase": Regime(
        284.0, 0.95, (800, 6000, 4e-4), (0, 2000, 3e-4), (1500, 9500, 8e-5), (1200, 8500, 5e-4), (900, 6000, 3e-4)
    ),
    "deep_cold_ice": Regime(262.0, 0.9, ice=(1000, 10500, 6e-5), snow=(0, 8500, 3e-4)),
    "dry_clear": Regime(290.0, 0.25),
    "strong_updraft": Regime(
        301.0, 1.0, (500, 9500, 2e-3), (0, 6500, 3e-3), (5000, 13500, 3e-4), (4500, 12500, 1.5e-3), (3000, 11500, 3e-3)
    ),
    "melting_layer": Regime(
        288.0, 0.97, (900, 4500, 3e-4), (0, 2600, 8e-4), (2300, 9000, 5e-5), (1800, 8500, 9e-4), (1500, 5500, 5e-4)
    ),
    "near_zero": Regime(275.0, 0.98, (200, 3500, 2e-4), (0, 900, 1e-4), (0, 6500, 3e-5), (0, 6000, 2e-4)),
}


STATE_NAMES = {"tht": "th", "rvt": "rv", "rct": "rc", "rrt": "rr", "rit": "ri", "rst": "rs", "rgt": "rg"}
"""RainIce's names of the state, and IceAdjust's."""
DRY_SHARE = dict(zip(MIXES, (0.055, 0.545, 0.83), strict=True))
"""Share of dry columns in each weather mix."""


def synthetic_atmosphere(
    domain: Shape,
    *,
    precision: str = "float64",
    seed: int = 0,
    timestep: float = 50.0,
    mix: str = "rich",
    arrangement: str = STANDARD_ARRANGEMENT,
) -> dict[str, NDArray[Any]]:
    """Make the input fields of IceAdjust, RainIce and their chain on ``domain``, level 0 at the model top.

    Parameters
    ----------
    domain
        Points (i, j, k); at least two levels.
    precision
        ``float32`` or ``float64``: dtype of the arrays (computed in float64).
    seed
        The same seed gives the same atmosphere.
    timestep
        Seconds over which the sources carry the state.
    mix
        ``rich``, ``typical`` or ``sparse``: how many columns are dry.
    arrangement
        ``coherent`` or ``shuffled``: where the columns stand. They are the same columns with the same seed and mix.

    Returns
    -------
    dict
        Arrays by field name, in the units of the component's field table; shape ``domain``, or (i, j) for ``sigqsat``,
        ``sea`` and ``town``.

    Raises
    ------
    ValueError
        If the domain, the precision, the mix or the arrangement is not usable.
    """
    if precision not in ("float32", "float64"):
        raise ValueError(f"Unknown precision '{precision}': expected float32 or float64.")
    if len(tuple(domain)) != 3 or min(domain) < 1 or domain[2] < 2:
        raise ValueError(f"Domain {domain} is not usable: expected (i, j, k), all positive, with at least two levels.")
    if mix not in DRY_SHARE:
        raise ValueError(f"Unknown weather mix '{mix}': expected one of {', '.join(DRY_SHARE)}.")
    if arrangement not in ARRANGEMENTS:
        raise ValueError(f"Unknown arrangement '{arrangement}': expected one of {', '.join(ARRANGEMENTS)}.")
    columns = _draw(domain[:2], np.random.default_rng(seed), DRY_SHARE[mix])
    if arrangement == "coherent":
        depth = np.asarray([regime.depth for regime in REGIMES.values()])[columns["kind"]]
        columns = coherent(columns, domain[:2], seed, by=(depth, columns["amplitude"]))
    fields = {name: array.astype(precision) for name, array in _fields(domain, columns, timestep).items()}
    fields["sigqsat"] = np.full(domain[:2], 0.02, precision)
    for name in ("sea", "town"):
        fields[name] = columns[name].astype(precision)
    for state, name in STATE_NAMES.items():
        fields[state] = fields[name]
    return fields


def _draw(shape: tuple[int, int], random: np.random.Generator, dry: float) -> dict[str, NDArray[Any]]:
    """Draw what tells columns apart, each (i, j): the number of the regime, and what varies within it.

    The order of the draws decides which columns a seed gives.
    """
    shares = [dry if name == "dry_clear" else (1.0 - dry) / (len(REGIMES) - 1) for name in REGIMES]
    columns: dict[str, NDArray[Any]] = {
        "kind": random.choice(len(REGIMES), size=shape, p=shares),
        "warmer": random.uniform(-2.0, 2.0, shape),  # K
        "moister": random.standard_normal(shape),
        "amplitude": random.uniform(0.5, 1.5, shape),
        "sea": random.integers(0, 3, shape) / 2,
    }
    columns["town"] = np.where(columns["sea"] < 1.0, random.choice([0.0, 0.3], shape), 0.0)
    return columns


def _fields(domain: Shape, columns: dict[str, NDArray[Any]], timestep: float) -> dict[str, NDArray[np.float64]]:
    regimes = list(REGIMES.values())
    warmer, moister, amplitude = (columns[name][:, :, None] for name in ("warmer", "moister", "amplitude"))

    def of_column(values: list[float]) -> NDArray[np.float64]:
        chosen: NDArray[np.float64] = np.asarray(values)[columns["kind"]][:, :, None]
        return chosen

    # Levels are thin at the ground and thick at the top; level 0 is the top.
    height = TOP * ((np.arange(domain[2], 0, -1) - 0.5) / domain[2])[None, None, :] ** 1.6
    surface = of_column([regime.surface for regime in regimes]) + warmer
    t = np.maximum(surface - LAPSE_RATE * height, TROPOPAUSE)
    pressure = _hydrostatic_pressure(t, height, surface)
    exner = (pressure / constants.P00) ** (constants.RD / constants.CPD)

    saturation = np.exp(constants.ALPW - constants.BETAW / t - constants.GAMW * np.log(t))
    saturation = np.minimum(saturation, 0.5 * pressure)
    humidity = of_column([regime.humidity for regime in regimes]) * np.exp(-height / 25000.0)
    humidity = humidity * (1.0 + 0.08 * moister)
    rv = constants.EPSILO * humidity * saturation / (pressure - saturation)

    waves = 1.0 + 0.3 * np.sin(height / 700.0 + 6.0 * amplitude)

    def hydrometeor(name: str) -> NDArray[np.float64]:
        layers = [getattr(regime, name) or (0.0, 0.0, 0.0) for regime in regimes]
        bottom, top, content = (of_column([layer[part] for layer in layers]) for part in range(3))
        inside = (height > bottom) & (height < top * (0.8 + 0.2 * amplitude))
        return np.where(inside, content * amplitude * waves, 0.0)

    contents = {"rv": rv}
    for symbol, name in (("rc", "cloud"), ("rr", "rain"), ("ri", "ice"), ("rs", "snow"), ("rg", "graupel")):
        contents[symbol] = hydrometeor(name)
    density = pressure / (constants.RD * t * (1.0 + contents["rv"] / constants.EPSILO))
    th = t / exner
    shallow = np.where((height < 3000.0) & (amplitude > 1.2), 0.1 * waves, 0.0)
    fields = {
        "exn": exner,
        "exnref": exner,
        "rhodref": density,
        "pabs": pressure,
        "zz": np.broadcast_to(height, domain),
        "dzz": np.broadcast_to(-np.diff(TOP * (np.arange(domain[2], -1, -1) / domain[2]) ** 1.6), domain),
        "cit": np.where(contents["ri"] > 0.0, 2.0e4 * amplitude * waves, 0.0),
        "th": th,
        **contents,
        "sigs": np.broadcast_to(0.05 * rv * amplitude, domain),
        "cf_mf": np.broadcast_to(shallow, domain),
        "rc_mf": shallow * np.where(t > constants.TT, 3e-4, 0.0),
        "ri_mf": shallow * np.where(t > constants.TT, 0.0, 5e-5),
        "weight_mf_cloud": np.zeros(domain),
    }
    forcing = 1.0 + 0.02 * waves  # what dynamics and radiation did to the state in this step
    sources = {"rvs": "rv", "rcs": "rc", "rrs": "rr", "ris": "ri", "rss": "rs", "rgs": "rg"}
    for source, value in sources.items():
        fields[source] = contents[value] * forcing / timestep
    fields["ths"] = th / timestep
    return fields


def _hydrostatic_pressure(
    t: NDArray[np.float64], height: NDArray[np.float64], surface: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Integrate d ln p = -g dz / (R_d T) upwards from 1013.25 hPa at the ground."""
    heights = np.broadcast_to(height, t.shape)[:, :, ::-1]
    temperatures = t[:, :, ::-1]
    steps = np.diff(heights, axis=2, prepend=0.0)
    below = np.concatenate([surface, temperatures[:, :, :-1]], axis=2)
    mean = 0.5 * (below + temperatures)
    logarithm = np.log(101325.0) - np.cumsum(constants.G * steps / (constants.RD * mean), axis=2)
    pressure: NDArray[np.float64] = np.exp(logarithm)[:, :, ::-1]
    return pressure
