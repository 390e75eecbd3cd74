from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.errors import UsageError
from ice3_bench.settings.matrix import load_settings, parse_domain

if TYPE_CHECKING:
    from ice3_bench.settings.matrix import Settings

PROJECT = Path(__file__).parents[2]
BACKENDS = {"debug", "numpy", "gt:cpu_ifirst", "gt:cpu_kfirst", "gt:gpu", "dace:cpu", "dace:gpu"}


def test_the_matrix_has_seven_backends_in_two_precisions(settings: Settings) -> None:
    """At least: one that a user adds must not break the tests."""
    assert {backend.name for backend in settings.backends} >= BACKENDS
    assert len({cell.id for cell in settings.cells}) == len(settings.backends) * len(settings.precisions)
    assert settings.cell("gt:cpu_ifirst", "float64").session == "bench-gt_cpu_ifirst-float64"


def test_a_backend_is_found_by_name_and_by_id(settings: Settings) -> None:
    assert settings.backend("gt:gpu") is settings.backend("gt_gpu")


def test_a_cell_is_found_by_its_id(settings: Settings) -> None:
    assert settings.cell_by_id("dace_cpu-float32") == settings.cell("dace:cpu", "float32")


@pytest.mark.parametrize(
    ("backend", "precision", "named"),
    [("gt:cpu", "float64", "'gt:cpu_ifirst'"), ("numpy", "float16", "'float32', 'float64'")],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(
    settings: Settings, backend: str, precision: str, named: str
) -> None:
    with pytest.raises(UsageError, match="Unknown") as caught:
        settings.cell(backend, precision)
    assert named in str(caught.value)


def test_an_unknown_cell_lists_the_known_ones(settings: Settings) -> None:
    with pytest.raises(UsageError, match="'numpy-float32'"):
        settings.cell_by_id("numpy-float16")


@pytest.mark.parametrize("text", ["50x50", "0x1x2", "axbxc", "50X50X60", "-1x2x3", ""])
def test_a_bad_domain_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="50x50x60"):
        parse_domain(text)


def write_project(folder: Path, old: str, new: str) -> Path:
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "pyproject.toml").write_text(text.replace(old, new), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "numpy"', 'id = "num:py"', "backends.1.id"),
        ('id = "numpy"', 'id = "debug"', "given twice: debug"),
        ('domains = ["4x4x20"]', "domains = []", "backends.0.domains"),
        ('domains = ["4x4x20"]', 'domains = ["4x4"]', "50x50x60"),
        ('device = "gpu"', 'device = "tpu"', "device"),
        ("threads = 1\n", "threads = 0\n", "threads"),
        ("[tool.ice3-bench", "[tool.ice3-bunch", "no table"),
        ('id = "numpy"', "id = ", "not valid TOML"),
        ("strict = [", "strikt = [", "profile 'strict' is missing"),
    ],
)
def test_a_wrong_table_names_the_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(write_project(tmp_path, old, new))
    assert message in str(caught.value)


def test_a_missing_pyproject_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read"):
        load_settings(tmp_path)


def sessions(project: Path, *selection: str) -> dict[str, list[str]]:
    shown = subprocess.run(
        [sys.executable, "-m", "nox", "-l", "--json", *selection],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    return {entry["session"]: entry["tags"] for entry in json.loads(shown.stdout)}


def test_nox_offers_every_cell_and_the_other_sessions(settings: Settings) -> None:
    others = ("bench-upload", "tests", "lint", "typecheck")
    assert set(sessions(PROJECT, "-s", *others)) == set(others)
    offered = sessions(PROJECT, "-t", "bench")
    assert set(offered) == {cell.session for cell in settings.cells}
    assert "bench" in offered["bench-gt_cpu_ifirst-float64"]
    assert "gpu" in offered["bench-dace_gpu-float32"]


def test_a_backend_added_to_the_table_appears_in_nox_without_another_edit(tmp_path: Path) -> None:
    added = '[[tool.ice3-bench.backends]]\nname = "dace:cpu_KJI"\nid = "dace_cpu_kji"\ndevice = "cpu"\nextra = "dace"\n'
    added += 'tags = ["cpu"]\ndomains = ["8x8x20"]\n\n[tool.pytest.ini_options]'
    project = write_project(tmp_path, "[tool.pytest.ini_options]", added)
    (project / "noxfile.py").write_text((PROJECT / "noxfile.py").read_text(encoding="utf-8"), encoding="utf-8")
    names = set(sessions(project, "-t", "bench"))
    assert {"bench-dace_cpu_kji-float32", "bench-dace_cpu_kji-float64"} <= names
    assert load_settings(project).cell("dace:cpu_KJI", "float32").id == "dace_cpu_kji-float32"
