"""The example port in JAX, in the environment that a bench session makes for it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell import passes, physics
from ice3_bench.cell.options import Options
from ice3_bench.cell.session import prepare
from ice3_bench.errors import UsageError
from ice3_probe import messages
from ice3_probe.contract import ICE_ADJUST

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.cell.workplace import Workplace
    from ice3_bench.settings.matrix import Settings

    Make = Callable[..., Workplace]

ROOT = Path(__file__).parents[2]
LITE = ROOT / "src/ice3_probe/data/ice_adjust_lite.nc"
VARIANTS = sorted((ROOT / "tests/data/variants").glob("adj_*.nc"))
OUTPUTS = {field.name for field in ICE_ADJUST if field.is_output}
FASTEST = pytest.param("float64", "strict", LITE, id=LITE.stem)
OTHERS = [
    pytest.param(precision, profile, path, marks=pytest.mark.slow, id=f"{path.stem}-{precision}")
    for precision, profile in (("float64", "strict"), ("float32", "production"))
    for path in (LITE, *VARIANTS)
    if (precision, path) != ("float64", LITE)
]


@pytest.fixture
def make(settings: Settings, tmp_path: Path) -> Make:
    """Make the workplace of a cell; what it compiles is kept, as in a session."""

    def workplace(precision: str, **options: object) -> Workplace:
        cell = settings.cell("jax_port", precision)
        try:
            return prepare(ROOT, tmp_path, tmp_path, cell, settings, Options(**options))  # type: ignore[arg-type]
        except UsageError as error:
            pytest.skip(f"JAX cannot be installed here: {error}")

    return workplace


@pytest.mark.parametrize(("precision", "profile", "path"), [FASTEST, *OTHERS])
def test_it_agrees_with_the_fortran(make: Make, precision: str, profile: str, path: Path) -> None:
    (checked,) = physics.check_accuracy(replace(make(precision, profile=profile), data_sets=(str(path),)))
    assert {error.field for error in checked.fields} == OUTPUTS
    # All or nothing: 0 or 1, and what rounding leaves of an evaporated cloud counts as cloud.
    flips = {"cldfr", "srcs"} if (path.stem, precision) == ("adj_nosubg", "float32") else set()
    assert [error for error in checked.fields if not error.passed and error.field not in flips] == []
    if precision == "float32":
        assert max(error.maximum for error in checked.fields) > 1e-9, "not computed in float32"


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_it_meets_the_contract(make: Make, threads: int) -> None:
    interpreter = make("float64").interpreter
    variables = {
        **os.environ,
        **interpreter.variables,
        "PYTHONPATH": os.pathsep.join(map(str, interpreter.path)),
        "PORT": str(ROOT / "examples/jax_port/port.py"),
        "PORT_THREADS": str(threads),
    }
    checks = str(Path(__file__).with_name("jax_contract.py"))
    options = ["-m", "pytest", "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"]
    command = [str(interpreter.python), *options, checks]
    run = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
def test_a_cell_is_compiled_once_and_timed_without_remarks(make: Make, tmp_path: Path) -> None:
    place = replace(make("float32", domains=((32, 32, 60),)), stencils=tmp_path / "stencils")
    (cold,) = physics.compile_stencils(place)
    (warm,) = physics.compile_stencils(place)
    assert (cold.cached, warm.cached) == (False, True)
    assert warm.seconds < cold.seconds
    timed = passes.measure_time(place)
    assert timed.failures == {}
    assert [remark.text for remark in timed.of(messages.Remark)] == []
    memory = passes.measure_memory(place)
    assert memory.failures == {}
    (peak,) = memory.of(messages.Peak)
    assert peak.bytes > 32 * 32 * 60 * 4 * len(ICE_ADJUST)
