"""Where the processes are: a function for each in its family's module, and the same evaluation in every stencil."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module

import pytest
from tests.port.matrix import PROJECT

from ice3_probe.processes import FAMILIES, PROCESSES, Process

STENCILS = PROJECT / "src/ice3_gt4py/stencils"


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_process_is_a_function_of_its_family_that_says_what_it_does(process: Process) -> None:
    function = getattr(import_module(f"ice3_gt4py.stencils.{process.family}"), process.name)
    lines = (inspect.getdoc(function) or "").splitlines()
    assert lines[0] == f"{process.what}, {process.donor} -> {process.receiver}."
    assert f"Source: {process.source}; PHYEX: {process.routine}." in lines
    amount = "Change" if process.instantaneous else "Rate"
    assert lines[2].startswith(f"{amount}: ")
    assert sum(line.startswith("Acts: ") for line in lines) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_module_of_a_family_has_no_process_that_the_table_lacks(family: str) -> None:
    tree = ast.parse((STENCILS / f"{family}.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    documented = {node.name for node in functions if "Source: " in (ast.get_docstring(node) or "")}
    assert documented == {process.name for process in PROCESSES if process.family == family}


def blocks(stencil: str, first: str, last: str) -> list[list[str]]:
    """Statements of a stencil from a call of ``first`` to the next of ``last``, without the digits of temporaries."""
    tree = ast.parse((STENCILS / f"{stencil}.py").read_text(encoding="utf-8"))
    bodies = [getattr(node, name, None) for node in ast.walk(tree) for name in ("body", "orelse")]
    found = []
    for body in (body for body in bodies if isinstance(body, list)):
        lines = [re.sub(r"\b([a-z_]+)[12]\b", r"\1", ast.unparse(one)).replace("rst", "rs") for one in body]
        begins = [index for index, line in enumerate(lines) if re.match(rf"[^\n]*= {first}\(", line)]
        ends = [index for index, line in enumerate(lines) if re.match(rf"[^\n]*= {last}\(", line)]
        found += [lines[begin : end + 1] for begin, end in zip(begins, ends, strict=False)]
    return found


def test_every_stencil_evaluates_the_processes_in_the_same_way() -> None:
    """GTScript has no function that returns this much: the same statements stand in three stencils."""
    (expected,) = blocks("process_rates", "present", "graupel_melting_rates")
    assert len(expected) == 18
    for stencil in ("microphysics", "microphysics_by_point"):
        assert blocks(stencil, "present", "graupel_melting_rates") == [expected]


@pytest.mark.parametrize(
    ("first", "last"), [("slow_transfers", "vapour_and_heat"), ("present", "graupel_melting_kept")]
)
def test_every_substep_sums_and_keeps_the_processes_in_the_same_way(first: str, last: str) -> None:
    (expected,) = blocks("microphysics_by_point", first, last)
    assert len(expected) >= 9
    others = blocks("microphysics", first, last)
    assert others
    assert others == [expected] * len(others)
