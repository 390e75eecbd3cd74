"""The reference is made from the code, and commands within sentences name sessions and tasks that exist."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
from tests.docs.blocks import PROJECT, pages

from ice3_bench.commands import namespace
from ice3_bench.measures import MEASURES
from ice3_bench.settings.matrix import Backend, Settings

if TYPE_CHECKING:
    from types import ModuleType

SESSION = re.compile(r"`(?:BENCHER_BRANCH=NAME )?nox -s ([a-z0-9_-]+)")
TASK = re.compile(r"`(?:invoke|ice3-bench) ([a-z][a-z.-]+)")
INVENTED = ("bench-mymodel", "bench-my_port", "bench-jax-", "bench-gt4py-")
"""Beginnings of the sessions of ports that the reader is asked to imagine."""


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", PROJECT / "docs/reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def sessions() -> set[str]:
    command = [sys.executable, "-m", "nox", "-l"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^[-*] (\S+)", listed, flags=re.MULTILINE))


def test_every_key_of_the_configuration_is_described() -> None:
    rows = [line.split(" | ") for line in generator().configuration().splitlines() if line.startswith("| `")]
    assert {f"`{field.alias}`" for model in (Settings, Backend) for field in model.model_fields.values()} <= {
        row[0].removeprefix("| ") for row in rows
    }
    assert not [row[0] for row in rows if not row[-1].strip(" |")]


def test_every_measure_and_exit_code_is_described() -> None:
    assert all(f"`{name}`" in generator().measures() for name in MEASURES)
    codes = [line for line in generator().codes().splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert len(codes) == 5
    assert all(line.rsplit("|", 2)[1].strip() for line in codes)


def test_the_interface_of_a_port_has_every_field() -> None:
    text = generator().port()
    assert all(f"| `{name}` |" in text for name in ("exn", "rvs", "fpr_c", "hlc_hrc"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_a_command_in_a_sentence_exists(page: object) -> None:
    text = (PROJECT / str(page)).read_text(encoding="utf-8")
    for name in SESSION.findall(text):
        exists = name in sessions() or name.endswith("-") or name.startswith(INVENTED)
        assert exists, f"{page}: nox -s {name} does not exist."
    for name in TASK.findall(text):
        assert name.rstrip(".") in namespace.task_names, f"{page}: ice3-bench {name} does not exist."


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert SESSION.findall("Run `nox -s bench-nothing -- --quiet`.") == ["bench-nothing"]
    assert "bench-nothing" not in sessions()
    assert "bench-compare" in sessions()
