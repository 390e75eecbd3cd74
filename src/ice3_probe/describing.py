"""The pass that looks at PHYEX's data before anything is compiled: what it is, and whether it can be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ice3_probe.data_sets import load
from ice3_probe.messages import DataSetFound
from ice3_probe.phyex.mapping import active_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ice3_probe.messages import Job


def describe_all(job: Job, started: Callable[[str], None]) -> Iterator[DataSetFound]:
    """Read the data that a job times, and say what each set is.

    Raises
    ------
    DataSetError
        If one cannot be used.
    """
    for path in job.data:
        started(path)
        data = load(Path(path), Path(job.namelist) if job.namelist else None)
        columns, levels = data.shape
        active = float(active_points(data).mean())
        yield DataSetFound(path, data.name, data.component, columns, levels, active, data.remarks)
