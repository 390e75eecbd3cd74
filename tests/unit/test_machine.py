"""What a machine is called, and how much of it a process may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ice3_bench.cell import machine, toolchain
from ice3_bench.cell.machine import machine_name, quota, unchanged
from ice3_bench.provenance import Commit

if TYPE_CHECKING:
    from pathlib import Path

INTEL = "model name\t: Intel(R) Xeon(R) Processor\ncpu family\t: 6\nmodel\t\t: 167\n"
AMD = "model name\t: AMD EPYC 9R14 96-Core Processor\ncpu family\t: 25\nmodel\t\t: 17\n"
CLOCKED = "model name\t: Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz\ncpu family\t: 6\nmodel\t\t: 106\n"
NEOVERSE = "BogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x{}\nCPU part\t: 0x{}\n"


def pretend(monkeypatch: pytest.MonkeyPatch, cpuinfo: str, architecture: str = "x86_64") -> None:
    monkeypatch.setattr(toolchain, "_cpuinfo", lambda: f"processor\t: 0\n{cpuinfo}\n\nprocessor\t: 1\n")
    monkeypatch.setattr("platform.machine", lambda: architecture)
    monkeypatch.setattr(machine, "cores", lambda: 2)
    monkeypatch.setattr(machine, "quota", lambda: None)


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (INTEL, "intel-xeon-6-167-2c"),
        (AMD, "amd-epyc-9r14-25-17-2c"),
        (CLOCKED, "intel-xeon-platinum-8370c-6-106-2c"),
    ],
)
def test_a_machine_is_called_by_its_processor_without_what_vendors_add(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str, name: str
) -> None:
    pretend(monkeypatch, cpuinfo)
    assert machine_name() == name
    assert machine_name("node (R) CPU") == "node (R) CPU"


def test_arm_processors_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for variant, part in (("3", "d0c"), ("0", "d4f"), ("1", "d4f")):
        pretend(monkeypatch, NEOVERSE.format(variant, part), "aarch64")
        names.append(machine_name())
    assert names == ["aarch64-41-d0c-3-2c", "aarch64-41-d4f-0-2c", "aarch64-41-d4f-1-2c"]


def test_a_share_of_the_processor_enters_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, INTEL)
    monkeypatch.setattr(machine, "quota", lambda: 0.5)
    assert machine_name() == "intel-xeon-6-167-2c-quota-0-5"
    monkeypatch.setattr(machine, "quota", lambda: 2.0)
    assert machine_name() == "intel-xeon-6-167-2c"


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        ({}, None),
        ({"a": "max 100000"}, None),
        ({"a/b": "50000 100000"}, 0.5),
        ({"a": "150000 100000", "a/b": "max 100000"}, 1.5),
        ({"": "400000 100000", "a/b": "25000 50000"}, 0.5),
        ({"a/b": "nonsense"}, None),
    ],
)
def test_the_tightest_limit_of_the_control_groups_counts(
    tmp_path: Path, limits: dict[str, str], allowed: float | None
) -> None:
    groups, own = tmp_path / "cgroup", tmp_path / "self"
    (groups / "a" / "b").mkdir(parents=True)
    own.write_text("12:devices:/elsewhere\n0::/a/b\n", encoding="utf-8")
    for group, limit in limits.items():
        (groups / group / "cpu.max").write_text(f"{limit}\n", encoding="utf-8")
    assert quota(groups, own) == allowed
    assert quota(groups, tmp_path / "missing") is None


def test_a_revision_that_changes_meanwhile_is_not_clean() -> None:
    first, second = (Commit(hash=digit * 40, branch="main") for digit in "ab")
    assert unchanged(first, first) == (first, [])
    commit, (remark,) = unchanged(first, second)
    assert commit == Commit(hash="a" * 40, branch="main", dirty=True)
    assert f"from {'a' * 40} to {'b' * 40}" in remark
    commit, (remark,) = unchanged(first, first.model_copy(update={"dirty": True}))
    assert commit.dirty
    assert "from" not in remark
