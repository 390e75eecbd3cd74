"""Accuracy of the components against data sets computed by the Fortran (PHYEX): ``python -m ice3_gt4py.accuracy``.

A data set is a netCDF file with arrays (column, level), or (column,) at the surface; prefixes ``in_`` for inputs,
``out_`` for outputs and ``pr_`` for process rates; the attributes ``dt`` (time step, s), ``config`` (PHYEX's namelists
as JSON) and ``level_order`` (whether level 0 is the model top or the ground). Cells where the variable ``sensitive`` is
not zero are left out: round-off alone moves their outputs.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import numpy as np

from ice3_gt4py.compilation import Build, CompilationError, ToolchainError
from ice3_gt4py.components import add_build_options, build_from
from ice3_gt4py.fields import from_arrays, to_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ice3_gt4py.fields import State

    Array = NDArray[np.float64]

PROFILES = ("production", "strict")


class DataSetError(ValueError):
    """A data set that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Tolerance:
    """What an output is held to, in the norm of its component.

    Attributes
    ----------
    quantile
        The errors' quantile that is compared with ``value``; 1 is the maximum.
    value
        Largest error allowed at that quantile.
    maximum
        Largest error allowed anywhere (``None``: not limited).
    """

    value: float
    quantile: float = 1.0
    maximum: float | None = None


@dataclass(frozen=True)
class FieldResult:
    """Error of one output.

    Attributes
    ----------
    error
        Error at the quantile of the tolerance, in the norm.
    maximum
        Largest error; infinite if a value is not finite.
    column, level
        Cell of the largest error.
    """

    field: str
    error: float
    maximum: float
    tolerance: float
    column: int
    level: int
    passed: bool


@dataclass(frozen=True)
class AccuracyResult:
    """Errors of every output of one data set."""

    data_set: str
    component: str
    fields: tuple[FieldResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every field is within its tolerance."""
        return all(field.passed for field in self.fields)


@dataclass(frozen=True)
class DataSet:
    """A reference data set in memory."""

    name: str
    timestep: float
    config: dict[str, Any]
    krr: int
    top_first: bool
    variables: dict[str, Array]

    def __getitem__(self, name: str) -> Array:
        if name not in self.variables:
            raise DataSetError(f"{self.name} has no variable '{name}'.")
        return self.variables[name]

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and levels, those of the potential temperature."""
        columns, levels = self["in_th" if "in_th" in self.variables else "in_tht"].shape
        return columns, levels

    @property
    def sensitive(self) -> NDArray[np.bool_]:
        """Cells (column, level) that are left out."""
        return np.asarray(self.variables.get("sensitive", np.zeros(self.shape)) != 0.0)


def load(path: Path) -> DataSet:
    """Read a data set.

    Raises
    ------
    DataSetError
        If the file is missing, not netCDF, truncated or without ``dt`` and ``config``, or if a variable has a wrong
        shape.
    """
    try:
        with h5netcdf.File(path) as file:
            attributes = dict(file.attrs)
            variables = {
                name: np.asarray(variable[...], dtype=np.float64)
                for name, variable in file.variables.items()
                if not name.startswith(("f32_", "spread_"))
            }
    except (OSError, KeyError, RuntimeError) as error:
        raise DataSetError(f"{path} cannot be read as netCDF-4: {error}.") from error
    missing = [name for name in ("dt", "config") if name not in attributes]
    if missing:
        raise DataSetError(f"{path} has no attribute {' and '.join(missing)}: it is no reference data set.")
    try:
        config = json.loads(attributes["config"])
        timestep, krr = float(attributes["dt"]), int(attributes.get("krr", 6))
    except json.JSONDecodeError as error:
        raise DataSetError(f"The attribute config of {path} is not JSON: {error}.") from error
    except (TypeError, ValueError) as error:
        raise DataSetError(f"The attribute dt or krr of {path} is no number: {error}.") from error
    if not (timestep > 0.0 and isfinite(timestep)):
        raise DataSetError(f"The attribute dt of {path} is {timestep}: a time step is a positive number of seconds.")
    data = DataSet(
        name=path.name,
        timestep=timestep,
        config=config,
        krr=krr,
        top_first="top" in str(attributes.get("level_order", "top")),
        variables=variables,
    )
    _require_usable(data)
    return data


def _require_usable(data: DataSet) -> None:
    """Raise DataSetError, naming the variable, if one has a wrong shape."""
    thermometer = next((name for name in ("in_th", "in_tht") if name in data.variables), None)
    if thermometer is None:
        raise DataSetError(f"{data.name} has neither in_th nor in_tht: it is no reference data set.")
    if data[thermometer].ndim != 2:
        raise DataSetError(f"'{thermometer}' of {data.name} has shape {data[thermometer].shape}: not (column, level).")
    shapes = (data.shape, data.shape[:1])
    compared = [name for name in data.variables if name.startswith(("in_", "out_", "pr_")) or name == "sensitive"]
    for name in compared:
        if data[name].shape not in shapes:
            raise DataSetError(f"'{name}' of {data.name} has shape {data[name].shape}: not {shapes[0]} or {shapes[1]}.")
    if "sensitive" in compared and not (data.sensitive.shape == data.shape and np.isfinite(data["sensitive"]).all()):
        raise DataSetError(f"'sensitive' of {data.name} is not finite everywhere, or not of shape {data.shape}.")


def check_file(path: Path, build: Build, profile: str = "production") -> AccuracyResult:
    """Run a component on the inputs of a data set and compare the outputs.

    Parameters
    ----------
    path
        The netCDF file.
    build
        Backend, precision and compiler arguments.
    profile
        ``production`` or ``strict``: the tolerances of float64.

    Raises
    ------
    DataSetError
        If the file cannot be used, or an input is not finite.
    ValueError
        If its options are not supported.
    """
    return check_data_set(load(path), build, profile)


def check_data_set(data: DataSet, build: Build, profile: str = "production") -> AccuracyResult:
    """Do what ``check_file`` does with a data set that is in memory already."""
    for recognise, run in _KINDS:
        if recognise(data):
            return run(data, build, profile)
    raise DataSetError(
        f"{data.name} is of no known component: it has neither in_rc_mf (IceAdjust), nor in_dzz (RainIce), "
        "nor pr_RCHONI (process rates)."
    )


def compare(got: Array, wanted: Array, scale: Array, tolerance: Tolerance, excluded: NDArray[np.bool_]) -> FieldResult:
    """Compare one output in the norm |got - wanted| / scale; ``field`` is left empty.

    A value that is not finite where the reference is finite has an infinite error.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(got - wanted)
        error = np.where(difference == 0.0, 0.0, difference / np.maximum(scale, np.finfo(np.float64).tiny))
    error = np.where(np.isfinite(got), error, np.inf)
    error = np.where(excluded | ~np.isfinite(wanted), 0.0, error)
    worst = np.unravel_index(int(error.argmax()), error.shape)
    maximum = float(error[worst])
    measured = maximum  # also where it is infinite, between whose quantiles there is nothing
    if tolerance.quantile < 1.0 and np.isfinite(maximum):
        measured = float(np.quantile(error, tolerance.quantile))
    passed = measured <= tolerance.value and (tolerance.maximum is None or maximum <= tolerance.maximum)
    return FieldResult(
        field="",
        error=_finite(measured),
        maximum=_finite(maximum),
        tolerance=tolerance.value,
        column=int(worst[0]),
        level=int(worst[1]) if len(worst) > 1 else 0,
        passed=bool(passed and np.isfinite(maximum)),
    )


def _finite(value: float) -> float:
    """Largest finite number in place of infinity, which JSON cannot hold."""
    return min(value, sys.float_info.max)


def _judge(
    data: DataSet,
    field: str,
    got: Array,
    wanted: Array,
    scale: Array,
    tolerance: Tolerance,
    excluded: NDArray[np.bool_],
) -> FieldResult:
    """Compare an output with the reference, which has to be of its shape and finite where it is compared."""
    if got.shape != wanted.shape:
        raise DataSetError(f"In {data.name}, the reference of '{field}' has shape {wanted.shape}: not {got.shape}.")
    _require_finite(data, f"the reference of '{field}'", np.where(excluded, 0.0, wanted))
    return replace(compare(got, wanted, scale, tolerance, excluded), field=field)


def _require_finite(data: DataSet, what: str, values: Array) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        cell = tuple(map(int, bad[0]))
        raise DataSetError(f"In {data.name}, {what} is not finite at (column, level) = {cell}.")


# IceAdjust ------------------------------------------------------------------------------------------------------------


def _ice_adjust_tolerance(field: str, build: Build, profile: str) -> Tolerance:
    """Tolerances in the norm of ``_ice_adjust_scale``."""
    if build.precision == "float32":
        if field in ("cldfr", "srcs"):
            return Tolerance(1e-4, quantile=0.999, maximum=1e-2)
        if field in ("ths", "out_th"):
            return Tolerance(1e-6)
        return Tolerance(1e-4 if field.startswith("hl") else 1e-5)
    if profile == "strict":
        return Tolerance(1e-12)
    return Tolerance(1e-10, quantile=0.9999)


def _ice_adjust_scale(field: str, data: DataSet) -> Array:
    """Scale of the errors of an output: the amounts of water and heat it is a difference of."""
    total = data["in_rv"] + data["in_rc"] + data["in_ri"]
    reference = np.abs(data[_ice_adjust_reference(field)])
    if field in ("rvs", "rcs", "ris"):
        return np.maximum(total / data.timestep, np.abs(data["in_rvs"]))
    if field in ("ths", "out_th"):
        return data["in_th"] / (data.timestep if field == "ths" else 1.0)
    if field.startswith("out_"):
        return total
    if field in ("hlc_hrc", "hli_hri"):
        content = np.maximum(data["in_rc_mf" if field == "hlc_hrc" else "in_ri_mf"], reference)
        if data.config.get("NEBN", {}).get("CCONDENS") == "GAUS":
            content = np.maximum(content, 2.0 * data["in_sigs"])
        return content
    return np.ones_like(reference)


def _ice_adjust_reference(field: str) -> str:
    return f"out_pout_{field[4:]}" if field.startswith("out_") else f"out_{field}"


def _check_ice_adjust(data: DataSet, build: Build, profile: str) -> AccuracyResult:
    from ice3_gt4py.ice_adjust import IceAdjust, IceAdjustConfig  # noqa: PLC0415 (importing GT4Py takes seconds)

    config = IceAdjustConfig.from_phyex(data.config, krr=data.krr)
    columns, levels = data.shape
    domain = (columns, 1, levels)
    outputs: dict[str, tuple[Array, Array]] = {}
    # The component as it is timed first; a second one only for the outputs that the first does not have.
    for adjusted_state in (False, True) if "out_pout_rv" in data.variables else (False,):
        component = IceAdjust(domain, build, config, adjusted_state=adjusted_state)
        computed = _run(component, data, partial(component, timestep=data.timestep))
        for name, got in computed.items():
            outputs.setdefault(name, (got, data[_ice_adjust_reference(name)]))
    results = []
    for name, (got, wanted) in outputs.items():
        scale, tolerance = _ice_adjust_scale(name, data), _ice_adjust_tolerance(name, build, profile)
        results.append(_judge(data, name, got, wanted, scale, tolerance, data.sensitive))
    return AccuracyResult(data.name, "ice_adjust", tuple(results))


# RainIce --------------------------------------------------------------------------------------------------------------

_FLOAT32_RAIN_ICE = {
    "ths": 1.6e-7, "rvs": 1.8e-6, "rcs": 2e-5, "rrs": 8e-6, "ris": 1.5e-5, "rss": 2e-5, "rgs": 1.5e-5, "cit": 1.1e-4,
    "evap3d": 1e-4,
}  # fmt: skip
"""Largest error allowed at the quantile 0.99: twice that of PHYEX's own single-precision build."""


def _rain_ice_tolerance(field: str, build: Build, profile: str) -> Tolerance:
    """Tolerances in the norm of ``_rain_ice_scale``."""
    if build.precision == "float32":
        return Tolerance(_FLOAT32_RAIN_ICE.get(field, 2e-5), quantile=0.99)
    return Tolerance(1e-10) if profile == "strict" else Tolerance(1e-8, quantile=0.9999)


def _rain_ice_scale(reference: Array, field: str, timestep: float) -> Array:
    """Relative to the reference; contents below 1e-16 kg kg-1 per step are rounding residues of exhausted species."""
    size = np.abs(reference)
    floor = 0.0
    if field in ("rvs", "rcs", "rrs", "ris", "rss", "rgs"):
        floor = 1e-6 / timestep
    elif field.startswith(("fpr", "inp", "evap")):
        floor = 1e-6 * float(size.max(initial=0.0))
    elif field == "cit":
        floor = 1e-3  # m-3
    return np.asarray(size + floor)


def _check_rain_ice(data: DataSet, build: Build, profile: str) -> AccuracyResult:
    from ice3_gt4py.rain_ice import RainIce, RainIceConfig  # noqa: PLC0415 (importing GT4Py takes seconds)

    config = RainIceConfig.from_phyex(data.config, krr=data.krr)
    columns, levels = data.shape
    component = RainIce(
        (columns, 1, levels), build, config, fluxes="out_fpr_r" in data.variables, top_first=data.top_first
    )
    state = _run(component, data, partial(component, timestep=data.timestep))
    # Rounding decides whether crystals are left where ice is used up; the reference overwrites some evaporation by 0.
    exhausted = (data["out_ris"] * data.timestep <= 1e-15) & (data["out_cit"] != state["cit"])
    results = []
    for field in component.fields:
        reference = data.variables.get("out_evap3d_npromicro1" if field.name == "evap3d" else f"out_{field.name}")
        if field.intent == "in" or reference is None:
            continue
        excluded = data.sensitive if field.dims == "ijk" else np.zeros(columns, dtype=bool)
        if field.name == "cit":
            excluded = data.sensitive | exhausted
        elif field.name == "evap3d":
            excluded = data.sensitive | (reference == 0.0)
        scale = _rain_ice_scale(reference, field.name, data.timestep)
        tolerance = _rain_ice_tolerance(field.name, build, profile)
        results.append(_judge(data, field.name, state[field.name], reference, scale, tolerance, excluded))
    return AccuracyResult(data.name, "rain_ice", tuple(results))


def _check_process_rates(data: DataSet, build: Build, profile: str) -> AccuracyResult:
    from ice3_gt4py.rain_ice import ProcessRates, RainIceConfig  # noqa: PLC0415

    config = RainIceConfig.from_phyex(data.config, krr=data.krr)
    columns, levels = data.shape
    component = ProcessRates((columns, 1, levels), build, config)
    state = _run(component, data, component)
    excluded = data.sensitive | (data["in_compute"] == 0)
    if build.precision == "float32":
        tolerance = Tolerance(1e-4, quantile=0.99)
    else:
        tolerance = Tolerance(1e-11) if profile == "strict" else Tolerance(1e-8, quantile=0.9999)
    results = []
    for field in component.fields:
        reference = data.variables.get(f"pr_{field.name.upper()}")
        if field.intent == "out" and reference is not None:
            largest = np.full(reference.shape, np.abs(reference).max())
            results.append(_judge(data, field.name, state[field.name], reference, largest, tolerance, excluded))
    return AccuracyResult(data.name, "process_rates", tuple(results))


def _run(component: Any, data: DataSet, call: Callable[[State], None]) -> dict[str, Array]:  # noqa: ANN401
    """Call a component on the inputs of a data set; its output fields as arrays (column, level) or (column,)."""
    columns = component.domain[0]
    arrays = {}
    for field in (field for field in component.fields if field.intent != "out"):
        name, axes = f"in_{field.name}", len(field.dims) - 1
        values = data[name]
        if values.ndim != axes:
            raise DataSetError(f"'{name}' of {data.name} has shape {values.shape}: it has {axes} axes.")
        _require_finite(data, f"'{name}'", values)
        arrays[field.name] = values.reshape(columns, 1, *values.shape[1:])
    state = from_arrays(component.fields, arrays, component.domain, component.build)
    call(state)
    outputs = (field for field in component.fields if field.intent != "in")
    return {field.name: to_array(state[field.name])[:, 0].astype(np.float64) for field in outputs}


# All kinds ------------------------------------------------------------------------------------------------------------


_KINDS: tuple[tuple[Callable[[DataSet], bool], Callable[[DataSet, Build, str], AccuracyResult]], ...] = (
    (lambda data: "in_rc_mf" in data.variables, _check_ice_adjust),
    (lambda data: "in_dzz" in data.variables, _check_rain_ice),
    (lambda data: "pr_RCHONI" in data.variables, _check_process_rates),
)
"""How the data sets of each component are recognised and checked."""


def main(arguments: list[str] | None = None) -> int:
    """Check data sets.

    Exit code 1 when a field is out of tolerance or a stencil does not compile, 2 when a data set cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m ice3_gt4py.accuracy", description="Check against reference data.")
    add_build_options(parser)
    parser.add_argument("--file", type=Path, action="append", required=True, help="netCDF data set; repeatable")
    parser.add_argument("--profile", choices=PROFILES, default="production", help="tolerances of float64")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    options = parser.parse_args(arguments)
    try:
        build = build_from(options)
        build.require_toolchain()
        results = [check_file(path, build, options.profile) for path in options.file]
    except (ValueError, CompilationError, ToolchainError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1 if isinstance(error, CompilationError) else 2
    records = json.dumps([asdict(result) for result in results], indent=1)
    if options.output:
        options.output.write_text(records, encoding="utf-8")
    print(records if options.json else "\n".join(_lines(results)))
    return 0 if all(result.passed for result in results) else 1


def _lines(results: list[AccuracyResult]) -> list[str]:
    lines = []
    for result in results:
        lines.append(f"{result.data_set} ({result.component})")
        for field in result.fields:
            verdict = "ok" if field.passed else f"FAILED, worst at column {field.column}, level {field.level}"
            lines.append(
                f"  {field.field:<8} error {field.error:8.1e}  largest {field.maximum:8.1e}"
                f"  tolerance {field.tolerance:6.0e}  {verdict}"
            )
    return lines


if __name__ == "__main__":
    sys.exit(main())
