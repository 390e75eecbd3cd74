"""What is said about why the physics differs."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ice3_bench.show.explanation import explanation
from ice3_bench.text import percent
from ice3_probe.messages import Deciding, Diagnosis, Explained, KnownMistake, Message, WrongOutput

OUTPUT = WrongOutput(
    field="hli_hcf",
    step="ice cloud above the autoconversion threshold",
    share=0.0172,
    maximum=0.025,
    tolerance=1e-10,
    levels=(34, 49),
    temperatures=(232.3, 269.1),
    condition="with ice in the mass-flux cloud",
    recall=1.0,
    precision=0.38,
)
SQUARE = KnownMistake("ice-triangle-area", "The threshold is not squared.", "PHYEX's ICE_ADJUST")
CONSTANT = KnownMistake("constant", "The constant is 611.24.", "PHYEX's INI_CST")


def shown(*messages: Message, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(explanation(messages))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def explained(**changes: object) -> str:
    output = replace(OUTPUT, **changes)  # type: ignore[arg-type]
    return shown(Explained("a.nc", "ice_adjust", 14, (output,)))


def test_an_output_is_located() -> None:
    text = explained()
    assert "ice_adjust on a.nc" in text
    for told in ("1.7 %", "2.5e-02", "34 to 49", "-41 to -4 °C", "only with ice in the mass-flux cloud (38 %)"):
        assert told in text
    assert (
        "1 of 14 outputs is out of tolerance. The first in the scheme's order is hli_hcf (ice cloud above the "
        "autoconversion threshold)."
    ) in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"share": 0.96}, "everywhere"),
        ({"condition": ""}, "no simple pattern"),
        ({"recall": 0.99}, "almost only with ice"),
        ({"levels": None, "condition": "with rain"}, "only with rain at the lowest level (38 %)"),
        ({"levels": (7, 7)}, " 7 "),
    ],
)
def test_where_it_differs_is_put_in_words(changes: dict[str, object], told: str) -> None:
    assert told in explained(**changes)


def test_the_text_fits_into_80_columns() -> None:
    mistakes = (SQUARE, CONSTANT)
    text = shown(
        Explained("a.nc", "ice_adjust", 14, (OUTPUT,)),
        Diagnosis("ice_adjust", 21, mistakes, wrong_before=0.2, outputs_before=1),
        width=80,
    )
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text


def test_the_option_that_decides_is_said() -> None:
    text = shown(Deciding("ice_adjust", ("hlc_hcf", "hlc_hrc"), "CSUBG_MF_PDF", ("'TRIANGLE'",), ("'NONE'",)))
    assert (
        "hlc_hcf and hlc_hrc of ice_adjust are wrong only with CSUBG_MF_PDF = 'TRIANGLE', and right with 'NONE'."
    ) in text
    text = shown(Deciding("ice_adjust", ("ths",), "", ("a.nc",), ("b.nc", "c.nc")))
    assert "ths of ice_adjust is wrong on a.nc and right on b.nc and c.nc: no single option decides." in text


@pytest.mark.parametrize(
    ("diagnosis", "told"),
    [
        (Diagnosis("ice_adjust", 21, (SQUARE,)), "1 known mistake explains all that differs in ice_adjust:"),
        (Diagnosis("ice_adjust", 21, (SQUARE, CONSTANT)), "2 known mistakes together explain all that differs"),
        (Diagnosis("ice_adjust", 21), "None of 21 known mistakes explains ice_adjust, alone or with others."),
        (
            Diagnosis(
                "ice_adjust", 21, (SQUARE,), wrong_before=0.2, wrong_after=0.004, outputs_before=13, outputs_after=1
            ),
            "with it, 0.4 % of the values differ instead of 20 %, and 1 output instead of 13.",
        ),
        (Diagnosis("ice_adjust", 21, (SQUARE,), (CONSTANT,)), "cannot tell one of these from:"),
        (Diagnosis("ice_adjust", 0, not_tried=("a.nc: it lacks x.",)), "could not be tried on a.nc: it lacks x."),
    ],
)
def test_what_known_mistakes_explain_is_said(diagnosis: Diagnosis, told: str) -> None:
    text = shown(diagnosis)
    assert told in text
    for mistake in (*diagnosis.mistakes, *diagnosis.alternatives):
        assert mistake.what in text
        assert f"Right: {mistake.right}." in text


def test_nothing_differs() -> None:
    right = Explained("a.nc", "ice_adjust", 14, ())
    assert shown(right).strip() == "Nothing differs: every output is within its tolerance."


@pytest.mark.parametrize(
    ("share", "told"), [(0.0, "0 %"), (1.0, "100 %"), (0.0994, "9.9 %"), (0.0996, "10 %"), (0.00052, "0.052 %")]
)
def test_a_share_that_is_not_zero_never_shows_as_zero(share: float, told: str) -> None:
    assert percent(share) == told
