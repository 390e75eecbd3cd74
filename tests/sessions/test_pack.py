"""Cells packed into an archive, and measured elsewhere without network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tests.sessions.conftest import Place

from ice3_bench.bencher.document import draft
from ice3_bench.errors import Exit
from ice3_bench.reports import load_report
from ice3_bench.settings.matrix import load_settings

pytestmark = pytest.mark.slow

CELL = "packed-float64"
BACKEND = """
[[tool.ice3-bench.backends]]
name = "packed"
id = "packed"
port = "bench/fake_port.py"
components = ["ice_adjust"]
compiler = "cxx"
domains = ["8x8x16"]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A repository with one commit and a backend that can be packed."""
    place = Place(tmp_path_factory.mktemp("home"))
    path = place.project / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8") + BACKEND, encoding="utf-8")
    (place.project / ".gitignore").write_text(".cache/\n", encoding="utf-8")
    git(place, "init", "--quiet", "--initial-branch=rain")
    git(place, "add", ".")
    git(place, "commit", "--quiet", "--message=first")
    return place


@pytest.fixture(scope="module")
def archive(home: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "pack.tar.gz"
    run = home.harness("pack", "--", "--cells", CELL, "--output", str(path))
    assert run.returncode == Exit.OK, run.stderr
    assert re.search(rf"Wrote .*pack\.tar\.gz: [\d.]+ MiB, {CELL}\.", run.stdout)
    assert "ice3-bench-pack/run" in run.stdout
    return path


def git(place: Place, *arguments: str) -> str:
    run = place.run("git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def unpack(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / "ice3-bench-pack"


def run_on_node(unpacked: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run without network, if that can be had, under a Python that has none of the packages."""
    without_network = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*without_network, "true"], check=False).returncode:
        without_network = []
    return subprocess.run(
        [*without_network, "bash", str(unpacked / "run"), *arguments],
        cwd=unpacked.parent,
        env={"PATH": os.environ["PATH"], "PYTHON": os.path.realpath(sys.executable), "HOME": str(unpacked.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_a_packed_cell_is_measured_elsewhere_and_uploaded_at_home(home: Place, archive: Path, tmp_path: Path) -> None:
    unpacked, back = unpack(archive, tmp_path / "node"), tmp_path / "back"
    arguments = ("--output", str(back), "--", "--benchmark-max-time=0.01")
    run = run_on_node(unpacked, *arguments)
    assert run.returncode == Exit.OK, run.stderr
    commit = git(home, "rev-parse", "HEAD")
    summary = (back / "summary.txt").read_text(encoding="utf-8")
    assert re.fullmatch(rf"Revision {commit}\n{CELL} +complete\n", summary)
    with tarfile.open(back / "results.tar.gz") as file:
        assert {f"results/{CELL}/{name}" for name in ("report.json", "compile.log", "timing.log")} <= set(
            file.getnames()
        )
        file.extractall(home.results.parent, filter="data")

    report = load_report(home.results / CELL / "report.json")
    assert (report.commit.hash, report.commit.branch, report.commit.dirty) == (commit, "rain", False)
    packed = json.loads((unpacked / "pack.json").read_text(encoding="utf-8"))["sites"]["packed"]["packages"]
    assert {"python": report.software.python, **report.software.packages} == packed
    stencils = [{one.name for one in folder.iterdir()} for folder in (unpacked / "stencils", stencils_of(unpacked))]
    assert stencils[0] == stencils[1]  # what was compiled at home was found
    problems: dict[str, str] = {}
    (submission,) = draft([report], load_settings(home.project).bencher, None, problems)
    assert not problems
    assert (submission.branch, submission.commit) == ("rain", commit)
    uploaded = home.harness("upload")
    assert "Stored 1 new report" in uploaded.stdout, uploaded.stderr

    again = run_on_node(unpacked, *arguments)
    assert again.returncode == Exit.OK
    assert re.search(rf"{CELL} +complete already", again.stdout)
    assert load_report(unpacked / "results" / CELL / "report.json").id == report.id


def stencils_of(unpacked: Path) -> Path:
    return unpacked / "project" / ".cache" / "stencils"


def test_a_package_that_is_nowhere_is_named_with_the_remedy(archive: Path, tmp_path: Path) -> None:
    unpacked = unpack(archive, tmp_path)
    for path in (unpacked / "sites" / "packed").glob("h5netcdf*"):
        shutil.rmtree(path)
    run = run_on_node(unpacked)
    assert run.returncode == Exit.FAILED
    assert "needs h5netcdf, which neither the archive nor " in run.stderr
    assert "--on-node" in run.stderr
    assert f"{CELL:<32} not complete\n" in run.stdout


def test_other_versions_than_were_packed_are_said(archive: Path, tmp_path: Path) -> None:
    unpacked = unpack(archive, tmp_path)
    (manifest,) = unpacked.glob("pack.json")
    packed = json.loads(manifest.read_text(encoding="utf-8"))
    version, packed["sites"]["packed"]["packages"]["numpy"] = packed["sites"]["packed"]["packages"]["numpy"], "1.0"
    manifest.write_text(json.dumps(packed), encoding="utf-8")
    run = run_on_node(unpacked, "--", "--benchmark-max-time=0.01")
    assert f"other versions than were packed: numpy {version} instead of 1.0." in run.stdout
    assert load_report(unpacked / "results" / CELL / "report.json").software.packages["numpy"] == version


def test_the_log_of_a_failed_compilation_is_where_the_error_says(home: Place, archive: Path) -> None:
    output = archive.with_name("failed.tar.gz")
    run = home.harness("pack", "--", "--cells", CELL, "--output", str(output), misbehaviour="compile-crash")
    assert run.returncode == Exit.FAILED
    named = re.search(r"(\S+compile\.log)", run.stderr)
    assert named, run.stderr
    assert Path(named[1]).parent.parent == output.parent
    assert "template depth exceeded" in Path(named[1]).read_text(encoding="utf-8")
    assert not output.exists()


def test_what_is_measured_in_the_current_environment_is_refused(home: Place) -> None:
    run = home.harness("pack", "--", "--cells", "fake-float64")
    assert run.returncode == Exit.USAGE
    assert "Backend 'a fake' cannot be packed" in run.stderr
    assert 'python = "current"' in run.stderr
