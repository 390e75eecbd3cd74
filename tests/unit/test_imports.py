"""The packages are divided by where code runs: which one may import what, without exception."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SOURCE = PROJECT / "src"
PACKAGES = ("ice3_gt4py", "ice3_probe", "ice3_bench")
OURS = (*PACKAGES, "tasks")
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
LONGEST = 350
TABLES = ("ice3_probe/messages.py",)
"""Modules that are lists of like things, and may be longer."""


@dataclass(frozen=True)
class Import:
    """An import statement, and whether it runs only when a function is called."""

    file: Path
    line: int
    module: str
    inside: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file.relative_to(PROJECT)}:{self.line} imports {self.module}"


def name_of(path: Path) -> str:
    """Return the dotted name of a module below src, or of one of tasks."""
    relative = path.relative_to(SOURCE if path.is_relative_to(SOURCE) else PROJECT).with_suffix("")
    return ".".join(relative.parts).removesuffix(".__init__")


@cache
def files(package: str) -> tuple[Path, ...]:
    return tuple(sorted(((PROJECT if package == "tasks" else SOURCE) / package).rglob("*.py")))


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """All imports of a file, also those inside functions and those for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    inside = {id(inner) for function in functions for inner in ast.walk(function)}
    found = []
    modules = {name_of(file) for package in OURS for file in files(package)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert node.level == 0, f"{path} has a relative import"
            module = node.module or ""
            whole = [f"{module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else module for name in whole]
        found += [Import(path, node.lineno, name, id(node) in inside) for name in dict.fromkeys(names)]
    return tuple(found)


def all_imports(package: str) -> list[Import]:
    return [one for path in files(package) for one in imports(path)]


def foreign(package: str) -> list[Import]:
    """Imports of a package that are neither its own modules nor the standard library's."""
    return [one for one in all_imports(package) if one.top != package and one.top not in sys.stdlib_module_names]


def refused(found: list[Import], allowed: set[str]) -> list[str]:
    """Imports that are neither ``allowed`` modules nor inside allowed packages."""
    return [str(one) for one in found if one.module not in allowed and one.top not in allowed]


def dependencies() -> set[str]:
    """Import names of the project's dependencies, those of its optional commands included."""
    extras = PYPROJECT["project"]["optional-dependencies"]
    groups = [*PYPROJECT["project"]["dependencies"], *extras["report"], *extras["export"], *extras["cluster"]]
    return {re.split(r"[^A-Za-z0-9_.-]", one)[0].replace("-", "_").lower() for one in groups if isinstance(one, str)}


def test_a_port_knows_of_the_probe_only_the_contract() -> None:
    allowed = {"gt4py", "numpy", "setuptools", "cupy", "ice3_probe.contract", "__externals__"}  # the last is GTScript's
    assert not refused(foreign("ice3_gt4py"), allowed)


def test_the_probe_knows_no_port_and_no_harness() -> None:
    allowed = {"numpy", "h5netcdf", "pytest", "pytest_benchmark", "memray", "cupy", "cupyx"}
    explaining = SOURCE / "ice3_probe" / "explain"
    found = foreign("ice3_probe")
    assert not refused([one for one in found if one.file.parent != explaining], allowed)
    assert not refused([one for one in found if one.file.parent == explaining], {*allowed, "numpy_ice3"})


def test_only_the_pass_that_explains_needs_the_numpy_implementation() -> None:
    """It is not on the path of the others: docs/adr/0015."""
    users = [one for one in all_imports("ice3_probe") if one.module.startswith("ice3_probe.explain")]
    outside = [one for one in users if one.file.parent.name != "explain"]
    assert [(one.file.name, one.inside) for one in outside] == [("__main__.py", True)]


@pytest.mark.parametrize("package", ["ice3_probe", "ice3_gt4py"])
def test_cupy_is_imported_inside_functions_only(package: str) -> None:
    assert not [str(one) for one in all_imports(package) if one.top in ("cupy", "cupyx") and not one.inside]


def test_the_harness_knows_the_messages_of_the_probe_and_no_port() -> None:
    assert not refused(foreign("ice3_bench"), {*dependencies(), "ice3_probe.messages", "nox"})


def test_nox_is_imported_where_sessions_are_defined_only() -> None:
    users = {one.file.name for package in OURS for one in all_imports(package) if one.top == "nox"}
    assert users <= {"nox.py"}


def test_the_sessions_of_nox_need_nox_only() -> None:
    (path,) = [path for path in files("ice3_bench") if path.name == "nox.py"]
    assert {one.top for one in imports(path) if one.top not in sys.stdlib_module_names} == {"nox"}


def test_the_messages_need_the_standard_library_only() -> None:
    waiting, seen = ["ice3_probe.messages"], set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        path = SOURCE / Path(*name.split(".")).with_suffix(".py")
        for one in imports(path):
            if one.top == "ice3_probe":
                waiting += [one.module] if one.module not in seen else []
            else:
                checked_only = one.top == "numpy"  # for type checkers; this is proven below
                assert one.top in sys.stdlib_module_names or checked_only, str(one)
    code = "import sys; import ice3_probe.messages; assert not sys.modules.keys() & {'numpy', 'h5netcdf'}"
    import subprocess  # noqa: PLC0415

    subprocess.run([sys.executable, "-c", code], check=True)


def test_tasks_use_the_harness_only() -> None:
    assert not refused(foreign("tasks"), {"invoke", "pydantic", "rich", "ice3_bench"})


@pytest.mark.parametrize("package", OURS)
def test_imports_have_no_circle(package: str) -> None:
    """Imports inside functions and those for type checkers count too."""
    modules = {name_of(path): path for path in files(package)}
    graph = {
        name: {one.module for one in imports(path) if one.module in modules and one.module != name}
        for name, path in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import circle: {' -> '.join(error.args[1])}")


def test_no_module_is_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for package in OURS for path in files(package)}
    long = {name_of(path): length for path, length in lengths.items() if length > LONGEST}
    assert {f"{name.replace('.', '/')}.py" for name in long} == set(TABLES), long


@pytest.mark.parametrize("package", OURS)
def test_nothing_edits_the_path_or_reads_the_environment_at_import(package: str) -> None:
    for path in files(package):
        text = path.read_text(encoding="utf-8")
        assert "sys.path" not in text, path
        tree = ast.parse(text)
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
                source = ast.unparse(node)
                assert "os.environ" not in source, f"{path}:{node.lineno}"


def test_no_backend_is_named_in_code() -> None:
    """Nor is a cell: defaults and messages have to suit any project's matrix."""
    matrix = PYPROJECT["tool"]["ice3-bench"]
    names = {backend[key] for backend in matrix["backends"] for key in ("name", "id")} - {"numpy", "debug"}
    names |= {f"{backend['id']}-{precision}" for backend in matrix["backends"] for precision in matrix["precisions"]}
    for path in (path for package in OURS for path in files(package)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names:
                pytest.fail(f"{path}:{node.lineno} names the backend or cell {node.value}: it belongs in the matrix")
