from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ice3_probe.cases import instance_of
from ice3_probe.messages import Benchmark, Rounds
from ice3_probe.ports import load_port
from ice3_probe.timing import NOT_READY, Loop, remarks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ice3_probe.contract import Cell

BENCHMARK = Benchmark("ice_adjust/fake/float32/4x3x5", "ice_adjust", (4, 3, 5), "rich")

LATE = """def read(self):
        if self.late:
            import time; time.sleep(0.02)
            self.compute()
            self.late = False"""


def loop_of(path: str, cell: Cell, sets: int = 1) -> Loop:
    port = load_port(path)
    return Loop([instance_of(port, cell, BENCHMARK) for _ in range(sets)])


def test_every_round_starts_from_the_loaded_state(make_port: Callable[..., str], cell: Cell) -> None:
    loop = loop_of(make_port(), cell)
    loop.run(1)
    once = loop.instance.read()["ths"].copy()
    rounds = loop.run(3)
    assert (loop.instance.read()["ths"] == once).all()
    assert len(rounds.wall_ns) == len(rounds.cpu_ns) == len(rounds.switches) == 3


def test_instances_take_turns(make_port: Callable[..., str], cell: Cell) -> None:
    loop = loop_of(make_port(), cell, sets=3)
    seen = []
    for _ in range(6):
        loop.prepare()
        seen.append(loop.instance)
    assert seen == [*loop.instances[1:], loop.instances[0]] * 2


def test_the_clocks_are_those_of_the_run_alone(make_port: Callable[..., str], cell: Cell) -> None:
    slow_reset = make_port(("self.state = {", "import time; time.sleep(0.02); self.state = {"))
    rounds = loop_of(slow_reset, cell).run(3)
    assert min(rounds.wall_ns) < 20e6
    slow_run = make_port(
        (
            "for field in self.fields:\n            if",
            "import time; time.sleep(0.02)\n        for field in self.fields:\n            if",
        )
    )
    rounds = loop_of(slow_run, cell).run(2)
    assert min(rounds.wall_ns) >= 20e6
    assert min(rounds.cpu_ns) < 20e6  # it slept


def test_extra_work_is_part_of_the_round(make_port: Callable[..., str], cell: Cell) -> None:
    loop = loop_of(make_port(), cell)
    loop.extra = lambda: time.sleep(0.02)
    assert min(loop.run(2).wall_ns) >= 20e6


def test_a_result_that_is_not_ready_is_found(make_port: Callable[..., str], cell: Cell) -> None:
    # As a port that only enqueues: the work is done by the first read.
    lazy = make_port(
        ("def run(self):", "def run(self):\n        self.late = True\n\n    def compute(self):"),
        ("def read(self):", LATE),
    )
    assert loop_of(lazy, cell).late() > NOT_READY
    honest = make_port(("def run(self):", "def run(self):\n        import time; time.sleep(0.01)"))
    assert loop_of(honest, cell).late() < NOT_READY


@pytest.mark.parametrize(
    ("late", "cpu", "threads", "told"),
    [
        (0.0, 100, 1, []),
        (24.0, 100, 1, ["the result was not ready when run() returned: the first read() took 24 runs longer than"]),
        (0.05, 100, 1, []),
        (0.5, 100, 1, ["the result was not ready when run() returned: the first read() took 50%"]),
        (0.0, 190, 1, ["it used 1.9 processors, and 1 thread was asked for"]),
        (0.0, 190, 2, []),
        (0.0, 390, 2, ["it used 3.9 processors, and 2 threads were asked for"]),
    ],
)
def test_doubtful_timings_are_said(late: float, cpu: int, threads: int, told: list[str]) -> None:
    rounds = Rounds((100, 100, 100), (cpu, cpu, cpu), (0, 0, 0))
    assert remarks(late, rounds, 100_000, threads, "gpu") == []  # it is waited for, and the host only enqueues
    said = remarks(late, rounds, 100_000, threads, "cpu")
    assert len(said) == len(told)
    for one, expected in zip(said, told, strict=True):
        assert one.startswith(expected)


def test_a_run_too_short_to_move_its_fields_did_not_compute() -> None:
    rounds = Rounds((1000, 2000), (1000, 2000), (0, 0))
    (said,) = remarks(30.0, rounds, 5_000_000, 1, "cpu")
    assert said.startswith("run() returned after 1.0 µs, in which 5.0 MB of fields cannot be moved.")
    assert remarks(0.0, rounds, 5_000_000, 2, "cpu") == []  # two threads can
    assert remarks(0.0, rounds, 5_000_000, 1, "gpu") == []
