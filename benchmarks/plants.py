"""Which planted errors the gate catches: every law and process of our port, multiplied by 1.001 and by 1.02.

    python benchmarks/plants.py --cache .cache/stencils/plants > docs/plants.md

The stencils are compiled once, for the numpy backend. In the Python code that GT4Py makes of them, every constant and
every process is then a variable, which is multiplied. Constants of equal value are planted together. A plant is caught
if an output of any reference data set is out of tolerance.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from gt4py.cartesian import utils

from ice3_gt4py.compilation import Build
from ice3_gt4py.externals import externals
from ice3_gt4py.stencils.thermodynamics import thermodynamic_externals
from ice3_probe.accuracy import compare_all
from ice3_probe.components import component_of
from ice3_probe.computed import Computed, case_on
from ice3_probe.contract import Case, Cell, RainIceOptions
from ice3_probe.making.noise import loaded, outputs_of
from ice3_probe.ports import Instance, load_port
from ice3_probe.reference import DATA, DataSet, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROJECT = Path(__file__).parents[1]
Precision = Literal["float32", "float64"]
FACTORS: dict[Precision, tuple[float, ...]] = {"float64": (1.001, 1.02), "float32": (1.02,)}
FULL = {"ice_adjust": "ice_adjust:adjusted_state", "rain_ice": "rain_ice:fluxes"}
"""The variant of a component that has all outputs."""

PROCESSES = (
    *("choni", "vdeps", "iaggs", "iauts", "vdepg", "cautr", "caccr", "revav", "cberi", "rim_tot", "rim_sml", "rim_cnv"),
    *("acc_sml", "acc_tot", "acc_cnv", "smltg", "cmltsr", "icfrrg", "rcfrig", "icfrr", "cdry", "iwet", "swet", "rdry"),
    *("gmltr", "nucleated", "frozen", "melted", "snow_capacity", "graupel_capacity", "heat_loss", "growing", "drying"),
    *(
        "a_th",
        "lv",
        "ls",
        "frac",
        "qs",
        "deficit",
        "sigma",
        "fraction",
        "content",
        "moment",
        "chf",
        "chc",
        "ihf",
        "ihr",
    ),
    *("mc", "mi", "speed", "slowness", "crossing", "leaving", "limited"),
)
"""Variables of the stencils that hold a process, a heat or a law as a whole."""
TRIVIAL = {0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 100.0}
"""Values that are algebra, not physics."""
TECHNICAL = re.compile("IDLE|CLEAR|LIQUID|ICE|MIXED|SHORTEST|EXPONENT_MAX|.*COLUMNS|.*_LAST|.*_AT|.*OFFSET|.*SIZE")
LITERAL = re.compile(r"np\.(float32|float64)\((-?[0-9.]+(?:e[-+]?\d+)?)\)")
ASSIGNMENT = re.compile(r"^( +)((\w+?)(?:__\w+?)?(?:_gen_\d+)?)(\[[^\]]*\]) = ")


@dataclass
class Plants:
    """What is multiplied now, and what can be.

    Attributes
    ----------
    factors
        Factor of every plant, by name; 1 unless it is planted.
    """

    names: dict[float, str]
    factors: dict[str, float] = field(default_factory=dict)

    def load(self, qualified_name: str, file: str | Path, **options: Any) -> ModuleType:  # noqa: ANN401
        """Load a module of GT4Py's; the code of a stencil with plants."""
        path = Path(file)
        if not path.name.startswith("m_computation"):
            ordinary: ModuleType = _LOAD(qualified_name, path, **options)
            return ordinary
        module = ModuleType(qualified_name)
        module.__dict__["plant"] = self.factors
        exec(compile(self.planted(path.read_text(encoding="utf-8")), str(path), "exec"), module.__dict__)  # noqa: S102
        return module

    def planted(self, code: str) -> str:
        """Return the code of a stencil with a factor at each constant and after the first assignment of a process."""
        seen: set[str] = set()
        lines = []
        for line in code.splitlines():
            lines.append(LITERAL.sub(self._constant, line))
            found = ASSIGNMENT.match(line)
            if found and found[3] in PROCESSES and found[2] not in seen:
                seen.add(found[2])
                number = sum(one.startswith(f"{found[3]}_") or one == found[3] for one in seen)
                name = f"{found[3]} ({number})" if found[3] in ("speed", "slowness", "crossing") else found[3]
                self.factors.setdefault(name, 1.0)
                lines.append(f"{found[1]}{found[2]}{found[4]} *= plant[{name!r}]")
        return "\n".join(lines)

    def _constant(self, literal: re.Match[str]) -> str:
        value = float(literal[2])
        if abs(value) in TRIVIAL:
            return literal[0]
        name = self.names.get(abs(value), f"literal {abs(value):g}")
        if TECHNICAL.fullmatch(name):
            return literal[0]
        self.factors.setdefault(name, 1.0)
        return f"np.{literal[1]}({literal[2]} * plant[{name!r}])"


_LOAD = utils.make_module_from_file


@dataclass(frozen=True)
class Judged:
    """The output that exceeds its tolerance by most, or comes nearest to it.

    Attributes
    ----------
    ratio
        Its error over its tolerance.
    """

    output: str
    ratio: float
    caught: bool

    def __str__(self) -> str:
        return self.output if self.caught else f"**missed** ({self.ratio:.2f} of the limit in {self.output})"


@dataclass(frozen=True)
class Set:
    """A data set with our port loaded on its inputs."""

    data: DataSet
    case: Case
    instance: Instance

    def judged(self, precision: Precision) -> Judged:
        """Hold the outputs to their tolerances."""
        nowhere = np.zeros(self.data.shape, dtype=bool)
        with np.errstate(all="ignore"):
            computed = Computed(self.case, outputs_of(self.instance), nowhere)
        errors = [one.error for one in compare_all(self.data, computed, precision, "production")]
        worst = max(errors, key=lambda one: (not one.passed, one.error / one.tolerance))
        output = f"{self.data.name.removesuffix('.nc')}: {worst.field}"
        return Judged(output, worst.error / worst.tolerance, caught=not worst.passed)


def constants(precision: Precision) -> dict[float, str]:
    """Return the names of the constants by value; those of equal value share theirs."""
    found: dict[float, list[str]] = {}
    build = Build(backend="numpy", precision=precision, cache=Path("unused"))
    table = {**externals(RainIceOptions(), build), **thermodynamic_externals(precision)}
    for name, value in table.items():
        if isinstance(value, float) and abs(value) not in TRIVIAL:
            found.setdefault(abs(value), []).append(name)
            found.setdefault(float(np.float32(abs(value))), []).append(name)
    return {value: " = ".join(dict.fromkeys(names)) for value, names in found.items()}


def sets(cache: Path, precision: Precision, paths: Sequence[Path]) -> Iterator[Set]:
    """Yield the data sets, our port loaded on each."""
    table = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ice3-bench"]
    settings = next(one["settings"] for one in table["backends"] if one["id"] == "numpy")
    cell = Cell("numpy", precision, "cpu", 1, cache, settings)
    port = load_port("ice3_gt4py.port")
    for path in paths:
        data = load(path)
        case = case_on(data, FULL.get(data.component, data.component))
        inputs = {
            one.name: values
            for one in component_of(case.component).inputs
            if (values := data.input(one.name, len(one.dims) - 1)) is not None
        }
        yield Set(data, case, loaded(port, case, cell, inputs))


def tried(plants: Plants, name: str, factor: float, found: Sequence[Set], precision: Precision) -> Judged:
    """Return what catches a plant, or what comes nearest to it."""
    plants.factors[name] = factor
    nearest = None
    try:
        for one in found:
            judged = one.judged(precision)
            if judged.caught:
                return judged
            nearest = max(filter(None, (nearest, judged)), key=lambda one: one.ratio)
    finally:
        plants.factors[name] = 1.0
    assert nearest is not None, "there are no data sets"
    return nearest


def main() -> None:
    """Plant every error in both precisions, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=PROJECT / ".cache/stencils/plants")
    parser.add_argument("--only", default="", help="plants whose name matches this regular expression")
    parser.add_argument("--precision", choices=FACTORS, action="append", help="repeatable (default: both)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    paths = [*DATA.glob("*.nc"), *(PROJECT / "tests/data/variants").glob("*.nc")]
    paths.sort(key=lambda path: (path.stem.startswith("ice4"), "stress" not in path.stem, path.stem))  # parts come last
    results: dict[tuple[str, Precision, float], Judged] = {}
    for precision in options.precision or FACTORS:
        factors, plants = FACTORS[precision], Plants(constants(precision))
        utils.make_module_from_file = plants.load
        found = list(sets(options.cache, precision, paths))
        for one in found:
            without = one.judged(precision)
            assert not without.caught, f"{without.output} is wrong without a plant"
        for name in [name for name in plants.factors if re.search(options.only, name)]:
            for factor in factors:
                judged = results[name, precision, factor] = tried(plants, name, factor, found, precision)
                print(precision, factor, name, judged, file=sys.stderr, flush=True)
                if judged.caught:
                    break  # a larger error is caught too
    _print(results)


def _print(results: dict[tuple[str, Precision, float], Judged]) -> None:
    columns = [(precision, factor) for precision, factors in FACTORS.items() for factor in factors]
    print("| plant |", " | ".join(f"{precision} {factor}" for precision, factor in columns), "|")
    print("| --- " * (1 + len(columns)), "|", sep="")
    for name in dict.fromkeys(key[0] for key in results):
        cells = [results.get((name, *column)) for column in columns]
        print(f"| `{name}` |", " | ".join("–" if one is None else str(one) for one in cells), "|")


if __name__ == "__main__":
    main()
