"""Components, their parts and variants: what each name stands for, and that the tables agree with one another."""

from __future__ import annotations

import pytest

from ice3_probe import contract, messages
from ice3_probe.atmosphere import synthetic_atmosphere
from ice3_probe.components import COMPONENTS, bytes_per_call, component_of
from ice3_probe.messages import MIXES, base_of
from ice3_probe.reference import DATA, load

PARTS = [name for name in COMPONENTS if ":" in name]


def test_the_harness_and_the_probe_know_the_same_components() -> None:
    assert COMPONENTS.keys() == messages.COMPONENTS.keys()
    assert all(name == component.name for name, component in COMPONENTS.items())
    assert PARTS == ["rain_ice:sedimentation", "rain_ice:tendencies"]


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ice_adjust", "ice_adjust"),
        ("ice_adjust:modular", "ice_adjust"),
        ("rain_ice:fluxes", "rain_ice"),
        ("rain_ice:sedimentation", "rain_ice:sedimentation"),
        ("rain_ice:tendencies", "rain_ice:tendencies"),
        ("process_rates", "rain_ice:tendencies"),
        ("microphysics:fused", "microphysics"),
    ],
)
def test_a_variant_has_the_fields_of_its_component_and_a_part_its_own(name: str, base: str) -> None:
    assert base_of(name) == base
    assert component_of(name) is COMPONENTS[base]


def test_an_unknown_component_lists_the_known_ones() -> None:
    with pytest.raises(KeyError, match="There is no component 'hail': there are rain_ice, ice_adjust"):
        component_of("hail:modular")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_costs_as_the_whole_does(part: str) -> None:
    whole = part.partition(":")[0]
    assert messages.COMPONENTS[part] == messages.COMPONENTS[whole] == MIXES
    assert COMPONENTS[part].options() == COMPONENTS[whole].options()
    assert not COMPONENTS[part].links


def test_a_part_describes_a_field_as_the_whole_does() -> None:
    whole = {field.name: field for field in contract.RAIN_ICE}
    assert [whole[field.name] for field in contract.SEDIMENTATION] == list(contract.SEDIMENTATION)
    described = {field.name: (field.standard_name, field.units, field.dims) for field in contract.TENDENCIES}
    for field in (field for field in contract.TENDENCIES if field.is_input):
        assert described[field.name] == (whole[field.name].standard_name, field.units, field.dims)
    assert contract.PROCESS_RATES is contract.TENDENCIES
    # Nothing is overwritten: there is nothing to reset.
    assert {field.intent for field in contract.TENDENCIES} == {"in", "out"}


def test_what_falls_is_updated_and_the_rest_only_read() -> None:
    def names(intent: str) -> set[str]:
        return {field.name for field in contract.SEDIMENTATION if field.intent == intent}

    assert names("inout") == {"rcs", "rrs", "ris", "rss", "rgs"}
    assert names("in") == {"rhodref", "pabs", "dzz", "tht", "sea", "town"}
    assert names("out") == {f"inpr{x}" for x in "crsg"} | {f"fpr_{x}" for x in "cisrg"}
    domain, words = (10, 10, 20), 4 + 2 * 5 + 5  # 3-D fields
    assert bytes_per_call(contract.SEDIMENTATION, domain, 8) == 8 * (words * 2000 + (2 + 4) * 100)


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_synthetic_atmosphere_has_all_inputs(component: str) -> None:
    fields = synthetic_atmosphere((3, 2, 5))
    for field in COMPONENTS[component].inputs:
        assert fields[field.name].shape == field.shape((3, 2, 5))


def test_every_component_has_a_data_set() -> None:
    found = {load(path).component: load(path) for path in DATA.glob("*.nc")}
    assert found.keys() == COMPONENTS.keys()
    for name, data in found.items():
        for field in COMPONENTS[name].inputs:
            axes = len(field.dims) - 1
            assert field.when or data.input(field.name, axes) is not None, (name, field.name)
    assert sum(path.stat().st_size for path in DATA.glob("*.nc")) < 2.5e6
