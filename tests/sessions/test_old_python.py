"""A whole session under the oldest Python and NumPy that a port may need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from ice3_bench.errors import Exit
from ice3_bench.reports import load_report

if TYPE_CHECKING:
    from tests.sessions.conftest import Place

BACKEND = """
[[tool.ice3-bench.backends]]
name = "old"
id = "old"
port = "bench/fake_port.py"
python = "{python}"
requirements = ["numpy==1.26.*"]
components = ["ice_adjust"]
domains = ["8x8x16"]
"""


@pytest.mark.parametrize("python", ["3.10", f"3.{min(sys.version_info.minor, 12)}"])
def test_the_probe_runs_under_old_pythons(place: Place, python: str) -> None:
    path = place.project / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8") + BACKEND.format(python=python), encoding="utf-8")
    run = place.bench(backend="old")
    if "which is not installed. Installed:" in run.stderr:
        pytest.skip(f"this machine has no Python {python}")
    assert run.returncode == Exit.OK, run.stderr
    report = load_report(place.results / "old-float64" / "report.json")
    assert report.software.python.startswith(f"{python}.")
    assert report.software.packages["numpy"].startswith("1.26.")
    (benchmark,) = report.benchmarks
    assert {"latency", "peak-memory", "accuracy"} <= set(benchmark.measures)
