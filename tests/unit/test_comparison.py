"""What comes of a comparison: records, verdicts of both clocks, accuracy, exit codes, tables, calibrations."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ice3_bench.cell.records import field_errors
from ice3_bench.compare.accuracy import Accuracy, compare_accuracy
from ice3_bench.compare.calibration import Calibration, Trials, known, place
from ice3_bench.compare.cases import counted, cpu_cells, default_cell, select
from ice3_bench.compare.instructions import require_valgrind
from ice3_bench.compare.pairs import Pairs, Protocol, judge, measure
from ice3_bench.compare.result import (
    BenchmarkComparison,
    CellComparison,
    Compared,
    Comparison,
    Count,
    Inaccuracy,
    exit_code,
    load_comparison,
)
from ice3_bench.compare.sides import LABELS, Label, Sides
from ice3_bench.compare.verdict import Decision, Rule, Verdict
from ice3_bench.components import checked_with
from ice3_bench.errors import UsageError
from ice3_bench.show.comparison import calibration_table, comparison_markdown, comparison_table
from ice3_bench.show.console import make_console
from ice3_bench.show.remarks import marks
from ice3_probe.messages import ARRANGEMENTS, Benchmark, Checked, FieldError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.report import Report
    from ice3_bench.settings.matrix import Settings

CASE = Benchmark("ice_adjust/numpy/float64/8x8x20", "ice_adjust", (8, 8, 20), "rich")


def compared(verdict: Verdict = Verdict.SAME, **changes: Any) -> Comparison:
    """Return a comparison of one benchmark; ``changes`` replace its fields."""
    fields: dict[str, Any] = {
        "name": "ice_adjust/a|b/float64/8x8x20",
        "component": "ice_adjust",
        "decision": Decision(verdict, 0.0, -0.01, 0.01, 1.0, 0.012, 8, "because | of this"),
        "base_ns": 1.0,
        "contender_ns": 1.0,
        "wall_change": 0.0,
        "preempted": 0.0,
        "base_bytes": 10_000_000,
        "contender_bytes": 10_000_000,
    }
    cell = CellComparison(cell="numpy-float64", benchmarks=[BenchmarkComparison(**{**fields, **changes})])
    return Comparison(
        base=Compared(name="main", commit="0" * 40),
        contender=Compared(name="worktree", commit="1" * 40, uncommitted=True),
        calibration="none",
        cells=[cell],
    )


# Records -----------------------------------------------------------------------------------------------------------


def test_a_comparison_is_read_as_it_was_written(tmp_path: Path) -> None:
    comparison = compared(instructions=Count(base=100, contender=103), at_fault="base", marked="not ready")
    comparison.cells[0].less_accurate.append(inaccuracy(2e-12, failed=True))
    path = tmp_path / "comparison.json"
    path.write_text(comparison.as_json(), encoding="utf-8")
    assert load_comparison(path) == comparison
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["schema_version"] == 1
    (benchmark,) = written["cells"][0]["benchmarks"]
    assert benchmark["larger"] is False
    assert benchmark["instructions"]["verdict"] == "more"
    assert written["cells"][0]["less_accurate"][0]["counts"] is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"base": "a", "contender": "b", "cells": []}', "written by an earlier version of ice3-bench"),
        ('{"schema_version": 2}', "written by a later version of ice3-bench"),
        ('{"schema_version": 1}', r"not a valid comparison \(base: Field required\)"),
        ("[]", "not a comparison"),
        ("no JSON", "not a comparison"),
    ],
)
def test_another_file_is_told_from_a_comparison(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "comparison.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"{said}.*nox -s bench-compare"):
        load_comparison(path)


def test_the_sides_have_names_not_an_order() -> None:
    sides = Sides(contender="c", base="b")
    assert sides.items() == (("base", "b"), ("contender", "c"))
    assert [sides[label] for label in LABELS] == list(sides) == ["b", "c"]
    assert sides.map(str.upper) == Sides("B", "C") == Sides.of(lambda label: label[0].upper())


@pytest.mark.parametrize(("contender", "verdict"), [(1_000_100, "equal"), (1_002_000, "more"), (998_000, "fewer")])
def test_counts_differ_from_a_thousandth(contender: int, verdict: str) -> None:
    assert Count(base=1_000_000, contender=contender).verdict == verdict


# Which benchmarks ----------------------------------------------------------------------------------------------------


def test_the_benchmarks_are_those_of_the_matrix(settings: Settings) -> None:
    cell = settings.cell_by_id("numpy-float64")
    chosen = select([cell])["numpy-float64"]
    assert chosen[0] == Benchmark("ice_adjust/numpy/float64/16x16x60", "ice_adjust", (16, 16, 60), "rich")
    assert {"rain_ice/numpy/float64/16x16x60/rich", "rain_ice/numpy/float64/16x16x60/typical"} < {
        one.name for one in chosen
    }
    (only,) = select([cell], "4x4x20", ["ice_adjust"])["numpy-float64"]
    assert only.domain == (4, 4, 20)
    assert only.arrangement == "coherent"
    assert {one.arrangement for one in select([cell], arrangement="shuffled")[cell.id]} == {"shuffled"}
    with pytest.raises(UsageError, match="No benchmark contains hail: there are ice_adjust/numpy"):
        select([cell], None, ["hail"])


def test_chosen_components_replace_those_of_the_cell(settings: Settings) -> None:
    cell = settings.cell_by_id("numpy-float64")
    chosen = select([cell], components=["ice_adjust:modular", "rain_ice:sedimentation"])[cell.id]
    assert [one.name for one in chosen] == [
        "ice_adjust:modular/numpy/float64/16x16x60",
        "rain_ice:sedimentation/numpy/float64/16x16x60/rich",
        "rain_ice:sedimentation/numpy/float64/16x16x60/typical",
        "rain_ice:sedimentation/numpy/float64/16x16x60/sparse",
    ]
    assert checked_with(chosen, cell.backend) == (
        *("ice_adjust:modular", "rain_ice:sedimentation", "ice_adjust", "ice_adjust:adjusted_state"),
    )
    assert not {"ice_adjust:modular", "rain_ice:sedimentation"} & {one.component for one in select([cell])[cell.id]}


def test_instructions_are_counted_on_a_small_domain() -> None:
    large = Benchmark("rain_ice/x/float64/50x50x60/typical", "rain_ice", (50, 50, 60), "typical")
    assert counted(large) == Benchmark("rain_ice/x/float64/16x16x60/typical", "rain_ice", (16, 16, 60), "typical")
    assert counted(CASE) == CASE


def test_gpu_cells_cannot_be_compared(settings: Settings) -> None:
    assert all(cell.backend.device == "cpu" for cell in cpu_cells(settings.cells))
    with pytest.raises(UsageError, match="the clock is CPU time"):
        cpu_cells(settings.select(["gpu"]))


def test_the_default_cell_is_compiled_and_of_this_matrix(settings: Settings) -> None:
    assert default_cell(settings.cells).id == "gt_cpu_ifirst-float64"
    others = [cell for cell in settings.cells if cell.backend.compiler is None]
    assert default_cell(others) == others[0]
    with pytest.raises(UsageError, match="the clock is CPU time"):
        default_cell(settings.select(["gpu"]))


def test_with_a_chain_its_links_and_their_variants_are_checked(settings: Settings) -> None:
    cell = settings.cell("numpy", "float64")
    chain = select([cell], "4x4x20", ["microphysics"])[cell.id]
    assert set(checked_with(chain, cell.backend)) == set(cell.backend.checked) - {"rain_ice:tendencies"}
    part = select([cell], "4x4x20", ["ice_adjust"])[cell.id]
    assert checked_with(part, cell.backend) == ("ice_adjust", "ice_adjust:adjusted_state")


def test_without_valgrind_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="apt-get install valgrind"):
        require_valgrind()


# What comes of it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "changes", "code"),
    [
        (Verdict.SAME, {}, 0),
        (Verdict.FASTER, {}, 0),
        (Verdict.SLOWER, {}, 1),
        (Verdict.UNDECIDED, {}, 4),
        (Verdict.SAME, {"contender_bytes": 10_200_000}, 1),
        (Verdict.SAME, {"contender_bytes": 10_090_000}, 0),
        (Verdict.SAME, {"base_bytes": 150_000, "contender_bytes": 160_000}, 0),  # Python's own objects
        (Verdict.SAME, {"missing": "it does not build", "at_fault": "contender"}, 1),
        (Verdict.SAME, {"missing": "it does not build", "at_fault": "base"}, 4),
    ],
)
def test_the_exit_code(verdict: Verdict, changes: dict[str, object], code: int) -> None:
    assert exit_code(compared(verdict, **changes), undecided=4) == code


@pytest.mark.parametrize(
    ("verdict", "changes", "code"),
    [
        (Verdict.SLOWER, {"physics_differs": True, "contender_bytes": 20_000_000}, 0),
        (Verdict.UNDECIDED, {}, 0),
        (Verdict.SAME, {"missing": "it does not build", "at_fault": "contender"}, 1),
    ],
)
def test_a_cell_that_reports_its_accuracy_gates_nothing_but_failures(
    verdict: Verdict, changes: dict[str, object], code: int
) -> None:
    comparison = compared(verdict, **changes)
    comparison.cells[0].accuracy_policy = "report"
    comparison.cells[0].less_accurate.append(inaccuracy(1.0, failed=True))
    assert exit_code(comparison, undecided=4) == code
    text = comparison_markdown(comparison)
    assert 'accuracy = "report", so no change decides the exit code' in text
    assert ("| slower, larger, physics differs |" in text) == ("physics_differs" in changes)


def inaccuracy(error: float, *, failed: bool) -> Inaccuracy:
    return Inaccuracy(
        data_set="one.nc",
        component="ice_adjust",
        field="rvs",
        base=1e-17,
        contender=error,
        tolerance=1e-12,
        failed=failed,
    )


@pytest.mark.parametrize(
    ("error", "failed", "code", "said"),
    [
        (2e-12, True, 1, "OUT OF TOLERANCE"),
        (9e-13, False, 1, "in tolerance, more than doubled"),
        (5e-16, False, 0, "in tolerance:"),  # what another order of the operations makes
    ],
)
def test_less_accurate_is_shown_and_fails_beyond_rounding(error: float, failed: bool, code: int, said: str) -> None:
    comparison = compared()
    comparison.cells[0].less_accurate.append(inaccuracy(error, failed=failed))
    assert exit_code(comparison, undecided=0) == code
    text = comparison_markdown(comparison)
    assert said in text
    assert f"1 output, worst 'rvs', whose error is {error:.2e} and was 1.00e-17" in text
    assert ("1 less accurate" in text) == bool(code)


@pytest.mark.parametrize(("side", "code"), [("base", 4), ("contender", 1)])
def test_an_accuracy_that_cannot_be_checked_is_loud(side: Label, code: int) -> None:
    comparison = compared()
    comparison.cells[0].broken = side
    assert exit_code(comparison, undecided=4) == code
    assert "1 ACCURACY NOT CHECKED" in comparison_markdown(comparison)


def test_names_cannot_break_the_markdown_table() -> None:
    lines = comparison_markdown(compared()).splitlines()
    table = [line.replace("\\|", "") for line in lines if line.startswith("|")]
    assert {line.count("|") for line in table} == {10}


def test_instructions_are_a_column_if_they_were_counted() -> None:
    comparison = compared(instructions=Count(base=1_000_000, contender=1_030_000))
    text = comparison_markdown(comparison)
    assert "| more (+3.000%) |" in text
    assert "counted by callgrind" in text
    console = make_console()
    with console.capture() as captured:
        console.print(comparison_table(comparison))
    assert "more" in captured.get()
    assert "Calibration: none." in captured.get()
    assert "worktree (111111111111 and uncommitted changes) against main (000000000000)" in captured.get()


def test_a_timing_that_is_not_to_be_trusted_is_marked() -> None:
    text = comparison_markdown(compared(marked="contender: not ready", remarks=["contender: not ready"]))
    assert "| same, not to be trusted |" in text
    assert "- ice_adjust/a|b/float64/8x8x20: contender: not ready" in text


# Accuracy ------------------------------------------------------------------------------------------------------------


def checked(*, component: str = "ice_adjust", left_out: int = 0, **errors: float) -> Checked:
    fields = [FieldError(name, error, error, 1e-12, 0, 0, error <= 1e-12) for name, error in errors.items()]
    return Checked("one.nc", component, tuple(fields), left_out=left_out)


def cell_of(base: Accuracy, contender: Accuracy, policy: str = "gate") -> CellComparison:
    (cell,) = compared().cells
    cell.accuracy_policy = policy  # type: ignore[assignment]
    compare_accuracy(cell, Sides(base, contender))
    return cell


def test_errors_that_grew_are_kept() -> None:
    base = Accuracy((checked(rvs=1e-15, rcs=2e-15, ris=2e-12),))
    contender = Accuracy((checked(rvs=3e-15, rcs=1e-15, ris=3e-12),))
    rvs, ris = cell_of(base, contender).less_accurate
    assert (rvs.field, rvs.base, rvs.contender, rvs.failed) == ("rvs", 1e-15, 3e-15, False)
    assert (ris.field, ris.failed) == ("ris", False)  # it was out of tolerance before


def test_the_accuracy_is_compared_of_what_both_have() -> None:
    cell = cell_of(Accuracy((checked(rvs=1e-15, ris=1e-15),)), Accuracy((checked(rvs=1e-15, rgs=1e-15),)))
    assert not cell.less_accurate
    told = "\n".join(cell.remarks)
    assert "the accuracy of 1 output, such as 'ris' in one.nc, is known for the base only" in told
    assert "the accuracy of 1 output, such as 'rgs' in one.nc, is known for the contender only" in told


def test_an_output_of_the_contender_only_fails_if_it_is_out_of_tolerance() -> None:
    (entry,) = cell_of(Accuracy((checked(rvs=1e-15),)), Accuracy((checked(rvs=1e-15, rgs=1e-3),))).less_accurate
    assert entry.failed
    assert entry.base is None


def test_what_a_side_does_not_support_is_said_once() -> None:
    unsupported = Accuracy((Checked("one.nc", "ice_adjust", unsupported="Option LRED = True is not supported."),))
    (said,) = cell_of(Accuracy((checked(rvs=1e-15),)), unsupported).remarks
    assert said == "ice_adjust on one.nc is n/a for the contender: Option LRED = True is not supported."
    neither = cell_of(unsupported, unsupported)
    assert neither.remarks == ["ice_adjust: its accuracy is not checked, no output was compared with reference data"]
    assert neither.benchmarks[0].unchecked
    comparison = compared()
    comparison.cells = [neither]
    assert "1 ACCURACY NOT CHECKED" in comparison_markdown(comparison)


def test_a_chain_is_not_checked_by_its_links() -> None:
    cell = CellComparison(cell="x", benchmarks=[BenchmarkComparison(name="microphysics", component="microphysics")])
    found = Accuracy((checked(rvs=1e-15), checked(component="rain_ice", rvs=1e-15)))
    compare_accuracy(cell, Sides(found, found))
    assert cell.benchmarks[0].unchecked


def test_errors_of_other_cells_are_not_compared_silently() -> None:
    base, contender = (Accuracy((checked(left_out=cells, rvs=1e-15),)) for cells in (1, 20))
    (said,) = cell_of(base, contender).remarks
    assert "the base leaves out 1 cell and the contender 20" in said


@pytest.mark.parametrize(("base", "contender", "broken"), [(1, 0, "base"), (0, 1, "contender"), (1, 1, "contender")])
def test_the_side_that_could_not_be_checked_is_named(base: int, contender: int, broken: str) -> None:
    cell = cell_of(Accuracy(problems=("it ended",) * base), Accuracy(problems=("it ended",) * contender))
    assert cell.broken == broken
    assert f"the accuracy of the {broken} cannot be checked: it ended" in cell.remarks


@pytest.mark.parametrize(("policy", "marked"), [("report", True), ("gate", False)])
def test_wrong_physics_marks_the_lines_of_cells_that_report_it(policy: str, marked: bool) -> None:
    """Even if only the base is wrong: the two times are not for the same work."""
    wrong, right = Accuracy((checked(rvs=1e-3),)), Accuracy((checked(rvs=1e-15),))
    assert cell_of(wrong, right, policy).benchmarks[0].physics_differs == marked
    assert not cell_of(right, right, policy).benchmarks[0].physics_differs
    other = Accuracy((checked(component="rain_ice", rvs=1e-3),))
    assert not cell_of(other, other, policy).benchmarks[0].physics_differs


@pytest.mark.parametrize(
    ("wrong", "marked"),
    [
        ("ice_adjust:modular", {"ice_adjust", "ice_adjust:modular", "microphysics"}),
        ("rain_ice", {"rain_ice", "microphysics"}),
        ("rain_ice:tendencies", {"rain_ice:tendencies"}),
        ("process_rates", {"rain_ice:tendencies"}),  # as older reports call it
    ],
)
def test_wrong_physics_marks_variants_and_chains_but_not_the_whole_of_a_part(
    wrong: str, marked: set[str], make_report: Callable[..., Report]
) -> None:
    """In a comparison and in a report alike."""
    components = ("ice_adjust", "ice_adjust:modular", "rain_ice", "rain_ice:tendencies", "microphysics")
    cell = CellComparison(cell="x", accuracy_policy="report")
    cell.benchmarks = [BenchmarkComparison(name=one, component=one) for one in components]
    found = Accuracy((checked(component=wrong, rvs=1e-3),))
    compare_accuracy(cell, Sides(found, found))
    assert {one.component for one in cell.benchmarks if one.physics_differs} == marked
    report = make_report(accuracy_policy="report", accuracy=field_errors(found.checked))
    lines = [report.benchmarks[0].model_copy(update={"component": one}) for one in components]
    assert {one.component for one in lines if marks(report, one)} == marked


# Both clocks ---------------------------------------------------------------------------------------------------------


def both_clocks(cpu: float, wall: float, *, preempted: bool = False) -> Pairs:
    """Pairs whose contender takes so much more CPU and wall time."""
    pairs = Pairs(CASE)
    for number in range(16):
        base = 1.0 + 1e-4 * (number % 5)
        pairs.minimum.base.append(base)
        pairs.minimum.contender.append((1.0 + cpu) * (1.0 + 1e-4 * (number % 3)))
        pairs.wall.base.append(base)
        pairs.wall.contender.append((1.0 + wall) * (1.0 + 1e-4 * (number % 3)))
    pairs.switched = [preempted]
    return pairs


@pytest.mark.parametrize(
    ("cpu", "wall", "preempted", "threads", "verdict"),
    [
        (0.0, 0.0, False, 1, Verdict.SAME),
        (0.03, 0.03, False, 1, Verdict.SLOWER),
        (0.0, 0.1, False, 1, Verdict.SLOWER),  # it waits
        (0.0, 0.1, True, 1, Verdict.SAME),
        (0.0, -0.1, False, 1, Verdict.SAME),
        (0.0, 0.1, False, 2, Verdict.SLOWER),  # it scales worse
        (0.05, -0.3, False, 2, Verdict.FASTER),  # it scales better
        (0.05, -0.3, True, 2, Verdict.SLOWER),
    ],
)
def test_wall_time_is_judged_if_nothing_was_preempted(
    cpu: float, wall: float, preempted: bool, threads: int, verdict: Verdict
) -> None:
    (decision,) = judge([both_clocks(cpu, wall, preempted=preempted)], Rule(), 1, threads)
    assert decision.verdict is verdict
    assert ("wall time" in decision.reason) == (verdict is not Verdict.SAME and cpu != wall and not preempted)


def test_both_clocks_are_paid_for() -> None:
    pairs = both_clocks(0.03, 0.03)
    (alone,) = judge([pairs], Rule(), 1, 1)
    (among_many,) = judge([pairs], Rule(), 10, 1)
    assert among_many.p == pytest.approx(10 * alone.p)


def test_slow_runs_are_measured_less_often() -> None:
    protocol = Protocol()
    assert protocol.blocks(1.3e6) == (10, 3)
    assert protocol.blocks(20e6) == (3, 3)
    assert protocol.blocks(2e9) == (1, 1)


def test_the_budget_is_spent_if_it_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last look has as many pairs as fit, not a multiple of the first."""
    pairs = Pairs(CASE)

    def take_half_a_second(self: Pairs, *_: object) -> None:
        for label, time in (("base", 1.0), ("contender", 0.5 + len(self) % 2)):
            self.minimum[label].append(time)  # type: ignore[index]
            self.wall[label].append(time)  # type: ignore[index]
        self.switched.append(False)
        self.seconds += 0.5

    monkeypatch.setattr(Pairs, "measure", take_half_a_second)
    monkeypatch.setattr("ice3_bench.compare.pairs.load", lambda *_: None)
    crew: Any = SimpleNamespace(started=lambda: nullcontext(()))
    told: list[str] = []
    protocol = Protocol(budget=75.0)
    decisions = measure(crew, [pairs], protocol, 1, lambda group: judge(group, protocol.rule, 1, 1), told.append)
    assert decisions[pairs.name].verdict is Verdict.UNDECIDED
    assert len(pairs) == 150
    assert "pair 16 of 16" in told[15]
    assert "pair 32 of 32" in told[31]
    assert told[-1].endswith("pair 150, 74 of 75 s")


# Calibration ---------------------------------------------------------------------------------------------------------


def calibration(protocol: Protocol) -> Calibration:
    return Calibration("machine", CASE.name, protocol, [Trials(0.0, [0.0], [0.001], [Verdict.SAME], [16], [7.0])], 8.0)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(calibration(Protocol()).as_json(), encoding="utf-8")
    assert Calibration.load(path) == calibration(Protocol())
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "a calibration of another version of ice3-bench"),
        ('{"machine": "m", "benchmark": "b", "protocol": {}, "trials": [], "seconds": 1.0}', "of another version"),
        ('{"schema_version": 2}', "of another version"),
        ('{"schema_version": 1}', "not a calibration"),
        ("7", "not a calibration"),
        ("{", "not a calibration"),
    ],
)
def test_a_calibration_that_is_old_or_broken_says_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"{said}.*--fresh"):
        Calibration.load(path)
    assert not known(tmp_path, "machine", Protocol()).statements


def test_old_calibrations_are_told_from_none(tmp_path: Path) -> None:
    assert (found := known(tmp_path, "machine", Protocol())).old == 0, found
    before = {
        **asdict(calibration(Protocol())),
        "trials": [],
    }  # as the last version wrote them, without a schema version
    (tmp_path / "before.json").write_text(json.dumps(before), encoding="utf-8")
    earlier = Protocol(version=4)
    path = place(tmp_path, "machine", CASE.name, earlier, "shuffled")
    path.write_text(calibration(earlier).as_json(), encoding="utf-8")
    found = known(tmp_path, "machine", Protocol())
    assert (found.old, found.statements) == (2, ())
    path = place(tmp_path, "machine", CASE.name, Protocol(), "shuffled")
    path.write_text(calibration(Protocol()).as_json(), encoding="utf-8")
    (statement,) = known(tmp_path, "machine", Protocol()).statements
    assert "raised 0 false alarms in 1 trials" in statement
    assert statement.endswith(" in shuffled weather")


def test_calibrations_in_other_weather_are_kept_apart(tmp_path: Path) -> None:
    found = [replace(calibration(Protocol()), arrangement=arrangement) for arrangement in ARRANGEMENTS]
    for one in found:
        path = place(tmp_path, "machine", CASE.name, Protocol(), one.arrangement)
        assert not path.exists()
        path.write_text(one.as_json(), encoding="utf-8")
    assert sorted(known(tmp_path, "machine", Protocol()).statements) == sorted(one.statement for one in found)


# Calibration ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trials", "slower", "told"),
    [
        (2, 2, "Not enough trials to say what is found in 95 % of them: 2 of 20 at least."),
        (20, 19, "Smallest of these slowdowns found in at least 95 % of the trials: 2.0%."),
        (20, 18, "None of these slowdowns was found in 95 % of the trials."),
    ],
)
def test_a_share_of_trials_is_said_if_there_are_enough(trials: int, slower: int, told: str) -> None:
    verdicts = [Verdict.SLOWER] * slower + [Verdict.SAME] * (trials - slower)
    numbers = [0.02] * trials
    kind = Trials(0.02, numbers, numbers, verdicts, [8] * trials, numbers)
    calibration = Calibration("machine", "ice_adjust/a/float64/8x8x20", Protocol(), [Trials(0.0), kind])
    console = make_console()
    with console.capture() as captured:
        console.print(calibration_table(calibration))
    assert told in captured.get()
