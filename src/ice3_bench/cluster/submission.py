"""A new run: the files as they are now, and what its jobs are to do."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ice3_bench.cell.machine import PACKED_COMMIT, describe_commit
from ice3_bench.cluster.run import FOLDER, HARNESS, NAME, PROJECT, Run, RunRecord, Task
from ice3_bench.compare.revisions import copy_files, git, remove_worktree
from ice3_bench.errors import UsageError
from ice3_bench.files import write_atomically
from ice3_bench.pack.sites import copy_own_packages
from ice3_bench.settings.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ice3_bench.provenance import Commit
    from ice3_bench.settings.matrix import Settings

ABANDONED = 86400.0
"""Seconds after which a run that was never complete is removed."""
PATHS = ("--data", "--namelist")
"""Options of a session that name files: jobs run in another folder."""
DETECTED: dict[str, str] = {"slurm": "sbatch", "pbs": "qsub"}
"""Commands by which a cluster is recognised that no table describes."""


def choose(settings: Settings, name: str | None) -> tuple[str, Cluster]:
    """Find a cluster by its name, or the only one; without any table, that of the scheduler on PATH.

    Raises
    ------
    UsageError
        If there is none of this name, or several and no name.
    """
    known = settings.cluster
    if name is not None and name in known:
        return name, known[name]
    if known:
        if name is None and len(known) == 1:
            return next(iter(known.items()))
        told = f"Unknown cluster '{name}'" if name else "There are several clusters"
        raise UsageError(f"{told}: --on NAME names one of {', '.join(known)}.")
    found = [kind for kind, program in DETECTED.items() if shutil.which(program)]
    if name is not None or not found:
        raise UsageError(
            (f"No cluster is called '{name}'" if name else "No cluster is described, and no scheduler is on PATH")
            + ": write a table [tool.ice3-bench.cluster.NAME] in pyproject.toml (docs/cluster.md) and start from a "
            "login node."
        )
    return found[0], Cluster.model_validate({"scheduler": found[0]})


def name_of_testbed(settings: Settings, name: str, device: str) -> str | None:
    """Return the name of the machines that the jobs of a cluster run on, in the results."""
    if name not in settings.cluster:  # nobody has described it: named after the processor of each node
        return settings.testbed
    return settings.cluster[name].resources(device).testbed or name


def absolute(words: Sequence[str]) -> tuple[str, ...]:
    """Make the files in the options of a session absolute."""
    found: list[str] = []
    for word in words:
        option, equals, value = word.partition("=")
        if option in PATHS and equals:
            found.append(f"{option}={Path(value).absolute()}")
        else:
            found.append(str(Path(word).absolute()) if found and found[-1] in PATHS else word)
    return tuple(found)


def plan(name: str, cluster: Cluster, tasks: Sequence[Task], variables: Mapping[str, str]) -> RunRecord:
    """Say what is to be done by the jobs of a new run.

    Parameters
    ----------
    name, cluster
        The cluster.
    variables
        Variables of the environment of the jobs.
    """
    now = datetime.now(UTC)
    return RunRecord(
        id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        created=now,
        user=os.getuid(),
        name=name,
        cluster=cluster,
        variables=dict(variables),
        tasks=tuple(tasks),
    )


def make_run(
    project: Path,
    results: Path,
    record: RunRecord,
    placed: Callable[[Commit], Commit],
    *,
    with_history: bool = False,
) -> Run:
    """Write down what is to be done, with a copy of the files that are measured and of the harness.

    Parameters
    ----------
    placed
        Completes a commit by the branches that the checkout may not know, as in ``run_session``.
    with_history
        Whether the jobs need git's history, for a comparison: the copy is then a worktree.

    Raises
    ------
    UsageError
        If the files cannot be copied.
    """
    folder = results / FOLDER / record.id
    _remove_abandoned(project, results / FOLDER)
    cache = project / ".cache"
    try:
        folder.mkdir(parents=True)
        cache.mkdir(exist_ok=True)
        if with_history:
            git(project, "worktree", "add", "--quiet", "--detach", "--no-checkout", str(folder / PROJECT), "HEAD")
        copy_files(project, folder / PROJECT)
        if with_history:
            git(folder / PROJECT, "reset", "--quiet")
        else:
            commit = placed(describe_commit(project))
            (folder / PROJECT / PACKED_COMMIT).write_text(commit.model_dump_json(), encoding="utf-8")
        (folder / PROJECT / ".cache").symlink_to(cache)
        copy_own_packages(folder / HARNESS)
        if (results / "calibrations").is_dir():
            ignored = shutil.ignore_patterns("logs", ".lock")
            shutil.copytree(results / "calibrations", folder / "1" / "calibrations", ignore=ignored)
    except UsageError:
        discard(project, folder)
        raise
    except OSError as error:
        discard(project, folder)
        raise UsageError(
            f"The files cannot be copied to {folder}: {error}. Free space, or choose another folder with the variable "
            "ICE3_BENCH_RESULTS; the nodes of the cluster must see it."
        ) from error
    write_atomically(folder / NAME, record.model_dump_json(indent=1) + "\n")
    return Run(folder, record)


def discard(project: Path, folder: Path) -> None:
    """Remove the folder of a run of which no job was submitted."""
    tidy(project, folder)
    shutil.rmtree(folder, ignore_errors=True)


def tidy(project: Path, folder: Path) -> None:
    """Remove the copies of the files, which no job of the run needs any more."""
    tree = folder / PROJECT
    if (tree / ".git").is_file():
        remove_worktree(project, tree)
    for copied in (tree, folder / HARNESS):
        shutil.rmtree(copied, ignore_errors=True)


def _remove_abandoned(project: Path, folder: Path) -> None:
    """Remove what processes left that were killed before they had written down what to do."""
    for one in folder.glob("*-*"):
        young = time.time() - one.stat().st_mtime < ABANDONED
        if re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", one.name) and not (one / NAME).exists() and not young:
            discard(project, one)
