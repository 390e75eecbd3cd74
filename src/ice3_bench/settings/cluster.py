"""The clusters that jobs are sent to: the tables ``[tool.ice3-bench.cluster.NAME]``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from ice3_bench.settings.values import Table

SECONDS = (86400, 3600, 60, 1)


def seconds(time: str) -> int:
    """Read a time limit such as ``1-12:00:00``, ``02:30:00`` or ``30:00``; raises ValueError if it is none."""
    parts = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d{2})", time)
    if not parts:
        raise ValueError(f"'{time}' is not a time: write hours, minutes and seconds as in 02:30:00")
    return sum(int(part or 0) * size for part, size in zip(parts.groups(), SECONDS, strict=True))


def _time(text: str) -> str:
    seconds(text)
    return text


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("it must be one line of text")
    return text


Line = Annotated[str, AfterValidator(_line)]
"""Something that stands in a line of a batch script."""
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of a variable of the environment."""


class Resources(Table):
    """What a job asks the scheduler for."""

    partition: Line | None = None
    """Partition (SLURM) or queue (PBS); None: the cluster's default."""
    account: Line | None = None
    """Account that pays for the jobs."""
    qos: Line | None = None
    """Quality of service (SLURM)."""
    time: Annotated[str, AfterValidator(_time)] = "02:00:00"
    """Time limit of a job."""
    exclusive: bool = True
    """Whether a job has its node for itself: neighbours disturb timings."""
    cpus: Annotated[int, Field(ge=1)] | None = None
    """Cores; None: as many as the session has threads. An exclusive job has all of its node."""
    memory: Line | None = None
    """Memory, as the scheduler writes it; None: the cluster's default."""
    gres: Line | None = None
    """Devices: ``gpu:1`` (SLURM), ``ngpus=1`` (PBS)."""
    options: tuple[Line, ...] = ()
    """Further options of a job, such as ``--constraint=milan``."""
    testbed: Line | None = None
    """Name of the machines in the results; None: the name of the table."""


class Cluster(Resources):
    """The table of a cluster."""

    scheduler: Literal["slurm", "pbs"]
    """What runs the jobs."""
    gpu: dict[str, Any] = Field(default_factory=dict)
    """What is different for GPU cells."""
    before: tuple[Line, ...] = ()
    """Commands that a job runs first, such as ``module load gcc``; if one fails, the job does."""
    environment: dict[Variable, Line] = Field(default_factory=dict)
    """Variables that a job sets before anything else."""
    resubmit: Annotated[int, Field(ge=0, le=100)] = 2
    """How often a job is submitted again after its node failed or it was preempted."""
    poll: Annotated[float, Field(ge=10.0)] = 10.0
    """Seconds between two questions to the scheduler."""
    patience: Annotated[float, Field(ge=0.0)] = 60.0
    """Seconds that the files of an ended job may take to be seen here."""

    @model_validator(mode="after")
    def _for_gpus(self) -> Cluster:
        self.resources("gpu")
        return self

    def resources(self, device: str) -> Resources:
        """Return what the jobs of the cells of a device (``cpu`` or ``gpu``) ask for."""
        own = {name: getattr(self, name) for name in Resources.model_fields}
        if device != "gpu":
            return Resources(**own)
        given = Resources.model_validate(self.gpu)
        return Resources(**own | {name: getattr(given, name) for name in given.model_fields_set})
