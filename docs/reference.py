"""Write the reference of the user guide from the code: ``python docs/reference.py``, as ``nox -s docs`` does.

The pages are not kept: what they say is in the docstrings, models and parsers that they are made from.
"""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from ice3_bench.compare.bisect import Bisection
from ice3_bench.compare.result import Comparison
from ice3_bench.errors import Exit
from ice3_bench.export.table import Row
from ice3_bench.history.schema import SCHEMA_VERSION
from ice3_bench.measures import MEASURES
from ice3_bench.report import Report
from ice3_bench.settings import policy
from ice3_bench.settings.cluster import Cluster
from ice3_bench.settings.matrix import DEFAULTS, Backend, Flags, Settings
from ice3_bench.show.markdown import markdown_table
from ice3_probe import contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from enum import IntEnum

    from ice3_probe.fields import Field

PROJECT = Path(__file__).parents[1]
TARGET = Path(__file__).parent / "reference"
TABLES: dict[str, type[BaseModel]] = {
    "[tool.ice3-bench]": Settings,
    "[[tool.ice3-bench.backends]]": Backend,
    "[tool.ice3-bench.flags.<compiler>]": Flags,
    "[tool.ice3-bench.history]": policy.HistoryPolicy,
    "[tool.ice3-bench.bencher]": policy.BencherPolicy,
    "[tool.ice3-bench.*.thresholds.<measure>]": policy.Threshold,
    "[tool.ice3-bench.cluster.<name>]": Cluster,
}
FORMATS: dict[str, tuple[type[BaseModel], str]] = {
    "report": (Report, "`results/<cell>/report.json`: everything that a session measured, every round included."),
    "comparison": (Comparison, "`results/comparison.json`: what `bench-compare` found."),
    "bisection": (Bisection, "`results/bisection.json`: what `bench-bisect` found."),
}
INTERFACE = """```{eval-rst}
.. automodule:: ice3_probe.contract
   :members: Cell, Case, Runnable, Unsupported, UnknownComponent, Unavailable, IceAdjustOptions, RainIceOptions,
      active, code_digest
```"""
FIELD_TABLES = ("ICE_ADJUST", "RAIN_ICE", "SEDIMENTATION", "TENDENCIES", "MICROPHYSICS")
WORDS = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "datetime": "date and time"}
"""Types as a reader knows them."""
OPTIONS_OF = {
    **{
        f"bench-{name}": name
        for name in ("compare", "bisect", "calibrate", "table", "history", "report", "export", "pack")
    },
    "bench-cluster": "cluster.submit",
}
"""Commands that describe the arguments that reach them, by session."""


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table in Markdown."""
    return "\n".join(markdown_table(headings, ([str(cell) for cell in row] for row in rows)))


def described(owner: type) -> dict[str, str]:
    """Return the docstring below each attribute of a class and of what it inherits, in one line each."""
    found: dict[str, str] = {}
    for part in reversed(owner.__mro__[:-1]):
        if not part.__module__.startswith("ice3_"):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        assert isinstance(body, ast.ClassDef)  # noqa: S101 (it is the source of a class)
        for node, below in zip(body.body, body.body[1:], strict=False):
            if not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
                continue
            target = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
            if isinstance(target, ast.Name):
                found[target.id] = " ".join(str(below.value.value).split())
        found |= _attributes(part)
    return {name: text.replace("``", "`") for name, text in found.items()}


def _attributes(owner: type) -> dict[str, str]:
    """Return what the section Attributes of a docstring says."""
    section = (inspect.getdoc(owner) or "").partition("Attributes\n----------\n")[2].partition("\n\n")[0]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if not line.startswith(" "):
            names = line.split(", ")
        else:
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def kind_of(annotation: Any) -> str:  # noqa: ANN401 (types are of many types)
    """Write a type in the words of TOML and JSON."""
    parts = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return kind_of(parts[0])
    if origin is Literal:
        return " or ".join(json.dumps(part) for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(kind_of(part) for part in parts if part is not type(None)))
    if origin in (tuple, list):
        return f"list of {kind_of(parts[0])}"
    if origin is dict:
        return f"table of {kind_of(parts[1])}"
    name = getattr(annotation, "__name__", str(annotation))
    return WORDS.get(name, name)


def configuration() -> str:
    """Write the keys of pyproject.toml."""
    parts = [
        "# Configuration",
        "The table `[tool.ice3-bench]` of pyproject.toml. Unknown keys are refused.",
        "A backend without `port` takes what it leaves out from `[tool.ice3-bench.default-port]`.",
    ]
    for name, model in TABLES.items():
        meanings = described(model)
        rows = [
            (
                f"`{field.alias or key}`",
                kind_of(field.annotation),
                _default(model, key),
                meanings.get(key, ""),
            )
            for key, field in model.model_fields.items()
        ]
        parts += [f"## `{name}`", table(("key", "type", "default", "meaning"), rows)]
    return "\n\n".join(parts)


def _default(model: type[BaseModel], key: str) -> str:
    """Write the default of a key; a project's table is completed by ``defaults.toml``."""
    field = model.model_fields[key]
    given = tomllib.loads(DEFAULTS.read_text(encoding="utf-8")) if model is Settings else {}
    if field.is_required() and key not in given:
        return "required"
    value = given[key] if key in given else field.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel | dict):
        return "" if not value or isinstance(value, BaseModel) else "those of `defaults.toml`"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def port() -> str:
    """Write the interface of ports, from the contract and its field tables."""
    parts = [
        "# The interface of a port",
        "[Ports](../ports.md) explains it. This is `ice3_probe.contract`, which a port may import.",
        INTERFACE,
    ]
    for name in FIELD_TABLES:
        fields: tuple[Field, ...] = getattr(contract, name)
        rows = [
            (f"`{f.name}`", f.standard_name, f.units, f.intent, f.dims, ", ".join(f"`{one}`" for one in f.when))
            for f in fields
        ]
        parts += [f"## `{name}`", table(("field", "standard name", "units", "intent", "dimensions", "if"), rows)]
    return "\n\n".join(parts)


def sessions() -> str:
    """Write what ``nox -l`` lists, and the options of the sessions that have some."""
    listed: list[dict[str, Any]] = json.loads(_said("-m", "nox", "-l", "--json", "-k", "bench or not bench"))
    rows = [(f"`{one['session']}`", one["description"], ", ".join(one["tags"])) for one in listed]
    parts = ["# Sessions", "`nox -l` lists them.", table(("session", "what it does", "tags"), rows)]
    for one in listed:
        if command := OPTIONS_OF.get(one["session"]):
            parts += [f"## `nox -s {one['session']} --`", _block(_said("-m", "ice3_bench", command, "--", "--help"))]
    cell = next(one["session"] for one in listed if one["session"].startswith("bench-") and "bench" in one["tags"])
    _, backend, precision = cell.split("-")
    told = _said("-m", "ice3_bench", "bench", "--backend", backend, "--precision", precision, "--", "--help")
    parts += ["## `nox -s bench-<id>-<precision> --`", _block(told)]
    parts += ["## The program `ice3-bench`", _block(_said("-m", "ice3_bench", "--list"))]
    return "\n\n".join(parts)


def _said(*arguments: str) -> str:
    """Run Python in the project; return what it prints."""
    run = subprocess.run([sys.executable, *arguments], cwd=PROJECT, capture_output=True, text=True, check=True)
    return run.stdout


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


def codes() -> str:
    """Write the exit codes."""
    meanings = described(Exit) | {"OK": "Nothing is wrong."}
    members: Iterable[IntEnum] = Exit
    rows = [(int(code), meanings[code.name]) for code in members]
    return f"# Exit codes\n\nOf every session and command.\n\n{table(('code', 'meaning'), rows)}"


def measures() -> str:
    """Write the table of measures."""
    rows = [
        (
            f"`{one.name}`",
            one.unit,
            "larger" if one.larger_is_better else "smaller",
            "yes" if one.gates else "",
            one.title,
        )
        for one in MEASURES.values()
    ]
    head = ("measure", "unit", "better", "needs a threshold", "on Bencher")
    return f"# Measures\n\n[Concepts](../concepts.md) says what they mean.\n\n{table(head, rows)}"


def formats() -> str:
    """Write the files that are kept, and their schemas beside them."""
    parts = ["# File formats", "Each file has a version. A file of a later version is refused, never guessed at."]
    for name, (model, what) in FORMATS.items():
        path = TARGET / f"{name}.schema.json"
        path.write_text(json.dumps(model.model_json_schema(), indent=1), encoding="utf-8")
        meanings = described(model)
        hints = get_type_hints(model)
        rows = [(f"`{key}`", kind_of(hints[key]), meanings.get(key, "")) for key in model.model_fields]
        parts += [f"## {what.partition(':')[0]}", what, table(("field", "type", "meaning"), rows)]
        parts.append(f"JSON schema: {{download}}`{path.name}`.")
    columns = described(Row)
    rows = [(f"`{name}`", columns.get(name, "")) for name in Row._fields]
    parts += ["## The columns of `bench-export`", "In CSV and Parquet.", table(("column", "meaning"), rows)]
    parts.append(
        f"## `results/history.db`\n\nSQLite, schema version {SCHEMA_VERSION}. Its tables may change: read the history "
        "with `bench-export` or `bench-history -- --json`."
    )
    return "\n\n".join(parts)


PAGES = {
    "sessions": sessions,
    "configuration": configuration,
    "port": port,
    "measures": measures,
    "exit_codes": codes,
    "formats": formats,
}


def main() -> None:
    """Write every page."""
    TARGET.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (TARGET / f"{name}.md").write_text(page() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
