"""What the user writes to make a reference data set, and what the file says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ice3_bench.commands import namespace
from ice3_bench.commands.reference import command_of, parse_options, parse_shape, provenance
from ice3_bench.errors import UsageError
from ice3_probe.messages import Recipe, decode_as, encode

if TYPE_CHECKING:
    from pathlib import Path


def test_the_command_is_offered() -> None:
    assert "reference.make" in namespace.task_names


def test_shapes_and_options_are_read() -> None:
    assert parse_shape("16x60") == (16, 60)
    assert parse_options(["cfrac_ice_adjust=T", "XMRSTEP=1e-5"]) == {"CFRAC_ICE_ADJUST": "T", "XMRSTEP": "1e-5"}


@pytest.mark.parametrize("text", ["16", "16x", "0x60", "16x60x2", "axb", "²x3"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write columns and levels as in 16x60"):
        parse_shape(text)


@pytest.mark.parametrize("text", ["LSEDIC", "=F", "LSEDIC="])
def test_what_is_no_option_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write NAME=VALUE"):
        parse_options([text])


def test_the_command_in_the_file_names_no_folder() -> None:
    recipe = Recipe(
        "rain_ice", "/home/me/out.nc", situation="thin", options={"LDEPOSC": "true"}, phyex="/home/me/phyex"
    )
    assert command_of(recipe) == (
        "invoke reference.make --phyex PHYEX --component rain_ice --out out.nc --seed 1 --situation thin --shape 16x60 "
        "--timestep 50 --option LDEPOSC=true"
    )
    taken = Recipe("rain_ice", "out.nc", inputs="/home/me/own.nc", ties="T = TT")
    assert command_of(taken).endswith("--seed 1 --inputs own.nc --ties 'T = TT'")


def test_a_recipe_survives_the_way_to_the_process() -> None:
    recipe = Recipe("rain_ice", "out.nc", options={"XMRSTEP": "1e-5"}, timestep=10.0)
    assert decode_as(Recipe, encode(recipe)) == recipe


def test_a_phyex_without_git_is_said_to_be_one(tmp_path: Path) -> None:
    assert provenance(str(tmp_path)).startswith("PHYEX of a folder without git, ")
    assert provenance(str(tmp_path / "missing")).startswith("PHYEX of a folder without git, ")
