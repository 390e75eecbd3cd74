"""What the weather in a data set is like, and how the synthetic mixes compare with it.

Run from the project's folder, in an environment of the tests, on data of PHYEX or on a data set of ours:

    python -m benchmarks.phyex_statistics FOLDER [--namelist FILE]

A point is active if RAIN_ICE computes it: it has hydrometeors above PHYEX's limits. A regime is what hydrometeors a
column has. The mixes have as many columns and levels as the data set.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ice3_probe.atmosphere import synthetic_atmosphere
from ice3_probe.data_sets import load
from ice3_probe.messages import MIXES
from ice3_probe.phyex.mapping import LEAST
from ice3_probe.reference import DataSetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ice3_probe.reference import DataSet

NAMES = {"rc": "cloud liquid", "rr": "rain", "ri": "cloud ice", "rs": "snow", "rg": "graupel"}
BANDS = 10
"""Bands of levels that are shown."""
FREEZING = 273.15  # K


@dataclass(frozen=True)
class Weather:
    """The fields that tell what weather is.

    Attributes
    ----------
    contents
        Mixing ratios of the hydrometeors by species, kg kg-1, shape (column, level).
    temperature
        K, the same shape.
    """

    name: str
    contents: dict[str, NDArray[np.float64]]
    temperature: NDArray[np.float64]

    @property
    def active(self) -> NDArray[np.bool_]:
        """Active points."""
        return np.asarray(
            np.logical_or.reduce([self.contents[one] > least for one, least in LEAST.items()]), dtype=bool
        )

    def has(self, *species: str) -> NDArray[np.bool_]:
        """Columns that have one of some species."""
        return np.asarray(
            np.logical_or.reduce([(self.contents[one] > LEAST[one]).any(axis=1) for one in species]), dtype=bool
        )


def of_data(data: DataSet) -> Weather:
    """Take the weather of a data set."""
    suffix = "" if "in_th" in data.variables else "t"
    contents = {one: data[f"in_{one}{suffix}"] for one in LEAST}
    return Weather(data.name, contents, data[f"in_th{suffix}"] * data["in_exn"])


def of_mix(mix: str, columns: int, levels: int) -> Weather:
    """Take the weather of a mix, on columns in a square if their number allows."""
    width = next(one for one in range(int(columns**0.5), 0, -1) if columns % one == 0)
    fields = synthetic_atmosphere((width, columns // width, levels), seed=1, mix=mix)
    flat = {name: array.reshape(columns, levels) for name, array in fields.items() if array.ndim == 3}
    return Weather(mix, {one: flat[one] for one in LEAST}, flat["th"] * flat["exn"])


def figures(weather: Weather) -> dict[str, str]:
    """Return the figures that weathers are compared by, as text."""
    active = weather.active
    liquid, ice, falling = weather.has("rc", "rr"), weather.has("ri", "rs", "rg"), weather.has("rr", "rs", "rg")
    cloudy = weather.has(*LEAST)
    beside = cloudy[1:][cloudy[:-1]]
    found = {"active points": percent(active.mean())}
    for one, name in NAMES.items():
        values = weather.contents[one]
        present = values > LEAST[one]
        median = f"{np.median(values[present]):.1e}" if present.any() else "–"
        found[f"{name}: points, median kg kg-1"] = f"{percent(present.mean())}, {median}"
    found["cloudy columns"] = percent(cloudy.mean())
    found["next to a cloudy column, cloudy"] = percent(beside.mean()) if len(beside) else "–"
    found["columns: liquid only"] = percent((liquid & ~ice).mean())
    found["columns: ice only"] = percent((ice & ~liquid).mean())
    found["columns: liquid and ice"] = percent((ice & liquid).mean())
    found["columns with rain, snow or graupel"] = percent(falling.mean())
    supercooled = (weather.contents["rc"] > LEAST["rc"]) & (weather.temperature < FREEZING)
    found["points with supercooled liquid"] = percent(supercooled.mean())
    for number, band in enumerate(np.array_split(np.arange(active.shape[1]), min(BANDS, active.shape[1]))):
        found[f"active, levels {band[0]} to {band[-1]}{' (top)' if number == 0 else ''}"] = percent(
            active[:, band].mean()
        )
    return found


def percent(share: float) -> str:
    """Write a share."""
    return f"{100.0 * share:.1f} %"


def main() -> None:
    """Read, count and print a table with a column for the data set and one for each mix."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--namelist", type=Path)
    given = parser.parse_args()
    try:
        data = load(given.data, given.namelist)
    except DataSetError as error:
        parser.error(str(error))
    if data.component not in ("ice_adjust", "rain_ice"):
        parser.error(f"{given.data} holds {data.component}, which lacks species.")
    columns, levels = data.shape
    print(f"{data.name}: {data.component}, {columns} columns of {levels} levels")
    for remark in data.remarks:
        print(remark)
    weathers = [of_data(data), *(of_mix(mix, columns, levels) for mix in MIXES)]
    rows = [figures(weather) for weather in weathers]
    print(f"\n{'':42}" + "".join(f"{weather.name:>18}" for weather in weathers))
    for name in rows[0]:
        print(f"{name:42}" + "".join(f"{row[name]:>18}" for row in rows))


if __name__ == "__main__":
    main()
