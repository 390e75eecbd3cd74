"""A whole search for the first slower commit, in a repository of its own; slow: nightly."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.compare.conftest import PORT

if TYPE_CHECKING:
    from tests.compare.conftest import Repository


@pytest.mark.slow
def test_a_slower_commit_is_found_beside_one_that_does_not_build(repository: Repository) -> None:
    """Half a minute for each measured comparison; the nightly workflow runs it. Only two of four are measured."""
    repository.change(PORT, 'GENERATED = ""', 'GENERATED = "one"')
    good = repository.commit("good")
    repository.change(PORT, '"""Return an array', '"""Return, as before, an array')
    repository.commit("documentation")
    repository.change(PORT, "def create(", "def create")
    repository.commit("broken")
    repository.change(PORT, "def create", "def create(")
    repository.change(PORT, '"ice_adjust": 40', '"ice_adjust": 80')
    slower = repository.commit("more work")
    repository.change(PORT, '"""Return, as before,', '"""Return')
    repository.commit("documentation again")
    command = repository.command("--good", good, "--benchmark", "ice_adjust/small/float64/16x16x60", "--budget", "15")
    command[3:7] = ["bisect", "--"]
    run = subprocess.run(
        command, cwd=repository.project, env=repository.environment, capture_output=True, text=True, check=False
    )
    output = " ".join(run.stdout.split())
    stored = json.loads((repository.results / "bisection.json").read_text(encoding="utf-8"))
    assert slower in stored["suspects"], run.stderr
    assert stored["suspects"][-1] == slower
    verdicts = {step["subject"]: step["finding"]["verdict"] for step in stored["steps"]}
    assert verdicts["documentation again"] == "slower"
    assert verdicts["broken"] is None
    assert verdicts["documentation"] == "same"
    assert run.returncode == 1  # the one that does not build may be the first slower one
    assert "The first slower commit is one of" in output
    assert repository.nothing_is_left()
