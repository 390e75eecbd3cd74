"""What the measurements ran on: machine, software and revision."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.toolchain import compilers, processor
from ice3_bench.git import PATIENCE, changes, run_git, told
from ice3_bench.report import Commit, Gpu, Machine, Software

if TYPE_CHECKING:
    from ice3_bench.cell.environment import Environment
    from ice3_bench.settings.matrix import Backend

PACKED_COMMIT = ".ice3-bench-commit.json"
"""File of a packed project that says which revision was packed."""


def describe_machine(testbed: str | None, gpu: Gpu | None = None) -> Machine:
    """Describe this machine.

    The testbed is named after the processor, for GPU cells after the GPU's model.
    """
    if gpu is not None:
        testbed = f"{testbed} {gpu.name}" if testbed else _slug(gpu.name)
    return Machine(
        testbed=machine_name(testbed),
        cpu=processor(),
        cores=cores(),
        quota=quota(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        device=gpu.name if gpu else None,
        gpu=gpu,
        triad_bytes_per_second=None,  # the timing pass measures it
    )


def machine_name(testbed: str | None = None) -> str:
    """Return the name of this machine in the results: ``testbed``, or one made of the processor and its cores."""
    return (testbed or _named(processor(), cores(), quota()))[:64]


def host_name(machine: Machine) -> str:
    """Return the name of the machine of a report: its testbed, without the GPU that the testbed of GPU cells names."""
    if machine.gpu is None:
        return machine.testbed
    if machine.testbed == machine_name(_slug(machine.gpu.name)):
        return machine_name(_named(machine.cpu, machine.cores, machine.quota))
    return machine.testbed.removesuffix(f" {machine.gpu.name}")


def _named(cpu: str, cores: int, quota: float | None) -> str:
    """Name a machine after its processor, without what vendors add to the name, its cores and its share of them."""
    plain = re.sub(r"\((?:R|TM)\)|\b(?:CPU|Processor|\d+-Core)\b|@ [\d.]+ ?GHz", " ", cpu, flags=re.IGNORECASE)
    share = "" if quota is None or quota >= cores else f" quota {quota:.2g}"
    return _slug(f"{plain} {cores}c{share}")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(allowed_cpus())


def allowed_cpus() -> set[int]:
    """Return the numbers of the cores that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def cache_bytes(caches: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int | None:
    """Return the size of the largest cache of the processor; None if the system does not tell."""
    found = []
    for path in caches.glob("index*/size"):
        with suppress(OSError, UnicodeDecodeError):
            if told := re.fullmatch(r"(\d+)([KM])\s*", path.read_text(encoding="utf-8")):
                found.append(int(told[1]) * {"K": 2**10, "M": 2**20}[told[2]])
    return max(found, default=None)


def control_group(groups: Path, own: Path) -> Path:
    """Return the folder of the control group of this process (version 2), or that of all if none is named.

    Raises
    ------
    OSError
        If the file that names it cannot be read.
    """
    names = [line[3:] for line in own.read_text(encoding="utf-8").splitlines() if line.startswith("0::")]
    return groups / (names[0].strip("/") if names else "")


def quota(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return the processor time per second that the control group of this process may use, s; None: all of it.

    Parameters
    ----------
    groups
        Where the control groups are mounted (version 2).
    own
        File that names the group of this process.
    """
    with suppress(OSError, ValueError, ZeroDivisionError):
        group = control_group(groups, own)
        found = []
        for folder in (group, *group.parents):
            limit = folder / "cpu.max"
            if limit.is_file():
                allowed, period = limit.read_text(encoding="utf-8").split()
                found += [] if allowed == "max" else [int(allowed) / int(period)]
            if folder == groups:
                break
        return min(found, default=None)
    return None


def describe_software(environment: Environment, backend: Backend) -> Software:
    """List the versions of what is measured: every package of the environment, and the backend's compilers."""
    packages = dict(environment.packages)
    return Software(python=packages.pop("python"), compiler=compilers(backend), packages=packages)


def describe_commit(project: Path) -> Commit:
    """Describe the revision of ``project``, as ``identified`` does."""
    return identified(project)[0]


def identified(project: Path) -> tuple[Commit, str]:
    """Describe the revision of ``project``, and say why it is unknown if it is; a packed project holds it in a file.

    What cannot be determined is not clean. Without git, if git refuses, and in a repository that tracks none of the
    project's files, ``hash`` and ``branch`` are None and ``dirty`` is set.
    """
    packed = project / PACKED_COMMIT
    if packed.exists():
        try:
            return Commit.model_validate_json(packed.read_text(encoding="utf-8"), strict=True), ""
        except (OSError, ValueError):
            return Commit(dirty=True), f"{PACKED_COMMIT} cannot be read"
    try:
        head = run_git(project, "rev-parse", "--verify", "HEAD", timeout=PATIENCE)
        tracked = run_git(project, "ls-files", "--", ".", timeout=PATIENCE)
        branch = run_git(project, "symbolic-ref", "--quiet", "HEAD", timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        missing = isinstance(error, FileNotFoundError) and error.filename == "git"
        return Commit(dirty=True), "git is not installed" if missing else f"git cannot say: {error}"
    if head.returncode or tracked.returncode or not tracked.stdout:
        refused = told(head.stderr or tracked.stderr)
        return Commit(dirty=True), refused or "the git repository around the project has none of its files"
    name = told(branch.stdout).removeprefix("refs/heads/")
    return Commit(hash=told(head.stdout), branch=name or None, dirty=bool(changes(project))), ""


def unchanged(before: Commit, after: Commit) -> tuple[Commit, list[str]]:
    """Return the revision that was measured between two looks at it, and what to remark.

    If the two differ, nobody knows what was measured: it counts as the first one with uncommitted changes.
    """
    if before == after:
        return before, []
    return before.model_copy(update={"dirty": True}), [
        "The revision changed during the measurement"
        + (f", from {before.hash} to {after.hash}" if before.hash != after.hash else "")
        + ": the run counts as one with uncommitted changes."
    ]
