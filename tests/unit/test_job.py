"""What a process of a cell is asked to do: the settings that reach the port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell.probe import make_job, phyex_checkout

if TYPE_CHECKING:
    from pathlib import Path

    from ice3_bench.settings.matrix import Settings
    from ice3_probe.messages import Job


def job_of(settings: Settings, folder: Path, compiler: str | None, phyex: Path | None = None) -> Job:
    cell = settings.cell("numpy", "float64")
    cell = cell.model_copy(update={"backend": cell.backend.model_copy(update={"compiler": compiler})})
    return make_job(folder, cell, ("-O2", "-g"), threads=1, cache=folder, benchmarks=(), profile="strict", phyex=phyex)


@pytest.mark.parametrize(
    ("compiler", "given"),
    [
        (None, set()),
        ("cxx", {"compiler", "compile-args"}),
        ("fc", {"compiler", "compile-args", "profile", "phyex"}),
    ],
)
def test_a_port_gets_what_its_compiler_needs(
    settings: Settings, tmp_path: Path, compiler: str | None, given: set[str]
) -> None:
    own = set(settings.cell("numpy", "float64").backend.settings)
    job = job_of(settings, tmp_path, compiler, tmp_path / "PHYEX")
    assert set(job.cell.settings) == own | given
    if compiler:
        assert job.cell.settings["compile-args"] == "-O2 -g"
    if compiler == "fc":
        assert job.cell.settings["profile"] == "strict"
        assert job.cell.settings["phyex"] == str(tmp_path / "PHYEX")
        assert "phyex" not in job_of(settings, tmp_path, compiler).cell.settings


def test_the_variable_or_the_settings_name_the_checkout(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHYEX_DIR", raising=False)
    named = settings.model_copy(update={"phyex": "../PHYEX"})
    assert phyex_checkout(tmp_path / "project", settings) is None
    assert phyex_checkout(tmp_path / "project", named) == tmp_path / "PHYEX"
    monkeypatch.setenv("PHYEX_DIR", str(tmp_path / "other"))
    assert phyex_checkout(tmp_path / "project", named) == tmp_path / "other"
    monkeypatch.setenv("PHYEX_DIR", "~no-such-user/PHYEX")
    found = phyex_checkout(tmp_path / "project", named)  # who builds says that it is no checkout
    assert found is not None
    assert found.parent.name == "~no-such-user"
