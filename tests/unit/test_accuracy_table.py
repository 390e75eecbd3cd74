"""What the accuracy of a cell is summed up as."""

from __future__ import annotations

import pytest
from rich.console import Console

from ice3_bench.show.accuracy import accuracy_table, summary
from ice3_probe.messages import Checked, FieldError


def field(name: str, error: float, tolerance: float = 5e-11, *, passed: bool = True) -> FieldError:
    return FieldError(name, error, error, tolerance, 7, 42, passed)


def checked(*fields: FieldError, component: str = "rain_ice") -> Checked:
    return Checked("rain_ice_lite.nc", component, fields)


@pytest.mark.parametrize(
    ("fields", "state", "worst"),
    [
        (
            [field("rvs", 1e-15), field("rcs", 5e-12), field("cit", 1e-10, 1e-8)],
            "3 outputs were compared: all are within their tolerances.",
            ("rcs", "with an error of 5.0e-12, 10 times below the tolerance 5e-11;"),
        ),
        (
            [field("rvs", 1.6e-10, passed=False)],
            "1 output was compared: 1 is out of tolerance.",
            ("rvs", "with an error of 1.6e-10, 3.2 times the tolerance 5e-11;"),
        ),
        (
            [field("rvs", 4e-11), field("rcs", 1e-11, passed=False), field("ris", 2e-11, passed=False)],
            "3 outputs were compared: 2 are out of tolerance.",
            ("ris", "with an error of 2.0e-11, in too many cells far beyond the tolerance 5e-11;"),
        ),
        (
            [field("rvs", 0.0)],
            "1 output was compared: all are within their tolerances.",
            ("rvs", "without any error;"),
        ),
    ],
)
def test_one_sentence_names_the_worst_output_and_how_far_it_is_from_its_tolerance(
    fields: list[FieldError], state: str, worst: tuple[str, str]
) -> None:
    name, distance = worst
    assert summary([checked(*fields)]) == (
        f"{state} The worst is {name} of rain_ice on rain_ice_lite.nc, {distance} it is largest at column 7, level 42."
    )


def test_what_was_not_compared_is_not_right() -> None:
    assert summary([]) == summary([checked()]) == "Nothing was compared with reference data."


@pytest.mark.parametrize("width", [80, 200])
def test_the_table_is_whole_at_any_width_and_ends_with_the_sentence(width: int) -> None:
    sets = [
        checked(field("rvs", 1e-15), field("hlc_hrc", 5e-12), component="ice_adjust:adjusted_state"),
        checked(field("cit", 3e-5, 1e-8, passed=False)),
        Checked("old.nc", "rain_ice", unsupported="LRED = False is not supported."),
    ]
    console = Console(width=width, no_color=True)
    with console.capture() as captured:
        console.print(accuracy_table(sets, ("rain_ice", "microphysics")))
    shown = captured.get()
    assert max(map(len, shown.splitlines())) <= width
    told = " ".join(shown.split())
    for said in (
        "ice_adjust:adjusted_state on rain_ice_lite.nc",
        "7, 42 │ ✗ wrong",
        "rain_ice on old.nc: n/a, LRED = False is not supported.",
        "microphysics: not checked, nothing of it was compared with reference data.",
    ):
        assert said in told
    assert "rain_ice: not checked" not in told
    assert told.endswith("it is largest at column 7, level 42.")


def test_what_a_data_set_lacks_is_added_by_a_whole_command() -> None:
    one = Checked("dump", "ice_adjust:modular", (field("rvs", 0.0),), lacking="no mask")
    console = Console(width=300, no_color=True)
    with console.capture() as captured:
        console.print(accuracy_table([one]))
    command = "invoke reference.make --component ice_adjust --inputs FILE --out NEW.nc, where FILE is the path of dump."
    assert f"no mask. This adds it: {command}" in captured.get()
