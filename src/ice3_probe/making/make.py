"""Make a reference data set: run the Fortran in both precisions, find what rounding decides, and write the file."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import h5netcdf
import numpy as np

from ice3_probe.components import component_of
from ice3_probe.computed import case_on
from ice3_probe.contract import Unsupported
from ice3_probe.data_sets import load
from ice3_probe.making.noise import COPIES, NOISE, jumping, loaded, outputs_of
from ice3_probe.making.options import as_namelists, chosen
from ice3_probe.making.situations import make_inputs
from ice3_probe.messages import Made
from ice3_probe.norms import scale_of
from ice3_probe.ports import create
from ice3_probe.reference import NOT_STORED, SENSITIVE, SINGLE, DataSet, DataSetError, reference_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.contract import Case
    from ice3_probe.messages import Job, Recipe
    from ice3_probe.ports import Port
    from ice3_probe.reference import Array

MOST_MASKED = 0.01
"""Largest share of the cells that rounding may decide, unless the recipe says why there are more."""
PRECISIONS: tuple[tuple[Literal["float32", "float64"], str], ...] = (("float64", ""), ("float32", SINGLE))
"""Precisions, and what the names of their variables begin with."""
WORTH_PACKING = 8192
"""Bytes; HDF5 adds more to smaller variables than packing saves."""
MASKS = {"float64": SENSITIVE, "float32": SINGLE + SENSITIVE}


def make(job: Job, recipe: Recipe, port: Port, started: Callable[[str], None]) -> Made:
    """Make the data set of a recipe.

    Parameters
    ----------
    job
        A cell of the Fortran; the set has both precisions all the same.
    started
        Called with what is being done.

    Raises
    ------
    DataSetError
        If the recipe cannot be followed, or rounding decides more cells than it accounts for.
    PortError
        If the Fortran cannot be built or run, or fails.
    """
    if recipe.phyex:
        settings = {**job.cell.settings, "phyex": recipe.phyex}
        job = replace(job, cell=replace(job.cell, settings=settings))
    data = _inputs(recipe)
    case = _case(port, job, recipe, data)
    given = {
        field.name: values
        for field in component_of(case.component).inputs
        if (values := data.input(field.name, len(field.dims) - 1)) is not None
    }
    found: dict[str, Array] = {}
    masked: dict[str, int] = {}
    scales: dict[str, Array] = {}
    for precision, prefix in PRECISIONS:
        cell = replace(job.cell, precision=precision)
        started(f"{recipe.component} in {precision}")
        instance = loaded(port, case, cell, given)
        outputs = outputs_of(instance)
        _require_finite(outputs, precision)
        found.update({f"{prefix}{reference_name(recipe.component, name)}": one for name, one in outputs.items()})
        if not scales:
            known = replace(data, variables={**data.variables, **found})
            scales = {name: scale_of(known, name, values) for name, values in outputs.items()}
        started(f"which cells rounding decides in {precision}, {COPIES} copies")
        mask = jumping(port, case, cell, given, scales, recipe.seed)
        found[MASKS[precision]] = mask.astype(np.float64)
        masked[precision] = int(mask.sum())
        if mask.mean() > MOST_MASKED and not recipe.ties:
            raise DataSetError(
                f"Rounding decides {masked[precision]} of {mask.size} cells in {precision}, more than 1 %: choose "
                "another situation or seed; or, if these data are meant so, say why with --ties 'REASON'."
            )
    built = f"{instance.remark}, compiler arguments {job.cell.settings.get('compile-args', '')}"
    _write(Path(recipe.path), recipe, data, found, built)
    return Made(recipe.path, *data.shape, masked["float64"], masked["float32"])


def _inputs(recipe: Recipe) -> DataSet:
    """Return a data set with the inputs and options of a recipe: from a file, or of a situation."""
    if recipe.inputs:
        data = load(Path(recipe.inputs))
        if data.component != recipe.component:
            raise DataSetError(f"{data.name} is of {data.component}, not of {recipe.component}.")
        variables = {name: values for name, values in data.variables.items() if name.startswith("in_")}
        config = {name: dict(values) for name, values in data.config.items()}
        timestep, krr = data.timestep, data.krr
    else:
        variables = {f"in_{name}": values for name, values in make_inputs(recipe).items()}
        config, timestep, krr = {}, recipe.timestep, 6
    for namelist, values in as_namelists(chosen(recipe.component, recipe.options, full=not recipe.inputs)).items():
        config.setdefault(namelist, {}).update(values)
    return DataSet(Path(recipe.path).name, timestep, config, krr, variables, declared=recipe.component)


def _case(port: Port, job: Job, recipe: Recipe, data: DataSet) -> Case:
    """Return the case of the component, or the variant of it, that has most outputs."""
    variants = [name for name in job.checked if component_of(name).name == recipe.component]
    if not variants:
        raise DataSetError(f"{port.where} has no component '{recipe.component}': {', '.join(job.checked)}.")
    cases = [case_on(data, name) for name in variants]
    try:
        return max(cases, key=lambda case: len(create(port, case, job.cell).outputs))
    except Unsupported as error:
        raise DataSetError(f"The Fortran does not run with these options: {error}") from error


def _require_finite(outputs: dict[str, Array], precision: str) -> None:
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            cell = tuple(map(int, np.argwhere(~np.isfinite(values))[0]))
            raise DataSetError(f"The Fortran's '{name}' in {precision} is not finite at (column, level) = {cell}.")


def _portable(recipe: Recipe) -> dict[str, Any]:
    """Return what of a recipe means the same on other machines."""
    record = asdict(recipe)
    for name in ("path", "inputs"):
        record[name] = Path(record[name]).name
    return {name: value for name, value in record.items() if name not in ("phyex", "provenance", "command")}


def _write(path: Path, recipe: Recipe, data: DataSet, found: dict[str, Array], built: str) -> None:
    """Write the file; outputs that are zero everywhere are listed instead."""
    zeros = sorted(name for name, values in found.items() if not values.any() and SENSITIVE not in name)
    stored = {**data.variables, **{name: values for name, values in found.items() if name not in zeros}}
    attributes: dict[str, Any] = {
        "title": f"PHYEX {recipe.component} reference",
        "component": recipe.component,
        "source": f"{recipe.provenance}; {built}",
        "command": recipe.command,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "dt": data.timestep,
        "krr": data.krr,
        "level_order": "level 0 = model top",
        "config": json.dumps(data.config),
        "seed": recipe.seed,
        "situation": recipe.situation if not recipe.inputs else f"inputs of {Path(recipe.inputs).name}",
        "recipe": json.dumps(_portable(recipe)),
        "noise": f"{COPIES} copies; float64 {NOISE['float64']:.1e}, float32 {NOISE['float32']:.1e}",
        "ties": recipe.ties,
        NOT_STORED: ",".join(zeros),
    }
    columns, levels = data.shape
    try:
        with h5netcdf.File(path, "w") as file:
            file.attrs.update(attributes)
            file.dimensions = {"column": columns, "level": levels}
            for name, values in stored.items():
                dtype = "i1" if SENSITIVE in name else "f4" if name.startswith(SINGLE) else "f8"
                dimensions = ("column", "level")[: values.ndim]
                packed = {"compression": "gzip", "shuffle": True} if values.nbytes > WORTH_PACKING else {}
                file.create_variable(name, dimensions, dtype, data=values.astype(dtype), **packed)
    except OSError as error:
        raise DataSetError(f"{path} cannot be written: {error}.") from error
