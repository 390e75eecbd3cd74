"""Options that are given twice."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from ice3_bench.arguments import Parser, repeated
from ice3_bench.cell.options import parse_arguments
from ice3_bench.commands.comparing import _parse
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from ice3_bench.settings.matrix import Settings


def parser() -> Parser:
    made = Parser(exit_on_error=False)
    made.add_argument("--base")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--measures", nargs="+", default=["latency"])
    made.add_argument("--components", type=lambda text: tuple(text.split(",")), default=())
    made.add_argument("--domain", action="append", default=[])
    made.add_argument("--quiet", action="store_true")
    return made


def test_lists_are_joined_and_defaults_replaced() -> None:
    words = "--measures a b --measures b c --components x --components y,x --domain 1 --domain 2"
    given = parser().parse_args(words.split())
    assert (given.measures, given.components, given.domain) == (["a", "b", "c"], ("x", "y"), ["1", "2"])
    assert vars(parser().parse_args([])) == {
        "base": None, "threads": 1, "measures": ["latency"], "components": (), "domain": [], "quiet": False,
    }  # fmt: skip


@pytest.mark.parametrize("words", ["--base a --base b", "--base=a --base=a", "--threads 1 --threads 1 --quiet --quiet"])
def test_a_single_value_is_not_given_twice(words: str) -> None:
    with pytest.raises(Exception, match="is given twice"):
        parser().parse_args(words.split())


def test_one_parser_reads_several_lines() -> None:
    made = parser()
    for base in ("a", "b"):
        assert made.parse_args(["--base", base]).base == base


def test_the_options_of_a_session_are_not_lost(settings: Settings) -> None:
    given = parse_arguments(["--components", "ice_adjust", "--components", "rain_ice,ice_adjust"], settings)
    assert given.components == ("ice_adjust", "rain_ice")
    for words in (["--threads", "1", "--threads", "2"], ["--profile", "strict", "--profile", "production"]):
        with pytest.raises(UsageError, match="is given twice"):
            parse_arguments(words, settings)


@pytest.mark.parametrize(
    "words", [["-k", "ice_adjust", "-k", "rain_ice"], ["--benchmark-max-time=1", "--benchmark-max-time", "2"]]
)
def test_pytest_would_take_the_last(settings: Settings, words: list[str]) -> None:
    with pytest.raises(UsageError, match=f"{words[0].partition('=')[0]} is given twice"):
        parse_arguments(words, settings)
    assert parse_arguments(["-v", "-v", "-W", "error", "-W", "ignore"], settings).pytest_args


@pytest.mark.parametrize("words", [["a", "b"], ["a,b"], ["a,", "b"], ["a, b", "--cells", "a"]])
def test_names_may_be_joined_by_commas(settings: Settings, words: list[str]) -> None:
    assert _parse(["--cells", *words], settings).cells == ["a", "b"]


def test_an_option_that_names_nothing_is_refused(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parse(["--cells", ","], settings)
    assert "argument --cells: names nothing" in capsys.readouterr().err


def test_what_is_compared_is_joined(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    given = _parse(
        ["--benchmarks", "a", "--benchmarks", "b", "--components", "ice_adjust", "--components", "rain_ice"], settings
    )
    assert given.benchmarks == ["a", "b"]
    assert given.components == ("ice_adjust", "rain_ice")
    with pytest.raises(SystemExit):
        _parse(["--base", "a", "--base", "b"], settings)
    assert "argument --base: is given twice: once a, once b" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("accuracy --backend a --precision b", None),
        ("accuracy --backend a --backend b", "--backend"),
        ("accuracy --backend=a --explain --backend b", "--backend"),
        ("accuracy --file a --file b", None),
        ("accuracy --backend a --strict accuracy --backend b", None),  # two commands
        ("accuracy --backend --backend", "--backend"),
        ("accuracy numpy --backend a --backend b", None),  # perhaps two commands
    ],
)
def test_commands_of_invoke_are_read_for_what_is_given_twice(words: str, told: str | None) -> None:
    values = {"backend": "b", "precision": "b", "strict": True, "explain": True, "file": ["a", "b"]}
    assert repeated(words.split(), values) == told


def test_names_with_choices_may_be_joined_by_commas() -> None:
    parser = Parser(exit_on_error=False)
    parser.add_argument("--measures", action="names", nargs="+", default=[], choices=["latency", "memory"])
    joined = parser.parse_args(["--measures", "latency,memory"])
    assert joined.measures == ["latency", "memory"]
    with pytest.raises(argparse.ArgumentError, match="invalid choice: 'speed' \\(choose from latency, memory\\)"):
        parser.parse_args(["--measures", "latency,speed"])
