"""Names of testbeds at Bencher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ice3_bench.bencher.document import LONGEST_TESTBED, PHYSICS_DIFFERS, draft, in_weather, physics_differs
from ice3_bench.report import Commit, FieldError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings


@pytest.mark.parametrize(
    "name", ["laptop", 46 * "a", 47 * "a", 64 * "a", 32 * "é", "b" + 31 * "é", 36 * "a" + 28 * " b"]
)
def test_the_testbed_of_wrong_physics_has_a_name_that_bencher_takes(name: str) -> None:
    made = physics_differs(name)
    assert len(made.encode()) <= LONGEST_TESTBED
    assert made == made.strip()
    assert made.endswith(PHYSICS_DIFFERS)
    if len(name.encode()) <= 46:
        assert made == f"{name} (physics differs)"


def test_shortened_names_stay_apart() -> None:
    assert physics_differs(60 * "a" + "1") != physics_differs(60 * "a" + "2")


def test_other_weather_is_sent_as_another_testbed(make_report: Callable[..., Report], settings: Settings) -> None:
    shuffled = make_report()
    coherent = make_report(protocol=shuffled.protocol.model_copy(update={"arrangement": "coherent"}))
    sent = [one.testbed for one in draft([shuffled, coherent], settings.bencher, None, {})]
    assert sent == ["laptop", "laptop (coherent weather)"]
    assert in_weather(64 * "a", "shuffled") == 64 * "a"
    both = {physics_differs(in_weather(60 * "a" + end, "coherent")) for end in ("1", "2")}
    assert len(both) == 2
    assert all(len(name.encode()) <= LONGEST_TESTBED for name in both)


def test_a_report_of_wrong_physics_from_a_machine_with_a_long_name_is_sent(
    make_report: Callable[..., Report], settings: Settings
) -> None:
    wrong = FieldError(data_set="one", component="ice_adjust", field="rvs", error=1.0, tolerance=1e-12, passed=False)
    report = make_report(accuracy=[wrong], accuracy_policy="report")
    report.machine.testbed = 64 * "a"
    problems: dict[str, str] = {}
    (one,) = draft([report], settings.bencher, None, problems)
    assert not problems
    assert one.testbed == physics_differs(64 * "a")
    report.machine.testbed = 65 * "a"
    assert not draft([report], settings.bencher, None, problems)
    assert "Bencher takes 1 to 64" in problems[report.id]


@pytest.mark.parametrize("branch", ["x.lock", "a@{b", "a//b", ".x"])
def test_a_branch_that_bencher_refuses_is_named_before_anything_is_sent(
    make_report: Callable[..., Report], settings: Settings, branch: str
) -> None:
    report, problems = make_report(commit=Commit(hash="0" * 40, branch=branch)), dict[str, str]()
    assert not draft([report], settings.bencher, None, problems)
    assert (
        f"'{branch}' as the name of a branch. Choose another with the variable BENCHER_BRANCH." in problems[report.id]
    )
