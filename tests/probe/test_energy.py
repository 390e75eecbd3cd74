"""The energy of a call, from counters that the test advances."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import pytest

from ice3_probe import energy
from ice3_probe.energy import Gpu, NoCounterError, Packages, measured, per_call

if TYPE_CHECKING:
    from pathlib import Path

RANGE = 1_000_000


class Machine:
    """Folders like Linux's powercap, with two packages, a part of one and a second view of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, kind in (
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:2", "psys"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl-mmio:0", "package-0"),
        ):
            zone = root / name
            zone.mkdir()
            (zone / "name").write_text(f"{kind}\n", encoding="ascii")
            (zone / "max_energy_range_uj").write_text(f"{RANGE - 1}\n", encoding="ascii")
            (zone / "energy_uj").write_text(f"{RANGE - 10}\n", encoding="ascii")

    def spend(self, microjoules: int) -> None:
        for path in self.root.glob("*/energy_uj"):
            path.write_text(f"{(int(path.read_text(encoding='ascii')) + microjoules) % RANGE}\n", encoding="ascii")


class Loop:
    """A loop whose preparations take 3 µJ and whose calls take 20 µJ of each package."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.calls = self.preparations = 0

    def prepare(self) -> None:
        self.preparations += 1
        self.machine.spend(3)

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self.prepare()
            self.calls += 1
            self.machine.spend(20)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_packages_are_added_and_counters_begin_again_at_zero(machine: Machine) -> None:
    assert Packages(machine.root).spent(lambda: machine.spend(25)) == pytest.approx(50e-6)


def test_the_preparation_of_a_call_does_not_count(machine: Machine) -> None:
    loop: Any = Loop(machine)
    assert per_call(loop, Packages(machine.root), energy.LEAST_NS // 50 - 1) == pytest.approx(40e-6)
    assert (loop.calls, loop.preparations) == (51, 102)


def test_a_long_call_is_made_once(machine: Machine) -> None:
    loop: Any = Loop(machine)
    assert per_call(loop, Packages(machine.root), 10 * energy.LEAST_NS) == pytest.approx(40e-6)
    assert loop.calls == 1


def test_energy_is_never_negative(machine: Machine) -> None:
    class Odd(Loop):
        def run(self, rounds: int) -> None:
            self.calls += rounds

    loop: Any = Odd(machine)
    assert per_call(loop, Packages(machine.root), energy.LEAST_NS) == 0.0


def test_without_a_counter_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoCounterError, match="has no counter of a processor package"):
        Packages(tmp_path)
    machine = Machine(tmp_path)
    (machine.root / "intel-rapl:1" / "energy_uj").unlink()
    with pytest.raises(NoCounterError, match="cannot be read"):
        Packages(tmp_path)
    monkeypatch.setattr(energy, "Packages", lambda: Packages(tmp_path))
    loop: Any = Loop(machine)
    joules, reason = measured(loop, "cpu", 1)
    assert joules is None
    assert reason.startswith(f"the counters in {tmp_path} cannot be read (")
    assert loop.calls == 0


class Library:
    """NVIDIA's management library, whose counter the test advances."""

    def __init__(self, failing: str = "") -> None:
        self.millijoules = 5000
        self.failing = failing
        self.bus_id = b""

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            if name == self.failing:
                return 3
            if name.startswith("nvmlDeviceGetHandle"):
                self.bus_id = arguments[0]
            elif name == "nvmlDeviceGetTotalEnergyConsumption":
                arguments[1]._obj.value = self.millijoules
            return 0

        return call


def test_a_gpu_is_asked_by_its_place_on_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: library)

    def work() -> None:
        library.millijoules += 1500

    assert Gpu("0000:0A:00.0").spent(work) == pytest.approx(1.5)
    assert library.bus_id == b"0000:0A:00.0"
    library.failing = "nvmlDeviceGetTotalEnergyConsumption"
    with pytest.raises(NoCounterError, match=r"nvmlDeviceGetTotalEnergyConsumption of .* failed with code 3"):
        Gpu("0000:0A:00.0")


def test_without_the_library_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "NVML", "libnone.so.9")
    with pytest.raises(NoCounterError, match=r"libnone\.so\.9 cannot be loaded"):
        Gpu("0000:0A:00.0")
