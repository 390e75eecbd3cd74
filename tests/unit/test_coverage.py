"""What the configuration of coverage.py says of our packages."""

from __future__ import annotations

import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_a_copy_of_a_package_counts_as_its_source_wherever_it_lies() -> None:
    """A copy that is gone when the tests end would end the report, and one that is left would count a second time."""
    described = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]
    packages = described["run"]["source_pkgs"]
    sources = {path.name: path for path in (*PROJECT.glob("src/ice3_*"), *PROJECT.glob("examples/numpy_port/src/*"))}
    assert set(packages) == {name for name, path in sources.items() if (path / "__init__.py").exists()}
    assert described["paths"] == {
        package: [sources[package].relative_to(PROJECT).as_posix(), f"*/{package}"] for package in packages
    }
