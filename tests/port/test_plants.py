"""The script that plants errors: a few of them, and what it makes of the code of a stencil."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.port.matrix import PROJECT

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

SCRIPT = PROJECT / "benchmarks/plants.py"
CODE = """
        ratio[i:I, j:J, k:K] = np.float64(0.622) * np.float64(2.0)
        vdeps_gen_0[i:I, j:J, k:K] = ratio[i:I, j:J, k:K]
            vdeps_gen_0[i:I, j:J, k:K] = np.where(a, b, -np.float64(-7.5e-05))
        slowness__ab_1__cd_2_gen_0[i:I, j:J, k:K] = 1
        slowness__ab_1__ef_2_gen_0[i:I, j:J, k:K] = 1
"""
PLANTED = """
        ratio[i:I, j:J, k:K] = np.float64(0.622 * plant['EPSILO']) * np.float64(2.0)
        vdeps_gen_0[i:I, j:J, k:K] = ratio[i:I, j:J, k:K]
        vdeps_gen_0[i:I, j:J, k:K] *= plant['vdeps']
            vdeps_gen_0[i:I, j:J, k:K] = np.where(a, b, -np.float64(-7.5e-05 * plant['literal 7.5e-05']))
        slowness__ab_1__cd_2_gen_0[i:I, j:J, k:K] = 1
        slowness__ab_1__cd_2_gen_0[i:I, j:J, k:K] *= plant['slowness (1)']
        slowness__ab_1__ef_2_gen_0[i:I, j:J, k:K] = 1
        slowness__ab_1__ef_2_gen_0[i:I, j:J, k:K] *= plant['slowness (2)']
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("plants", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "plants", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_constants_and_first_assignments_of_processes_are_multiplied(script: ModuleType) -> None:
    plants = script.Plants({0.622: "EPSILO"})
    assert plants.planted(CODE) == PLANTED.rstrip("\n")
    assert plants.factors == dict.fromkeys(["EPSILO", "vdeps", "literal 7.5e-05", "slowness (1)", "slowness (2)"], 1.0)


def test_constants_of_equal_value_share_a_plant(script: ModuleType) -> None:
    names = script.constants("float64")
    assert names[273.16] == "TT"
    assert any(" = " in name for name in names.values())


@pytest.mark.slow
def test_planted_errors_are_caught_in_both_precisions(stencil_cache: Path) -> None:
    chosen = r"^(FIAGGS|gmltr|slowness \(2\)|mc)$"
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--cache", str(stencil_cache), "--only", chosen],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    assert "**missed**" not in run.stdout
    assert len(run.stdout.splitlines()) == 2 + 4
