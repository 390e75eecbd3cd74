"""How far float32 is from its limits on every data set: the Fortran's own single precision, and our port beside it.

    python benchmarks/single_precision.py > table.md
    python benchmarks/single_precision.py --file hidden.nc

The rows are those of docs/reference_data.md. On standard error, the largest error of our port in float64 follows.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ice3_probe.accuracy import compare_all
from ice3_probe.computed import case_on, compute
from ice3_probe.contract import Cell
from ice3_probe.errors import at_quantile, cell_errors
from ice3_probe.norms import FAR
from ice3_probe.ports import load_port
from ice3_probe.reference import DATA, DataSet, load

if TYPE_CHECKING:
    from ice3_probe.accuracy import Compared
    from ice3_probe.ports import Port

PROJECT = Path(__file__).parents[1]
FULL = {"ice_adjust": "ice_adjust:adjusted_state", "rain_ice": "rain_ice:fluxes"}
"""The variant of a component that has all outputs."""


def cell(precision: Literal["float32", "float64"], cache: Path) -> Cell:
    """Return the numpy backend in a precision."""
    table = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ice3-bench"]
    settings = next(one["settings"] for one in table["backends"] if one["id"] == "numpy")
    return Cell("numpy", precision, "cpu", 1, cache, settings)


def compared(data: DataSet, port: Port, computing: Cell) -> list[Compared]:
    """Return every output of our port on a data set, compared in the production profile."""
    with np.errstate(all="ignore"):
        computed = compute(data, port, case_on(data, FULL.get(data.component, data.component)), computing)
    return compare_all(data, computed, computing.precision, "production")


def row(data: DataSet, outputs: list[Compared]) -> str:
    """Return the row of a data set: largest shares of a limit, and largest numbers of cells beyond ``FAR``."""
    shares: dict[str, list[tuple[float, str]]] = {"Fortran": [], "ours": []}
    beyond = dict.fromkeys(shares, 0)
    for one in outputs:
        field, norm = one.error.field, one.norm
        single = data.reference(field, single=True)
        assert single is not None
        for name, values in (("Fortran", single), ("ours", one.got)):
            errors = cell_errors(values, norm.reference, norm.scale, one.excluded)[~one.excluded]
            near = errors[errors <= FAR]
            beyond[name] = max(beyond[name], errors.size - near.size)
            shares[name] += [
                (at_quantile(near, limit.quantile) / limit.value, field) for limit in norm.tolerance.limits
            ]
    masked = ", ".join(str(int(data.decided_by_rounding(one).sum())) for one in ("float64", "float32"))
    (own, _), (ours, field) = max(shares["Fortran"]), max(shares["ours"])
    name, size = data.name.removesuffix(".nc"), int(np.prod(data.shape))
    failed = "" if all(one.error.passed for one in outputs) else " **out of tolerance**"
    counts = beyond["Fortran"], beyond["ours"]
    return f"| {name} | {size} | {masked} | {own:.2f} | {counts[0]} | {ours:.2f} (`{field}`){failed} | {counts[1]} |"


def main() -> None:
    """Print the row of each data set that holds the Fortran's single precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=PROJECT / ".cache/stencils/plants")
    parser.add_argument("--file", type=Path, action="append", help="data set instead of the repository's; repeatable")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    ours = [*sorted(DATA.glob("*.nc")), *sorted((PROJECT / "tests/data/variants").glob("*.nc"))]
    port, largest = load_port("ice3_gt4py.port"), []
    for data in map(load, options.file or ours):
        if not data.has_single:
            continue
        print(row(data, compared(data, port, cell("float32", options.cache))), flush=True)
        for one in compared(data, port, cell("float64", options.cache)):
            verdict = "passed" if one.error.passed else "FAILED"
            largest.append(
                (one.error.error / one.error.tolerance, one.error.error, one.error.field, data.name, verdict)
            )
            if not one.error.passed:
                print("float64", *largest[-1], file=sys.stderr, flush=True)
    for share, error, field, name, verdict in sorted(largest)[-5:]:
        print(f"float64: {error:.1e}, {share:.2f} of the limit, {field} in {name}, {verdict}", file=sys.stderr)


if __name__ == "__main__":
    main()
