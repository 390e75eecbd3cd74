"""What counts as the same code, and the requirements of a side."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from ice3_bench.cell.environment import Environment
from ice3_bench.cell.processes import Interpreter
from ice3_bench.compare.requirements import addressed, replaced
from ice3_bench.compare.sameness import unmeasured, what_runs
from ice3_bench.compare.sides import Sides
from ice3_bench.compare.stack import Stack
from ice3_bench.compare.workers import Side
from ice3_bench.settings.matrix import Backend
from ice3_gt4py.generated import canonical
from ice3_probe.code import code_digest, loaded_modules
from ice3_probe.messages import Cell, Code, Job

PACKAGES = {"python": "3.12.1", "gt4py": "1.1.12", "numpy": "2.1.0", "pytest": "8.4.0"}


def side(tree: Path, **packages: str) -> Side:
    backend = Backend.model_validate(
        {"name": "a", "id": "a", "port": "a.port", "compiled-sources": ["src/a/stencils/*"]}
    )
    cell = Cell("a", "float64", "cpu", 1, tree / "cache", {"compile-args": "-O3"})
    return Side(
        "base",
        Interpreter(Path(sys.executable), (tree / "probe", tree / "src"), {"OMP_NUM_THREADS": "1"}, tree),
        Job("a.port", cell, (), ()),
        Stack.of(Environment(Path("python"), {**PACKAGES, **packages}), backend, tree),
    )


@pytest.fixture
def sides(tmp_path: Path) -> Sides[Side]:
    for name in ("one", "two"):
        folder = tmp_path / name / "src/a/stencils"
        folder.mkdir(parents=True)
        (folder / "stencil.py").write_text(name, encoding="utf-8")
        (folder / "header.hpp").write_text("int a;", encoding="utf-8")
    return Sides(side(tmp_path / "one"), side(tmp_path / "two"))


def codes(sides: Sides[Side], **of_contender: str) -> Sides[Code]:
    def code(one: Side, **others: str) -> Code:
        source = one.stack.tree / "src/a"
        modules = {str(source / "port.py"): "1", str(source / "stencils/stencil.py"): one.stack.tree.name}
        return Code("generated", {**modules, **{str(source / name): digest for name, digest in others.items()}})

    return Sides(code(sides.base), code(sides.contender, **of_contender))


def test_the_text_of_a_stencil_does_not_matter_if_it_generates_the_same(sides: Sides[Side]) -> None:
    decision = unmeasured(sides, codes(sides))
    assert decision is not None
    assert (decision.verdict, decision.pairs) == ("same", 0)
    assert "python 3.12.1, gt4py 1.1.12, numpy 2.1.0" in decision.reason


def test_a_module_or_the_generated_code_matters(sides: Sides[Side]) -> None:
    assert unmeasured(sides, codes(sides, **{"port.py": "2"})) is None
    assert unmeasured(sides, codes(sides, **{"another.py": "1"})) is None
    found = codes(sides)
    assert unmeasured(sides, Sides(found.base, replace(found.contender, generated="other"))) is None
    assert unmeasured(sides, found.map(lambda code: replace(code, generated=""))) is None


def test_what_is_compiled_but_not_generated_matters(sides: Sides[Side]) -> None:
    tree = sides.contender.stack.tree
    (tree / "src/a/stencils/header.hpp").write_text("int b;", encoding="utf-8")
    changed = Sides(sides.base, side(tree))
    assert unmeasured(changed, codes(changed)) is None


@pytest.mark.parametrize(("name", "matters"), [("numpy", True), ("gt4py", True), ("python", True), ("pytest", False)])
def test_versions_of_what_a_call_runs_matter(sides: Sides[Side], name: str, matters: bool) -> None:
    changed = Sides(sides.base, side(sides.contender.stack.tree, **{name: "9.9.9"}))
    assert (unmeasured(changed, codes(changed)) is None) == matters


def test_a_port_of_the_working_tree_is_the_same_for_both_sides(sides: Sides[Side]) -> None:
    """Its folder holds the modules of the contender, but not those of the base."""
    trees = sides.map(lambda one: one.stack.tree)
    home = trees.contender

    def with_port(one: Side) -> Side:
        path = (*one.interpreter.path[:1], home, *one.interpreter.path[1:])
        return replace(one, interpreter=replace(one.interpreter, path=path))

    found = trees.map(lambda tree: Code("none", {str(home / "port.py"): "1", str(tree / "src/a/b.py"): "2"}))
    assert unmeasured(sides.map(with_port), found) is not None


def test_flags_and_variables_matter(sides: Sides[Side]) -> None:
    job = sides.base.job
    flags = replace(sides.base, job=replace(job, cell=replace(job.cell, settings={"compile-args": "-O2"})))
    variables = replace(sides.base, interpreter=replace(sides.base.interpreter, variables={"OMP_NUM_THREADS": "2"}))
    code = codes(sides).base
    assert len({str(what_runs(one, code)) for one in (sides.base, flags, variables)}) == 3


@pytest.mark.parametrize(
    ("requirements", "given", "expected"),
    [
        (("gt4py>=1.1", "setuptools>=77"), ("gt4py==1.1.12",), ("setuptools>=77", "gt4py==1.1.12")),
        (("numpy<2; python_version < '3.13'", "NumPy"), ("numpy==2.1",), ("numpy==2.1",)),
        (("cupy-cuda{cuda}x>=13",), ("dace",), ("cupy-cuda{cuda}x>=13", "dace")),
        (("jax[cpu]",), (), ("jax[cpu]",)),
    ],
)
def test_requirements_are_replaced_by_name(
    requirements: tuple[str, ...], given: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert replaced(requirements, given) == expected


@pytest.mark.parametrize(
    ("requirement", "says_nothing"),
    [("gt4py @ git+https://a.org/b", True), ("../gt4py", True), ("gt4py==1.1; python_version > '3'", False)],
)
def test_the_version_of_an_address_says_nothing(requirement: str, says_nothing: bool) -> None:
    assert addressed([requirement]) == says_nothing


def test_comments_and_docstrings_do_not_count(tmp_path: Path) -> None:
    def digest(text: str, name: str = "a.py") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return code_digest([path])

    plain = digest("def f(x):\n    return x + 1\n")
    assert digest('"""A."""\n\n\ndef f(x):\n    """B."""\n    return (x + 1)  # c\n') == plain
    assert digest("def f(x):\n    return x + 2\n") != plain
    assert digest("not Python (") != digest("not Python [")
    assert digest("int a; // b", "a.cpp") != digest("int a; // c", "a.cpp")


def test_modules_of_a_port_are_found_where_they_were_imported_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("A = 1\n", encoding="utf-8")
    module = ModuleType("mine")
    module.__file__ = str(tmp_path / "mine.py")
    monkeypatch.setitem(sys.modules, "mine", module)
    assert list(loaded_modules([tmp_path])) == [str(tmp_path / "mine.py")]
    assert not loaded_modules([tmp_path / "elsewhere"])


GENERATED = (
    "double t__797_48_47_gen_0; double q_gen_0; t__797_48_47_gen_0 = q_gen_0; struct Execution140635571982416 {};"
)


def test_lines_and_addresses_in_generated_names_do_not_count() -> None:
    moved = (
        "double q_gen_0; double t__797_50_47_gen_0; t__797_50_47_gen_0 = q_gen_0; struct Execution140635571900000 {};"
    )
    assert canonical(moved).split() == canonical(GENERATED).split()


@pytest.mark.parametrize(
    ("old", "new"),
    [("double q", "float q"), ("= q_gen_0", "= q_gen_0 + 1"), ("0 = q_gen_0", "0 = t__797_48_47_gen_0")],
)
def test_other_generated_code_counts(old: str, new: str) -> None:
    assert old in GENERATED
    assert canonical(GENERATED.replace(old, new)).split() != canonical(GENERATED).split()
