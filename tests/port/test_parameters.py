"""Parameters and lookup tables of RainIce against PHYEX's."""

from __future__ import annotations

import json
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np
import pytest
from tests.port.matrix import PROJECT

from ice3_gt4py.parameters import Parameters
from ice3_gt4py.tables import build_tables

SPLIT = {"LBC_LAND": ("XLBC", 0), "LBC_SEA": ("XLBC", 1), "FSEDC_LAND": ("XFSEDC", 0), "FSEDC_SEA": ("XFSEDC", 1)}
LOCAL = {"RADIUS_LAND": 3.0, "RADIUS_SEA": 0.892979511569249, "EXFCDRYG": -3.16}  # not in PHYEX's modules


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    modules = json.loads((PROJECT / "tests/data/parameters_reference.json").read_text(encoding="utf-8"))
    return {**modules["RAIN_ICE_DESCRN"], **modules["RAIN_ICE_PARAMN"]}


@pytest.mark.parametrize("name", [field.name for field in dataclass_fields(Parameters)])
def test_a_parameter_has_its_value_in_the_fortran(reference: dict[str, Any], name: str) -> None:
    if name in SPLIT:
        key, index = SPLIT[name]
        wanted = reference[key][index]
    elif name in LOCAL:
        wanted = LOCAL[name]
    else:
        wanted = reference[name if name.startswith("X") else f"X{name}"]
    assert getattr(Parameters(), name) == pytest.approx(wanted, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize(
    ("table", "key", "tolerance"),
    [
        ("rim1", "XGAMINC_RIM1", 2e-15),
        ("rim2", "XGAMINC_RIM2", 2e-15),
        ("rim4", "XGAMINC_RIM4", 2e-15),
        ("rs_small", "XKER_RACCSS", 0.0),
        ("rs_all", "XKER_RACCS", 0.0),
        ("sr_large", "XKER_SACCRG", 0.0),
        ("sg", "XKER_SDRYG", 0.0),
        ("rg", "XKER_RDRYG", 0.0),
    ],
)
def test_a_table_has_its_values_in_the_fortran(
    reference: dict[str, Any], table: str, key: str, tolerance: float
) -> None:
    np.testing.assert_allclose(getattr(build_tables(), table), np.array(reference[key]), rtol=tolerance, atol=0.0)
