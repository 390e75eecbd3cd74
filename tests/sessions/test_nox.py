"""The sessions that nox offers, in this repository and in any other with a matrix."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ice3_bench.errors import Exit
from ice3_bench.nox import _arguments

if TYPE_CHECKING:
    from ice3_bench.settings.matrix import Settings

PROJECT = Path(__file__).parents[2]
NAMES = {
    *("bench-gpu", "bench-upload", "bench-comment", "bencher", "bench-compare", "bench-bisect", "bench-calibrate"),
    *("bench-history",),
    *("bench-cluster", "bench-report", "bench-export", "bench-pack", "bench-table", "port"),
}
FOREIGN = """
[tool.ice3-bench]
precisions = ["float64"]
harness = "git+https://example.org/ice3-bench"

[[tool.ice3-bench.backends]]
name = "JAX"
id = "jax"
port = "bench/port.py"
"""
NOXFILE = "from ice3_bench.nox import sessions\n\nsessions()\n"


def nox(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nox", *arguments],
        cwd=project,
        env={**os.environ, "NO_COLOR": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def sessions(project: Path, *selection: str) -> dict[str, list[str]]:
    shown = nox(project, "-l", "--json", *selection)
    assert shown.returncode == 0, shown.stderr
    return {entry["session"]: entry["tags"] for entry in json.loads(shown.stdout)}


def test_nox_offers_every_cell_and_the_other_sessions(settings: Settings) -> None:
    others = (*NAMES, "tests", "lint", "typecheck")
    assert set(sessions(PROJECT, "-s", *others)) == set(others)
    offered = sessions(PROJECT, "-t", "bench")
    assert set(offered) == {cell.session for cell in settings.cells}
    assert offered["bench-gt_cpu_ifirst-float64"] == ["bench", "float64", "cpu", "compiled"]
    assert "gpu" in offered["bench-dace_gpu_ijk-float32"]


def test_a_backend_added_to_the_table_appears_in_nox_without_another_edit(tmp_path: Path) -> None:
    added = '[[tool.ice3-bench.backends]]\nname = "new"\nid = "new_one"\n\n[tool.pytest.ini_options]'
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8").replace("[tool.pytest.ini_options]", added)
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    shutil.copy(PROJECT / "noxfile.py", tmp_path)
    (tmp_path / "src/ice3_bench").mkdir(parents=True)
    shutil.copy(PROJECT / "src/ice3_bench/nox.py", tmp_path / "src/ice3_bench")
    assert {"bench-new_one-float32", "bench-new_one-float64"} <= set(sessions(tmp_path, "-t", "bench"))


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(FOREIGN, encoding="utf-8")
    (tmp_path / "noxfile.py").write_text(NOXFILE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("text", [None, '[project]\nname = "x"\n', '[tool.ice3-bench]\nharness = "x"\n'])
def test_without_a_matrix_a_port_can_be_begun(tmp_path: Path, text: str | None) -> None:
    (tmp_path / "noxfile.py").write_text(NOXFILE, encoding="utf-8")
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert set(sessions(tmp_path, "-s", *NAMES)) == NAMES


def test_a_backend_without_id_is_told(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text(NOXFILE, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(FOREIGN.replace('id = "jax"\n', ""), encoding="utf-8")
    run = nox(tmp_path, "--list")
    assert run.returncode == 1
    assert run.stderr == "Error: backend 1 of [tool.ice3-bench] in pyproject.toml lacks 'id'.\n"


def test_another_repository_needs_two_lines(foreign: Path) -> None:
    everything = ("bench-jax-float64", *NAMES)
    assert set(sessions(foreign, "-s", *everything)) == set(everything)
    assert sessions(foreign, "-t", "bench") == {"bench-jax-float64": ["bench", "float64", "cpu"]}


class Session:
    """Notes what is installed and run."""

    posargs: tuple[str, ...] = ("--quiet",)

    def __init__(self, folder: str = "own", *, no_install: bool = False) -> None:
        self.bin_paths = (f"{folder}/bin",)
        self._runner = SimpleNamespace(global_config=SimpleNamespace(no_install=no_install))
        self.installed: tuple[str, ...] = ()
        self.ran: tuple[str, ...] = ()
        self.path: list[str] = []

    def install(self, *words: str) -> None:
        self.installed = words

    def run(self, *words: str, env: dict[str, str], **_options: float) -> None:
        self.ran = words
        self.path = env["PATH"].split(os.pathsep)


@pytest.mark.parametrize(
    ("harness", "extra", "installed"),
    [
        ("git+https://example.org/x", "", ("git+https://example.org/x",)),
        ("git+https://example.org/x", "report", ("ice3-bench[report] @ git+https://example.org/x",)),
        ("ice3-bench>=1", "report", ("ice3-bench[report]>=1",)),
        ("-e ../harness", "report", ("-e", "../harness[report]")),
        ("-e .", "", ("-e", ".")),
        ("-e  ../my harness", "report", ("-e", "../my harness[report]")),
        ("ice3-bench @ git+https://example.org/x", "", ("ice3-bench @ git+https://example.org/x",)),
        ("ice3-bench @ git+ssh://git@host/x", "report", ("ice3-bench[report] @ git+ssh://git@host/x",)),
        ("git+ssh://git@host/x", "report", ("ice3-bench[report] @ git+ssh://git@host/x",)),
        ("--pre ice3-bench >= 1; python_version > '3.11'", "", ("--pre", "ice3-bench >= 1; python_version > '3.11'")),
    ],
)
def test_sessions_install_the_harness(
    harness: str, extra: str, installed: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = Session()
    _arguments(harness, "history", extra)(session)  # type: ignore[arg-type]
    assert session.installed == installed
    assert session.ran == ("ice3-bench", "history", "--", "--quiet")
    assert session.path[0] == "own/bin"
    assert session.path[-1] == str(Path(sys.executable).parent)  # uv, if it was installed with nox


def test_what_is_installed_already_is_not_installed_again(tmp_path: Path) -> None:
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    project = tmp_path / "harness" / "pyproject.toml"
    project.parent.mkdir()
    project.write_text("dependencies = []", encoding="utf-8")

    def installed(extra: str = "", *, no_install: bool = False) -> tuple[str, ...]:
        session = Session(str(tmp_path / "environment"), no_install=no_install)
        _arguments(f"-e {project.parent}", "history", extra)(session)  # type: ignore[arg-type]
        assert session.ran
        return session.installed

    whole = ("-e", str(project.parent))
    assert installed(no_install=True) == whole  # nox itself leaves it out
    assert [installed(), installed()] == [whole, ()]
    project.write_text("dependencies = ['rich']", encoding="utf-8")
    assert [installed(), installed()] == [whole, ()]
    assert [installed("report"), installed("report")] == [("-e", f"{project.parent}[report]"), ()]


def test_the_exit_code_of_a_session_is_that_of_the_harness(foreign: Path) -> None:
    programs = foreign / "programs"
    programs.mkdir()
    (programs / "ice3-bench").write_text(f'#!/bin/sh\nexec {sys.executable} -m ice3_bench "$@"\n', encoding="utf-8")
    (programs / "ice3-bench").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    noxfile = "import nox\n\nnox.Session.install = lambda *_: None\n" + NOXFILE
    (foreign / "noxfile.py").write_text(noxfile, encoding="utf-8")
    run = nox(foreign, "--no-venv", "-s", "bench-upload", PATH=path)
    assert run.returncode == Exit.USAGE, run.stderr
    assert "There are no results in" in run.stderr + run.stdout
    both = nox(foreign, "--no-venv", "-s", "bench-upload", "bench-history", PATH=path)
    assert both.returncode == 1  # each session fails alone
