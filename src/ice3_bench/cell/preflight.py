"""What about the machine disturbs timings: looked at before the timing, and again while it lasts. Linux tells it.

Nothing here stops a session unless the user asks for a strict machine: on many machines nothing can be done about it.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.machine import allowed_cpus, control_group, quota
from ice3_bench.errors import UsageError
from ice3_bench.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path("/")
CPUS = "sys/devices/system/cpu"
SAMPLE = 0.5
"""Seconds between two looks."""
IDLE = 0.2
"""Share of a core's time up to which it counts as idle."""
STOLEN = 0.02
"""Share of the time that a hypervisor may take without a word."""
LIMITED = 0.99
"""Share of a processor's highest clock rate from which it is not limited."""
FEW_PAGES = 256
"""Pages that may be swapped without a word."""


@dataclass(frozen=True)
class Look:
    """Counters of the machine at a moment; those that the system does not have are empty or zero.

    Attributes
    ----------
    at
        Seconds.
    cores
        By number of the core: time that it was busy, time that the hypervisor took, and all time, in ticks.
    throttled
        How often cores were throttled for their temperature.
    waited
        Seconds that the control group was stopped, since its quota was used up.
    swapped
        Pages moved to and from the swap space.
    """

    at: float
    cores: dict[int, tuple[int, int, int]]
    throttled: int
    waited: float
    swapped: int

    @classmethod
    def now(cls, root: Path = ROOT) -> Look:
        """Read the counters; ``root`` is the folder of the system's files."""
        cores = {}
        for line in _text(root / "proc/stat").splitlines():
            if match := re.fullmatch(r"cpu(\d+) ([\d ]+)", line):
                ticks = [int(number) for number in match[2].split()][:8]  # guests are counted among the users
                idle, stolen = sum(ticks[3:5]), sum(ticks[7:])
                cores[int(match[1])] = sum(ticks) - idle - stolen, stolen, sum(ticks)
        throttled = sum(_number(one) for one in (root / CPUS).glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))
        pages = re.findall(r"^pswp(?:in|out) (\d+)$", _text(root / "proc/vmstat"), re.MULTILINE)
        waited = re.search(r"^throttled_usec (\d+)$", _stopped(root), re.MULTILINE)
        return cls(time.monotonic(), cores, throttled, int(waited[1]) / 1e6 if waited else 0.0, sum(map(int, pages)))


@dataclass(frozen=True)
class Between:
    """What happened between two looks at a machine."""

    first: Look
    last: Look

    @cached_property
    def busy(self) -> dict[int, float]:
        """Share of its time that each core was busy, or the hypervisor had it."""
        return {core: (busy + stolen) / ticks for core, (busy, stolen, ticks) in self._passed.items()}

    @cached_property
    def stolen(self) -> float:
        """Share of the time that the hypervisor took."""
        ticks = sum(ticks for _, _, ticks in self._passed.values())
        return sum(stolen for _, stolen, _ in self._passed.values()) / ticks if ticks else 0.0

    @cached_property
    def _passed(self) -> dict[int, tuple[int, int, int]]:
        pairs = {core: zip(self.first.cores[core], now, strict=True) for core, now in self.last.cores.items()
                 if core in self.first.cores}  # fmt: skip
        passed = {core: tuple(after - before for before, after in pair) for core, pair in pairs.items()}
        return {core: (busy, stolen, ticks) for core, (busy, stolen, ticks) in passed.items() if ticks > 0}

    @property
    def disturbances(self) -> list[str]:
        """Say what disturbs every process on the machine."""
        said: list[str] = []
        if self.stolen > STOLEN:
            said.append(f"The hypervisor took {self.stolen:.0%} of the processor time for other machines.")
        if (times := self.last.throttled - self.first.throttled) > 0:
            said.append(f"The processor was too hot and was throttled {count(times, 'time')}.")
        if (waited := self.last.waited - self.first.waited) > 0.01 * (self.last.at - self.first.at):
            said.append(
                f"The control group had used up its quota of processor time and was stopped for {waited:.1f} s."
            )
        if (pages := self.last.swapped - self.first.swapped) > FEW_PAGES:
            said.append(f"Memory is short: {count(pages, 'page')} went to or came from the swap space.")
        return said


def check(threads: int, root: Path = ROOT, wait: Callable[[float], None] = time.sleep) -> list[str]:
    """Look at the machine for half a second; return a sentence for everything that will disturb timings.

    Parameters
    ----------
    threads
        Threads that are timed.
    root
        Folder of the system's files.
    """
    first = Look.now(root)
    wait(SAMPLE)
    between = Between(first, Look.now(root))
    cpus = sorted(allowed_cpus())
    return [*_share(threads, len(cpus), root), *_load(between.busy, cpus, threads, root), *_clock(cpus, root),
            *between.disturbances]  # fmt: skip


def begin(threads: int, say: Callable[[str], None], *, strict: bool = False) -> list[str]:
    """Check the machine before something is timed, and say what will disturb it; return the sentences.

    Raises
    ------
    UsageError
        If there are any and the machine must be ``strict``.
    """
    said = check(threads)
    if said and strict:
        raise UsageError(f"This machine is not fit for timings (--strict-machine): nothing was timed. {' '.join(said)}")
    for line in said:
        say(line)
    return said


def _share(threads: int, cores: int, root: Path) -> list[str]:
    """Say that a process may use fewer cores than it has threads."""
    allowed = min(cores, quota(*_groups(root)) or cores)
    if threads <= allowed:
        return []
    asked = count(threads, "thread was", "threads were")
    waits = "it waits" if threads == 1 else "they wait"
    return [f"{asked} asked for, and a process may use {allowed:g} cores: {waits}."]


def _load(busy: dict[int, float], cpus: list[int], threads: int, root: Path) -> list[str]:
    """Say that other work leaves too few cores, or too few whose sibling is idle too."""
    known = [cpu for cpu in cpus if cpu in busy]
    if len(known) < threads:  # too few cores were told of already
        return []
    idle = {cpu for cpu, share in busy.items() if share <= IDLE}
    free = [cpu for cpu in known if cpu in idle]
    needed = count(threads, "thread")
    if len(free) < threads:
        most = [f"{busy[cpu]:.0%}" for cpu in sorted(known, key=lambda cpu: -busy[cpu])]
        shares = ", ".join([*most[:4], *(["..."] if len(most) > 4 else [])])
        taken = f"{len(known) - len(free)} of {count(len(known), 'core')}"
        return [f"Other work keeps {taken} busy ({shares}), and {needed} will be timed."]
    whole = {_siblings(cpu, root) for cpu in free}
    whole = {siblings for siblings in whole if siblings <= idle}
    if len(whole) < threads:
        idle_cores = f"{count(len(whole), 'whole core is', 'whole cores are')} idle"
        return [f"Other work runs on the SMT siblings, which slows a core: {idle_cores}, and {needed} will be timed."]
    return []


def _siblings(cpu: int, root: Path) -> frozenset[int]:
    """Return the numbers of the hardware threads of the core that one belongs to."""
    listed = _text(root / CPUS / f"cpu{cpu}/topology/thread_siblings_list").strip()
    found = set[int]()
    with suppress(ValueError):
        for part in filter(None, listed.split(",")):
            start, _, end = part.partition("-")
            found.update(range(int(start), int(end or start) + 1))
    return frozenset(found | {cpu})


def _clock(cpus: Iterable[int], root: Path) -> list[str]:
    """Say that the clock rate follows the load, or is limited."""
    folders = [root / CPUS / f"cpu{cpu}/cpufreq" for cpu in cpus]
    governors = sorted({_text(folder / "scaling_governor").strip() for folder in folders} - {"", "performance"})
    said = []
    if governors:
        said.append(
            f"The clock rate follows the load (governor {' and '.join(governors)}), so short runs are slow: "
            "sudo cpupower frequency-set -g performance holds it."
        )
    rates = [(_number(folder / "scaling_max_freq"), _number(folder / "cpuinfo_max_freq")) for folder in folders]
    limited = [(most, able) for most, able in rates if most < LIMITED * able]
    if limited:
        most, able = min(limited)
        said.append(f"The clock rate is limited to {most / 1e6:.2f} of {able / 1e6:.2f} GHz.")
    return said


def _groups(root: Path) -> tuple[Path, Path]:
    """Return where the control groups are mounted, and the file that names the one of this process."""
    return root / "sys/fs/cgroup", root / "proc/self/cgroup"


def _stopped(root: Path) -> str:
    """Return what is known of the time that the control group of this process was stopped."""
    with suppress(OSError, UnicodeDecodeError):
        return _text(control_group(*_groups(root)) / "cpu.stat")
    return ""


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return ""


def _number(path: Path) -> int:
    text = _text(path).strip()
    return int(text) if text.isdigit() else 0
