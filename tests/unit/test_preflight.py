"""What a machine tells before it is timed on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell import preflight
from ice3_bench.cell.preflight import Between, Look, begin, check
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUIET = Look(0.0, {0: (0, 0, 0), 1: (0, 0, 0)}, 0, 0.0, 0)


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class Machine:
    """A machine with four hardware threads on two cores, all of them idle."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ticks = [[100, 0, 0, 1000, 0, 0, 0, 0] for _ in range(4)]
        for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
            self.cpu(cpu, "topology/thread_siblings_list", siblings)
            self.cpu(cpu, "cpufreq/scaling_governor", "performance")
            self.cpu(cpu, "cpufreq/scaling_max_freq", "3500000")
            self.cpu(cpu, "cpufreq/cpuinfo_max_freq", "3500000")
            self.cpu(cpu, "thermal_throttle/core_throttle_count", "7")
        self.counters()

    def cpu(self, number: int, name: str, text: str) -> None:
        written(self.root / "sys/devices/system/cpu" / f"cpu{number}" / name, f"{text}\n")

    def counters(self, swapped: int = 3, waited: int = 1000) -> None:
        lines = [f"cpu{number} {' '.join(map(str, ticks))} 0 0" for number, ticks in enumerate(self.ticks)]
        written(self.root / "proc/stat", "\n".join(["cpu  1 2 3 4 5 6 7 8 0 0", *lines, "intr 5", ""]))
        written(self.root / "proc/vmstat", f"nr_free_pages 5\npswpin {swapped}\npswpout 4\n")
        written(self.root / "proc/self/cgroup", "0::/user.slice\n")
        written(self.root / "sys/fs/cgroup/user.slice/cpu.stat", f"usage_usec 9\nthrottled_usec {waited}\n")

    def during(
        self, busy: list[int], stolen: int = 0, *, swapped: int = 3, waited: int = 1000
    ) -> Callable[[float], None]:
        """Return what waits between two looks, 50 ticks in which cores were busy for these."""

        def wait(_seconds: float) -> None:
            for ticks, one in zip(self.ticks, busy, strict=True):
                ticks[0] += one
                ticks[3] += 50 - one - stolen
                ticks[7] += stolen
            self.counters(swapped, waited)

        return wait


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(preflight, "allowed_cpus", lambda: {0, 1, 2, 3})
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("threads", "busy", "told"),
    [
        (1, [0, 0, 0, 0], None),
        (1, [50, 0, 0, 0], None),  # the other core is idle
        (
            2,
            [50, 0, 0, 0],
            "Other work runs on the SMT siblings, which slows a core: 1 whole core is idle, and 2 threads",
        ),
        (
            1,
            [50, 50, 0, 0],
            "Other work runs on the SMT siblings, which slows a core: 0 whole cores are idle, and 1 thread",
        ),
        (1, [50, 50, 40, 25], "Other work keeps 4 of 4 cores busy (100%, 100%, 80%, 50%), and 1 thread will be timed."),
        (2, [50, 50, 50, 0], "Other work keeps 3 of 4 cores busy (100%, 100%, 100%, 0%), and 2 threads will be timed."),
        (8, [0, 0, 0, 0], "8 threads were asked for, and a process may use 4 cores: they wait."),
    ],
)
def test_other_work_matters_if_it_leaves_too_few_whole_cores(
    machine: Machine, threads: int, busy: list[int], told: str | None
) -> None:
    said = check(threads, machine.root, machine.during(busy))
    assert len(said) == (told is not None)
    assert not said or said[0].startswith(told or "")


def test_a_quota_below_the_threads_is_said(machine: Machine) -> None:
    written(machine.root / "sys/fs/cgroup/user.slice/cpu.max", "50000 100000\n")
    assert check(1, machine.root, machine.during([0] * 4)) == [
        "1 thread was asked for, and a process may use 0.5 cores: it waits."
    ]


def test_a_clock_that_follows_the_load_or_is_limited_is_said(machine: Machine) -> None:
    machine.cpu(1, "cpufreq/scaling_governor", "schedutil")
    machine.cpu(2, "cpufreq/scaling_max_freq", "2000000")
    follows, limited = check(1, machine.root, machine.during([0] * 4))
    assert "governor schedutil" in follows
    assert "cpupower frequency-set -g performance" in follows
    assert limited == "The clock rate is limited to 2.00 of 3.50 GHz."


def test_what_disturbs_every_process_is_said(machine: Machine) -> None:
    def wait(seconds: float) -> None:
        machine.during([0] * 4, stolen=5, swapped=1003, waited=300_001_000)(seconds)
        machine.cpu(3, "thermal_throttle/core_throttle_count", "9")

    assert check(1, machine.root, wait) == [
        "The hypervisor took 10% of the processor time for other machines.",
        "The processor was too hot and was throttled 2 times.",
        "The control group had used up its quota of processor time and was stopped for 300.0 s.",
        "Memory is short: 1000 pages went to or came from the swap space.",
    ]


def test_a_system_that_tells_nothing_is_not_suspected(tmp_path: Path) -> None:
    assert check(1, tmp_path, lambda _seconds: None) == []


@pytest.mark.parametrize("text", ["", "cpu0", "cpu0 a b", "cpu0 1 2 3\ncpu1\n", "\xff"])
def test_odd_counters_are_no_error(machine: Machine, text: str) -> None:
    (machine.root / "proc/stat").write_bytes(text.encode("latin-1"))
    (machine.root / "proc/self/cgroup").unlink()
    machine.cpu(0, "topology/thread_siblings_list", "0-x")
    machine.cpu(0, "cpufreq/scaling_max_freq", "<unknown>")
    assert isinstance(check(1, machine.root, lambda _seconds: None), list)


def test_nothing_stops_unless_the_machine_must_be_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check", lambda _threads: ["It is hot.", "It swaps."])
    said: list[str] = []
    assert begin(1, said.append) == said == ["It is hot.", "It swaps."]
    with pytest.raises(UsageError, match=r"not fit for timings \(--strict-machine\).*It is hot\. It swaps\."):
        begin(1, said.append, strict=True)
    monkeypatch.setattr(preflight, "check", lambda _threads: [])
    assert begin(1, said.append, strict=True) == []


def test_a_core_that_comes_or_goes_between_two_looks_is_left_out() -> None:
    last = replace(QUIET, at=1.0, cores={1: (10, 0, 100), 2: (50, 0, 100)})
    assert Between(QUIET, last).busy == {1: 0.1}
    assert Between(QUIET, QUIET).disturbances == []
