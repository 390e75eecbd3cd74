"""Workers of a small port and of our own, asked directly."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell.probe import STABLE_ENVIRONMENT, staged_probe
from ice3_bench.cell.processes import Interpreter
from ice3_bench.compare.calibration import Calibration, calibrate, known, place
from ice3_bench.compare.instructions import count
from ice3_bench.compare.pairs import Pairs, Protocol
from ice3_bench.compare.preparation import check_accuracy
from ice3_bench.compare.sides import Sides
from ice3_bench.compare.verdict import Rule
from ice3_bench.compare.workers import Crew, Remarks, Side, SideError, Worker
from ice3_bench.files import write_atomically
from ice3_bench.show.comparison import calibration_table
from ice3_bench.show.console import make_console
from ice3_probe import messages
from ice3_probe.contract import Cell

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_bench.compare.sides import Label

PORT = Path(__file__).with_name("small_port.py")
CASE = messages.Benchmark("ice_adjust/small/float64/16x16x60", "ice_adjust", (16, 16, 60), "rich")
BETA = messages.Benchmark("ice_adjust:beta/small/float64/16x16x60", "ice_adjust:beta", (16, 16, 60), "rich")
HAIL = messages.Benchmark("ice_adjust:hail/small/float64/16x16x60", "ice_adjust:hail", (16, 16, 60), "rich")


@pytest.fixture
def side(tmp_path: Path) -> Callable[..., Side]:
    """Make a side of the small port, with its source changed."""

    def make(label: Label = "base", old: str = "", new: str = "") -> Side:
        folder = tmp_path / label
        folder.mkdir(exist_ok=True)
        text = PORT.read_text(encoding="utf-8")
        assert old in text
        (folder / "port.py").write_text(text.replace(old, new) if old else text, encoding="utf-8")
        cell = Cell("small", "float64", "cpu", 1, tmp_path / "cache", {})
        job = messages.Job(str(folder / "port.py"), cell, (CASE, BETA), ("ice_adjust", "ice_adjust:beta"))
        probe = staged_probe(tmp_path)
        return Side(
            label,
            Interpreter(Path(sys.executable), (probe,), {**STABLE_ENVIRONMENT, "OMP_NUM_THREADS": "1"}, folder),
            job,
        )

    return make


def test_workers_take_turns(side: Callable[..., Side], tmp_path: Path) -> None:
    pairs = Pairs(CASE)
    with Crew(Sides.of(side), tmp_path / "logs").started() as workers:
        for _ in range(2):
            pairs.measure(workers, Protocol(rounds=2, turns=2))
    assert len(pairs) == len(pairs.ratios("cpu")) == len(pairs.ratios("wall")) == 2
    assert len(pairs.switched) == 2 * 2 * 4 * 2
    assert all(0.1 < ratio < 10.0 for ratio in pairs.ratios("cpu"))
    assert not list((tmp_path / "logs").iterdir())  # of what did not fail none is kept


def test_extra_work_slows_the_contender(side: Callable[..., Side], tmp_path: Path) -> None:
    pairs = Pairs(CASE, extra=1.0)
    with Crew(Sides.of(side), tmp_path / "logs").started() as workers:
        for _ in range(3):
            pairs.measure(workers, Protocol(rounds=5, turns=1))
    assert all(0.3 < added < 3.0 for added in pairs.added)
    assert sorted(pairs.ratios("cpu"))[1] > 1.2


def test_a_failure_is_an_answer_and_the_worker_lives(side: Callable[..., Side], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Worker.started(side(), log) as worker:
        with pytest.raises(SideError, match=r"^base: .*Nothing is prepared"), worker.process():
            worker.request(messages.MeasureBlock(1), messages.Rounds)
        with pytest.raises(SideError, match="no component 'ice_adjust:hail'"), worker.process():
            worker.request(messages.Prepare(HAIL), messages.Prepared)
        with worker.process():
            worker.request(messages.Prepare(CASE), messages.Prepared)
            assert len(worker.request(messages.MeasureBlock(3), messages.Rounds).cpu_ns) == 3
    assert log.exists()


def test_an_answer_of_another_kind_is_an_error(side: Callable[..., Side], tmp_path: Path) -> None:
    with Worker.started(side(), tmp_path / "log") as worker, pytest.raises(SideError, match="answered Done, not Peak"):
        worker.request(messages.Load(CASE), messages.Peak)


def test_a_worker_that_hangs_is_given_up(side: Callable[..., Side], tmp_path: Path) -> None:
    with (
        Worker.started(side(), tmp_path / "log", patience=0.2) as worker,
        pytest.raises(SideError, match="gave no answer in 0 s"),
    ):
        worker.answer(messages.Done)


def test_a_worker_that_ends_names_its_log(side: Callable[..., Side], tmp_path: Path) -> None:
    ending = side("contender", "WORK = {", 'print("farewell", flush=True)\nos._exit(7)\nWORK = {')
    log = tmp_path / "log"
    with Worker.started(ending, log) as worker, pytest.raises(SideError) as caught:
        worker.request(messages.Load(CASE), messages.Done)
    assert str(caught.value) == f"contender: the worker ended with code 7, see {log}"
    assert "farewell" in log.read_text(encoding="utf-8")


def test_remarks_are_kept_once(side: Callable[..., Side], tmp_path: Path) -> None:
    """A port whose result is ready only when it is read remarks this in every process, with other numbers."""
    late = side("contender", "LATE = 0.0", "LATE = 0.02")
    remarks = Remarks()
    with Worker.started(late, tmp_path / "log", remarks) as worker:
        for _ in range(2):
            with worker.process():
                worker.request(messages.Prepare(CASE), messages.Prepared)
    (remark,) = remarks
    assert remark.benchmark == CASE.name
    assert remark.marks
    assert "not ready" in remark.text


def test_the_accuracy_of_a_side_is_checked(side: Callable[..., Side], tmp_path: Path) -> None:
    found = check_accuracy(side(), tmp_path / "logs")
    assert not found.problems
    assert {field for _, _, field in found.errors} == {"rvs", "rcs"}
    assert not found.out_of_tolerance
    assert not list((tmp_path / "logs").iterdir())
    without = check_accuracy(side(), tmp_path / "logs", {"ice_adjust:beta"})
    assert {component for _, component, _ in without.errors} == {"ice_adjust"}


def test_the_accuracy_of_the_others_is_checked_if_a_component_fails(side: Callable[..., Side], tmp_path: Path) -> None:
    found = check_accuracy(side("base", ', "ice_adjust:beta": 40}', "}"), tmp_path / "logs")
    assert {component for _, component, _ in found.errors} == {"ice_adjust"}
    (problem,) = found.problems
    assert "no component 'ice_adjust:beta'" in problem


def test_an_accuracy_pass_that_fails_says_why(side: Callable[..., Side], tmp_path: Path) -> None:
    failing = side("base", "        for _ in range(WORK[self.name]):", "        1 / 0\n        for _ in range(1):")
    found = check_accuracy(failing, tmp_path / "logs")
    assert "ZeroDivisionError" in found.problems[0]
    ending = side("base", "        wait(", "        os._exit(9)\n        wait(")
    found = check_accuracy(ending, tmp_path / "logs")
    assert "ended with code 9, see " in found.problems[0]
    assert (tmp_path / "logs/base-accuracy.log").exists()
    leaving = side("base", "        wait(", "        os._exit(0)\n        wait(")
    found = check_accuracy(leaving, tmp_path / "logs")
    assert "the accuracy pass ended early, with code 0, see " in found.problems[0]


def test_a_calibration_goes_on_where_it_ended_and_states_what_it_showed(
    side: Callable[..., Side], tmp_path: Path
) -> None:
    protocol = Protocol(rounds=2, turns=1, pairs=2, rule=Rule(looks=1, significance=0.5))
    folder = tmp_path / "calibrations"
    path = place(folder, "machine", CASE.name, protocol, "shuffled")

    def run(stored: Calibration, trials: int) -> Calibration:
        return calibrate(
            Crew(Sides.of(side), tmp_path / "logs"),
            CASE,
            stored,
            injected=(0.0, 1.0),
            budget=300.0,
            trials=trials,
            protocol=protocol,
            store=lambda calibration: write_atomically(path, calibration.as_json()),
            notify=lambda _: None,
        )

    assert not known(folder, "machine", protocol).statements
    run(Calibration("machine", CASE.name, protocol), 1)
    again = run(Calibration.load(path), 2)
    assert [len(trials) for trials in again.trials] == [2, 2]
    assert again.trials[1].slower == 2
    assert again.detectable is None
    (statement,) = known(folder, "machine", protocol).statements
    assert "in 2 of 2 trials" in statement
    assert "false alarms in 2 trials" in statement
    assert not known(folder, "another machine", protocol).statements
    assert not known(folder, "machine", Protocol()).statements
    assert known(folder, "machine", replace(protocol, version=99)).old == 1
    console = make_console()
    with console.capture() as captured:
        console.print(calibration_table(again))
    assert "nothing" in captured.get()
    assert "Not enough trials to say what is found in 95 % of them: 2 of 20 at least." in captured.get()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="counting instructions needs valgrind")
def test_instructions_repeat_and_more_work_is_more(side: Callable[..., Side], tmp_path: Path) -> None:
    """A fortieth more passes are that many more instructions; the same passes are equal.

    NumPy finds the loop of a call in a table by addresses, so the call takes up to forty instructions more in one
    process than in another: 0.2 % of the small runs, 0.01 % of these.
    """
    case, hail, beta = (replace(one, domain=(64, 64, 60)) for one in (CASE, HAIL, BETA))
    sides = Sides(side(), side("contender", '"ice_adjust:beta": 40', '"ice_adjust:beta": 41'))
    logs = tmp_path / "logs"
    logs.mkdir()
    counts, problems = count(sides, [case, hail, beta], logs, tmp_path)
    same, unknown, more = counts
    assert same is not None
    assert same.verdict == "equal"
    assert unknown is None
    assert more is not None
    assert more.change == pytest.approx(1 / 40, rel=0.1)
    assert more.verdict == "more"
    assert len(problems) == 1
    assert "hail" in problems[0]
