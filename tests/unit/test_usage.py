"""What the sessions say of their arguments: the same as the commands, and told by nox alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench import nox as sessions
from ice3_bench import usage
from ice3_bench.cell.options import parse_arguments
from ice3_bench.commands import namespace
from ice3_bench.errors import Exit
from ice3_bench.names import PRESETS
from ice3_probe.messages import ARRANGEMENTS

if TYPE_CHECKING:
    from ice3_bench.settings.matrix import Settings

SOURCE = Path(usage.__file__).parents[1]
NOXFILE = """
import importlib.util, sys
import nox

nox.Session.install = lambda *_: sys.exit("something was installed")
spec = importlib.util.spec_from_file_location("bench_nox", {path!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.sessions()
"""
TABLE = '[tool.ice3-bench]\nthreads = 3\n\n[[tool.ice3-bench.backends]]\nname = "JAX"\nid = "{id}"\n'


def test_the_arrangements_and_domains_are_those_of_the_probe(settings: Settings) -> None:
    assert usage.ARRANGEMENTS == ARRANGEMENTS
    assert all(preset in usage.bench_parser().format_help() for preset in PRESETS)
    assert parse_arguments([], settings).threads == settings.threads


def test_the_sessions_of_nox_know_the_exit_code_of_wrong_usage() -> None:
    assert sessions.USAGE == Exit.USAGE


@pytest.mark.parametrize("group", usage.GROUPS)
def test_the_commands_of_a_group_are_those_that_it_tells(group: str) -> None:
    tasks = {str(task.name): task for task in namespace.collections[group].tasks.values()}
    assert tasks.keys() == usage.GROUPS[group].keys()
    for name, command in usage.GROUPS[group].items():
        assert (tasks[name].body.__doc__ or "").strip() == command.what
        options = {option.name.replace("_", "-") for option in tasks[name].get_arguments()}
        assert options == command.options.keys()
        assert f"--{next(iter(command.options))}" in usage.group_help(group)


def nox(folder: Path, *words: str, backend: str = "jax") -> subprocess.CompletedProcess[str]:
    """Run nox in an empty project, with nothing importable but nox itself."""
    (folder / "pyproject.toml").write_text(TABLE.format(id=backend), encoding="utf-8")
    text = NOXFILE.format(path=str(SOURCE / "ice3_bench" / "nox.py"))
    (folder / "noxfile.py").write_text(text, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", "nox", *words],
        cwd=folder, env={**kept, "NO_COLOR": "1"}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("session", "told"),
    [
        ("bench-jax-float64", "threads that compute (default: 3)"),
        ("bencher", "check: Check the connection to Bencher"),
        ("port", "--backend"),
    ],
)
def test_help_needs_neither_an_environment_nor_the_harness(tmp_path: Path, session: str, told: str) -> None:
    shown = nox(tmp_path, "-s", session, "--", "--help")
    assert shown.returncode == 0, shown.stderr
    assert told in shown.stdout
    assert not (tmp_path / ".nox" / session).exists()


@pytest.mark.parametrize("arguments", [("--threads", "x"), ("--arrangement", "heap"), ("--profile", "fast")])
def test_a_wrong_argument_is_told_before_anything_is_installed(tmp_path: Path, arguments: tuple[str, str]) -> None:
    refused = nox(tmp_path, "--no-venv", "-s", "bench-jax-float64", "--", *arguments)
    assert refused.returncode == Exit.USAGE, refused.stdout
    assert f"argument {arguments[0]}: invalid" in refused.stderr


@pytest.mark.parametrize("backend", ["Upper", "with-dash", "gt:cpu", "", 65 * "a"])
def test_an_id_that_cannot_be_a_part_of_a_name_is_told_by_nox(tmp_path: Path, backend: str) -> None:
    shown = nox(tmp_path, "--list", backend=backend)
    assert shown.returncode == 1
    assert shown.stderr.startswith(f"Error: the id '{backend}' of backend 1 of [tool.ice3-bench] in pyproject.toml")


def test_an_invoked_task_tells_its_options_and_names_those_that_are_missing(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ice3_bench", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    for task in ("accuracy", "bench", "port.new", "reference.make"):
        shown = run(task, "--help")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "Options:" in shown.stdout
    missing = run("accuracy", "--backend", "numpy")
    assert missing.returncode == Exit.USAGE
    assert missing.stderr == "Error: --precision must be given: --help lists the options.\n"
