"""Comparisons of what runs the same code, and of one revision under two sets of packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.compare.conftest import PORT

if TYPE_CHECKING:
    from tests.compare.conftest import Repository

QUICK = ("--budget", "0.1", "--benchmarks", "beta")


@pytest.fixture
def telling(repository: Repository) -> Repository:
    """A port that tells its generated code."""
    repository.change(PORT, 'GENERATED = ""', 'GENERATED = "one"')
    repository.commit()
    return repository


def test_the_same_code_is_the_same_without_being_measured(telling: Repository) -> None:
    telling.change(PORT, '    """Return an array at', '    # A comment.\n    """Return, as ever, an array at')
    run = telling.compare("--base", "HEAD", *QUICK)
    assert run.returncode == 0, run.stderr
    found = telling.benchmarks["ice_adjust:beta"]
    assert found.decision is not None
    assert (found.decision.verdict, found.decision.pairs, found.seconds) == ("same", 0, 0.0)
    assert found.base_bytes is not None
    output = " ".join(run.stdout.split())
    assert "not measured, since both sides run the same generated code and Python code" in output
    assert "numpy" in output


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('GENERATED = "one"', 'GENERATED = "two"'),  # other generated code
        ('"ice_adjust:beta": 40', '"ice_adjust:beta": 41'),  # other code around it
        ('GENERATED = "one"', 'GENERATED = ""'),  # one that is not known
    ],
)
def test_other_code_is_measured(telling: Repository, old: str, new: str) -> None:
    telling.change(PORT, old, new)
    telling.compare("--base", "HEAD", *QUICK)
    decision = telling.benchmarks["ice_adjust:beta"].decision
    assert decision is not None
    assert decision.pairs > 0


def test_the_same_code_is_measured_on_request(telling: Repository) -> None:
    telling.compare("--base", "HEAD", "--measure", *QUICK)
    decision = telling.benchmarks["ice_adjust:beta"].decision
    assert decision is not None
    assert decision.pairs > 0


def test_one_revision_is_compared_under_two_sets_of_packages(telling: Repository) -> None:
    """uv is a stand-in: the first comparison has the same versions on both sides, the second lacks a package."""
    run = telling.compare("--with", "numpy>=1.27", "another", "--against", "numpy>=1.26", *QUICK)
    assert run.returncode == 0, run.stderr
    found = telling.comparison
    assert found.base.commit == found.contender.commit
    assert (found.base.requirements, found.contender.requirements) == (["numpy>=1.26"], ["numpy>=1.27", "another"])
    assert "with numpy>=1.27 another" in " ".join(run.stdout.split())
    assert len(list((telling.project / ".cache/environments").glob("*/complete"))) == 2
    run = telling.compare("--with", "no-such-package", *QUICK)
    assert run.returncode == 1
    (benchmark,) = telling.comparison.benchmarks
    assert benchmark.at_fault == "contender"
    assert "no-such-package was not found" in str(benchmark.missing)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--with", "gt4py=1"), "'gt4py=1' is not a requirement"),
        (("--with",), "expected at least one argument"),
    ],
)
def test_what_is_no_requirement_is_refused(repository: Repository, arguments: tuple[str, ...], message: str) -> None:
    run = repository.compare(*arguments)
    assert run.returncode == 2
    assert message in run.stderr


def test_packages_of_the_harness_cannot_be_changed(repository: Repository) -> None:
    repository.change(
        "pyproject.toml",
        'port = "small.port"\npythonpath = ["src"]\nreq',
        'python = "current"\nport = "small.port"\npythonpath = ["src"]\nreq',
    )
    run = repository.compare("--with", "numpy<2")
    assert run.returncode == 2
    assert 'small-float64 is measured in the environment of ice3-bench (python = "current")' in run.stderr
